"""Scaling policies: Put, Describe, Delete. A tracking policy brings its two alarms.

How scaling can be seen on one machine. A tracking policy's alarms have AWS's numbers: they trip after 3 minutes above
the target and after 15 below 0.9 of it. To see it sooner, with nothing but AWS's own API:

* put the metric with timestamps of the past (PutMetricData takes them up to two weeks back): three data points above
  the target, one for each of the last three minutes, and the policy scales out within a second or two;
* or use a StepScaling policy, and an alarm of your own whose `Period` is 10, the shortest that PutMetricAlarm takes,
  with EvaluationPeriods 1 and the policy's ARN among its AlarmActions: it trips a moment after the first data point.
"""

import uuid
from functools import partial
from typing import Any

from loopback.core.errors import ResourceNotFound, ServiceError, ValidationException
from loopback.core.kinds import SCALING_POLICY
from loopback.core.queries import Selection, among, member
from loopback.engines.autoscaling.capacity import IN_MINUTES, LOW, OUT_MINUTES, fault_in_steps
from loopback.rows.autoscaling import ScalingPolicyResult, ScalingPolicyRow
from loopback.rows.row import changes, view_of
from loopback.services.autoscaling.resources import (
    DIMENSION,
    NAMESPACE,
    SERVICE,
    ObjectNotFoundException,
    check_kind,
    page,
    place_of,
    resource_members,
    target_of,
)
from loopback.services.autoscaling.targets import delete_alarms
from loopback.services.registry import Context, Request, Response, handles

PREDEFINED = "SageMakerVariantInvocationsPerInstance"
TRACKING, STEP = "TargetTrackingScaling", "StepScaling"
PERIOD = 60


@handles("PutScalingPolicy", service=SERVICE)
def put(request: Request, context: Context) -> Response:
    """Write down or change a policy."""
    target = target_of(request, context)
    name = _key(target.name, request["PolicyName"])
    known = context.store.exists(SCALING_POLICY, name)
    before = ScalingPolicyRow.get(context.store, name) if known else None
    kind = request.get("PolicyType") or (before.type if before else STEP)
    if before and before.type != kind:
        raise ValidationException(f"The type of policy {request['PolicyName']} is {before.type}")
    doc = {**resource_members(request), "PolicyName": request["PolicyName"], "PolicyType": kind}
    doc[f"{kind}PolicyConfiguration"] = _check_request(request, kind, target.name, context)
    if before:
        row = before.amend(context.store, name, "put", doc=doc)
    else:
        new = ScalingPolicyRow(request=doc, policy=request["PolicyName"], type=kind, id=str(uuid.uuid4()))
        row = new.create(context.store, name, target.name)
    if kind == TRACKING:
        try:
            alarms = _put_alarms(row, context)
        except ServiceError as fault:
            if before is None:
                delete_alarms(row, context)
                context.store.delete(SCALING_POLICY, name)
            else:
                before.amend(context.store, name, "put", doc=before.request)
            raise ValidationException(str(fault)) from None
        row = row.amend(context.store, name, "alarms", result=changes(ScalingPolicyResult, alarms=alarms))
    return {"PolicyARN": arn_of(row, context), "Alarms": row.alarms}


def _check_request(request: Request, kind: str, resource: str, context: Context) -> dict[str, Any]:
    if kind not in (TRACKING, STEP):
        raise ValidationException(f"loopback does not carry out PolicyType {kind}")
    config: dict[str, Any] = dict(request.get(f"{kind}PolicyConfiguration") or {})
    if not config:
        raise ValidationException(f"{kind}PolicyConfiguration is required for PolicyType {kind}")
    if kind == STEP:
        if "AdjustmentType" not in config:
            raise ValidationException("AdjustmentType is required for PolicyType StepScaling")
        if fault := fault_in_steps(config.get("StepAdjustments", [])):
            raise ValidationException(f"StepAdjustments: {fault}")
        return config
    _check_tracking(config)
    others = ScalingPolicyRow.find(context.store, parent=resource)
    metrics = ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
    for other in others:
        theirs = other.request.get(f"{TRACKING}PolicyConfiguration")
        same = theirs and all(theirs.get(name) == config.get(name) for name in metrics)
        if same and other.policy != request["PolicyName"]:
            raise ValidationException(
                "Only one TargetTrackingScaling policy for a given metric specification is allowed."
            )
    return config


def _check_tracking(config: dict[str, Any]) -> None:
    predefined, own = config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")
    if (predefined is None) == (own is None):
        raise ValidationException(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given"
        )
    if config["TargetValue"] <= 0:
        raise ValidationException("TargetValue must be greater than 0")
    if predefined is not None:
        if predefined["PredefinedMetricType"] != PREDEFINED:
            raise ValidationException(
                f"loopback has no PredefinedMetricType {predefined['PredefinedMetricType']}; it knows {PREDEFINED}"
            )
        if predefined.get("ResourceLabel"):
            raise ValidationException(f"ResourceLabel does not go with {PREDEFINED}")
    elif own is not None and not own.get("Metrics"):
        missing = [name for name in ("MetricName", "Namespace", "Statistic") if not own.get(name)]
        if missing:
            raise ValidationException(f"CustomizedMetricSpecification lacks {', '.join(missing)}")


def _put_alarms(row: ScalingPolicyRow, context: Context) -> list[dict[str, str]]:
    """AlarmHigh and AlarmLow, with the numbers that AWS gives them."""
    config = row.config
    arn = arn_of(row, context)
    known = [alarm["AlarmName"] for alarm in row.alarms]
    sides = (
        ("AlarmHigh", "GreaterThanThreshold", config["TargetValue"], OUT_MINUTES),
        ("AlarmLow", "LessThanThreshold", round(config["TargetValue"] * LOW, 9), IN_MINUTES),
    )
    put_alarms = []
    for number, (side, comparison, threshold, minutes) in enumerate(sides):
        name = known[number] if known else f"TargetTracking-{row.parent}-{side}-{uuid.uuid4()}"
        request = {
            "AlarmName": name,
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}.",
            "AlarmActions": [arn],
            "ComparisonOperator": comparison,
            "Threshold": threshold,
            "EvaluationPeriods": minutes,
            **_metric(config, row.parent),
        }
        context.base("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", request)
        put_alarms.append({"AlarmName": name, "AlarmARN": context.place.arn(f"alarm:{name}", "cloudwatch")})
    return put_alarms


def _metric(config: dict[str, Any], resource: str) -> dict[str, Any]:
    """The members of PutMetricAlarm that say what is looked at."""
    own = config.get("CustomizedMetricSpecification")
    if own is None:
        endpoint, variant = place_of(resource)
        return {
            "Namespace": "AWS/SageMaker",
            "MetricName": "InvocationsPerInstance",
            "Dimensions": [
                {"Name": "EndpointName", "Value": endpoint},
                {"Name": "VariantName", "Value": variant},
            ],
            "Statistic": "Sum",
            "Period": PERIOD,
        }
    if not own.get("Metrics"):
        return {**own, "Period": PERIOD}
    queries = []
    for query in own["Metrics"]:
        stat = query.get("MetricStat")
        queries.append(query | {"MetricStat": stat | {"Period": PERIOD}} if stat else query)
    return {"Metrics": queries}


@handles("DescribeScalingPolicies", service=SERVICE)
def describe(request: Request, context: Context) -> Response:
    """A page of policies."""
    check_kind(request)
    where = among(member("PolicyName"), request.get("PolicyNames"))
    within = Selection(SCALING_POLICY, request.get("ResourceId"), where=where)
    return page(within, partial(view_of(ScalingPolicyRow, _view), context=context), "ScalingPolicies", request, context)


def _view(row: ScalingPolicyRow, context: Context) -> dict[str, Any]:
    shown = {"PolicyARN": arn_of(row, context), "CreationTime": row.created, "Alarms": row.alarms}
    return row.request | shown


@handles("DeleteScalingPolicy", service=SERVICE)
def delete(request: Request, context: Context) -> Response:
    """Remove a policy and its alarms."""
    check_kind(request)
    try:
        row = ScalingPolicyRow.get(context.store, _key(request["ResourceId"], request["PolicyName"]))
    except ResourceNotFound:
        raise ObjectNotFoundException(
            f"No scaling policy found for service namespace: {NAMESPACE}, resource ID: {request['ResourceId']}, "
            f"scalable dimension: {DIMENSION}, policy name: {request['PolicyName']}"
        ) from None
    context.store.delete(SCALING_POLICY, row.name)
    delete_alarms(row, context)
    return {}


def arn_of(row: ScalingPolicyRow, context: Context) -> str:
    """The ARN of a policy, which is what alarms have among their actions."""
    where = f"resource/{NAMESPACE}/{row.parent}:policyName/{row.policy}"
    return context.place.arn(f"scalingPolicy:{row.id}:{where}", "autoscaling")


def by_arn(arn: str, context: Context) -> ScalingPolicyRow:
    """Raises ObjectNotFoundException."""
    resource, _, name = arn.partition(f":resource/{NAMESPACE}/")[2].partition(":policyName/")
    try:
        row = ScalingPolicyRow.get(context.store, _key(resource, name))
    except ResourceNotFound:
        row = None
    if row is None or arn_of(row, context) != arn:
        raise ObjectNotFoundException(f"There is no scaling policy {arn}")
    return row


def _key(resource: str, policy: str) -> str:
    return f"{resource}/{policy}"
