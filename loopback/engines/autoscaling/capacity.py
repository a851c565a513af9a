"""How much a scalable target should have: scaling policies, limits and cooldowns as Application Auto Scaling has them.

Pure. Capacities are instance counts, cooldowns seconds, moments epoch seconds.

Source: AWS, endpoint-auto-scaling.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COOLDOWN = 300.0  # for SageMaker variants, where a policy does not say
LOW = 0.9  # a tracking policy scales in below this share of its target
OUT_MINUTES = 3
IN_MINUTES = 15


@dataclass(frozen=True)
class CapacityLimits:
    """What a target may have."""

    least: int
    most: int

    def clamp(self, wanted: int) -> int:
        """The nearest capacity within the limits."""
        return max(self.least, min(self.most, wanted))


@dataclass(frozen=True)
class ScalingMove:
    """The last completed change in one direction: until `until`, the next one of that direction has to wait."""

    before: int
    after: int
    until: float


@dataclass(frozen=True)
class Decision:
    """What to do: a capacity, or None with the reason why not."""

    capacity: int | None
    reason: str = ""
    code: str = ""  # of NotScaledReasons


def tracking_capacity(current: int, metric: float, target: float) -> int:
    """The fewest instances with which a metric per instance is at most its target, where the load stays as it is."""
    return math.ceil(round(current * metric / target, 9))


def step_capacity(current: int, breach: float, config: Mapping[str, Any], *, above: bool) -> int | None:
    """The capacity after a step policy's adjustment, or None when no step fits.

    `breach` is the metric less the alarm's threshold; `above` says that the alarm trips above its threshold, where
    steps include their lower bound. Else they include their upper one.
    """
    step = next((step for step in config["StepAdjustments"] if _fits(step, breach, above=above)), None)
    if step is None:
        return None
    adjustment = step["ScalingAdjustment"]
    if config["AdjustmentType"] == "ExactCapacity":
        return int(adjustment)
    if config["AdjustmentType"] == "PercentChangeInCapacity":
        adjustment = _whole(current * adjustment / 100)
        least = config.get("MinAdjustmentMagnitude") or 0
        if adjustment and abs(adjustment) < least:
            adjustment = int(math.copysign(least, adjustment))
    return int(current + adjustment)


def _fits(step: Mapping[str, Any], breach: float, *, above: bool) -> bool:
    low = step.get("MetricIntervalLowerBound", -math.inf)
    high = step.get("MetricIntervalUpperBound", math.inf)
    low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    return bool(low <= breach < high if above else low < breach <= high)


def _whole(change: float) -> int:
    """Percentages round toward zero, but never to zero."""
    if 0 < abs(change) < 1:
        return int(math.copysign(1, change))
    return int(change)


def base_of(current: int, out: ScalingMove | None, now: float) -> int:
    """What a scale-out counts from: within a cooldown, what there was before, so that only a larger one adds more."""
    return out.before if out is not None and now < out.until else current


def decide(
    wanted: int, current: int, limits: CapacityLimits, moves: tuple[ScalingMove | None, ScalingMove | None], now: float
) -> Decision:
    """Whether to go from `current` to `wanted`; `moves` are the last scale-out and scale-in."""
    out, inward = moves
    capacity = limits.clamp(wanted)
    if capacity == current:
        if wanted > limits.most:
            return Decision(None, f"the capacity is at its maximum of {limits.most}", "AlreadyAtMaxCapacity")
        if wanted < limits.least:
            return Decision(None, f"the capacity is at its minimum of {limits.least}", "AlreadyAtMinCapacity")
        return Decision(None, f"the capacity is {current} already", "AlreadyAtDesiredCapacity")
    if capacity > current:
        if out is not None and now < out.until and capacity <= out.after:
            return Decision(None, "a scale-out of that size is in its cooldown")
        return Decision(capacity)
    if inward is not None and now < inward.until:
        return Decision(None, "the last scale-in is in its cooldown")
    return Decision(capacity)


def agree(wishes: Sequence[int | None]) -> int | None:
    """What tracking policies scale in to: only if each of them wishes to, and then to the largest of the wishes."""
    given = [wish for wish in wishes if wish is not None]
    return max(given) if given and len(given) == len(wishes) else None


def fault_in_steps(steps: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with step adjustments, which may not overlap or leave gaps, or None."""
    if not steps:
        return "at least one step adjustment must be given"
    bounds = sorted(
        (
            -math.inf if step.get("MetricIntervalLowerBound") is None else step["MetricIntervalLowerBound"],
            math.inf if step.get("MetricIntervalUpperBound") is None else step["MetricIntervalUpperBound"],
        )
        for step in steps
    )
    if any(low >= high for low, high in bounds):
        return "the lower bound of a step must be less than its upper bound"
    for (_, high), (low, _) in itertools.pairwise(bounds):
        if high != low:
            return "the steps overlap" if high > low else "there is a gap between the steps"
    if bounds[0][0] == -math.inf and bounds[-1][0] >= 0 and bounds[0][1] > 0:
        return "a step that has no lower bound must end at or below 0"
    return None
