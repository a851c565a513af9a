"""Scaling without processes: what is accepted, refused and decided, and what it asks of SageMaker."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from loopback.core.errors import ResourceNotFound, ServiceError, ValidationException
from loopback.core.kinds import ENDPOINT, SCALABLE_TARGET
from loopback.services import registry
from loopback.services.autoscaling.resources import (
    InvalidNextTokenException,
    ObjectNotFoundException,
    ResourceNotFoundException,
)
from loopback.services.autoscaling.scaler import Scaler
from loopback.services.sagemaker import endpoint_configs, endpoints, models  # noqa: F401  # they register themselves

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
RESOURCE = "endpoint/Ep/variant/v"
WHAT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TRACKED = {
    "TargetValue": 100.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
OTHER = {
    "TargetValue": 10.0,
    "CustomizedMetricSpecification": {"MetricName": "M", "Namespace": "N", "Statistic": "Average"},
}
STEP = {
    "AdjustmentType": "ChangeInCapacity",
    "Cooldown": 60,
    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 2}],
}


class Site:
    """An endpoint that serves, a scaler, and CloudWatch as a dictionary of alarms."""

    def __init__(self, context: registry.Context, clock: Any) -> None:
        self.clock, self.store = clock, context.store
        self.context = dataclasses.replace(context, base=self._base)
        self.alarms: dict[str, dict[str, Any]] = {}
        self.events: list[Mapping[str, Any]] = []
        self.scaler = Scaler(self.context, lambda _title, _arns, detail, _source: self.events.append(detail), now=clock)
        context.objects.buckets["bucket"]["model.tar.gz"] = b"x"  # type: ignore[attr-defined]
        container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
        role = "arn:aws:iam::000000000000:role/r"
        self.sagemaker("CreateModel", ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[variant])
        self.sagemaker("CreateEndpoint", EndpointName="Ep", EndpointConfigName="c")
        self.serve()

    def _base(self, _service: str, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
        operation = target.rpartition(".")[2]
        if operation == "PutMetricAlarm":
            if request["MetricName"] == "refused" if "MetricName" in request else False:
                raise ServiceError("ValidationError: refused")
            self.alarms[request["AlarmName"]] = {"StateValue": "OK", **request}
        for name in request["AlarmNames"] if operation == "DeleteAlarms" else ():
            del self.alarms[name]
        if operation == "DescribeAlarms":
            return {"MetricAlarms": [self.alarms[name] for name in request["AlarmNames"] if name in self.alarms]}
        return {}

    def sagemaker(self, operation: str, **request: Any) -> dict[str, Any]:
        return registry.call("sagemaker", operation, request, self.context)

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        given = WHAT | request if operation[0] in "RDP" else request
        if operation.startswith("Describe"):
            given = {"ServiceNamespace": "sagemaker"} | request
        return registry.call("application-autoscaling", operation, given, self.context)

    def serve(self) -> None:
        """What is pending serves now."""
        pending = self.store.get(ENDPOINT, "ep").result["pending"]
        self.store.fire(ENDPOINT, "ep", "serve", {"serving": pending, "pending": None})

    def settle(self) -> int:
        """Carry out what is to be done; the instances there are then."""
        for _ in range(3):
            self.scaler.tick()
            if self.store.get(ENDPOINT, "ep").status == "Updating":
                self.serve()
        (variant,) = self.sagemaker("DescribeEndpoint", EndpointName="Ep")["ProductionVariants"]
        return int(variant["CurrentInstanceCount"])

    def activities(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self("DescribeScalingActivities")["ScalingActivities"]
        return found

    def policy(self, name: str = "p", config: Mapping[str, Any] = TRACKED, kind: str = "TargetTrackingScaling") -> str:
        given = {"PolicyName": name, "PolicyType": kind, f"{kind}PolicyConfiguration": dict(config)}
        return str(self("PutScalingPolicy", **given)["PolicyARN"])

    def side(self, policy: str, side: str) -> dict[str, Any]:
        return next(a for n, a in self.alarms.items() if side in n and policy in a["AlarmActions"])

    def alarm(self, policy: str, side: str, metric: float) -> int:
        found = self.side(policy, side)
        found["StateValue"] = "ALARM"
        self.scaler.on_alarm(policy, found, metric)
        return self.settle()


@pytest.fixture
def site(context: registry.Context, clock: Any) -> Site:
    made = Site(context, clock)
    made("RegisterScalableTarget", MinCapacity=1, MaxCapacity=6)
    made.settle()
    return made


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"ServiceNamespace": "ecs"}, "sagemaker only, not ecs"),
        ({"ScalableDimension": "sagemaker:inference-component:DesiredCopyCount"}, "only, not sagemaker:inference"),
        ({"ResourceId": "endpoint/Ep"}, "expected endpoint/<name>/variant/<name>"),
        ({"ResourceId": "endpoint/no/variant/v"}, "Could not find endpoint"),
        ({"ResourceId": "endpoint/Ep/variant/w"}, "Variant w does not exist"),
        ({"MinCapacity": 0}, "greater than or equal to 1"),
        ({"MinCapacity": 7}, "cannot be less than"),
        ({"MaxCapacity": None, "MinCapacity": 1}, "MaxCapacity is required"),
    ],
)
def test_targets_that_are_refused(context: registry.Context, clock: Any, request_: Any, message: str) -> None:
    site = Site(context, clock)
    with pytest.raises(ValidationException, match=message):
        site("RegisterScalableTarget", **({"MinCapacity": 1, "MaxCapacity": 6} | request_))
    assert site.store.find(SCALABLE_TARGET) == []


def test_an_endpoint_that_does_not_serve_yet(context: registry.Context, clock: Any) -> None:
    site = Site(context, clock)
    site.sagemaker("CreateEndpoint", EndpointName="new", EndpointConfigName="c")
    with pytest.raises(ValidationException, match="is in status Creating; it must be InService"):
        site("RegisterScalableTarget", ResourceId="endpoint/new/variant/v", MinCapacity=1, MaxCapacity=2)


def test_the_capacity_is_moved_into_the_limits(site: Site) -> None:
    site("RegisterScalableTarget", MinCapacity=2)
    assert site.settle() == 2
    (activity,) = site.activities()
    assert activity["Cause"] == "minimum capacity was set to 2"
    assert (activity["Description"], activity["StatusCode"]) == ("Setting desired instance count to 2.", "Successful")
    (target,) = site("DescribeScalableTargets")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")


def test_a_tracking_policy_brings_its_alarms(site: Site) -> None:
    policy = site.policy()
    high, low = site.side(policy, "AlarmHigh"), site.side(policy, "AlarmLow")
    assert high["AlarmName"].startswith(f"TargetTracking-{RESOURCE}-AlarmHigh-")
    assert [(a["EvaluationPeriods"], a["Period"], a["Threshold"]) for a in (high, low)] == [(3, 60, 100), (15, 60, 90)]
    assert {d["Name"]: d["Value"] for d in high["Dimensions"]} == {"EndpointName": "Ep", "VariantName": "v"}
    shown = site("DescribeScalingPolicies")["ScalingPolicies"][0]
    assert [a["AlarmName"] for a in shown["Alarms"]] == [high["AlarmName"], low["AlarmName"]]
    assert site.policy(config=TRACKED | {"TargetValue": 50.0}) == policy
    assert len(site.alarms) == 2
    assert site.side(policy, "AlarmLow")["Threshold"] == 45


def test_it_scales_out_to_what_the_load_needs_and_no_further(site: Site) -> None:
    policy = site.policy()
    assert site.alarm(policy, "AlarmHigh", 350) == 4
    activity = site.activities()[0]
    assert "triggered policy p" in activity["Cause"]
    assert "fulfilled by sagemaker" in activity["StatusMessage"]
    assert site.events == []
    assert site.alarm(policy, "AlarmHigh", 350) == 4  # in its cooldown, and not larger
    assert site.alarm(policy, "AlarmHigh", 900) == 6
    assert [(e["newDesiredCapacity"], e["scaledToMax"]) for e in site.events] == [(6, True)]


def test_it_scales_in_if_all_policies_agree_after_the_cooldown(site: Site) -> None:
    first, second = site.policy(), site.policy("q", OTHER)
    assert site.alarm(first, "AlarmHigh", 550) == 6
    assert site.alarm(first, "AlarmLow", 10) == 6  # the other one does not ask for it
    assert site.alarm(second, "AlarmLow", 5) == 3  # the larger of 1 and 3
    assert site.alarm(first, "AlarmLow", 10) == 3  # cooldown
    site.clock.now += 301
    site.scaler.on_alarm(second, site.side(second, "AlarmLow"), 5)
    assert site.settle() == 3  # the first one's wish is too old
    assert site.alarm(first, "AlarmLow", 10) == 2


def test_scale_in_can_be_disabled_and_suspended(site: Site) -> None:
    policy = site.policy(config=TRACKED | {"DisableScaleIn": True})
    assert site.alarm(policy, "AlarmHigh", 250) == 3
    assert site.alarm(policy, "AlarmLow", 1) == 3
    site.policy()
    site("RegisterScalableTarget", SuspendedState={"DynamicScalingInSuspended": True})
    assert site.alarm(policy, "AlarmLow", 1) == 3
    site("RegisterScalableTarget", SuspendedState={"DynamicScalingInSuspended": False})
    assert site.alarm(policy, "AlarmLow", 1) == 1


def test_steps(site: Site) -> None:
    policy = site.policy(config=STEP, kind="StepScaling")
    assert site.alarms == {}
    alarm = {"AlarmName": "mine", "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}
    for seconds, expected in ((0, 3), (30, 3), (31, 5)):
        site.clock.now += seconds
        site.scaler.on_alarm(policy, alarm, 7.0)
        assert site.settle() == expected


def test_a_change_waits_for_another_update_and_survives_the_death_of_the_scaler(site: Site) -> None:
    policy = site.policy()
    site.scaler.on_alarm(policy, site.side(policy, "AlarmHigh"), 250)
    weights = [{"VariantName": "v", "DesiredWeight": 2.0}]
    site.sagemaker("UpdateEndpointWeightsAndCapacities", EndpointName="Ep", DesiredWeightsAndCapacities=weights)
    site.scaler.tick()
    assert site.activities()[0]["StatusCode"] == "InProgress"
    site.serve()
    site.scaler = Scaler(site.context, lambda *_: None, now=site.clock)
    assert site.settle() == 3
    assert site.activities()[0]["StatusCode"] == "Successful"


def test_a_change_that_the_endpoint_refuses_fails_with_the_reason(site: Site) -> None:
    site("RegisterScalableTarget", MaxCapacity=50)
    policy = site.policy()
    assert site.alarm(policy, "AlarmHigh", 3000) == 1
    activity = site.activities()[0]
    assert activity["StatusCode"] == "Failed"
    assert "at most 20" in activity["StatusMessage"]


def test_a_change_that_does_not_come_up_fails_with_the_endpoints_reason(site: Site) -> None:
    policy = site.policy()
    site.scaler.on_alarm(policy, site.side(policy, "AlarmHigh"), 250)
    site.scaler.tick()
    site.store.fire(ENDPOINT, "ep", "roll_back")
    site.store.fire(ENDPOINT, "ep", "serve", {"pending": None, "FailureReason": "no memory"})
    site.scaler.tick()
    assert site.activities()[0]["StatusMessage"].endswith("Reason: no memory")


def test_a_scheduled_action_changes_the_limits_when_it_is_due(site: Site) -> None:
    action = {"MinCapacity": 3, "MaxCapacity": 4}
    site("PutScheduledAction", ScheduledActionName="s", Schedule="rate(1 hour)", ScalableTargetAction=action)
    assert site.settle() == 1
    site.clock.now += 3600
    assert site.settle() == 3
    done = {activity["Description"]: activity for activity in site.activities()}
    assert done["Setting min capacity to 3 and max capacity to 4"]["StatusCode"] == "Successful"
    assert "scheduled action name s" in done["Setting min capacity to 3 and max capacity to 4"]["Cause"]
    site("RegisterScalableTarget", MinCapacity=1, SuspendedState={"ScheduledScalingSuspended": True})
    site.clock.now += 3600
    assert site.settle() == 3
    assert site("DescribeScalableTargets")["ScalableTargets"][0]["MinCapacity"] == 1
    site("DeleteScheduledAction", ScheduledActionName="s")
    assert site("DescribeScheduledActions")["ScheduledActions"] == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"Schedule": "daily"}, "must be at"),
        ({"ScalableTargetAction": {}}, "MinCapacity, MaxCapacity or both"),
        ({"ScalableTargetAction": {"MinCapacity": 5, "MaxCapacity": 2}}, "cannot be less"),
        ({"StartTime": 2e9, "EndTime": 1e9}, "EndTime must be later"),
        ({"Timezone": "Nowhere"}, "'Nowhere'"),
    ],
)
def test_scheduled_actions_that_are_refused(site: Site, more: dict[str, Any], message: str) -> None:
    given = {"Schedule": "rate(1 hour)", "ScalableTargetAction": {"MinCapacity": 2}} | more
    with pytest.raises(ValidationException, match=message):
        site("PutScheduledAction", ScheduledActionName="s", **given)


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("PredictiveScaling", {"MetricSpecifications": []}, "PolicyType PredictiveScaling"),
        ("TargetTrackingScaling", {"TargetValue": 1.0}, "Exactly one of"),
        ("TargetTrackingScaling", TRACKED | {"TargetValue": 0.0}, "greater than 0"),
        (
            "TargetTrackingScaling",
            TRACKED | {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
            "no PredefinedMetricType ECS",
        ),
        (
            "TargetTrackingScaling",
            {"TargetValue": 1.0, "CustomizedMetricSpecification": {"MetricName": "M"}},
            "lacks Namespace, Statistic",
        ),
        ("StepScaling", {"StepAdjustments": []}, "AdjustmentType"),
        ("StepScaling", {"AdjustmentType": "ExactCapacity", "StepAdjustments": []}, "at least one"),
    ],
)
def test_policies_that_are_refused(site: Site, kind: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        site.policy(config=config, kind=kind)


def test_a_policy_whose_alarm_is_refused_is_not_there(site: Site) -> None:
    spec = {"MetricName": "refused", "Namespace": "N", "Statistic": "Sum"}
    with pytest.raises(ValidationException, match="refused"):
        site.policy(config={"TargetValue": 1.0, "CustomizedMetricSpecification": spec})
    assert site("DescribeScalingPolicies")["ScalingPolicies"] == []


def test_only_one_policy_for_a_metric(site: Site) -> None:
    site.policy()
    with pytest.raises(ValidationException, match="Only one TargetTrackingScaling policy"):
        site.policy("q")


def test_deregistering_takes_everything_along(site: Site) -> None:
    policy = site.policy()
    site("DeregisterScalableTarget")
    assert site.alarms == {}
    assert site("DescribeScalingPolicies")["ScalingPolicies"] == []
    for operation in ("DeregisterScalableTarget", "PutScalingPolicy"):
        with pytest.raises(ObjectNotFoundException, match="No scalable target registered"):
            site(operation, **({"PolicyName": "p"} if operation[0] == "P" else {}))
    with pytest.raises(ObjectNotFoundException, match="There is no scaling policy"):
        site.scaler.on_alarm(policy, {}, 1.0)


def test_a_deleted_endpoint_takes_its_target_along(site: Site) -> None:
    site.policy()
    site.sagemaker("DeleteEndpoint", EndpointName="Ep")
    site.store.delete(ENDPOINT, "ep")
    site.scaler.tick()
    assert site("DescribeScalableTargets")["ScalableTargets"] == []
    assert site.alarms == {}


def test_the_capacity_survives_an_update_that_retains_it(site: Site) -> None:
    policy = site.policy()
    assert site.alarm(policy, "AlarmHigh", 350) == 4
    site.sagemaker("UpdateEndpoint", EndpointName="Ep", EndpointConfigName="c", RetainAllVariantProperties=True)
    site.serve()
    assert site.settle() == 4


def test_tags_and_pages(site: Site) -> None:
    arn = site("DescribeScalableTargets")["ScalableTargets"][0]["ScalableTargetARN"]
    site("TagResource", ResourceARN=arn, Tags={"a": "1", "b": "2"})
    site("UntagResource", ResourceARN=arn, TagKeys=["a"])
    assert site("ListTagsForResource", ResourceARN=arn)["Tags"] == {"b": "2"}
    with pytest.raises(ResourceNotFoundException):
        site("ListTagsForResource", ResourceARN=arn + "0")
    for name in "xyz":
        site.policy(name, STEP, "StepScaling")
    page = site("DescribeScalingPolicies", MaxResults=2)
    rest = site("DescribeScalingPolicies", MaxResults=2, NextToken=page["NextToken"])
    assert [p["PolicyName"] for p in page["ScalingPolicies"] + rest["ScalingPolicies"]] == ["x", "y", "z"]
    assert "NextToken" not in rest
    with pytest.raises(InvalidNextTokenException):
        site("DescribeScalingPolicies", NextToken="?")
    site("DeleteScalingPolicy", PolicyName="x")
    with pytest.raises(ObjectNotFoundException, match="No scaling policy found"):
        site("DeleteScalingPolicy", PolicyName="x")


def test_the_target_row_is_gone(site: Site) -> None:
    site("DeregisterScalableTarget")
    with pytest.raises(ResourceNotFound):
        site.store.get(SCALABLE_TARGET, RESOURCE)
