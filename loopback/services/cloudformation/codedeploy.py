"""Resource types of CodeDeploy, and the update of a Lambda alias that goes through it."""

import json
from collections.abc import Mapping
from typing import Any

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.requests import request_for, tag_changes
from loopback.services.cloudformation.types import Call, Made, NamedType, Properties, ResourceType, TemplateResource

SERVICE = "codedeploy"
# What UpdateDeploymentGroup is told where the template has dropped a property; it keeps what it is not told.
DROPPED: dict[str, Any] = {
    "DeploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce",
    "AlarmConfiguration": {"Enabled": False, "Alarms": []},
    "AutoRollbackConfiguration": {"Enabled": False, "Events": []},
    "TriggerConfigurations": [],
}


class Application:
    """Ref is its name."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        name = wanted.properties.get("ApplicationName") or wanted.name(100)
        request = request_for(SERVICE, "CreateApplication", wanted.properties | {"ApplicationName": name})
        return name, {"Arn": call(SERVICE, "CreateApplication", request)["arn"]}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Only tags can change in place."""
        _retag(made, old, new, call)
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del properties
        call(SERVICE, "DeleteApplication", {"applicationName": physical_id})


class DeploymentGroup:
    """Ref is its name. A first deployment within the template is for servers only, on AWS too."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        name = wanted.properties.get("DeploymentGroupName") or wanted.name(100)
        request = request_for(SERVICE, "CreateDeploymentGroup", wanted.properties | {"DeploymentGroupName": name})
        return name, {"Arn": call(SERVICE, "CreateDeploymentGroup", request)["arn"]}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType."""
        _retag(made, old, new, call)
        given = {key: value for key, value in new.items() if key not in ("Tags", "DeploymentGroupName")}
        given |= {key: value for key, value in DROPPED.items() if key in old and key not in new}
        request = request_for(SERVICE, "UpdateDeploymentGroup", given | {"CurrentDeploymentGroupName": made[0]})
        call(SERVICE, "UpdateDeploymentGroup", request)
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        request = {"applicationName": properties["ApplicationName"], "deploymentGroupName": physical_id}
        call(SERVICE, "DeleteDeploymentGroup", request)


def _retag(made: Made, old: Properties, new: Properties, call: Call) -> None:
    added, removed = tag_changes(old.get("Tags"), new.get("Tags"))
    arn = made[1]["Arn"]
    if added:
        tags = [{"Key": key, "Value": value} for key, value in added.items()]
        call(SERVICE, "TagResource", {"ResourceArn": arn, "Tags": tags})
    if removed:
        call(SERVICE, "UntagResource", {"ResourceArn": arn, "TagKeys": removed})


NEEDED = ("ApplicationName", "DeploymentGroupName")
HOOKS = {"BeforeAllowTrafficHook": "BeforeAllowTraffic", "AfterAllowTrafficHook": "AfterAllowTraffic"}
LOOK_SECONDS = 0.5


def shift(policy: Mapping[str, str], alias: Properties, call: Call) -> None:
    """Deploy an alias's version as its CodeDeployLambdaAliasUpdate says; a deployment that runs already is waited for.

    Raises ServiceError when the deployment does not succeed; the alias is at its old version then.
    """
    if unknown := sorted(policy.keys() - {*NEEDED, *HOOKS}):
        raise ServiceError(f"CodeDeployLambdaAliasUpdate has {unknown[0]}; expected {', '.join((*NEEDED, *HOOKS))}")
    if missing := [name for name in NEEDED if name not in policy]:
        raise ServiceError(f"CodeDeployLambdaAliasUpdate needs {missing[0]}")
    function = str(alias["FunctionName"]).rpartition(":function:")[2].partition(":")[0]
    where = {"FunctionName": function, "Name": alias["Name"]}
    found, target = call("lambda", "GetAlias", where), str(alias["FunctionVersion"])
    current = found["FunctionVersion"]
    group = {"applicationName": policy["ApplicationName"], "deploymentGroupName": policy["DeploymentGroupName"]}
    if current == target:
        return
    content = _app_spec(where, current, target, policy)
    name = _find_deployment(group, content, call) or _begin(group, content, call)
    ended = _wait_for_end(name, call)
    if ended["status"] == "Succeeded":
        return
    if back := ended.get("rollbackInfo", {}).get("rollbackDeploymentId"):
        _wait_for_end(back, call)
    call(
        "lambda", "UpdateAlias", where | {"FunctionVersion": current, "RoutingConfig": {"AdditionalVersionWeights": {}}}
    )
    why = ended.get("errorInformation", {}).get("message", "no reason given")
    raise ServiceError(f"CodeDeploy deployment {name} is {ended['status']}: {why}")


def _app_spec(where: Mapping[str, str], current: str, target: str, policy: Mapping[str, str]) -> str:
    name, alias = where["FunctionName"], where["Name"]
    properties = {"Name": name, "Alias": alias, "CurrentVersion": current, "TargetVersion": target}
    resource = {name: {"Type": "AWS::Lambda::Function", "Properties": properties}}
    hooks = [{event: policy[member]} for member, event in HOOKS.items() if member in policy]
    return json.dumps({"version": 0.0, "Resources": [resource], "Hooks": hooks})


def _find_deployment(group: Mapping[str, str], content: str, call: Call) -> str | None:
    """The deployment that a stack operation has begun before it was cut off."""
    asked = {**group, "includeOnlyStatuses": ["Created", "InProgress"]}
    for name in call(SERVICE, "ListDeployments", asked)["deployments"]:
        revision = call(SERVICE, "GetDeployment", {"deploymentId": name})["deploymentInfo"]["revision"]
        if revision["appSpecContent"]["content"] == content:
            return str(name)
    return None


def _begin(group: Mapping[str, str], content: str, call: Call) -> str:
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
    return str(call(SERVICE, "CreateDeployment", {**group, "revision": revision})["deploymentId"])


def _wait_for_end(name: str, call: Call) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = call(SERVICE, "GetDeployment", {"deploymentId": name})["deploymentInfo"]
        if found["status"] in ("Succeeded", "Failed", "Stopped"):
            return found
        call.pause(LOOK_SECONDS)


TYPES: dict[str, ResourceType] = {
    "AWS::CodeDeploy::Application": Application(),
    "AWS::CodeDeploy::DeploymentGroup": DeploymentGroup(),
    "AWS::CodeDeploy::DeploymentConfig": NamedType(
        SERVICE, "DeploymentConfig", "DeploymentConfigName", longest=100, updates=False
    ),
}
