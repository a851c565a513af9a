"""Executions of monitoring schedules, as they are listed."""

from typing import Any

from loopback.core.kinds import MONITORING_EXECUTION
from loopback.core.queries import CREATED, Selection, has, member
from loopback.rows.monitoring import MonitoringExecutionRow
from loopback.rows.row import view_of
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
    return select(request, context, LISTING, view_of(MonitoringExecutionRow, view), within)


def latest(schedule: str, context: Context) -> MonitoringExecutionRow | None:
    """The newest execution of the schedules of that name."""
    return MonitoringExecutionRow.first(context.store, Selection(MONITORING_EXECUTION, schedule, descending=True))


def view(row: MonitoringExecutionRow, context: Context) -> dict[str, Any]:
    """The execution as it stands."""
    job = row.job
    return {
        "MonitoringScheduleName": row.parent,
        "ScheduledTime": row.scheduled,
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "MonitoringExecutionStatus": row.status,
        "ProcessingJobArn": context.place.arn(f"processing-job/{job}") if job else None,
        "EndpointName": row.endpoint,
        "FailureReason": row.failure_reason,
        "MonitoringJobDefinitionName": row.definition_name,
        "MonitoringType": row.type,
    }
