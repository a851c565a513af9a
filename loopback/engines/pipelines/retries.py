"""When a failed step is tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AUTOMATIC = frozenset({"Step.SERVICE_FAULT", "Step.THROTTLING"})
EXCEPTION_TYPES = (
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.RESOURCE_LIMIT",
)
_AUTOMATIC_POLICY = {"IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 5}
_LIMITS = {"IntervalSeconds": 43200, "BackoffRate": None, "MaxAttempts": 20, "ExpireAfterMin": 14400}


def check(policy: Any) -> None:
    """Raise ValueError unless `policy` keeps to the documented members and ranges."""
    kinds = policy.get("ExceptionType") if isinstance(policy, dict) else None
    if not isinstance(kinds, list) or not kinds or any(kind not in EXCEPTION_TYPES for kind in kinds):
        raise ValueError(f"a retry policy has ExceptionType {kinds!r}; allowed: {', '.join(EXCEPTION_TYPES)}")
    if policy.get("MaxAttempts") is not None and policy.get("ExpireAfterMin") is not None:
        raise ValueError("a retry policy has both MaxAttempts and ExpireAfterMin; give one of them")
    for name, most in _LIMITS.items():
        value = policy.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or (most and value > most):
            raise ValueError(f"a retry policy has {name} {value!r}; allowed: 0 to {most or 'any number'}")


def next_delay(
    policies: Sequence[Mapping[str, Any]],
    failure_kind: str | None,
    attempts: int,
    first_started: float | None,
    now: float,
) -> float | None:
    """Seconds until the next attempt after `attempts` failed ones, or None when there is none.

    The first policy that names the failure decides. Failures of the call that starts a job are retried
    without a policy too, five times from one second. A failure without a kind (the algorithm's own) never is.
    """
    policy = next((entry for entry in policies if failure_kind in entry["ExceptionType"]), None)
    if policy is None and failure_kind in AUTOMATIC:
        policy = _AUTOMATIC_POLICY
    if policy is None:
        return None
    interval, rate = policy.get("IntervalSeconds"), policy.get("BackoffRate")
    delay = float(1 if interval is None else interval) * float(2.0 if rate is None else rate) ** (attempts - 1)
    expire = policy.get("ExpireAfterMin")
    if expire is not None:
        started = now if first_started is None else first_started
        return delay if now + delay - started <= expire * 60 else None
    most = policy.get("MaxAttempts")
    return delay if attempts <= (5 if most is None else most) else None
