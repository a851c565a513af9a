"""Scaling for real: an endpoint whose instances grow because of data, steps and schedules; boto3 as the client."""

import io
import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.journey

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
ROLE = "arn:aws:iam::000000000000:role/r"
SCRIPT = b"""
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model): return 'here'
def output_fn(prediction, accept): return prediction
"""
METRIC = {"Namespace": "Load", "MetricName": "Requests"}


class Variant:
    """One endpoint with one variant, and its scaling."""

    def __init__(self, loopback: Any, name: str) -> None:
        self.loopback, self.name = loopback, name
        self.sagemaker, self.s3 = loopback.client("sagemaker"), loopback.client("s3")
        self.scaling, self.cloudwatch = loopback.client("application-autoscaling"), loopback.client("cloudwatch")
        self.what = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{name}/variant/v",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        body = io.BytesIO()
        with tarfile.open(fileobj=body, mode="w:gz") as archive:
            entry = tarfile.TarInfo("code/inference.py")
            entry.size = len(SCRIPT)
            archive.addfile(entry, io.BytesIO(SCRIPT))
        self.s3.create_bucket(Bucket=f"{name}-models")
        self.s3.put_object(Bucket=f"{name}-models", Key="model.tar.gz", Body=body.getvalue())
        environ = {"SAGEMAKER_PROGRAM": "inference.py"}
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name}-models/model.tar.gz", "Environment": environ}
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def shown(self) -> tuple[str, int]:
        found = self.sagemaker.describe_endpoint(EndpointName=self.name)
        (variant,) = found.get("ProductionVariants") or [{"CurrentInstanceCount": 0}]
        return found["EndpointStatus"], variant["CurrentInstanceCount"]

    def register(self, **limits: Any) -> None:
        self.scaling.register_scalable_target(**self.what, **limits)

    def policy(self, name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
        given = {"PolicyName": name, "PolicyType": kind, f"{kind}PolicyConfiguration": config}
        answer: dict[str, Any] = self.scaling.put_scaling_policy(**self.what, **given)
        return answer

    def activities(self) -> list[dict[str, Any]]:
        request = {"ServiceNamespace": "sagemaker", "ResourceId": self.what["ResourceId"]}
        found: list[dict[str, Any]] = self.scaling.describe_scaling_activities(**request)["ScalingActivities"]
        return found


@pytest.fixture
def variant(loopback: Any, wait_until: Callable[..., Any]) -> Iterator[Variant]:
    made = Variant(loopback, "ep")
    with pytest.raises(ClientError, match="must be InService"):
        made.register(MinCapacity=1, MaxCapacity=3)
    wait_until(lambda: made.shown() == ("InService", 1), 30)
    return made


def test_a_tracking_policy_scales_out_and_deregistering_cleans_up(
    variant: Variant, wait_until: Callable[..., Any]
) -> None:
    variant.register(MinCapacity=1, MaxCapacity=3)
    config = {"TargetValue": 10.0, "CustomizedMetricSpecification": {**METRIC, "Statistic": "Average"}}
    answer = variant.policy("track", "TargetTrackingScaling", config)
    high = answer["Alarms"][0]["AlarmName"]
    assert high.startswith("TargetTracking-endpoint/ep/variant/v-AlarmHigh-")
    minute = time.time() // 60 * 60
    data = [{"MetricName": "Requests", "Timestamp": minute - 60 * back, "Value": 18.0} for back in (3, 2, 1)]
    variant.cloudwatch.put_metric_data(Namespace="Load", MetricData=data)
    wait_until(lambda: variant.shown() == ("InService", 2), 15)
    (activity,) = wait_until(lambda: [a for a in variant.activities() if a["StatusCode"] == "Successful"], 5)
    assert activity["Description"] == "Setting desired instance count to 2."
    assert activity["Cause"] == f"monitor alarm {high} in state ALARM triggered policy track"
    assert activity["EndTime"] >= activity["StartTime"]
    variant.sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="ep", RetainAllVariantProperties=True)
    wait_until(lambda: variant.shown() == ("InService", 2), 20)
    variant.scaling.deregister_scalable_target(**variant.what)
    assert variant.cloudwatch.describe_alarms()["MetricAlarms"] == []
    with pytest.raises(ClientError, match=r"ObjectNotFoundException.*No scalable target registered"):
        variant.policy("track", "TargetTrackingScaling", config)


def test_steps_schedules_and_a_kill(variant: Variant, wait_until: Callable[..., Any]) -> None:
    variant.register(MinCapacity=1, MaxCapacity=4)
    step = {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}
    config = {"AdjustmentType": "ChangeInCapacity", "Cooldown": 300, "StepAdjustments": [step]}
    arn = variant.policy("step", "StepScaling", config)["PolicyARN"]
    variant.cloudwatch.put_metric_alarm(
        AlarmName="busy",
        **METRIC,
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[arn],
    )
    variant.cloudwatch.put_metric_data(Namespace="Load", MetricData=[{"MetricName": "Requests", "Value": 9}])
    wait_until(lambda: variant.shown() == ("InService", 2), 15)
    soon = datetime.now(UTC) + timedelta(seconds=2)
    variant.scaling.put_scheduled_action(
        **variant.what,
        ScheduledActionName="rush",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 3, "MaxCapacity": 4},
    )
    os.kill(variant.loopback.found["pid"], signal.SIGKILL)
    wait_until(lambda: _answers(variant) == ("InService", 3), 20)
    causes = [activity["Cause"] for activity in variant.activities()]
    assert "scheduled action name rush was triggered" in causes
    assert "minimum capacity was set to 3" in causes
    variant.sagemaker.delete_endpoint(EndpointName="ep")
    wait_until(
        lambda: not variant.scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"], 15
    )


def _answers(variant: Variant) -> tuple[str, int] | None:
    try:
        return variant.shown()
    except Exception:  # noqa: BLE001  # it is being started again
        return None
