"""Monitoring alerts: each schedule has one, which is InAlert while enough of its latest executions found violations.

The alert bears the schedule's name. One violation among the latest one is enough until UpdateMonitoringAlert says
otherwise. Executions that failed or were stopped found nothing out, so they do not count.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import ALERT_CHANGE, MONITORING_SCHEDULE
from loopback.core.queries import Selection
from loopback.core.store import Resource
from loopback.rows.monitoring import MonitoringAlert, MonitoringScheduleResult, MonitoringScheduleRow
from loopback.rows.row import changes
from loopback.services.listing import PAGING, Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles

HISTORY = Listing("MonitoringAlertHistory", ALERT_CHANGE)
COUNTED = ("Completed", "CompletedWithViolations")


def next_state(alert: MonitoringAlert, statuses: Sequence[str], now: float) -> MonitoringAlert:
    """The alert after executions with these statuses, the latest of those in COUNTED."""
    status = "InAlert" if statuses.count("CompletedWithViolations") >= alert.datapoints else "OK"
    return alert if status == alert.status else replace(alert, status=status, changed=now)


def keep_change(schedule: str, status: str, context: Context) -> None:
    """Write down that an alert went into this status."""
    number = context.store.next_number("changes of alerts")
    with context.store.transaction():
        row = context.store.create(ALERT_CHANGE, f"{schedule}/{number}", {}, parent=schedule)
        if status != row.status:
            context.store.fire(ALERT_CHANGE, row.name, "clear")


@handles("ListMonitoringAlerts")
def list_alerts(request: Request, context: Context) -> Response:
    """The one alert of the schedule."""
    row = _schedule(request, context)
    shown = row.alert.view | {"MonitoringAlertName": row.name, "CreationTime": row.created}
    shown["LastModifiedTime"] = row.created if row.alert.changed is None else row.alert.changed
    shown["Actions"] = {"ModelDashboardIndicator": {"Enabled": True}}
    return PAGING.of_items(request, [shown], "MonitoringAlertSummaries", 100)


@handles("ListMonitoringAlertHistory")
def list_history(request: Request, context: Context) -> Response:
    """When alerts went into alert and back, of one schedule or of all."""
    parent = _schedule(request, context).name if "MonitoringScheduleName" in request else None
    where = filters(request, {"MonitoringAlertName": "parent = ?"})  # it bears the schedule's name
    parent = request.get("MonitoringAlertName") if parent is None else parent
    return select(request, context, HISTORY, _change_view, Selection(ALERT_CHANGE, parent, where=where))


def _change_view(row: Resource, _context: Context) -> dict[str, Any]:
    names = {"MonitoringScheduleName": row.parent, "MonitoringAlertName": row.parent}
    return names | {"AlertStatus": row.status, "CreationTime": row.created}


@handles("UpdateMonitoringAlert")
def update(request: Request, context: Context) -> Response:
    """How many of how many executions must have found violations; holds from the next execution on."""
    row = _schedule(request, context)
    if request["MonitoringAlertName"] != row.name:
        raise ResourceNotFound(f"There is no alert named {request['MonitoringAlertName']}; it is called {row.name}")
    wanted = {key: request[key] for key in ("DatapointsToAlert", "EvaluationPeriod")}
    if wanted["DatapointsToAlert"] > wanted["EvaluationPeriod"]:
        raise ValidationException("DatapointsToAlert must not be greater than EvaluationPeriod")
    alert = replace(row.alert, datapoints=wanted["DatapointsToAlert"], period=wanted["EvaluationPeriod"])
    row.amend(context.store, row.name, "alert", result=changes(MonitoringScheduleResult, alert=alert))
    arn = context.place.arn(f"{MONITORING_SCHEDULE.slug}/{row.name}")
    return {"MonitoringScheduleArn": arn, "MonitoringAlertName": row.name}


def _schedule(request: Request, context: Context) -> MonitoringScheduleRow:
    return MonitoringScheduleRow.get(context.store, request["MonitoringScheduleName"])
