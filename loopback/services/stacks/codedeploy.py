"""Resource types of CodeDeploy."""

from typing import Any

from loopback.services.stacks.requests import request_for, tag_changes
from loopback.services.stacks.types import Call, Made, Named, Properties, ResourceType, Wanted

SERVICE = "codedeploy"
# What UpdateDeploymentGroup is told where the template has dropped a property; it keeps what it is not told.
DROPPED: dict[str, Any] = {
    "DeploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce",
    "AlarmConfiguration": {"Enabled": False, "Alarms": []},
    "AutoRollbackConfiguration": {"Enabled": False, "Events": []},
}


class Application:
    """Ref is its name."""

    def create(self, wanted: Wanted, call: Call) -> Made:
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

    def create(self, wanted: Wanted, call: Call) -> Made:
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


TYPES: dict[str, ResourceType] = {
    "AWS::CodeDeploy::Application": Application(),
    "AWS::CodeDeploy::DeploymentGroup": DeploymentGroup(),
    "AWS::CodeDeploy::DeploymentConfig": Named(
        SERVICE, "DeploymentConfig", "DeploymentConfigName", longest=100, updates=False
    ),
}
