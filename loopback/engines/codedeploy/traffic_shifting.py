"""How a Lambda deployment of CodeDeploy shifts traffic: shares of the new version over time. No clock inside.

A configuration is CodeDeploy's `trafficRoutingConfig`; its intervals are minutes.

Source: AWS, deployment-configurations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALL_AT_ONCE: Mapping[str, Any] = {"type": "AllAtOnce"}
LONGEST_MINUTES = 2880  # of a whole shift: two days


class InvalidRouting(ValueError):
    """The configuration says nothing that traffic could follow."""


@dataclass(frozen=True)
class TrafficStep:
    """From `at` seconds after the start on, the new version has `percent` of the traffic (1 to 100)."""

    at: float
    percent: int


def _canary(percent: int, minutes: int) -> Mapping[str, Any]:
    return {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": minutes},
    }


def _linear(percent: int, minutes: int) -> Mapping[str, Any]:
    return {
        "type": "TimeBasedLinear",
        "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes},
    }


BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    **{f"CodeDeployDefault.LambdaCanary10Percent{n}Minutes": _canary(10, n) for n in (5, 10, 15, 30)},
    "CodeDeployDefault.LambdaLinear10PercentEvery1Minute": _linear(10, 1),
    **{f"CodeDeployDefault.LambdaLinear10PercentEvery{n}Minutes": _linear(10, n) for n in (2, 3, 10)},
    "CodeDeployDefault.LambdaAllAtOnce": ALL_AT_ONCE,
}


def steps(config: Mapping[str, Any]) -> tuple[TrafficStep, ...]:
    """The whole shift, first step at once, last one to 100 percent. Raises InvalidRouting."""
    kind = config.get("type")
    if kind == "AllAtOnce":
        _alone(config, "")
        return (TrafficStep(0, 100),)
    if kind == "TimeBasedCanary":
        percent, minutes = _read(config, "timeBasedCanary", "canary")
        found: tuple[TrafficStep, ...] = (TrafficStep(0, percent), TrafficStep(60 * minutes, 100))
    elif kind == "TimeBasedLinear":
        percent, minutes = _read(config, "timeBasedLinear", "linear")
        count = -(-100 // percent)
        found = tuple(TrafficStep(60 * minutes * n, min(100, percent * (n + 1))) for n in range(count))
    else:
        raise InvalidRouting(f"type is {kind}; expected TimeBasedCanary, TimeBasedLinear or AllAtOnce")
    if found[-1].at > 60 * LONGEST_MINUTES:
        raise InvalidRouting(f"the shift would take {found[-1].at / 60:.0f} minutes; at most {LONGEST_MINUTES}")
    return found


def hold(plan: tuple[TrafficStep, ...], index: int) -> float | None:
    """How many seconds a step of a plan holds before the next one; None for the last."""
    return None if index + 1 == len(plan) else plan[index + 1].at - plan[index].at


def _read(config: Mapping[str, Any], member: str, prefix: str) -> tuple[int, int]:
    _alone(config, member)
    given = config.get(member) or {}
    percent, minutes = given.get(f"{prefix}Percentage"), given.get(f"{prefix}Interval")
    if not isinstance(percent, int) or not 1 <= percent <= 99:
        raise InvalidRouting(f"{member}.{prefix}Percentage is {percent}; expected 1 to 99")
    if not isinstance(minutes, int) or minutes < 1:
        raise InvalidRouting(f"{member}.{prefix}Interval is {minutes}; expected a number of minutes, 1 or more")
    return percent, minutes


def _alone(config: Mapping[str, Any], member: str) -> None:
    other = {"timeBasedCanary", "timeBasedLinear"} - {member}
    if found := sorted(name for name in other if config.get(name)):
        raise InvalidRouting(f"{found[0]} does not go with type {config['type']}")
