"""A Lambda alias whose traffic CodeDeploy shifts: a stack, real functions, a kill in between; boto3 as the client."""

import hashlib
import io
import json
import os
import signal
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.journey

ROLE = "arn:aws:iam::000000000000:role/r"
HOOK = """
import boto3

def handler(event, context):
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded",
    )
"""
GROUP = {
    "ApplicationName": {"Ref": "App"},
    "DeploymentGroupName": "live",
    "ServiceRoleArn": ROLE,
    "DeploymentConfigName": {"Ref": "Config"},
    "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
    "AutoRollbackConfiguration": {"Enabled": True, "Events": ["DEPLOYMENT_STOP_ON_REQUEST"]},
}
ROUTING = {"Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryPercentage": 50, "CanaryInterval": 5}}
TEMPLATE = {
    "Resources": {
        "App": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"}},
        "Config": {
            "Type": "AWS::CodeDeploy::DeploymentConfig",
            "Properties": {"ComputePlatform": "Lambda", "TrafficRoutingConfig": ROUTING},
        },
        "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": GROUP},
    },
    "Outputs": {"App": {"Value": {"Ref": "App"}}},
}


FAULTS = {"Namespace": "Shop", "MetricName": "Faults"}
QUERIES = [
    {"Id": "many", "Expression": "errors * 10"},
    {"Id": "errors", "ReturnData": "false", "MetricStat": {"Metric": FAULTS, "Period": "60", "Stat": "Sum"}},
]


def released(version: int, hook: str) -> str:
    """A stack whose alias `stacked` of `f` is at a version, under an alarm on alarms."""
    policy = {"ApplicationName": {"Ref": "App"}, "DeploymentGroupName": {"Ref": "Group"}}
    watch = {"Enabled": True, "Alarms": [{"Name": {"Ref": "Any"}}]}
    group = GROUP | {"DeploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce", "AlarmConfiguration": watch}
    compared = {"Threshold": 5, "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
    alias = {"FunctionName": "f", "Name": "stacked", "FunctionVersion": str(version)}
    resources = {
        "Rate": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": QUERIES, **compared}},
        "Any": {
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "Properties": {"AlarmRule": {"Fn::Sub": 'ALARM("${Rate}")'}},
        },
        "App": TEMPLATE["Resources"]["App"],
        "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": group},
        "Alias": {
            "Type": "AWS::Lambda::Alias",
            "DependsOn": "Group",
            "Properties": alias,
            "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy | {"BeforeAllowTrafficHook": hook}},
        },
    }
    outputs = {name: {"Value": {"Ref": name}} for name in ("App", "Group", "Any")}
    return json.dumps({"Resources": resources, "Outputs": outputs})


def zipped(source: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("index.py", source)
    return body.getvalue()


def answering(version: int) -> str:
    return f"def handler(event, context): return {version}"


class Shop:
    """The function `f` with its alias `live` at version 1, and version 2 beside it."""

    def __init__(self, loopback: Any) -> None:
        self.functions, self.deploy = loopback.client("lambda"), loopback.client("codedeploy")
        self._make("f", answering(1))
        environ = {key: value for key, value in loopback.environ.items() if key.startswith("AWS_")}
        self._make("hook", HOOK, Environment={"Variables": environ}, Timeout=30)
        self.functions.publish_version(FunctionName="f")
        self.functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
        self.functions.update_function_code(FunctionName="f", ZipFile=zipped(answering(2)))
        self.functions.publish_version(FunctionName="f")
        stacks = loopback.client("cloudformation")
        stacks.create_stack(StackName="shop", TemplateBody=json.dumps(TEMPLATE))
        stacks.get_waiter("stack_create_complete").wait(StackName="shop", WaiterConfig={"Delay": 0.1})
        (output,) = stacks.describe_stacks(StackName="shop")["Stacks"][0]["Outputs"]
        self.where = {"applicationName": output["OutputValue"], "deploymentGroupName": "live"}

    def _make(self, name: str, source: str, **more: Any) -> None:
        given = {"Runtime": "python3.11", "Role": ROLE, "Handler": "index.handler"}
        self.functions.create_function(FunctionName=name, Code={"ZipFile": zipped(source)}, **given, **more)

    def begin(self, **more: Any) -> str:
        properties = {"Name": "f", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
        resource = {"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}
        hooks = [{"BeforeAllowTraffic": "hook"}, {"AfterAllowTraffic": "hook"}]
        content = json.dumps({"version": 0.0, "Resources": [resource], "Hooks": hooks})
        spec = {"content": content, "sha256": hashlib.sha256(content.encode()).hexdigest()}
        revision = {"revisionType": "AppSpecContent", "appSpecContent": spec}
        return str(self.deploy.create_deployment(**self.where, revision=revision, **more)["deploymentId"])

    def shown(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.deploy.get_deployment(deploymentId=name)["deploymentInfo"]
        return found

    def target(self, name: str, of: str = "f:live") -> dict[str, Any]:
        found = self.deploy.get_deployment_target(deploymentId=name, targetId=of)["deploymentTarget"]
        target: dict[str, Any] = found["lambdaTarget"]
        return target

    def answer(self) -> int:
        answer = self.functions.invoke(FunctionName="f", Qualifier="live")
        return int(json.loads(answer["Payload"].read()))

    def alias(self) -> tuple[str, dict[str, float]]:
        found = self.functions.get_alias(FunctionName="f", Name="live")
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


def test_a_canary_survives_a_kill_rolls_back_on_request_and_alarm_and_then_goes_all_the_way(
    loopback: Any, wait_until: Callable[..., Any]
) -> None:
    shop = Shop(loopback)
    name = shop.begin()
    wait_until(lambda: shop.target(name)["lambdaFunctionInfo"]["targetVersionWeight"] == 0.5, 10)
    assert shop.alias() == ("1", {"2": 0.5})
    answers = [shop.answer() for _ in range(20)]
    assert set(answers) == {1, 2}, "both versions are invoked"
    before = loopback.found["pid"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: loopback.found.get("pid") not in (None, before), 20)
    wait_until(lambda: shop.shown(name)["status"] == "InProgress", 10)
    shop.deploy.stop_deployment(deploymentId=name)
    stopped = wait_until(lambda: (found := shop.shown(name))["status"] == "Stopped" and found, 10)
    back = stopped["rollbackInfo"]["rollbackDeploymentId"]
    wait_until(lambda: shop.shown(back)["status"] == "Succeeded", 5, lambda: str(shop.shown(back)))
    assert shop.alias() == ("1", {})

    alarms = loopback.client("cloudwatch")
    given = {"Namespace": "Shop", "MetricName": "Errors", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    alarms.put_metric_alarm(AlarmName="e", Threshold=1, ComparisonOperator="GreaterThanThreshold", **given)
    watched = shop.begin(
        overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": "e"}]},
        autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM"]},
    )
    wait_until(lambda: shop.alias() == ("1", {"2": 0.5}), 10)
    alarms.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Errors", "Value": 9.0}])
    stopped = wait_until(lambda: (found := shop.shown(watched))["status"] == "Stopped" and found, 10)
    assert stopped["errorInformation"]["code"] == "ALARM_ACTIVE"
    wait_until(lambda: shop.alias() == ("1", {}), 5)
    back = stopped["rollbackInfo"]["rollbackDeploymentId"]
    wait_until(lambda: shop.shown(back)["status"] == "Succeeded", 5)

    released_with_a_stack(loopback, shop, wait_until)
    whole = shop.begin(deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce")
    shop.deploy.get_waiter("deployment_successful").wait(deploymentId=whole, WaiterConfig={"Delay": 0.2})
    assert shop.alias() == ("2", {})
    assert {shop.answer() for _ in range(5)} == {2}
    assert [event["status"] for event in shop.target(whole)["lifecycleEvents"]] == ["Succeeded"] * 3


def released_with_a_stack(loopback: Any, shop: Shop, wait_until: Callable[..., Any]) -> None:
    """An alias's new version goes through CodeDeploy; a hook that fails takes the stack back."""
    stacks = loopback.client("cloudformation")

    def at() -> str:
        return str(shop.functions.get_alias(FunctionName="f", Name="stacked")["FunctionVersion"])

    def events(status: str) -> list[str]:
        found = stacks.describe_stack_events(StackName="released")["StackEvents"]
        return [event.get("ResourceStatusReason", "") for event in found if event["ResourceStatus"] == status]

    def came_to(status: str) -> None:
        wait_until(
            lambda: not (found := shown()["StackStatus"]).endswith("_IN_PROGRESS") and found,
            20,
            lambda: str(shown()),
        )
        assert shown()["StackStatus"] == status, events("CREATE_FAILED") + events("UPDATE_FAILED")

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = stacks.describe_stacks(StackName="released")["Stacks"][0]
        return found

    stacks.create_stack(StackName="released", TemplateBody=released(1, "hook"))
    came_to("CREATE_COMPLETE")
    made = {output["OutputKey"]: output["OutputValue"] for output in shown()["Outputs"]}
    group = {"applicationName": made["App"], "deploymentGroupName": made["Group"]}
    assert shop.deploy.list_deployments(**group)["deployments"] == [], "there is nothing to shift yet"
    stacks.update_stack(StackName="released", TemplateBody=released(2, "hook"))
    came_to("UPDATE_COMPLETE")
    (first,) = shop.deploy.list_deployments(**group)["deployments"]
    assert [event["status"] for event in shop.target(first, "f:stacked")["lifecycleEvents"]] == ["Succeeded"] * 2
    assert at() == "2"
    stacks.update_stack(StackName="released", TemplateBody=released(1, "nobody"))
    came_to("UPDATE_ROLLBACK_COMPLETE")
    assert at() == "2"
    assert "The lifecycle event validation function nobody failed" in events("UPDATE_FAILED")[-1]
