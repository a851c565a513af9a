"""Monitoring schedules: Create, Describe, List, Update, Start, Stop and Delete. `monitor` runs what is written here.

A row's `result` has `endpoint` (its name), `id` (of this life of the name), `next` (when it is due, epoch seconds),
`asked` (how often a NOW schedule was asked to run) and `alert`.
"""

import uuid
from dataclasses import replace
from typing import Any

from loopback.core import states
from loopback.core.errors import ConflictException, ResourceNotFound, ValidationException
from loopback.core.kinds import ALERT_CHANGE, MONITORING_EXECUTION, MONITORING_SCHEDULE
from loopback.core.queries import Selection, has
from loopback.rows.monitoring import MonitoringDefinitionRow, MonitoringScheduleResult, MonitoringScheduleRow
from loopback.rows.row import changes, view_of
from loopback.services.listing import Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.closed import MODEL_MONITOR, require_open
from loopback.services.sagemaker.monitoring import executions, specs, windows
from loopback.services.sagemaker.monitoring.definitions import require_capture
from loopback.services.sagemaker.monitoring.specs import Spec
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("MonitoringScheduleSummaries", MONITORING_SCHEDULE)
FILTERS = {
    "EndpointName": has("endpoint", "result"),
    "MonitoringJobDefinitionName": has("MonitoringScheduleConfig.MonitoringJobDefinitionName"),
    "MonitoringTypeEquals": has("MonitoringScheduleConfig.MonitoringType"),
}
_RUNNING = tuple(s for s in MONITORING_EXECUTION.lifecycle if not states.is_final(MONITORING_EXECUTION.lifecycle, s))


@handles("CreateMonitoringSchedule")
def create(request: Request, context: Context) -> Response:
    """Check the configuration and write it down; the monitor makes it Scheduled."""
    require_open(MODEL_MONITOR, context)
    name = request["MonitoringScheduleName"]
    config, endpoint = _check_config(request["MonitoringScheduleConfig"], context)
    new = MonitoringScheduleRow(request=request, config=config, id=uuid.uuid4().hex[:12], asked=1, endpoint=endpoint)
    with context.store.transaction():
        new.create(context.store, name)
        keep_tags(arn_of(name, context), request, context)
    context.on_change(MONITORING_SCHEDULE.slug, name)
    return {"MonitoringScheduleArn": arn_of(name, context)}


def _check_config(config: dict[str, Any], context: Context) -> tuple[dict[str, Any], str]:
    """The configuration with its defaults filled in, and the endpoint's name. Raises ValidationException."""
    schedule = config.get("ScheduleConfig") or {"ScheduleExpression": "cron(0 0 ? * * *)"}  # AWS picks an hour
    config = {"MonitoringType": "DataQuality", **config, "ScheduleConfig": schedule}
    windows.check(schedule)
    spec = spec_of(config, context)
    specs.check(spec)
    require_capture(spec.endpoint, context)
    return config, spec.endpoint


def spec_of(config: dict[str, Any], context: Context) -> Spec:
    """What the schedule runs. Raises ValidationException where it names nothing that exists, or two things."""
    kind, inline = config["MonitoringType"], config.get(specs.INLINE)
    if bool(config.get("MonitoringJobDefinitionName")) == bool(inline):
        raise ValidationException(f"Give either MonitoringJobDefinitionName or {specs.INLINE}")
    definition = definition_of(config, context)
    if definition is not None:
        return specs.of_definition(kind, definition)
    if kind != "DataQuality":
        raise ValidationException(f"MonitoringType {kind} needs MonitoringJobDefinitionName")
    return specs.of_inline(inline or {})


def definition_of(config: dict[str, Any], context: Context) -> dict[str, Any] | None:
    """The job definition's request; None for a schedule with its own. Raises ValidationException if it is not there."""
    kind, name = config["MonitoringType"], config.get("MonitoringJobDefinitionName")
    if not name:
        return None
    try:
        return MonitoringDefinitionRow.from_row(context.store.get(specs.KINDS[kind], name)).request
    except ResourceNotFound:
        other = [other for other, row_kind in specs.KINDS.items() if context.store.exists(row_kind, name)]
        hint = f"; the one of that name is of type {other[0]}" if other else ""
        raise ValidationException(f"There is no job definition named {name} of MonitoringType {kind}{hint}") from None


@handles("UpdateMonitoringSchedule")
def update(request: Request, context: Context) -> Response:
    """Put another configuration in its place; a NOW schedule that is not stopped runs again."""
    row = _find(request, context)
    if row.status == "Pending":
        raise ConflictException(f"The monitoring schedule {row.name} is Pending; wait until it is Scheduled")
    config, endpoint = _check_config(request["MonitoringScheduleConfig"], context)
    result = changes(MonitoringScheduleResult, next=None, endpoint=endpoint)
    with context.store.transaction():
        replace(row, config=config).with_doc(context.store, "configure", result)
        if row.status != "Stopped":
            _ask_again(row, "update", context)
    context.on_change(MONITORING_SCHEDULE.slug, row.name)
    return {"MonitoringScheduleArn": arn_of(row.name, context)}


@handles("StartMonitoringSchedule")
def start(request: Request, context: Context) -> Response:
    """Let a stopped schedule run again; one that runs stays as it is."""
    row = _find(request, context)
    if row.status in ("Stopped", "Failed"):
        _ask_again(row, "start", context)
        context.on_change(MONITORING_SCHEDULE.slug, row.name)
    return {}


def _ask_again(row: MonitoringScheduleRow, event: str, context: Context) -> None:
    result = changes(MonitoringScheduleResult, asked=row.asked + 1, failure_reason=None, next=None)
    row.fire(context.store, row.name, event, result)


@handles("StopMonitoringSchedule")
def stop(request: Request, context: Context) -> Response:
    """No further executions; one that runs goes on, as on AWS."""
    row = _find(request, context)
    if row.status != "Stopped":
        row.fire(context.store, row.name, "stop", changes(MonitoringScheduleResult, next=None))
        context.on_change(MONITORING_SCHEDULE.slug, row.name)
    return {}


@handles("DeleteMonitoringSchedule")
def delete(request: Request, context: Context) -> Response:
    """Forget the schedule; its executions stay on record, as on AWS."""
    row = _find(request, context)
    if context.store.first(Selection(MONITORING_EXECUTION, row.name, _RUNNING)):
        raise ValidationException(
            f"The monitoring schedule {row.name} has an execution in progress; wait for its end or stop its job"
        )
    with context.store.transaction():
        for change in context.store.find(ALERT_CHANGE, parent=row.name):
            context.store.delete(ALERT_CHANGE, change.name)
        context.store.delete(MONITORING_SCHEDULE, row.name)
        context.store.untag(arn_of(row.name, context))
    return {}


@handles("DescribeMonitoringSchedule")
def describe(request: Request, context: Context) -> Response:
    """The schedule as it stands, with its latest execution."""
    row = _find(request, context)
    latest = executions.latest(row.name, context)
    shown = view(row, context) | {"MonitoringScheduleConfig": row.config}
    shown |= {"FailureReason": row.failure_reason}
    return shown | {"LastMonitoringExecutionSummary": executions.view(latest, context) if latest else None}


@handles("ListMonitoringSchedules")
def list_schedules(request: Request, context: Context) -> Response:
    """A page of schedules."""
    return select(
        request,
        context,
        LISTING,
        view_of(MonitoringScheduleRow, view),
        Selection(MONITORING_SCHEDULE, where=filters(request, FILTERS)),
    )


def view(row: MonitoringScheduleRow, context: Context) -> dict[str, Any]:
    """The schedule as List shows it."""
    config = row.config
    return {
        "MonitoringScheduleName": row.name,
        "MonitoringScheduleArn": arn_of(row.name, context),
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "MonitoringScheduleStatus": row.status,
        "EndpointName": row.endpoint,
        "MonitoringJobDefinitionName": config.get("MonitoringJobDefinitionName"),
        "MonitoringType": config["MonitoringType"],
    }


def _find(request: Request, context: Context) -> MonitoringScheduleRow:
    return MonitoringScheduleRow.get(context.store, request["MonitoringScheduleName"])


def arn_of(name: str, context: Context) -> str:
    """Of the schedule of that name."""
    return context.place.arn(f"{MONITORING_SCHEDULE.slug}/{name}")
