"""Traffic shares over time."""

from typing import Any

import pytest

from loopback.engines.codedeploy.traffic_shifting import BUILT_IN, InvalidRouting, TrafficStep, hold, steps


def canary(percent: Any, minutes: Any) -> dict[str, Any]:
    return {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": minutes}}


def linear(percent: Any, minutes: Any) -> dict[str, Any]:
    return {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes}}


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("LambdaCanary10Percent5Minutes", 2, TrafficStep(0, 10), TrafficStep(300, 100)),
        ("LambdaCanary10Percent30Minutes", 2, TrafficStep(0, 10), TrafficStep(1800, 100)),
        ("LambdaLinear10PercentEvery1Minute", 10, TrafficStep(0, 10), TrafficStep(540, 100)),
        ("LambdaLinear10PercentEvery10Minutes", 10, TrafficStep(0, 10), TrafficStep(5400, 100)),
        ("LambdaAllAtOnce", 1, TrafficStep(0, 100), TrafficStep(0, 100)),
    ],
)
def test_the_built_in_configurations(name: str, count: int, first: TrafficStep, last: TrafficStep) -> None:
    plan = steps(BUILT_IN[f"CodeDeployDefault.{name}"])
    assert (len(plan), plan[0], plan[-1]) == (count, first, last)


def test_there_are_nine_built_in_ones() -> None:
    assert len(BUILT_IN) == 9
    assert all(steps(config) for config in BUILT_IN.values())


def test_a_linear_shift_ends_at_100_when_its_step_does_not_divide_it() -> None:
    assert [step.percent for step in steps(linear(30, 2))] == [30, 60, 90, 100]


def test_how_long_each_step_holds() -> None:
    plan = steps(linear(40, 2))
    assert [hold(plan, index) for index in range(3)] == [120, 120, None]
    assert hold(steps({"type": "AllAtOnce"}), 0) is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "type is None"),
        (canary(0, 5), "canaryPercentage is 0"),
        (canary(100, 5), "canaryPercentage is 100"),
        (canary(10, 0), "canaryInterval is 0"),
        (canary(10, 2881), "2881 minutes; at most 2880"),
        ({"type": "TimeBasedLinear"}, "linearPercentage is None"),
        (canary(10, 5) | {"type": "AllAtOnce"}, "timeBasedCanary does not go with type AllAtOnce"),
    ],
)
def test_what_is_no_shift_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRouting, match=said):
        steps(config)
