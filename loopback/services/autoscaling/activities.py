"""Scaling activities: what was done, why, and how it ended.

Kept for six weeks, as on AWS, and at most MOST of one target.
"""

import uuid
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import SCALING_ACTIVITY
from loopback.core.queries import Selection
from loopback.rows.autoscaling import CapacityChange, ScalingActivityResult, ScalingActivityRow
from loopback.rows.row import changes, view_of
from loopback.services.autoscaling.resources import DIMENSION, NAMESPACE, SERVICE, check_kind, page
from loopback.services.registry import Context, Request, Response, handles

SIX_WEEKS = 6 * 7 * 86_400.0
MOST = 500


@handles("DescribeScalingActivities", service=SERVICE)
def describe(request: Request, context: Context) -> Response:
    """A page of activities, newest first."""
    check_kind(request)
    if request.get("IncludeNotScaledActivities"):
        raise ValidationException("loopback keeps no activities that did not scale: IncludeNotScaledActivities")
    newest = Selection(SCALING_ACTIVITY, request.get("ResourceId"), descending=True)
    return page(newest, view_of(ScalingActivityRow, view), "ScalingActivities", request, context)


def view(row: ScalingActivityRow) -> dict[str, Any]:
    """As DescribeScalingActivities shows it."""
    return {
        "ActivityId": row.name,
        "ServiceNamespace": NAMESPACE,
        "ResourceId": row.parent,
        "ScalableDimension": DIMENSION,
        "Description": row.description,
        "Cause": row.cause,
        "StartTime": row.created,
        "EndTime": row.ended,
        "StatusCode": row.status,
        "StatusMessage": row.message,
    }


def begin(resource: str, aim: CapacityChange, context: Context) -> ScalingActivityRow:
    """Write down a change of capacity that is to be carried out."""
    description = f"Setting desired instance count to {aim.after}."
    _tidy(resource, context)
    new = ScalingActivityRow(description=description, cause=aim.cause, aim=aim)
    row = new.create(context.store, str(uuid.uuid4()), resource)
    context.on_change(SCALING_ACTIVITY.slug, row.name)
    return row


def tell(resource: str, told: tuple[str, str], now: float, context: Context, fault: str | None = None) -> None:
    """Write down something (description, cause) that is done already, or failed with a fault."""
    description, cause = told
    with context.store.transaction():
        new = ScalingActivityRow(description=description, cause=cause)
        row = new.create(context.store, str(uuid.uuid4()), resource)
        if fault is None:
            end(row, "succeed", f"Successfully {description[0].lower()}{description[1:]}", now, context)
        else:
            end(row, "fail", f"Failed {description[0].lower()}{description[1:]}. Reason: {fault}", now, context)


def end(row: ScalingActivityRow, event: str, message: str, now: float, context: Context) -> ScalingActivityRow:
    """An activity succeeded or failed."""
    return row.fire(context.store, row.name, event, changes(ScalingActivityResult, ended=now, message=message))


def _tidy(resource: str, context: Context) -> None:
    rows = context.store.find(SCALING_ACTIVITY, parent=resource)
    newest = rows[-1].created if rows else 0.0
    for index, row in enumerate(rows):
        old = row.created < newest - SIX_WEEKS or index < len(rows) - MOST
        if old and row.status != "InProgress":
            context.store.delete(SCALING_ACTIVITY, row.name)
