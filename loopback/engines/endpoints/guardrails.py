"""Deployment guardrails as a pure plan: how far a deployment is, what is to stand then, and what comes next.

A deployment brings up a new fleet (green) beside the one that serves (blue), shifts traffic, waits after each shift,
waits once more, and ends blue; or it takes everything back. The plan comes from the endpoint's row, where the service
wrote it (`services.sagemaker.deployments`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LAUNCHING, SHIFTING, BAKING, TERMINATING, ENDING = "Launching", "Shifting", "Baking", "Terminating", "Ending"
RETREATING, DONE, UNDONE = "Retreating", "Done", "Undone"
GUARDED = (LAUNCHING, SHIFTING, BAKING, TERMINATING)  # when an alarm or the time limit turns a deployment back
FINAL = (DONE, UNDONE)
LOOK_SECONDS = 1.0  # between two looks at alarms


@dataclass(frozen=True)
class DeploymentPlan:
    """`shares` of the traffic that green has after each shift; the other members as in the row, in seconds.

    Waits pass `pace` times as fast as they say.
    """

    type: str = "ALL_AT_ONCE"
    shares: Sequence[float] = (1.0,)
    wait: float = 0
    termination: float = 0
    longest: float | None = None
    alarms: Sequence[str] = ()
    gradual: bool = False
    rolling: bool = False
    retreat: float = 1.0
    pace: float = 1.0

    def blue_share(self, step: int) -> float:
        """The part of blue that stays until the shift after this one: what the shift before has left."""
        return 1.0 - self.shares[step - 1] if self.gradual and step else 1.0

    def green_share(self, step: int) -> float:
        """The part of green that runs in this step."""
        return self.shares[step] if self.rolling else 1.0


@dataclass(frozen=True)
class DeploymentProgress:
    """How far a deployment is. `began` and `since` (of this phase) are epoch seconds; `step` counts shifts."""

    phase: str
    began: float
    since: float
    step: int = 0
    back: int = 0


@dataclass(frozen=True)
class TrafficState:
    """What is to stand: green's share of the traffic, and the parts of both fleets that run."""

    share: float
    blue: float
    green: float


ALONE = TrafficState(0.0, 1.0, 0.0)  # blue, as before the deployment


def picture(plan: DeploymentPlan, at: DeploymentProgress) -> TrafficState:
    """What is to stand in a phase."""
    if at.phase == LAUNCHING:
        return TrafficState(0.0, 1.0, plan.green_share(0))
    if at.phase in (ENDING, DONE):
        return TrafficState(1.0, 0.0, 1.0)
    if at.phase == UNDONE:
        return ALONE
    if at.phase == RETREATING:
        return way_back(plan, at.step)[at.back]
    return TrafficState(plan.shares[at.step], plan.blue_share(at.step), plan.green_share(at.step))


def way_back(plan: DeploymentPlan, step: int) -> list[TrafficState]:
    """From this step to blue alone. Blue gets its traffic at once, before it gets its missing instances, unless the
    plan wants to take back part by part.
    """
    if plan.retreat >= 1.0:
        return [TrafficState(0.0, plan.blue_share(step), plan.green_share(step)), ALONE]
    share, pictures = plan.shares[step], []
    while (share := round(share - plan.retreat, 9)) > 0:
        pictures.append(TrafficState(share, max(plan.blue_share(step), 1.0 - share), share))
    return [*pictures, ALONE]


def reason_to_retreat(
    plan: DeploymentPlan, at: DeploymentProgress, now: float, alarms: Mapping[str, str]
) -> str | None:
    """Why a deployment must not go on; None when it may. `alarms` are states by name."""
    if at.phase not in GUARDED:
        return None
    if raised := [name for name in plan.alarms if alarms.get(name) == "ALARM"]:
        return f"The deployment was rolled back because CloudWatch alarms are in ALARM: {', '.join(raised)}"
    if plan.longest is not None and now - at.began >= plan.longest:
        return f"The deployment was rolled back: it took longer than MaximumExecutionTimeoutInSeconds {plan.longest:g}"
    return None


def retreat(plan: DeploymentPlan, at: DeploymentProgress, now: float) -> DeploymentProgress:
    """The beginning of the way back: from what stands, which during a shift is the step before it.

    Before the first shift there is no traffic to take back.
    """
    standing = at.step - (at.phase == SHIFTING)
    if at.phase == LAUNCHING or standing < 0:
        return DeploymentProgress(RETREATING, at.began, now, 0, len(way_back(plan, 0)) - 1)
    return DeploymentProgress(RETREATING, at.began, now, standing)


def following(plan: DeploymentPlan, at: DeploymentProgress, now: float) -> DeploymentProgress:
    """What comes when the picture of this phase stands; the same phase as long as it lasts."""
    match at.phase:
        case "Launching":
            return DeploymentProgress(SHIFTING, at.began, now)
        case "Shifting":
            return DeploymentProgress(BAKING, at.began, now, at.step)
        case "Baking" if now - at.since >= plan.wait / plan.pace:
            last = at.step == len(plan.shares) - 1
            return DeploymentProgress(TERMINATING if last else SHIFTING, at.began, now, at.step + (not last))
        case "Terminating" if now - at.since >= plan.termination / plan.pace:
            return DeploymentProgress(ENDING, at.began, now, at.step)
        case "Ending":
            return DeploymentProgress(DONE, at.began, now, at.step)
        case "Retreating":
            if at.back + 1 < len(way_back(plan, at.step)):
                return DeploymentProgress(RETREATING, at.began, now, at.step, at.back + 1)
            return DeploymentProgress(UNDONE, at.began, now, at.step, at.back)
    return at


def pause(plan: DeploymentPlan, at: DeploymentProgress, now: float) -> float:
    """Seconds until there is something to do or to look at."""
    lasts = (plan.wait if at.phase == BAKING else plan.termination) / plan.pace
    return min(max(0.0, at.since + lasts - now), LOOK_SECONDS)


def instances(count: int, part: float) -> int:
    """So many of `count` instances are `part` of them; at least one of any part.

    >>> [instances(10, part) for part in (0, 0.01, 0.3, 0.31, 1)]
    [0, 1, 3, 4, 10]
    """
    return math.ceil(round(count * part, 6))


def variant_status(plan: DeploymentPlan, at: DeploymentProgress, count: int) -> dict[str, Any]:
    """VariantStatus of a variant of green that will have `count` instances. AWS documents two of these texts."""
    stands = picture(plan, at)
    running, taking = instances(count, stands.green), instances(count, stands.share)
    on = f"with traffic enabled on {'canary ' if at.step == 0 and plan.type == 'CANARY' else ''}capacity of"
    status, message = {
        LAUNCHING: ("Creating", f"Launching {running} instance(s)."),
        SHIFTING: ("ActivatingTraffic", f"Activating traffic on {taking} instance(s)."),
        BAKING: ("Baking", f"Baking for {plan.wait:g} seconds (WaitIntervalInSeconds) {on} {taking} instance(s)."),
        TERMINATING: (
            "Baking",
            f"Baking for {plan.termination:g} seconds (TerminationWaitInSeconds) {on} {taking} instance(s).",
        ),
        RETREATING: ("Deleting", f"Returning traffic to the old fleet and deleting {count - running} instance(s)."),
    }.get(at.phase, ("Updating", "Deleting the old fleet."))
    return {"Status": status, "StatusMessage": message, "StartTime": at.since}
