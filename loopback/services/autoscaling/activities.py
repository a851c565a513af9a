"""Scaling activities: what was done, why, and how it ended. A row's `doc` has the capacity that is aimed at.

Kept for six weeks, as on AWS, and at most MOST of one target.
"""

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import SCALING_ACTIVITY
from loopback.core.queries import Selection
from loopback.core.store import Resource
from loopback.services.autoscaling.resources import DIMENSION, NAMESPACE, SERVICE, check_kind, page
from loopback.services.registry import Context, Request, Response, handles

SIX_WEEKS = 6 * 7 * 86_400.0
MOST = 500


@dataclass(frozen=True)
class Aim:
    """A change of capacity: from, to, why, and the cooldown in seconds that follows it."""

    before: int
    after: int
    cause: str
    cooldown: float = 0.0


@handles("DescribeScalingActivities", service=SERVICE)
def describe(request: Request, context: Context) -> Response:
    """A page of activities, newest first."""
    check_kind(request)
    if request.get("IncludeNotScaledActivities"):
        raise ValidationException("loopback keeps no activities that did not scale: IncludeNotScaledActivities")
    newest = Selection(SCALING_ACTIVITY, request.get("ResourceId"), descending=True)
    return page(newest, view, "ScalingActivities", request, context)


def view(row: Resource) -> dict[str, Any]:
    """As DescribeScalingActivities shows it."""
    return {
        "ActivityId": row.name,
        "ServiceNamespace": NAMESPACE,
        "ResourceId": row.parent,
        "ScalableDimension": DIMENSION,
        "Description": row.doc["Description"],
        "Cause": row.doc["Cause"],
        "StartTime": row.created,
        "EndTime": row.result.get("EndTime"),
        "StatusCode": row.status,
        "StatusMessage": row.result.get("StatusMessage"),
    }


def begin(resource: str, aim: Aim, context: Context) -> Resource:
    """Write down a change of capacity that is to be carried out."""
    doc = {"Description": f"Setting desired instance count to {aim.after}.", "Cause": aim.cause, "aim": asdict(aim)}
    _tidy(resource, context)
    row = context.store.create(SCALING_ACTIVITY, str(uuid.uuid4()), doc, parent=resource)
    context.changed(SCALING_ACTIVITY.slug, row.name)
    return row


def tell(resource: str, told: tuple[str, str], now: float, context: Context, fault: str | None = None) -> None:
    """Write down something (description, cause) that is done already, or failed with a fault."""
    description, cause = told
    with context.store.transaction():
        doc = {"Description": description, "Cause": cause}
        row = context.store.create(SCALING_ACTIVITY, str(uuid.uuid4()), doc, parent=resource)
        if fault is None:
            end(row, "succeed", f"Successfully {description[0].lower()}{description[1:]}", now, context)
        else:
            end(row, "fail", f"Failed {description[0].lower()}{description[1:]}. Reason: {fault}", now, context)


def end(row: Resource, event: str, message: str, now: float, context: Context) -> Resource:
    """An activity succeeded or failed."""
    ended = {"EndTime": now, "StatusMessage": message}
    return context.store.fire(SCALING_ACTIVITY, row.name, event, ended)


def _tidy(resource: str, context: Context) -> None:
    rows = context.store.find(SCALING_ACTIVITY, parent=resource)
    newest = rows[-1].created if rows else 0.0
    for index, row in enumerate(rows):
        old = row.created < newest - SIX_WEEKS or index < len(rows) - MOST
        if old and row.status != "InProgress":
            context.store.delete(SCALING_ACTIVITY, row.name)
