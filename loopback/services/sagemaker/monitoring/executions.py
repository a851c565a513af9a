"""Executions of monitoring schedules, as they are listed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loopback.core.kinds import MONITORING_EXECUTION
from loopback.core.store import Resource
from loopback.services.listing import Listing, seconds, select
from loopback.services.registry import Context, Request, Response, handles

BY_CREATION = Listing("MonitoringExecutionSummaries", "MonitoringScheduleName", "MonitoringExecutionStatus")
BY_SCHEDULED_TIME = Listing("MonitoringExecutionSummaries", "ScheduledTime", "MonitoringExecutionStatus")
FILTERS = {
    "MonitoringScheduleName": "MonitoringScheduleName",
    "EndpointName": "EndpointName",
    "MonitoringJobDefinitionName": "MonitoringJobDefinitionName",
    "MonitoringTypeEquals": "MonitoringType",
}


@handles("ListMonitoringExecutions")
def list_executions(request: Request, context: Context) -> Response:
    """A page of executions; those of deleted schedules are still there."""
    views = (view(row, context) for row in context.store.find(MONITORING_EXECUTION))
    found = [v for v in matching(views, request, FILTERS) if _scheduled_between(v, request)]
    if request.get("SortBy") == "ScheduledTime":
        return select(found, request | {"SortBy": "Name"}, BY_SCHEDULED_TIME)
    return select(found, request, BY_CREATION)


def _scheduled_between(shown: Mapping[str, Any], request: Request) -> bool:
    after, before = request.get("ScheduledTimeAfter"), request.get("ScheduledTimeBefore")
    at = shown["ScheduledTime"]
    return (after is None or at > seconds(after)) and (before is None or at < seconds(before))


def matching(views: Iterable[dict[str, Any]], request: Request, filters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The views whose members equal what the request's filters ask for."""
    wanted = {member: request[name] for name, member in filters.items() if name in request}
    return (v for v in views if all(v.get(member) == value for member, value in wanted.items()))


def of_schedule(name: str, context: Context) -> list[Resource]:
    """The executions of the schedules of that name, oldest first."""
    return context.store.find(MONITORING_EXECUTION, parent=name)


def view(row: Resource, context: Context) -> dict[str, Any]:
    """The execution as it stands."""
    job = row.result.get("job")
    return {
        "MonitoringScheduleName": row.parent,
        "ScheduledTime": row.doc["ScheduledTime"],
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "MonitoringExecutionStatus": row.status,
        "ProcessingJobArn": context.place.arn(f"processing-job/{job}") if job else None,
        "EndpointName": row.doc["EndpointName"],
        "FailureReason": row.result.get("FailureReason"),
        "MonitoringJobDefinitionName": row.doc.get("MonitoringJobDefinitionName"),
        "MonitoringType": row.doc["MonitoringType"],
    }
