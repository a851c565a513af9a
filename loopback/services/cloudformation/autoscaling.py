"""Resource types of Application Auto Scaling."""

from typing import Any

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.requests import request_for
from loopback.services.cloudformation.types import Call, Made, Properties, ResourceType, TemplateResource, is_not_found

SERVICE = "application-autoscaling"
WHERE = ("ServiceNamespace", "ResourceId", "ScalableDimension")


class ScalableTarget:
    """Ref is `resource|dimension|namespace`, which a policy's ScalingTargetId takes."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        return self._register(wanted.properties, {}, call)

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType. Scheduled actions that the template has dropped are deleted."""
        del made
        return self._register(new, old, call)

    def _register(self, given: Properties, old: Properties, call: Call) -> Made:
        actions, before = _actions(given), _actions(old)
        target = {key: value for key, value in given.items() if key != "ScheduledActions"}
        if tags := target.get("Tags"):  # a list in CloudFormation, a map in the API
            target["Tags"] = {tag["Key"]: tag["Value"] for tag in tags}
        call(SERVICE, "RegisterScalableTarget", request_for(SERVICE, "RegisterScalableTarget", target))
        where = {key: given[key] for key in WHERE}
        for name in before.keys() - actions.keys():
            call(SERVICE, "DeleteScheduledAction", where | {"ScheduledActionName": name})
        for action in actions.values():
            request = request_for(SERVICE, "PutScheduledAction", where | action)
            call(SERVICE, "PutScheduledAction", request)
        name = "|".join((given["ResourceId"], given["ScalableDimension"], given["ServiceNamespace"]))
        return name, {"Id": name}

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del properties
        resource, dimension, namespace = physical_id.split("|")
        where = {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}
        _quietly(call, "DeregisterScalableTarget", where)


def _actions(properties: Properties) -> dict[str, Any]:
    return {action["ScheduledActionName"]: action for action in properties.get("ScheduledActions", [])}


class ScalingPolicy:
    """Ref is the policy's ARN."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given = dict(wanted.properties)
        if target := given.pop("ScalingTargetId", None):
            given["ResourceId"], given["ScalableDimension"], given["ServiceNamespace"] = target.split("|")
        arn = call(SERVICE, "PutScalingPolicy", request_for(SERVICE, "PutScalingPolicy", given))["PolicyARN"]
        where = {key: given[key] for key in WHERE}
        return arn, {"Arn": arn, "PolicyName": given["PolicyName"]} | where

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Putting it again replaces what it says."""
        del made, old
        return self.create(TemplateResource(new, lambda _longest: new["PolicyName"]), call)

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del physical_id
        given = dict(properties)
        if target := given.get("ScalingTargetId"):
            given["ResourceId"], given["ScalableDimension"], given["ServiceNamespace"] = target.split("|")
        _quietly(call, "DeleteScalingPolicy", {key: given[key] for key in (*WHERE, "PolicyName")})


def _quietly(call: Call, operation: str, request: dict[str, Any]) -> None:
    """Delete; what is gone already is no error."""
    try:
        call(SERVICE, operation, request)
    except ServiceError as fault:
        if not is_not_found(fault):
            raise


TYPES: dict[str, ResourceType] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTarget(),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicy(),
}
