"""The plan of a deployment: what stands when, what comes next, and the way back; time and alarms are arguments."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.engines.endpoints.guardrails import (
    ALONE,
    BAKING,
    DONE,
    LAUNCHING,
    RETREATING,
    SHIFTING,
    TERMINATING,
    UNDONE,
    DeploymentPlan,
    DeploymentProgress,
    TrafficState,
    following,
    instances,
    pause,
    picture,
    reason_to_retreat,
    retreat,
    variant_status,
    way_back,
)

CANARY = DeploymentPlan("CANARY", (0.3, 1.0), wait=60, termination=30, alarms=("slow",))
LINEAR = DeploymentPlan("LINEAR", (0.5, 1.0), wait=10, gradual=True)
ROLLING = DeploymentPlan("ROLLING", (0.4, 0.8, 1.0), wait=10, gradual=True, rolling=True)
STEPWISE = DeploymentPlan("ROLLING", (0.4, 0.8, 1.0), gradual=True, rolling=True, retreat=0.4)


def walked(plan: DeploymentPlan, until: str = DONE) -> list[tuple[str, float, TrafficState]]:
    """Every phase with the second at which it began, when each lasts as short as it can."""
    at, now, seen = DeploymentProgress(LAUNCHING, 0, 0), 0.0, []
    while at.phase != until:
        if at.phase not in {entry[0] for entry in seen[-1:]} or at.since == now:
            seen.append((at.phase, now, picture(plan, at)))
        after = following(plan, at, now)
        if after == at:
            now += pause(plan, at, now)
        at = after
    return list(dict.fromkeys(seen))


def test_all_at_once_without_waits() -> None:
    phases = [(phase, now) for phase, now, _ in walked(DeploymentPlan())]
    assert phases == [(name, 0) for name in ("Launching", "Shifting", "Baking", "Terminating", "Ending")]


def test_a_canary() -> None:
    assert walked(CANARY) == [
        ("Launching", 0, TrafficState(0.0, 1.0, 1.0)),
        ("Shifting", 0, TrafficState(0.3, 1.0, 1.0)),
        ("Baking", 0, TrafficState(0.3, 1.0, 1.0)),
        ("Shifting", 60, TrafficState(1.0, 1.0, 1.0)),
        ("Baking", 60, TrafficState(1.0, 1.0, 1.0)),
        ("Terminating", 120, TrafficState(1.0, 1.0, 1.0)),
        ("Ending", 150, TrafficState(1.0, 0.0, 1.0)),
    ]


def test_linear_takes_blue_away_one_shift_later() -> None:
    shifts = [stands for phase, _, stands in walked(LINEAR) if phase == "Baking"]
    assert shifts == [TrafficState(0.5, 1.0, 1.0), TrafficState(1.0, 0.5, 1.0)]


def test_rolling_replaces_in_batches() -> None:
    assert [(now, stands) for phase, now, stands in walked(ROLLING) if phase == "Baking"] == [
        (0, TrafficState(0.4, 1.0, 0.4)),
        (10, TrafficState(0.8, pytest.approx(0.6), 0.8)),
        (20, TrafficState(1.0, pytest.approx(0.2), 1.0)),
    ]


@pytest.mark.parametrize(
    ("phase", "alarms", "turned"),
    [
        (LAUNCHING, {"slow": "ALARM"}, True),
        (BAKING, {"slow": "ALARM"}, True),
        ("Terminating", {"slow": "ALARM"}, True),
        ("Ending", {"slow": "ALARM"}, False),
        (RETREATING, {"slow": "ALARM"}, False),
        (BAKING, {"slow": "OK"}, False),
        (BAKING, {"slow": "INSUFFICIENT_DATA"}, False),
        (BAKING, {"other": "ALARM"}, False),
    ],
)
def test_alarms_turn_a_deployment_back(phase: str, alarms: dict[str, str], turned: bool) -> None:
    why = reason_to_retreat(CANARY, DeploymentProgress(phase, 0, 0), 1, alarms)
    assert (why is not None and why.endswith(": slow")) == turned


def test_the_time_limit() -> None:
    plan = DeploymentPlan(wait=50, longest=600)
    at = DeploymentProgress(BAKING, 100, 690)
    assert reason_to_retreat(plan, at, 699, {}) is None
    assert "MaximumExecutionTimeoutInSeconds 600" in str(reason_to_retreat(plan, at, 700, {}))


@pytest.mark.parametrize(
    ("plan", "at", "pictures"),
    [
        (CANARY, DeploymentProgress(LAUNCHING, 0, 0), [ALONE]),
        (CANARY, DeploymentProgress(SHIFTING, 0, 0), [ALONE]),
        (CANARY, DeploymentProgress(BAKING, 0, 0), [TrafficState(0.0, 1.0, 1.0), ALONE]),
        (LINEAR, DeploymentProgress(BAKING, 0, 0, 1), [TrafficState(0.0, 0.5, 1.0), ALONE]),
        (LINEAR, DeploymentProgress(SHIFTING, 0, 0, 1), [TrafficState(0.0, 1.0, 1.0), ALONE]),
        (STEPWISE, DeploymentProgress(LAUNCHING, 0, 0), [ALONE]),
        (STEPWISE, DeploymentProgress(BAKING, 0, 0, 1), [TrafficState(0.4, 0.6, 0.4), ALONE]),
        (
            STEPWISE,
            DeploymentProgress(BAKING, 0, 0, 2),
            [TrafficState(0.6, 0.4, 0.6), TrafficState(0.2, 0.8, 0.2), ALONE],
        ),
    ],
)
def test_the_way_back(plan: DeploymentPlan, at: DeploymentProgress, pictures: list[TrafficState]) -> None:
    back, seen = retreat(plan, at, 5), []
    while back.phase != UNDONE:
        seen.append(picture(plan, back))
        back = following(plan, back, 5)
    assert [(s.share, pytest.approx(s.blue), s.green) for s in seen] == [(p.share, p.blue, p.green) for p in pictures]
    assert picture(plan, back) == ALONE


plans = st.builds(
    lambda step, wait, termination, gradual, rolling, back: DeploymentPlan(
        "ROLLING" if rolling else "LINEAR",
        tuple(min(1.0, step * k / 100) for k in range(1, -(-100 // step) + 1)),
        wait=wait,
        termination=termination,
        gradual=gradual or rolling,
        rolling=rolling,
        retreat=back,
    ),
    st.integers(5, 100),
    st.integers(0, 5),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1.0, 0.5, 0.1]),
)


@given(plans, st.integers(1, 20))
def test_there_is_always_an_instance_for_the_traffic(plan: DeploymentPlan, count: int) -> None:
    for _, _, stands in walked(plan):
        assert stands.share == 1.0 or instances(count, stands.blue)
        assert stands.share == 0.0 or instances(count, stands.green)
        assert instances(count, stands.blue) + instances(count, stands.green) >= count
    for step in range(len(plan.shares)):
        for stands in way_back(plan, step):
            assert stands.share == 0.0 or instances(count, stands.green)
            assert instances(count, stands.blue)
        assert way_back(plan, step)[-1] == ALONE


@given(plans, st.floats(0, 10))
def test_a_control_plane_that_was_away_goes_on_with_the_time_that_passed(plan: DeploymentPlan, away: float) -> None:
    at = DeploymentProgress(BAKING, 0, 0, len(plan.shares) - 1)
    after = following(plan, at, away)
    assert (after == at) == (away < plan.wait)


def test_what_is_shown() -> None:
    def shown(plan: DeploymentPlan, **at: Any) -> tuple[str, str]:
        found = variant_status(plan, DeploymentProgress(began=0, since=7, **at), 10)
        assert found["StartTime"] == 7
        return found["Status"], found["StatusMessage"]

    assert shown(CANARY, phase=LAUNCHING) == ("Creating", "Launching 10 instance(s).")
    assert shown(CANARY, phase=SHIFTING)[0] == "ActivatingTraffic"
    assert shown(CANARY, phase=BAKING) == (
        "Baking",
        "Baking for 60 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 3 instance(s).",
    )
    assert "30 seconds (TerminationWaitInSeconds)" in shown(CANARY, phase="Terminating", step=1)[1]
    assert shown(CANARY, phase=RETREATING, step=0, back=1) == (
        "Deleting",
        "Returning traffic to the old fleet and deleting 10 instance(s).",
    )


def test_waits_pass_as_fast_as_the_pace_says() -> None:
    plan = DeploymentPlan(wait=300, termination=120, pace=60)
    baking = DeploymentProgress(BAKING, 0.0, 0.0)
    assert following(plan, baking, 4.9) == baking
    assert following(plan, baking, 5.0).phase == TERMINATING
    assert pause(DeploymentPlan(wait=6, pace=60), baking, 0.0) == pytest.approx(0.1)
