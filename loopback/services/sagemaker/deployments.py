"""DeploymentConfig: its rules, and the plan that it becomes, which the deployer walks through.

A plan is JSON in the endpoint's row, beside what it deploys:
`shares` of the traffic that the new fleet has after each shift, the last one 1; `wait` after each, `termination` before
the old fleet ends and `longest` for all of it (None: no limit), in seconds; names of `alarms`; `gradual` where the old
fleet shrinks as the new one gets traffic, `rolling` where the new one also grows; `retreat` is taken back at a time.

Source: AWS, deployment-guardrails.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from loopback.core.errors import ValidationException
from loopback.services.registry import Context

DESCRIBE_ALARMS = "GraniteServiceVersion20100801.DescribeAlarms"
SIZES = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
RANGES = {"CANARY": (1, 50), "LINEAR": (10, 50), "ROLLING": (5, 50)}  # percent of the new fleet
Plan = dict[str, Any]
ALL_AT_ONCE: Plan = {
    "type": "ALL_AT_ONCE",
    "shares": [1.0],
    "wait": 0,
    "termination": 0,
    "longest": None,
    "alarms": [],
    "gradual": False,
    "rolling": False,
    "retreat": 1.0,
}


def plan_of(config: Mapping[str, Any] | None, counts: Iterable[int]) -> Plan:
    """What a DeploymentConfig means for a new fleet with so many instances in its variants.

    Raises ValidationException that names the member.
    """
    if not config:
        return dict(ALL_AT_ONCE)
    numbers = [count for count in counts if count] or [1]
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise ValidationException(
            "DeploymentConfig has BlueGreenUpdatePolicy and RollingUpdatePolicy; give one of them"
        )
    plan = ALL_AT_ONCE | {"alarms": alarms_of(config)}
    if blue_green:
        plan |= _blue_green(blue_green, sum(numbers))
    elif rolling:
        plan |= _rolling(rolling, numbers)
    waits = len(plan["shares"]) * plan["wait"] + plan["termination"]
    if plan["longest"] is not None and plan["longest"] <= waits:
        raise ValidationException(
            f"MaximumExecutionTimeoutInSeconds {plan['longest']} must exceed the sum of all waits, {waits} seconds"
        )
    return plan


def alarms_of(config: Mapping[str, Any] | None) -> list[str]:
    """The names of the alarms that guard a deployment."""
    alarms = ((config or {}).get("AutoRollbackConfiguration") or {}).get("Alarms") or []
    return [alarm["AlarmName"] for alarm in alarms]


def _blue_green(policy: Mapping[str, Any], total: int) -> Plan:
    routing = policy["TrafficRoutingConfiguration"]
    kind = routing["Type"]
    for other, member in SIZES.items():
        if (member in routing) != (kind == other):
            raise ValidationException(f"{member} {'is needed with' if kind == other else 'is not for'} Type {kind}")
    shares = [1.0]
    if kind in SIZES:
        size = _fraction(kind, SIZES[kind], routing[SIZES[kind]], total)
        shares = [size, 1.0] if kind == "CANARY" else _steps(size)
    return {
        "type": kind,
        "shares": shares,
        "wait": routing["WaitIntervalInSeconds"],
        "termination": policy.get("TerminationWaitInSeconds", 0),
        "longest": policy.get("MaximumExecutionTimeoutInSeconds"),
        "gradual": kind == "LINEAR",
    }


def _rolling(policy: Mapping[str, Any], counts: list[int]) -> Plan:
    most = max(counts)
    for count in counts:
        size = _fraction("ROLLING", "MaximumBatchSize", policy["MaximumBatchSize"], count)
    batch = _whole(policy["MaximumBatchSize"], size, most)
    plan: Plan = {
        "type": "ROLLING",
        "shares": _steps(batch / most),
        "wait": policy["WaitIntervalInSeconds"],
        "longest": policy.get("MaximumExecutionTimeoutInSeconds"),
        "gradual": True,
        "rolling": True,
    }
    if back := policy.get("RollbackMaximumBatchSize"):
        limit = (RANGES["ROLLING"][0], 100)
        plan["retreat"] = _whole(back, _fraction("ROLLING", "RollbackMaximumBatchSize", back, most, limit), most) / most
    return plan


def _fraction(
    kind: str, member: str, size: Mapping[str, Any], total: int, limits: tuple[int, int] | None = None
) -> float:
    low, high = limits or RANGES[kind]
    percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / total
    if not low <= percent <= high:
        of = f" ({percent:g} % of {total})" if size["Type"] == "INSTANCE_COUNT" else " %"
        raise ValidationException(
            f"{member} {size['Value']}{of} must be between {low} and {high} % of the instances of the new fleet"
        )
    return float(percent) / 100


def _whole(size: Mapping[str, Any], fraction: float, count: int) -> int:
    """A batch in instances: at least one."""
    return int(size["Value"]) if size["Type"] == "INSTANCE_COUNT" else max(1, int(count * fraction + 1e-9))


def _steps(size: float) -> list[float]:
    """Cumulated shares in steps of `size`; the last step is what is left."""
    shares: list[float] = []
    while (share := round(size * (len(shares) + 1), 9)) < 1:
        shares.append(share)
    return [*shares, 1.0]


def require_alarms(names: list[str], context: Context) -> None:
    """Alarms that are not there are an error of the caller. Raises ValidationException."""
    if not names:
        return
    wanted = {"AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    answer = context.base("monitoring", DESCRIBE_ALARMS, wanted)
    found = {alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in answer.get(kind, ())}
    if missing := [name for name in names if name not in found]:
        raise ValidationException(f"Could not find CloudWatch alarms: {', '.join(missing)}")
