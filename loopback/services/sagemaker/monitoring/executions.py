"""Executions of monitoring schedules, as they are listed."""

from typing import Any

from loopback.core.kinds import MONITORING_EXECUTION
from loopback.core.queries import CREATED, Selection, has, member
from loopback.core.store import Resource
from loopback.services.listing import TIMES, Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles

_SCHEDULED = member("ScheduledTime")
LISTING = Listing(
    "MonitoringExecutionSummaries",
    MONITORING_EXECUTION,
    orders={"CreationTime": CREATED, "ScheduledTime": _SCHEDULED},
    times={**TIMES, "ScheduledTimeAfter": (_SCHEDULED, ">"), "ScheduledTimeBefore": (_SCHEDULED, "<")},
)
FILTERS = {
    "EndpointName": has("EndpointName"),
    "MonitoringJobDefinitionName": has("MonitoringJobDefinitionName"),
    "MonitoringTypeEquals": has("MonitoringType"),
}


@handles("ListMonitoringExecutions")
def list_executions(request: Request, context: Context) -> Response:
    """A page of executions; those of deleted schedules are still there."""
    within = Selection(MONITORING_EXECUTION, request.get("MonitoringScheduleName"), where=filters(request, FILTERS))
    return select(request, context, LISTING, view, within)


def latest(schedule: str, context: Context) -> Resource | None:
    """The newest execution of the schedules of that name."""
    return context.store.first(Selection(MONITORING_EXECUTION, schedule, descending=True))


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
