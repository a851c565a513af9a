"""The actions of alarms: messages to SNS, calls of Lambda functions, scaling policies. Off the evaluator's thread."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from loopback.engines.cloudwatch.checks import ACTIONS
from loopback.engines.cloudwatch.reasons import iso
from loopback.engines.cloudwatch.transitions import Transition
from loopback.services.cloudwatch import messages
from loopback.services.registry import Context

OnPolicy = Callable[[str, Mapping[str, Any], float | None], None]  # policy ARN, alarm, newest value
Record = Callable[[Mapping[str, Any], str, str, Mapping[str, Any], float], None]
THREADS = 4
log = logging.getLogger("loopback")


def is_policy(arn: str) -> bool:
    """Whether an action is a scaling policy, which is carried out again while the alarm stays in its state."""
    return arn.startswith("arn:aws:autoscaling:") and ":scalingPolicy:" in arn


class Actions:
    """Carries out actions in the order of the changes; each outcome becomes an item of the alarm's history."""

    def __init__(self, context: Context, on_policy: OnPolicy, record: Record, now: Callable[[], float]) -> None:
        self._context, self._on_policy, self._record, self._now = context, on_policy, record, now
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="alarm-action")
        self._locks: dict[str, threading.Lock] = {}

    def close(self) -> None:
        """Begin no more actions."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def dispatch(self, transition: Transition, *, only_policies: bool = False) -> None:
        """Begin the actions of the state that an alarm is in now."""
        if not transition.alarm.get("ActionsEnabled", True):
            return
        for arn in transition.alarm.get(ACTIONS[transition.new.value]) or []:
            if not only_policies or is_policy(arn):
                self._pool.submit(self._act, arn, transition, told=not only_policies)

    def _act(self, arn: str, transition: Transition, *, told: bool) -> None:
        with self._locks.setdefault(arn, threading.Lock()):
            fault = self._fault(arn, transition)
        if fault is None and not told:
            return
        published = {"version": "1.0", "actionArn": arn, "stateUpdateTimestamp": iso(transition.new.at)}
        if fault is None:
            self._record(transition.alarm, "Action", f"Successfully executed action {arn}", published, self._now())
        else:
            log.warning("alarm %s, action %s: %s", transition.alarm["AlarmName"], arn, fault)
            summary = f"Failed to execute action {arn}. Received error: {json.dumps(fault)}"
            self._record(transition.alarm, "Action", summary, published | {"error": fault}, self._now())

    def _fault(self, arn: str, transition: Transition) -> str | None:
        """Carry out one action; what went wrong, or None."""
        place = self._context.place
        try:
            if arn.startswith("arn:aws:sns:"):
                self._context.client("sns", "").publish(
                    TopicArn=arn,
                    Message=messages.sns_message(transition, place),
                    Subject=messages.subject(transition, place),
                )
            elif arn.startswith("arn:aws:lambda:"):
                self._context.invoke(arn, messages.lambda_event(transition, place))
            elif is_policy(arn):
                self._on_policy(arn, transition.alarm, transition.metric)
            else:
                return f"loopback does not carry out {arn}"
        except Exception as fault:  # noqa: BLE001  # whatever a client or a function raises is the action's outcome
            return str(fault)
        return None
