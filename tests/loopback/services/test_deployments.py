"""DeploymentConfig: which are refused, and which plans the others become.

Source: AWS, deployment-guardrails.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.core.errors import ValidationException
from loopback.services.sagemaker.deployments import plan_of, require_alarms


def size(value: int, kind: str = "CAPACITY_PERCENT") -> dict[str, Any]:
    return {"Type": kind, "Value": value}


def blue_green(kind: str, wait: int = 0, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait}
    routing |= {key: more.pop(key) for key in ("CanarySize", "LinearStepSize") if key in more}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **more}}


def rolling(batch: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 10, **more}}


PLANS: list[tuple[Any, list[int], dict[str, Any]]] = [
    (None, [1], {"shares": [1.0], "wait": 0, "alarms": []}),
    ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}, [1], {"shares": [1.0], "alarms": ["a"]}),
    (blue_green("ALL_AT_ONCE", 30, TerminationWaitInSeconds=5), [1], {"shares": [1.0], "wait": 30, "termination": 5}),
    (blue_green("CANARY", CanarySize=size(30)), [1], {"shares": [0.3, 1.0], "gradual": False}),
    (blue_green("CANARY", CanarySize=size(1, "INSTANCE_COUNT")), [2, 2], {"shares": [0.25, 1.0]}),
    (blue_green("LINEAR", LinearStepSize=size(50)), [2], {"shares": [0.5, 1.0], "gradual": True}),
    (blue_green("LINEAR", LinearStepSize=size(30)), [10], {"shares": [0.3, 0.6, 0.9, 1.0]}),
    (rolling(size(50)), [4], {"shares": [0.5, 1.0], "rolling": True, "retreat": 1.0}),
    (rolling(size(5)), [4], {"shares": [0.25, 0.5, 0.75, 1.0]}),
    (rolling(size(2, "INSTANCE_COUNT"), RollbackMaximumBatchSize=size(100)), [5], {"shares": [0.4, 0.8, 1.0]}),
    (rolling(size(50), RollbackMaximumBatchSize=size(1, "INSTANCE_COUNT")), [4], {"retreat": 0.25}),
]


@pytest.mark.parametrize(("config", "counts", "expected"), PLANS, ids=lambda value: str(value)[:60])
def test_plans(config: Any, counts: list[int], expected: dict[str, Any]) -> None:
    plan = plan_of(config, counts)
    assert {key: plan[key] for key in expected} == expected


WRONG: list[tuple[Any, int, str]] = [
    (blue_green("CANARY"), 1, "CanarySize is needed with Type CANARY"),
    (blue_green("LINEAR"), 1, "LinearStepSize is needed with Type LINEAR"),
    (blue_green("ALL_AT_ONCE", CanarySize=size(10)), 1, "CanarySize is not for Type ALL_AT_ONCE"),
    (blue_green("CANARY", CanarySize=size(51)), 9, "CanarySize 51 % must be between 1 and 50 %"),
    (blue_green("CANARY", CanarySize=size(1, "INSTANCE_COUNT")), 1, r"CanarySize 1 \(100 % of 1\)"),
    (blue_green("LINEAR", LinearStepSize=size(9)), 9, "LinearStepSize 9 % must be between 10 and 50 %"),
    (blue_green("LINEAR", LinearStepSize=size(1, "INSTANCE_COUNT")), 20, "LinearStepSize 1"),
    (rolling(size(4)), 9, "MaximumBatchSize 4 % must be between 5 and 50 %"),
    (rolling(size(3, "INSTANCE_COUNT")), 5, r"MaximumBatchSize 3 \(60 % of 5\)"),
    (rolling(size(50), RollbackMaximumBatchSize=size(4)), 5, "RollbackMaximumBatchSize 4 %"),
    (rolling(size(50), MaximumExecutionTimeoutInSeconds=20), 2, "must exceed the sum of all waits, 20 seconds"),
    (
        blue_green("LINEAR", 500, LinearStepSize=size(50), MaximumExecutionTimeoutInSeconds=1000),
        2,
        "MaximumExecutionTimeoutInSeconds 1000 must exceed the sum of all waits, 1000 seconds",
    ),
    (blue_green("ALL_AT_ONCE") | rolling(size(50)), 2, "give one of them"),
]


@pytest.mark.parametrize(("config", "count", "message"), WRONG, ids=lambda value: str(value)[:60])
def test_rules(config: Any, count: int, message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        plan_of(config, [count])


@given(st.integers(10, 50), st.integers(1, 20))
def test_shares_grow_to_one(percent: int, count: int) -> None:
    for config in (blue_green("LINEAR", LinearStepSize=size(percent)), rolling(size(percent))):
        shares = plan_of(config, [count])["shares"]
        assert shares == sorted(set(shares))
        assert (shares[-1], shares[0] > 0) == (1.0, True)


def test_alarms_must_be_there(context: Any, base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "call", lambda *_: {"MetricAlarms": [{"AlarmName": "a", "StateValue": "OK"}]})
    context = type(context)(**{**context.__dict__, "base": base.call})
    require_alarms(["a"], context)
    with pytest.raises(ValidationException, match="Could not find CloudWatch alarms: b"):
        require_alarms(["a", "b"], context)
