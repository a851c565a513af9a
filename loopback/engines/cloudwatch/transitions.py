"""A change of an alarm's state: what ministack stores of it, and what its actions and its event are made from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AlarmState:
    """A state, why, and since when (epoch seconds). `data` is the JSON of StateReasonData, or empty."""

    value: str
    reason: str
    data: str
    at: float


@dataclass(frozen=True)
class Transition:
    """One alarm, as DescribeAlarms shows it, that went from one state to another. `metric` is its newest value."""

    alarm: Mapping[str, Any]
    old: AlarmState
    new: AlarmState
    metric: float | None = None

    @property
    def composite(self) -> bool:
        """Whether its state comes from a rule over other alarms."""
        return "AlarmRule" in self.alarm

    @property
    def kind(self) -> str:
        """What CloudWatch calls it."""
        return "CompositeAlarm" if self.composite else "MetricAlarm"


def state_of(alarm: Mapping[str, Any]) -> AlarmState:
    """The state that an alarm is in."""
    data = alarm.get("StateReasonData") or ""
    return AlarmState(alarm["StateValue"], alarm.get("StateReason") or "", data, float(alarm["StateUpdatedTimestamp"]))


def history_state(state: AlarmState) -> dict[str, Any]:
    """As the history of an alarm has it."""
    found: dict[str, Any] = {"stateValue": state.value, "stateReason": state.reason}
    if state.data:
        try:
            found["stateReasonData"] = json.loads(state.data)
        except ValueError:  # SetAlarmState was given other text
            found["stateReasonData"] = state.data
    return found
