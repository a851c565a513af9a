"""Scaling without processes: what is decided, and what is asked of SageMaker."""

from typing import Any

from loopback.core.kinds import ENDPOINT
from loopback.services.autoscaling.scaler import Scaler

RESOURCE = "endpoint/Ep/variant/v"
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


def test_the_capacity_is_moved_into_the_limits(site: Any) -> None:
    site("RegisterScalableTarget", MinCapacity=2)
    assert site.settle() == 2
    (activity,) = site.activities()
    assert activity["Cause"] == "minimum capacity was set to 2"
    assert (activity["Description"], activity["StatusCode"]) == ("Setting desired instance count to 2.", "Successful")
    (target,) = site("DescribeScalableTargets")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")


def test_a_tracking_policy_brings_its_alarms(site: Any) -> None:
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


def test_it_scales_out_to_what_the_load_needs_and_no_further(site: Any) -> None:
    policy = site.policy()
    assert site.alarm(policy, "AlarmHigh", 350) == 4
    activity = site.activities()[0]
    assert "triggered policy p" in activity["Cause"]
    assert "fulfilled by sagemaker" in activity["StatusMessage"]
    assert site.events == []
    assert site.alarm(policy, "AlarmHigh", 350) == 4  # in its cooldown, and not larger
    assert site.alarm(policy, "AlarmHigh", 900) == 6
    assert [(e["newDesiredCapacity"], e["scaledToMax"]) for e in site.events] == [(6, True)]


def test_it_scales_in_if_all_policies_agree_after_the_cooldown(site: Any) -> None:
    first, second = site.policy(), site.policy("q", OTHER)
    assert site.alarm(first, "AlarmHigh", 550) == 6
    assert site.alarm(first, "AlarmLow", 10) == 6  # the other one does not ask for it
    assert site.alarm(second, "AlarmLow", 5) == 3  # the larger of 1 and 3
    assert site.alarm(first, "AlarmLow", 10) == 3  # cooldown
    site.clock.now += 301
    site.scaler.on_alarm(second, site.side(second, "AlarmLow"), 5)
    assert site.settle() == 3  # the first one's wish is too old
    assert site.alarm(first, "AlarmLow", 10) == 2


def test_scale_in_can_be_disabled_and_suspended(site: Any) -> None:
    policy = site.policy(config=TRACKED | {"DisableScaleIn": True})
    assert site.alarm(policy, "AlarmHigh", 250) == 3
    assert site.alarm(policy, "AlarmLow", 1) == 3
    site.policy()
    site("RegisterScalableTarget", SuspendedState={"DynamicScalingInSuspended": True})
    assert site.alarm(policy, "AlarmLow", 1) == 3
    site("RegisterScalableTarget", SuspendedState={"DynamicScalingInSuspended": False})
    assert site.alarm(policy, "AlarmLow", 1) == 1


def test_steps(site: Any) -> None:
    policy = site.policy(config=STEP, kind="StepScaling")
    assert site.alarms == {}
    alarm = {"AlarmName": "mine", "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}
    for seconds, expected in ((0, 3), (30, 3), (31, 5)):
        site.clock.now += seconds
        site.scaler.on_alarm(policy, alarm, 7.0)
        assert site.settle() == expected


def test_a_change_waits_for_another_update_and_survives_the_death_of_the_scaler(site: Any) -> None:
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


def test_a_change_that_the_endpoint_refuses_fails_with_the_reason(site: Any) -> None:
    site("RegisterScalableTarget", MaxCapacity=50)
    policy = site.policy()
    assert site.alarm(policy, "AlarmHigh", 3000) == 1
    activity = site.activities()[0]
    assert activity["StatusCode"] == "Failed"
    assert "at most 20" in activity["StatusMessage"]


def test_a_change_that_does_not_come_up_fails_with_the_endpoints_reason(site: Any) -> None:
    policy = site.policy()
    site.scaler.on_alarm(policy, site.side(policy, "AlarmHigh"), 250)
    site.scaler.tick()
    site.store.fire(ENDPOINT, "ep", "roll_back")
    site.store.fire(ENDPOINT, "ep", "serve", {"pending": None, "FailureReason": "no memory"})
    site.scaler.tick()
    assert site.activities()[0]["StatusMessage"].endswith("Reason: no memory")


def test_a_scheduled_action_changes_the_limits_when_it_is_due(site: Any) -> None:
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


def test_the_capacity_survives_an_update_that_retains_it(site: Any) -> None:
    policy = site.policy()
    assert site.alarm(policy, "AlarmHigh", 350) == 4
    site.sagemaker("UpdateEndpoint", EndpointName="Ep", EndpointConfigName="c", RetainAllVariantProperties=True)
    site.serve()
    assert site.settle() == 4
