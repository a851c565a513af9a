"""When alarms are looked at, and what follows: states, history, events and actions.

An alarm is looked at a moment after data of one of its metrics arrived or after it was put, and every few seconds
without either: so it goes back to OK or INSUFFICIENT_DATA by itself, and takes back what SetAlarmState has set.
A composite alarm is looked at when an alarm of its rule changed.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from loopback.core.errors import ValidationException
from loopback.core.part import Loop, Part
from loopback.engines.cloudwatch import rules
from loopback.engines.cloudwatch.alarms import RANGE_MORE, Alarm, Fetch, MetricKey, alarm_of, judge
from loopback.engines.cloudwatch.points import Point
from loopback.engines.cloudwatch.reasons import iso, reason, reason_data
from loopback.engines.cloudwatch.transitions import AlarmState, Transition, state_of
from loopback.services.cloudwatch import messages
from loopback.services.cloudwatch.actions import Actions, OnPolicy, is_policy
from loopback.services.registry import Context

GATHER_SECONDS = 0.1  # data comes in batches
EVERY_SECONDS = 5.0
COMPACT_SECONDS = 20.0
COMPACT_ALL = 180  # every so many times, also metrics that did not grow
DEEPEST = 100  # composite alarms over composite alarms
PutEvent = Callable[[str, list[str], Mapping[str, Any], str], None]
log = logging.getLogger("loopback")


class AlarmStore(Protocol):
    """Where alarms and metric data are kept: see `ministack.alarms`."""

    def listen(
        self,
        on_data: Callable[[str, str], None],
        on_alarm: Callable[[str], None],
        on_set: Callable[[Transition], None],
    ) -> None:
        """Be told of new data, of an alarm that was put, and of SetAlarmState; the callbacks only take note."""

    def metric_alarms(self) -> list[dict[str, Any]]:
        """As DescribeAlarms shows them."""

    def composite_alarms(self) -> list[dict[str, Any]]:
        """As DescribeAlarms shows them."""

    def points(self, key: MetricKey, since: float) -> list[Point]:
        """The data points of one metric at or after a moment."""

    def set_state(self, name: str, old: str, new: AlarmState) -> Transition | None:
        """Change a state, unless it is no longer `old`."""

    def record(self, alarm: Mapping[str, Any], kind: str, summary: str, data: Mapping[str, Any], at: float) -> None:
        """Add an item to the history of an alarm."""

    def compact(self, now: float, *, everything: bool = False) -> None:
        """Let old data points take less room."""


@dataclass
class _Noted:
    """What the listeners took note of since the last look."""

    metrics: set[tuple[str, str]] = field(default_factory=set)  # namespace, name
    alarms: set[str] = field(default_factory=set)
    set_by_hand: list[Transition] = field(default_factory=list)


class Evaluator(Part):
    """Run `loop` on one thread. `now` gives epoch seconds; `every` is the pause between looks at all alarms."""

    def __init__(
        self,
        context: Context,
        alarms: AlarmStore,
        put_event: PutEvent,
        on_policy: OnPolicy,
        *,
        now: Callable[[], float] = time.time,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._alarms, self._put_event, self._now, self._every = alarms, put_event, now, every
        self._actions = Actions(context, on_policy, alarms.record, now)
        self._noted, self._lock, self._wake = _Noted(), threading.Lock(), threading.Event()
        self._held: set[str] = set()  # composite alarms that SetAlarmState has set
        self._scaled: dict[str, float] = {}  # alarm -> when its scaling policies were last carried out
        self._open = True
        alarms.listen(self._data, self._put, self._set)

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def _data(self, namespace: str, name: str) -> None:
        with self._lock:
            self._noted.metrics.add((namespace, name))
        self._wake.set()

    def _put(self, name: str) -> None:
        with self._lock:
            self._noted.alarms.add(name)
        self._wake.set()

    def _set(self, transition: Transition) -> None:
        with self._lock:
            self._noted.set_by_hand.append(transition)
        self._wake.set()

    def forget(self) -> None:
        """There are no alarms any more."""
        self._held.clear()
        self._scaled.clear()

    def close(self) -> None:
        """End the loop, and begin no more actions."""
        self._open = False
        self._wake.set()
        self._actions.close()

    def loop(self) -> None:
        """Work until `close`."""
        looked = compacted = time.monotonic()
        rounds = 0
        while self._open:
            if self._wake.wait(timeout=max(self._every - (time.monotonic() - looked), 0.01)):
                time.sleep(GATHER_SECONDS)
            self._wake.clear()
            try:
                due = time.monotonic() - looked >= self._every
                looked = time.monotonic() if due else looked
                self.tick(self._now(), everything=due)
                if time.monotonic() - compacted > COMPACT_SECONDS:
                    compacted, rounds = time.monotonic(), rounds + 1
                    self._alarms.compact(self._now(), everything=rounds % COMPACT_ALL == 0)
            except Exception:
                log.exception("alarms")

    def tick(self, now: float, *, everything: bool = True) -> None:
        """Look at the alarms that something was noted about, or at all of them."""
        with self._lock:
            noted, self._noted = self._noted, _Noted()
        changed: list[Transition] = []
        for transition in noted.set_by_hand:
            if transition.composite:
                self._held.add(transition.alarm["AlarmName"])
            self._tell(transition)
            changed.append(transition)
        for described in self._alarms.metric_alarms():
            try:
                if everything or _is_concerned(described, noted):
                    changed += self._look(described, now)
            except Exception:
                log.exception("alarm %s", described.get("AlarmName"))
        self._held -= noted.alarms
        if changed or everything or noted.alarms:
            self._look_at_composites(changed, noted.alarms, now)

    def _look(self, described: Mapping[str, Any], now: float) -> list[Transition]:
        """Evaluate one metric alarm; its transition, if there is one."""
        alarm, fetch = self._read(described, now)
        verdict = judge(alarm, fetch, now)
        metric = verdict.data[0].value if verdict.data else None
        old = state_of(described)
        if verdict.state is None or verdict.state == old.value:
            self._scale_again(described, alarm, metric, now)
            return []
        data = json.dumps(reason_data(alarm, verdict, fetch, now))
        state = AlarmState(verdict.state, reason(alarm, verdict, old.value), data, now)
        moved = self._alarms.set_state(described["AlarmName"], old.value, state)
        if moved is None:
            return []
        transition = Transition(moved.alarm, moved.old, moved.new, metric)
        self._scaled[described["AlarmName"]] = now
        self._tell(transition)
        return [transition]

    def _read(self, described: Mapping[str, Any], now: float) -> tuple[Alarm, Fetch]:
        """The alarm, and its data points, which are read once."""
        alarm = alarm_of(described)
        since = now - alarm.period * (alarm.evaluate + RANGE_MORE + 2)
        found = {source.key: self._alarms.points(source.key, since) for source in alarm.sources}

        def fetch(key: MetricKey) -> Sequence[Point]:
            return found[key]

        return alarm, fetch

    def _scale_again(self, described: Mapping[str, Any], alarm: Alarm, metric: float | None, now: float) -> None:
        """Scaling policies go on for as long as the alarm stays in ALARM: once a period."""
        name = described["AlarmName"]
        if described["StateValue"] != "ALARM" or not any(map(is_policy, described.get("AlarmActions") or [])):
            self._scaled.pop(name, None)
        elif now - self._scaled.get(name, 0.0) >= alarm.period:
            self._scaled[name] = now
            state = state_of(described)
            self._actions.dispatch(Transition(described, state, state, metric), only_policies=True)

    def _look_at_composites(self, changed: list[Transition], put: Collection[str], now: float) -> None:
        """Until nothing changes any more: their rules may name each other."""
        for _ in range(DEEPEST):
            composites = self._alarms.composite_alarms()
            states = {a["AlarmName"]: a for a in (*self._alarms.metric_alarms(), *composites)}
            moved = [t for alarm in composites for t in self._look_at_rule(alarm, states, changed, put, now)]
            if not moved:
                return
            changed, put = moved, ()
        log.warning("composite alarms refer to each other in a circle")

    def _look_at_rule(
        self,
        described: Mapping[str, Any],
        states: Mapping[str, Mapping[str, Any]],
        changed: Sequence[Transition],
        put: Collection[str],
        now: float,
    ) -> list[Transition]:
        name, old = described["AlarmName"], described["StateValue"]
        try:
            rule = rules.parse(described["AlarmRule"])
        except ValidationException:
            log.exception("alarm %s", name)
            return []
        named = [_name(reference) for reference in rules.names(rule)]
        causes = [t for t in changed if t.alarm["AlarmName"] in named]
        if causes:
            self._held.discard(name)
        if name in self._held:
            return []
        value = "ALARM" if rules.holds(rule, lambda ref: (states.get(_name(ref)) or {}).get("StateValue")) else "OK"
        if value == old:
            return []
        verb = "was created" if old == "INSUFFICIENT_DATA" else "was updated"
        why = f"{described['AlarmArn']} {verb} and its alarm rule evaluates to {value}"
        if causes and name not in put:
            why = messages.rule_reason(causes[-1])
        data = json.dumps({"triggeringAlarms": [_triggering(states[n]) for n in named if n in states]})
        moved = self._alarms.set_state(name, old, AlarmState(value, why, data, now))
        if moved is None:
            return []
        self._tell(moved)
        return [moved]

    def _tell(self, transition: Transition) -> None:
        """The event and the actions of a transition."""
        arn = transition.alarm["AlarmArn"]
        self._put_event(messages.EVENT, [arn], messages.event(transition), messages.SOURCE)
        self._actions.dispatch(transition)


def _is_concerned(described: Mapping[str, Any], noted: _Noted) -> bool:
    if described["AlarmName"] in noted.alarms:
        return True
    return any((source.key[0], source.key[1]) in noted.metrics for source in alarm_of(described).sources)


def _name(reference: str) -> str:
    return reference.partition(":alarm:")[2] if reference.startswith("arn:") else reference


def _triggering(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = state_of(alarm)
    return {"arn": alarm["AlarmArn"], "state": {"value": state.value, "timestamp": iso(state.at)}}
