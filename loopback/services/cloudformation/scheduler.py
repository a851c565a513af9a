"""Resource types of EventBridge Scheduler."""

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.requests import request_for
from loopback.services.cloudformation.types import Call, Made, Properties, ResourceType, TemplateResource, is_not_found

SERVICE = "scheduler"
LONGEST = 64


class SchedulerSchedule:
    """Ref is its name. An update puts it as a whole: what the request lacks falls back to its default."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given = {"Name": wanted.properties.get("Name") or wanted.name(LONGEST)} | wanted.properties
        answer = call(SERVICE, "CreateSchedule", request_for(SERVICE, "CreateSchedule", given))
        return given["Name"], {"Arn": answer["ScheduleArn"]}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType."""
        del old
        call(SERVICE, "UpdateSchedule", request_for(SERVICE, "UpdateSchedule", new | {"Name": made[0]}))
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        group = {"GroupName": properties["GroupName"]} if properties.get("GroupName") else {}
        try:
            call(SERVICE, "DeleteSchedule", {"Name": physical_id} | group)
        except ServiceError as fault:
            if not is_not_found(fault):
                raise


TYPES: dict[str, ResourceType] = {"AWS::Scheduler::Schedule": SchedulerSchedule()}
