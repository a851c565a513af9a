"""Scheduled actions: Put, Describe, Delete. A row's `result` has `id` and `next`, when it is due."""

import uuid
from functools import partial
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import SCHEDULED_ACTION
from loopback.core.queries import Selection, among, member
from loopback.engines.schedules import scheduled_actions
from loopback.rows.autoscaling import ScheduledActionResult, ScheduledActionRow
from loopback.rows.row import changes, view_of
from loopback.services.autoscaling.resources import (
    DIMENSION,
    NAMESPACE,
    SERVICE,
    ObjectNotFoundException,
    check_kind,
    page,
    resource_members,
    target_of,
)
from loopback.services.listing import seconds
from loopback.services.registry import Context, Request, Response, handles


@handles("PutScheduledAction", service=SERVICE)
def put(request: Request, context: Context) -> Response:
    """Write down or change when a target gets other limits. Times without a zone are UTC."""
    target = target_of(request, context)
    name = _key(target.name, request["ScheduledActionName"])
    known = context.store.exists(SCHEDULED_ACTION, name)
    before: dict[str, Any] = ScheduledActionRow.get(context.store, name).request if known else {}
    doc = before | {key: value for key, value in request.items() if key not in ("StartTime", "EndTime")}
    doc |= resource_members(request) | {"Timezone": doc.get("Timezone") or "UTC"}
    doc |= {key: seconds(request[key]) for key in ("StartTime", "EndTime") if key in request}
    if "Schedule" not in doc:
        raise ValidationException("Schedule is required for a new scheduled action")
    scheduled_actions.parse(doc["Schedule"], doc["Timezone"])
    _check(doc)
    if known:
        row = ScheduledActionRow.amend(context.store, name, "put", doc=doc)
    else:
        row = ScheduledActionRow(request=doc, id=str(uuid.uuid4())).create(context.store, name, target.name)
    planned = changes(ScheduledActionResult, next=following(row, row.changed))
    row.amend(context.store, name, "plan", result=planned)
    context.on_change(SCHEDULED_ACTION.slug, name)
    return {}


def _check(doc: dict[str, Any]) -> None:
    action = doc.get("ScalableTargetAction") or {}
    if not {"MinCapacity", "MaxCapacity"} & set(action):
        raise ValidationException("ScalableTargetAction must have MinCapacity, MaxCapacity or both")
    if action.get("MinCapacity", 1) < 1:
        raise ValidationException("Minimum capacity of a variant must be greater than or equal to 1")
    if action.get("MaxCapacity", 1) < action.get("MinCapacity", 1) and "MaxCapacity" in action:
        raise ValidationException("Maximum capacity cannot be less than minimum capacity")
    if doc.get("EndTime", float("inf")) <= doc.get("StartTime", 0.0):
        raise ValidationException("EndTime must be later than StartTime")


def following(row: ScheduledActionRow, moment: float) -> float | None:
    """When an action is due next after a moment, within its StartTime and EndTime; None when never again."""
    schedule = scheduled_actions.parse(row.request["Schedule"], row.request["Timezone"])
    start, end = row.request.get("StartTime", 0.0), row.request.get("EndTime", float("inf"))
    found = schedule.after(max(moment, start - 1e-3), max(row.created, start))
    return found if found is not None and found <= end else None


@handles("DescribeScheduledActions", service=SERVICE)
def describe(request: Request, context: Context) -> Response:
    """A page of scheduled actions."""
    check_kind(request)
    where = among(member("ScheduledActionName"), request.get("ScheduledActionNames"))
    within = Selection(SCHEDULED_ACTION, request.get("ResourceId"), where=where)
    return page(
        within, partial(view_of(ScheduledActionRow, _view), context=context), "ScheduledActions", request, context
    )


def _view(row: ScheduledActionRow, context: Context) -> dict[str, Any]:
    where = f"resource/{NAMESPACE}/{row.parent}:scheduledActionName/{row.action}"
    arn = context.place.arn(f"scheduledAction:{row.id}:{where}", "autoscaling")
    return row.request | {"ScheduledActionARN": arn, "CreationTime": row.created}


@handles("DeleteScheduledAction", service=SERVICE)
def delete(request: Request, context: Context) -> Response:
    """Remove a scheduled action."""
    check_kind(request)
    try:
        context.store.delete(SCHEDULED_ACTION, _key(request["ResourceId"], request["ScheduledActionName"]))
    except ResourceNotFound:
        raise ObjectNotFoundException(
            f"No scheduled action found for service namespace: {NAMESPACE}, resource ID: {request['ResourceId']}, "
            f"scalable dimension: {DIMENSION}, scheduled action name: {request['ScheduledActionName']}"
        ) from None
    return {}


def _key(resource: str, name: str) -> str:
    return f"{resource}/{name}"
