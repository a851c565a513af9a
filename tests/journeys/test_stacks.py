"""CloudFormation makes endpoints: create, update in place, roll back, delete; and what a kill leaves behind."""

import io
import json
import os
import signal
import tarfile
from typing import Any

import pytest
from botocore.exceptions import WaiterError

pytestmark = pytest.mark.journey
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
SCRIPT = """
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model): return {mark!r}
def output_fn(prediction, accept): return prediction
"""


def template(mark: str, **endpoint: Any) -> str:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://bucket/{mark}/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    }
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": "1",
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1,
    }
    resources = {
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {"PrimaryContainer": container, "ExecutionRoleArn": "arn:aws:iam::000000000000:role/model"},
        },
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": "shop",
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                "RetainAllVariantProperties": "true",
                **endpoint,
            },
        },
    }
    resources["Never"] = {"Type": "AWS::SNS::Topic", "Condition": "HasSubnets"}
    empty = {"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Subnets"}]}, ""]}
    more = {
        "Parameters": {"Subnets": {"Type": "CommaDelimitedList", "Default": ""}},
        "Conditions": {"HasSubnets": {"Fn::Not": [empty]}},
    }
    outputs = {"Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}, "Arn": {"Value": {"Ref": "Endpoint"}}}
    return json.dumps({"Resources": resources, "Outputs": outputs, **more})


class Shop:
    """One stack and the endpoint in it."""

    def __init__(self, loopback: Any, wait_until: Any) -> None:
        self.cloudformation = loopback.client("cloudformation")
        self.sagemaker = loopback.client("sagemaker")
        self.runtime = loopback.client("sagemaker-runtime")
        self._s3, self.wait_until = loopback.client("s3"), wait_until

    def model(self, mark: str, script: str = "") -> None:
        code = (script or SCRIPT.format(mark=mark)).encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            entry = tarfile.TarInfo("code/inference.py")
            entry.size = len(code)
            archive.addfile(entry, io.BytesIO(code))
        self._s3.put_object(Bucket="bucket", Key=f"{mark}/model.tar.gz", Body=packed.getvalue())

    def stack(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloudformation.describe_stacks(StackName="shop")["Stacks"][0]
        return found

    def settled(self) -> str:
        self.wait_until(lambda: not self.stack()["StackStatus"].endswith("_IN_PROGRESS"), 30, self.reasons)
        return str(self.stack()["StackStatus"])

    def reasons(self) -> str:
        events = self.cloudformation.describe_stack_events(StackName="shop")["StackEvents"]
        return "\n".join(e.get("ResourceStatusReason", "") for e in events if "FAILED" in e["ResourceStatus"])

    def answer(self) -> str:
        answer = self.runtime.invoke_endpoint(EndpointName="shop", Body=b"1", ContentType="text/csv")
        return str(answer["Body"].read().decode())

    def update(self, body: str) -> str:
        self.cloudformation.update_stack(StackName="shop", TemplateBody=body)
        return self.settled()


@pytest.fixture
def shop(loopback: Any, wait_until: Any) -> Shop:
    loopback.client("s3").create_bucket(Bucket="bucket")
    made = Shop(loopback, wait_until)
    made.model("one")
    return made


def test_an_endpoint_from_a_template(shop: Shop) -> None:
    shop.cloudformation.create_stack(StackName="shop", TemplateBody=template("one"))
    assert shop.settled() == "CREATE_COMPLETE", shop.reasons()
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in shop.stack()["Outputs"]}
    assert outputs["Name"] == "shop"
    assert outputs["Arn"].endswith(":endpoint/shop")
    assert shop.answer() == "one"
    made = shop.cloudformation.list_stack_resources(StackName="shop")["StackResourceSummaries"]
    assert {entry["LogicalResourceId"] for entry in made} == {"Model", "Config", "Endpoint"}
    before = shop.sagemaker.describe_endpoint(EndpointName="shop")["EndpointConfigName"]
    assert before.startswith("shop-Config-")

    shop.model("two")
    assert shop.update(template("two")) == "UPDATE_COMPLETE", shop.reasons()
    assert shop.answer() == "two"
    after = shop.sagemaker.describe_endpoint(EndpointName="shop")["EndpointConfigName"]
    assert after != before
    configs = [c["EndpointConfigName"] for c in shop.sagemaker.list_endpoint_configs()["EndpointConfigs"]]
    assert configs == [after]  # what was replaced is deleted

    shop.model("broken", "raise RuntimeError('no such model')")
    assert shop.update(template("broken")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "no such model" in shop.reasons() or "ping" in shop.reasons()
    assert shop.answer() == "two"
    assert shop.sagemaker.describe_endpoint(EndpointName="shop")["EndpointConfigName"] == after

    assert shop.update(template("two", RetainAllVariantPropertys="true")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "extraneous key [RetainAllVariantPropertys] is not permitted" in shop.reasons()
    assert shop.answer() == "two"

    shop.cloudformation.delete_stack(StackName="shop")
    shop.cloudformation.get_waiter("stack_delete_complete").wait(StackName="shop", WaiterConfig={"Delay": 1})
    assert shop.sagemaker.list_endpoints()["Endpoints"] == []
    assert shop.sagemaker.list_models()["Models"] == []


def test_a_stack_that_a_kill_interrupts_is_carried_on(shop: Shop, loopback: Any) -> None:
    shop.cloudformation.create_stack(StackName="shop", TemplateBody=template("one"))
    assert shop.settled() == "CREATE_COMPLETE", shop.reasons()
    slow = SCRIPT.format(mark="slow").replace("return 0", "import time; time.sleep(4)")
    shop.model("slow", slow)
    shop.cloudformation.update_stack(StackName="shop", TemplateBody=template("slow"))
    shop.wait_until(lambda: shop.sagemaker.describe_endpoint(EndpointName="shop")["EndpointStatus"] == "Updating", 20)
    killed = loopback.found["pid"]
    os.kill(killed, signal.SIGKILL)
    shop.wait_until(lambda: loopback.found["pid"] != killed, 60)
    assert shop.settled() == "UPDATE_COMPLETE", shop.reasons()
    assert shop.answer() == "slow"
    serving = shop.sagemaker.describe_endpoint(EndpointName="shop")["EndpointConfigName"]
    assert [c["EndpointConfigName"] for c in shop.sagemaker.list_endpoint_configs()["EndpointConfigs"]] == [serving]
    assert len(shop.sagemaker.list_models()["Models"]) == 1


NEVER = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Timeout: 300
      Role: !GetAtt Role.Arn
      Code: {ZipFile: "import time\\ndef handler(event, context): time.sleep(SLEEP)\\n"}
  Silent: {Type: "Custom::Silent", Properties: {ServiceToken: !GetAtt Function.Arn, ServiceTimeout: SECONDS}}
"""


def test_a_custom_resource_that_never_answers_holds_nobody_up(loopback: Any, wait_until: Any) -> None:
    """It times out as its ServiceTimeout says; `down` does not wait for it, and `up` begins the operation again."""
    cloudformation = loopback.client("cloudformation")

    def status(name: str) -> str:
        return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])

    def create(name: str, sleep: int, seconds: int) -> None:
        body = NEVER.replace("SLEEP", str(sleep)).replace("SECONDS", str(seconds))
        cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])

    create("ends", 0, 1)
    create("waits", 0, 3000)
    create("runs", 250, 3000)
    wait_until(lambda: status("ends") == "ROLLBACK_COMPLETE", 30, lambda: status("ends"))
    events = cloudformation.describe_stack_events(StackName="ends")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert [text for text in reasons if "did not receive a response from your Custom Resource" in text]
    ended = loopback.down()
    assert (ended.returncode, ended.stdout.strip()) == (0, "loopback is down"), ended.stderr
    assert loopback.up().returncode == 0
    assert (status("waits"), status("runs")) == ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS")
    assert loopback.down().returncode == 0


ANSWERS = """
import cfnresponse, time
def handler(event, context):
    bad = event["RequestType"] != "Delete" and event["ResourceProperties"].get("Bad")
    time.sleep(0 if bad else 1)
    status = cfnresponse.FAILED if bad else cfnresponse.SUCCESS
    cfnresponse.send(event, context, status, {}, event["LogicalResourceId"])
"""


def three_at_once(**bad: Any) -> str:
    """A function, and three resources that it answers for; `Last` depends on two of them."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    function = {
        "Handler": "index.handler",
        "Runtime": "python3.11",
        "Timeout": 30,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": ANSWERS},
    }
    document = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    token = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}}
    resources: dict[str, Any] = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": document},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        **{
            name: {"Type": "Custom::Answer", "Properties": token | bad.get(name, {})}
            for name in ("One", "Two", "Three")
        },
        "Last": {"Type": "AWS::SQS::Queue", "DependsOn": ["One", "Two"]},
    }
    return json.dumps({"Resources": resources})


def events_of(cloudformation: Any, name: str) -> list[tuple[str, str, str]]:
    """(logical id, status, reason), the oldest first."""
    found = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [(e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in reversed(found)]


def test_what_needs_nothing_of_each_other_is_made_at_once(shared: Any) -> None:
    """AWS: CloudFormation User Guide, "DependsOn attribute": resources are made in parallel whenever possible."""
    cloudformation = shared.client("cloudformation")
    capabilities = ["CAPABILITY_IAM"]
    cloudformation.create_stack(StackName="at-once", TemplateBody=three_at_once(), Capabilities=capabilities)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="at-once", WaiterConfig={"Delay": 1})
    events = events_of(cloudformation, "at-once")
    order = [(name, status) for name, status, _ in events]
    begun = max(order.index((name, "CREATE_IN_PROGRESS")) for name in ("One", "Two", "Three"))
    assert begun < min(order.index((name, "CREATE_COMPLETE")) for name in ("One", "Two", "Three"))
    last = order.index(("Last", "CREATE_IN_PROGRESS"))
    assert last > max(order.index((name, "CREATE_COMPLETE")) for name in ("One", "Two"))
    assert len(order) == len(set(order))


def overlap(order: list[tuple[str, str]], begun: str, ended: str, *names: str) -> bool:
    """Whether all of them had begun before the first one ended."""
    return max(order.index((name, begun)) for name in names) < min(order.index((name, ended)) for name in names)


def test_an_update_changes_and_removes_at_once(shared: Any) -> None:
    """Statuses and their order: CloudFormation User Guide, "View stack events" (a stack that is updated)."""
    cloudformation = shared.client("cloudformation")
    capabilities = ["CAPABILITY_IAM"]
    cloudformation.create_stack(StackName="changing", TemplateBody=three_at_once(), Capabilities=capabilities)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="changing", WaiterConfig={"Delay": 1})
    before = len(events_of(cloudformation, "changing"))
    template = json.loads(three_at_once(One={"N": "2"}, Two={"N": "2"}, Three={"N": "2"}))
    template["Resources"]["More"] = {"Type": "AWS::SNS::Topic"}
    cloudformation.update_stack(StackName="changing", TemplateBody=json.dumps(template), Capabilities=capabilities)
    cloudformation.get_waiter("stack_update_complete").wait(StackName="changing", WaiterConfig={"Delay": 1})
    order = [(name, status) for name, status, _ in events_of(cloudformation, "changing")][before:]
    assert overlap(order, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "One", "Two", "Three")
    assert len(order) == len(set(order))
    assert not [name for name, _ in order if name in ("Role", "Function", "Last")]  # as they were
    assert [status for name, status in order if name == "More"] == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    told = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    assert [status for name, status in order if name == "changing"] == told

    before += len(order)
    for name in ("One", "Two", "Last"):
        del template["Resources"][name]
    cloudformation.update_stack(StackName="changing", TemplateBody=json.dumps(template), Capabilities=capabilities)
    cloudformation.get_waiter("stack_update_complete").wait(StackName="changing", WaiterConfig={"Delay": 1})
    order = [(name, status) for name, status, _ in events_of(cloudformation, "changing")][before:]
    assert overlap(order, "DELETE_IN_PROGRESS", "DELETE_COMPLETE", "One", "Two")
    cleanup = order.index(("changing", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert cleanup < order.index(("Last", "DELETE_IN_PROGRESS")) < order.index(("Last", "DELETE_COMPLETE"))
    assert order.index(("Last", "DELETE_COMPLETE")) < order.index(("One", "DELETE_IN_PROGRESS"))
    assert order[-1] == ("changing", "UPDATE_COMPLETE")
    assert len(order) == len(set(order))
    left = cloudformation.describe_stack_resources(StackName="changing")["StackResources"]
    statuses = {one["LogicalResourceId"]: one["ResourceStatus"] for one in left}
    made, changed = "CREATE_COMPLETE", "UPDATE_COMPLETE"
    assert statuses == {"Role": made, "Function": made, "Three": changed, "More": made}


def test_a_deletion_goes_at_once_the_dependents_first(shared: Any) -> None:
    cloudformation = shared.client("cloudformation")
    template = json.loads(three_at_once())
    template["Resources"]["Last"]["DeletionPolicy"] = "Retain"
    given = {"StackName": "going", "TemplateBody": json.dumps(template), "Capabilities": ["CAPABILITY_IAM"]}
    identity = cloudformation.create_stack(**given)["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(StackName="going", WaiterConfig={"Delay": 1})
    before = len(events_of(cloudformation, identity))
    cloudformation.delete_stack(StackName="going")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=identity, WaiterConfig={"Delay": 1})
    order = [(name, status) for name, status, _ in events_of(cloudformation, identity)][before:]
    assert (order[0], order[-1]) == (("going", "DELETE_IN_PROGRESS"), ("going", "DELETE_COMPLETE"))
    assert overlap(order, "DELETE_IN_PROGRESS", "DELETE_COMPLETE", "One", "Two", "Three")
    function = order.index(("Function", "DELETE_IN_PROGRESS"))
    assert function > max(order.index((name, "DELETE_COMPLETE")) for name in ("One", "Two", "Three"))
    assert order.index(("Role", "DELETE_IN_PROGRESS")) > order.index(("Function", "DELETE_COMPLETE"))
    assert [status for name, status in order if name == "Last"] == ["DELETE_SKIPPED"]
    assert len(order) == len(set(order))


def test_an_update_that_fails_or_is_cancelled_is_taken_back(shared: Any, wait_until: Any) -> None:
    cloudformation = shared.client("cloudformation")
    capabilities = ["CAPABILITY_IAM"]
    cloudformation.create_stack(StackName="back", TemplateBody=three_at_once(), Capabilities=capabilities)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="back", WaiterConfig={"Delay": 1})

    def change(number: str, **two: str) -> list[tuple[str, str, str]]:
        """The events of an update that does not come to a good end."""
        before = len(events_of(cloudformation, "back"))
        text = three_at_once(One={"N": number}, Two={"N": number} | two, Three={"N": number})
        template = json.loads(text)
        template["Resources"]["Last"]["Properties"] = {"DelaySeconds": 5}
        cloudformation.update_stack(StackName="back", TemplateBody=json.dumps(template), Capabilities=capabilities)
        if not two:
            cloudformation.cancel_update_stack(StackName="back")
        status = "UPDATE_ROLLBACK_COMPLETE"
        wait_until(lambda: events_of(cloudformation, "back")[-1][:2] == ("back", status), 60)
        return events_of(cloudformation, "back")[before:]

    events = change("2", Bad="yes")
    failed = [(name, reason) for name, status, reason in events if status == "UPDATE_FAILED"]
    assert failed[0][0] == "Two"
    assert sorted(failed[1:]) == [("One", "Resource update cancelled"), ("Three", "Resource update cancelled")]
    back = [status for name, status, _ in events if name == "One"]
    assert back == ["UPDATE_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    assert not [name for name, _, _ in events if name == "Last"]

    events = change("3")
    assert ("back", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated") in events
    assert not [name for name, _, _ in events if name == "Last"]


def test_one_that_fails_cancels_those_under_way_and_all_go(shared: Any) -> None:
    cloudformation = shared.client("cloudformation")
    template = three_at_once(Two={"Bad": "yes"})
    cloudformation.create_stack(StackName="cancelled", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    with pytest.raises(WaiterError):
        cloudformation.get_waiter("stack_create_complete").wait(StackName="cancelled", WaiterConfig={"Delay": 1})
    events = events_of(cloudformation, "cancelled")
    failed = [(name, reason) for name, status, reason in events if status == "CREATE_FAILED"]
    assert failed[0][0] == "Two"
    assert sorted(failed[1:]) == [("One", "Resource creation cancelled"), ("Three", "Resource creation cancelled")]
    deleted = {name for name, status, _ in events if status == "DELETE_COMPLETE"}
    assert deleted == {"One", "Three", "Function", "Role"}
    assert not [name for name, _, _ in events if name == "Last"]
    stack = cloudformation.describe_stacks(StackName="cancelled")["Stacks"][0]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
