"""Resource types of CloudWatch's alarms: put as a whole whenever anything of them changes.

The stack's own tags, `aws:...`, no request may name: the stack engine gives them afterwards.
"""

from dataclasses import dataclass

from loopback.services.cloudformation.requests import request_for, tag_changes
from loopback.services.cloudformation.types import Call, Made, Properties, ResourceType, TemplateResource

SERVICE = "cloudwatch"


@dataclass(frozen=True)
class AlarmResource:
    """Ref is its name. `put` is the operation, `kind` what DescribeAlarms calls it."""

    put: str
    kind: str

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        name = wanted.properties.get("AlarmName") or wanted.name(255)
        given = wanted.properties | {"AlarmName": name}
        if tags := own_tags(given.pop("Tags", [])):
            given["Tags"] = tags
        call(SERVICE, self.put, request_for(SERVICE, self.put, given))
        shown = call(SERVICE, "DescribeAlarms", {"AlarmNames": [name], "AlarmTypes": [self.kind]})
        return name, {"Arn": shown[f"{self.kind}s"][0]["AlarmArn"]}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Its state stays; tags of an alarm that is there go their own way."""
        name, attributes = made
        given = {key: value for key, value in new.items() if key != "Tags"} | {"AlarmName": name}
        call(SERVICE, self.put, request_for(SERVICE, self.put, given))
        added, removed = tag_changes(own_tags(old.get("Tags", [])), own_tags(new.get("Tags", [])))
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            call(SERVICE, "TagResource", {"ResourceARN": attributes["Arn"], "Tags": tags})
        if removed:
            call(SERVICE, "UntagResource", {"ResourceARN": attributes["Arn"], "TagKeys": removed})
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        call(SERVICE, "DeleteAlarms", {"AlarmNames": [physical_id or properties["AlarmName"]]})


def own_tags(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Those that the template and the stack's caller have given."""
    return [tag for tag in tags if not tag["Key"].lower().startswith("aws:")]


TYPES: dict[str, ResourceType] = {
    "AWS::CloudWatch::Alarm": AlarmResource("PutMetricAlarm", "MetricAlarm"),
    "AWS::CloudWatch::CompositeAlarm": AlarmResource("PutCompositeAlarm", "CompositeAlarm"),
}
