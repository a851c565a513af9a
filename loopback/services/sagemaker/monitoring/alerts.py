"""Monitoring alerts: each schedule has one, which is InAlert while enough of its latest executions found violations.

The alert bears the schedule's name. One violation among the latest one is enough until UpdateMonitoringAlert says
otherwise. Executions that failed or were stopped found nothing out, so they do not count.
"""

from collections.abc import Sequence
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import MONITORING_SCHEDULE
from loopback.core.store import Resource
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles

HISTORY = Listing("MonitoringAlertHistory", "MonitoringAlertName", "AlertStatus")
ALERTS = Listing("MonitoringAlertSummaries", "MonitoringAlertName", "AlertStatus")
_COUNTED = ("Completed", "CompletedWithViolations")


def new() -> dict[str, Any]:
    """The alert of a new schedule."""
    return {"DatapointsToAlert": 1, "EvaluationPeriod": 1, "AlertStatus": "OK", "history": []}


def judged(alert: dict[str, Any], statuses: Sequence[str], now: float) -> dict[str, Any]:
    """The alert after executions with these statuses, oldest first."""
    latest = [status for status in statuses if status in _COUNTED][-alert["EvaluationPeriod"] :]
    status = "InAlert" if latest.count("CompletedWithViolations") >= alert["DatapointsToAlert"] else "OK"
    if status == alert["AlertStatus"]:
        return alert
    history = [*alert["history"], {"AlertStatus": status, "CreationTime": now}]
    return alert | {"AlertStatus": status, "history": history, "changed": now}


@handles("ListMonitoringAlerts")
def list_alerts(request: Request, context: Context) -> Response:
    """The one alert of the schedule."""
    row = _schedule(request, context)
    alert = row.result["alert"]
    shown = {key: alert[key] for key in ("AlertStatus", "DatapointsToAlert", "EvaluationPeriod")}
    shown |= {"MonitoringAlertName": row.name, "CreationTime": row.created}
    shown |= {"LastModifiedTime": alert.get("changed", row.created)}
    shown["Actions"] = {"ModelDashboardIndicator": {"Enabled": True}}
    return select([shown], {key: request[key] for key in ("NextToken", "MaxResults") if key in request}, ALERTS)


@handles("ListMonitoringAlertHistory")
def list_history(request: Request, context: Context) -> Response:
    """When alerts went into alert and back, of one schedule or of all."""
    named = "MonitoringScheduleName" in request
    rows = [_schedule(request, context)] if named else context.store.find(MONITORING_SCHEDULE)
    views = [
        {"MonitoringScheduleName": row.name, "MonitoringAlertName": row.name, **entry}
        for row in rows
        for entry in row.result["alert"]["history"]
        if request.get("MonitoringAlertName", row.name) == row.name
    ]
    return select(views, request, HISTORY)


@handles("UpdateMonitoringAlert")
def update(request: Request, context: Context) -> Response:
    """How many of how many executions must have found violations; holds from the next execution on."""
    row = _schedule(request, context)
    if request["MonitoringAlertName"] != row.name:
        raise ResourceNotFound(f"There is no alert named {request['MonitoringAlertName']}; it is called {row.name}")
    wanted = {key: request[key] for key in ("DatapointsToAlert", "EvaluationPeriod")}
    if wanted["DatapointsToAlert"] > wanted["EvaluationPeriod"]:
        raise ValidationException("DatapointsToAlert must not be greater than EvaluationPeriod")
    alert = row.result["alert"] | wanted
    context.store.amend(MONITORING_SCHEDULE, row.name, "alert", result={"alert": alert})
    arn = context.place.arn(f"{MONITORING_SCHEDULE.slug}/{row.name}")
    return {"MonitoringScheduleArn": arn, "MonitoringAlertName": row.name}


def _schedule(request: Request, context: Context) -> Resource:
    return context.store.get(MONITORING_SCHEDULE, request["MonitoringScheduleName"])
