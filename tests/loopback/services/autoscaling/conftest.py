"""An endpoint that serves, a scaler, and CloudWatch as a dictionary: what the tests of scaling need."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.core.kinds import ENDPOINT
from loopback.services import registry
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
def endpoint(context: registry.Context, clock: Any) -> Site:
    """Nothing is registered yet."""
    return Site(context, clock)


@pytest.fixture
def site(endpoint: Site) -> Site:
    """The variant may have 1 to 6 instances."""
    endpoint("RegisterScalableTarget", MinCapacity=1, MaxCapacity=6)
    endpoint.settle()
    return endpoint
