"""Scalable targets, policies and scheduled actions: what is accepted, refused, shown and forgotten."""

from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.core.kinds import ENDPOINT, SCALABLE_TARGET
from loopback.services.autoscaling.resources import (
    InvalidNextTokenException,
    ObjectNotFoundException,
    ResourceNotFoundException,
)

TRACKED = {
    "TargetValue": 100.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
STEP = {
    "AdjustmentType": "ChangeInCapacity",
    "Cooldown": 60,
    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 2}],
}


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
def test_targets_that_are_refused(endpoint: Any, request_: Any, message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        endpoint("RegisterScalableTarget", **({"MinCapacity": 1, "MaxCapacity": 6} | request_))
    assert endpoint.store.find(SCALABLE_TARGET) == []


def test_an_endpoint_that_does_not_serve_yet(endpoint: Any) -> None:
    endpoint.sagemaker("CreateEndpoint", EndpointName="new", EndpointConfigName="c")
    with pytest.raises(ValidationException, match="is in status Creating; it must be InService"):
        endpoint("RegisterScalableTarget", ResourceId="endpoint/new/variant/v", MinCapacity=1, MaxCapacity=2)


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
def test_scheduled_actions_that_are_refused(site: Any, more: dict[str, Any], message: str) -> None:
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
def test_policies_that_are_refused(site: Any, kind: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        site.policy(config=config, kind=kind)


def test_a_policy_whose_alarm_is_refused_is_not_there(site: Any) -> None:
    spec = {"MetricName": "refused", "Namespace": "N", "Statistic": "Sum"}
    with pytest.raises(ValidationException, match="refused"):
        site.policy(config={"TargetValue": 1.0, "CustomizedMetricSpecification": spec})
    assert site("DescribeScalingPolicies")["ScalingPolicies"] == []


def test_only_one_policy_for_a_metric(site: Any) -> None:
    site.policy()
    with pytest.raises(ValidationException, match="Only one TargetTrackingScaling policy"):
        site.policy("q")


def test_deregistering_takes_everything_along(site: Any) -> None:
    policy = site.policy()
    site("DeregisterScalableTarget")
    assert site.alarms == {}
    assert site("DescribeScalingPolicies")["ScalingPolicies"] == []
    for operation in ("DeregisterScalableTarget", "PutScalingPolicy"):
        with pytest.raises(ObjectNotFoundException, match="No scalable target registered"):
            site(operation, **({"PolicyName": "p"} if operation[0] == "P" else {}))
    with pytest.raises(ObjectNotFoundException, match="There is no scaling policy"):
        site.scaler.on_alarm(policy, {}, 1.0)


def test_a_deleted_endpoint_takes_its_target_along(site: Any) -> None:
    site.policy()
    site.sagemaker("DeleteEndpoint", EndpointName="Ep")
    site.store.delete(ENDPOINT, "ep")
    site.scaler.tick()
    assert site("DescribeScalableTargets")["ScalableTargets"] == []
    assert site.alarms == {}


def test_tags_and_pages(site: Any) -> None:
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
