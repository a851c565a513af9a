"""Scalable targets: Register, Describe, Deregister, and their tags."""

import contextlib
import uuid
from functools import partial
from typing import Any

from loopback.core.errors import ServiceError, ValidationException
from loopback.core.kinds import SCALABLE_TARGET, SCALING_POLICY, SCHEDULED_ACTION
from loopback.core.queries import Selection
from loopback.rows.autoscaling import ScalableTargetResult, ScalableTargetRow, ScalingPolicyRow, target_with_id
from loopback.rows.row import changes, view_of
from loopback.services import registry
from loopback.services.autoscaling.resources import (
    MOST_LISTED,
    PAGING,
    SERVICE,
    ResourceNotFoundException,
    TooManyTagsException,
    check_kind,
    page,
    place_of,
    resource_members,
    target_of,
)
from loopback.services.registry import Context, Request, Response, handles

MOST_TAGS = 50
ROLE = (  # the service-linked one
    "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
SUSPENDABLE = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


@handles("RegisterScalableTarget", service=SERVICE)
def register(request: Request, context: Context) -> Response:
    """Write down or change what a variant may have; its capacity is moved into the limits."""
    check_kind(request)
    endpoint, variant = place_of(request["ResourceId"])
    resource = request["ResourceId"]
    known = context.store.exists(SCALABLE_TARGET, resource)
    before: dict[str, Any] = ScalableTargetRow.get(context.store, resource).request if known else {}
    if not known:
        _check_endpoint(endpoint, variant, context)
    suspended = dict.fromkeys(SUSPENDABLE, False) | before.get("SuspendedState", {})
    doc = {
        **resource_members(request),
        "MinCapacity": request.get("MinCapacity", before.get("MinCapacity")),
        "MaxCapacity": request.get("MaxCapacity", before.get("MaxCapacity")),
        "RoleARN": request.get("RoleARN") or f"arn:aws:iam::{context.place.account}:role/{ROLE}",
        "SuspendedState": suspended | request.get("SuspendedState", {}),
    }
    check_limits(doc)
    with context.store.transaction():
        if known:
            limits = changes(ScalableTargetResult, ranged=False)
            row = ScalableTargetRow.amend(context.store, resource, "register", doc=doc, result=limits)
        else:
            row = ScalableTargetRow(request=doc, id=uuid.uuid4().hex).create(context.store, resource)
        if not known:
            context.store.tag(arn_of(row, context), request.get("Tags", {}))
    context.on_change(SCALABLE_TARGET.slug, resource)
    return {"ScalableTargetARN": arn_of(row, context)}


def check_limits(doc: dict[str, Any]) -> None:
    """Raises ValidationException unless 1 <= MinCapacity <= MaxCapacity."""
    for name in ("MinCapacity", "MaxCapacity"):
        if doc[name] is None:
            raise ValidationException(f"{name} is required when a scalable target is registered")
    if doc["MinCapacity"] < 1:
        raise ValidationException("Minimum capacity of a variant must be greater than or equal to 1")
    if doc["MaxCapacity"] < doc["MinCapacity"]:
        raise ValidationException("Maximum capacity cannot be less than minimum capacity")


def _check_endpoint(endpoint: str, variant: str, context: Context) -> None:
    shown = registry.call("sagemaker", "DescribeEndpoint", {"EndpointName": endpoint}, context)
    if shown["EndpointStatus"] != "InService":
        raise ValidationException(
            f"Endpoint {shown['EndpointArn']} is in status {shown['EndpointStatus']}; it must be InService"
        )
    if variant not in {entry["VariantName"] for entry in shown["ProductionVariants"]}:
        raise ValidationException(f"Variant {variant} does not exist in endpoint {shown['EndpointArn']}")


@handles("DescribeScalableTargets", service=SERVICE)
def describe(request: Request, context: Context) -> Response:
    """A page of targets."""
    check_kind(request)
    if not (names := request.get("ResourceIds")):
        return page(
            Selection(SCALABLE_TARGET),
            partial(view_of(ScalableTargetRow, _view), context=context),
            "ScalableTargets",
            request,
            context,
        )
    known = [
        ScalableTargetRow.get(context.store, name) for name in names if context.store.exists(SCALABLE_TARGET, name)
    ]
    shown = [_view(row, context) for row in sorted(known, key=lambda row: (row.created, row.name))]
    return PAGING.of_items(request, shown, "ScalableTargets", MOST_LISTED)


def _view(row: ScalableTargetRow, context: Context) -> dict[str, Any]:
    return row.request | {"CreationTime": row.created, "ScalableTargetARN": arn_of(row, context)}


@handles("DeregisterScalableTarget", service=SERVICE)
def deregister(request: Request, context: Context) -> Response:
    """Forget the target with its policies, their alarms, and its scheduled actions."""
    forget(target_of(request, context), context)
    return {}


def forget(row: ScalableTargetRow, context: Context) -> None:
    """Remove a target and all that hangs on it; its activities stay."""
    policies = ScalingPolicyRow.find(context.store, parent=row.name)
    with context.store.transaction():
        for kind in (SCALING_POLICY, SCHEDULED_ACTION):
            for child in context.store.find(kind, parent=row.name):
                context.store.delete(kind, child.name)
        context.store.untag(arn_of(row, context))
        context.store.delete(SCALABLE_TARGET, row.name)
    for policy in policies:
        delete_alarms(policy, context)


def delete_alarms(policy: ScalingPolicyRow, context: Context) -> None:
    """Remove the alarms of a tracking policy; one that a composite alarm needs stays, as on AWS."""
    for alarm in policy.alarms:
        with contextlib.suppress(ServiceError):
            names = {"AlarmNames": [alarm["AlarmName"]]}
            context.base("monitoring", "GraniteServiceVersion20100801.DeleteAlarms", names)


def arn_of(row: ScalableTargetRow, context: Context) -> str:
    """The ARN of a scalable target."""
    return context.place.arn(f"scalable-target/{row.id}", SERVICE)


@handles("ListTagsForResource", service=SERVICE)
def list_tags(request: Request, context: Context) -> Response:
    """All tags of a target."""
    return {"Tags": context.store.tags(_existing(request["ResourceARN"], context))}


@handles("TagResource", service=SERVICE)
def tag(request: Request, context: Context) -> Response:
    """Add or replace tags."""
    arn = _existing(request["ResourceARN"], context)
    if len(context.store.tags(arn) | request["Tags"]) > MOST_TAGS:
        raise TooManyTagsException(f"{arn} would have more than {MOST_TAGS} tags")
    context.store.tag(arn, request["Tags"])
    return {}


@handles("UntagResource", service=SERVICE)
def untag(request: Request, context: Context) -> Response:
    """Remove tags; keys that are not there are no error."""
    context.store.untag(_existing(request["ResourceARN"], context), request["TagKeys"])
    return {}


def _existing(arn: str, context: Context) -> str:
    row = ScalableTargetRow.first(context.store, target_with_id(arn.rpartition("/")[2]))
    if row is None or arn_of(row, context) != arn:
        raise ResourceNotFoundException(f"{arn} does not exist")
    return arn
