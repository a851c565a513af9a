"""Capacities: tracking, steps, limits, cooldowns, agreement."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.engines.autoscaling.capacity import (
    CapacityLimits,
    ScalingMove,
    agree,
    base_of,
    decide,
    fault_in_steps,
    step_capacity,
    tracking_capacity,
)

LIMITS = CapacityLimits(1, 10)


@given(st.integers(1, 50), st.floats(0, 1e4), st.floats(0.1, 1e4))
def test_tracking_gives_the_fewest_that_are_enough(current: int, metric: float, target: float) -> None:
    found = tracking_capacity(current, metric, target)
    load = current * metric
    assert load / max(found, 1) <= target * 1.000001
    assert found <= 1 or load / (found - 1) > target * 0.999999


def step(low: float | None, high: float | None, by: int) -> dict[str, Any]:
    bounds = {"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high}
    return {key: value for key, value in bounds.items() if value is not None} | {"ScalingAdjustment": by}


OUT = [step(0, 10, 1), step(10, None, 3)]


@pytest.mark.parametrize(
    ("kind", "steps", "breach", "above", "expected"),
    [
        ("ChangeInCapacity", OUT, 0, True, 6),
        ("ChangeInCapacity", OUT, 10, True, 8),
        ("ChangeInCapacity", OUT, -1, True, None),
        ("ChangeInCapacity", [step(None, 0, -2)], 0, False, 3),
        ("ExactCapacity", [step(0, None, 2)], 5, True, 2),
        ("PercentChangeInCapacity", [step(0, None, 50)], 5, True, 7),
        ("PercentChangeInCapacity", [step(0, None, 10)], 5, True, 6),
        ("PercentChangeInCapacity", [step(None, 0, -10)], -5, False, 4),
        ("PercentChangeInCapacity", [step(None, 0, -50)], -5, False, 3),
    ],
)
def test_steps(kind: str, steps: list[Any], breach: float, above: bool, expected: int | None) -> None:
    assert step_capacity(5, breach, {"AdjustmentType": kind, "StepAdjustments": steps}, above=above) == expected


def test_a_percentage_moves_at_least_the_magnitude_that_is_asked_for() -> None:
    config = {"AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 4}
    assert step_capacity(5, 1, config | {"StepAdjustments": [step(0, None, 10)]}, above=True) == 9


@pytest.mark.parametrize(
    ("wanted", "out", "inward", "expected"),
    [
        (7, None, None, 7),
        (99, None, None, 10),
        (0, None, None, 1),
        (5, None, None, None),
        (6, ScalingMove(3, 6, 200), None, None),
        (8, ScalingMove(3, 6, 200), None, 8),
        (6, ScalingMove(3, 6, 50), None, 6),
        (3, None, ScalingMove(7, 5, 200), None),
        (3, None, ScalingMove(7, 5, 50), 3),
        (7, None, ScalingMove(7, 5, 200), 7),
    ],
)
def test_cooldowns(wanted: int, out: ScalingMove | None, inward: ScalingMove | None, expected: int | None) -> None:
    assert decide(wanted, 5, LIMITS, (out, inward), now=100.0).capacity == expected


def test_during_a_cooldown_the_earlier_capacity_is_what_counts() -> None:
    assert base_of(6, ScalingMove(3, 6, 200), 100.0) == 3
    assert base_of(6, ScalingMove(3, 6, 200), 201.0) == 6


@pytest.mark.parametrize(("wishes", "expected"), [([], None), ([3], 3), ([3, None], None), ([3, 5, 1], 5)])
def test_scaling_in_needs_all(wishes: list[int | None], expected: int | None) -> None:
    assert agree(wishes) == expected


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([], "at least one"),
        ([step(0, 10, 1), step(5, None, 2)], "overlap"),
        ([step(0, 10, 1), step(20, None, 2)], "gap"),
        ([step(10, 0, 1)], "less than"),
        (OUT, None),
    ],
)
def test_faults_in_steps(steps: list[Any], fault: str | None) -> None:
    found = fault_in_steps(steps)
    assert found is None if fault is None else fault in str(found)
