"""CloudWatch of the base: its alarms and metric data, with its own evaluation turned off.

The base looks at alarms when data arrives, and at neither dimensions nor missing data. Here it only stores them:
`services.alarms` evaluates. Metric data, which the base keeps point by point for 14 days, is compacted.
"""

import copy
import importlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch import checks, rules
from loopback.engines.cloudwatch.alarms import MetricKey
from loopback.engines.cloudwatch.points import Point, compact_points, point_of
from loopback.engines.cloudwatch.transitions import AlarmState, Transition, history_state, state_of
from loopback.ministack.modules import BrokenBase
from loopback.ministack.state import SavedState as BaseState
from loopback.wire import model, query

# Names of the base's ministack.services.cloudwatch that this module reads, calls or replaces.
HOOKS = (
    "_metrics",
    "_metric_bucket",
    "_dims_key",
    "_evict_old_metrics",
    "_alarms",
    "_composite_alarms",
    "_composite_triggers",
    "_alarm_history",
    "_dashboards",
    "_resource_tags",
    "_history_entries",
    "_record_history",
    "_evaluate_alarm",
    "_evaluate_all_alarms",
    "_evaluate_parent_alarms",
    "_transition_composite",
    "_dispatch_alarm_actions",
    "_put_metric_alarm",
    "_put_composite_alarm",
    "_set_alarm_state",
    "get_state",
    "_error",
)
Answer = tuple[int, dict[str, str], bytes]
Data = dict[str, Any]
OnData = Callable[[str, str], None]  # namespace, metric
OnAlarm = Callable[[str], None]
OnSet = Callable[[Transition], None]
KEPT = ("StateReasonData", "StateTransitionedTimestamp")  # of an alarm that is put again; the base keeps the others
MOST_HISTORY = 5000  # items of all alarms together
FEW_POINTS = 64  # of a metric: too few to be worth compacting


class Alarms:
    """The base's alarms and metric data. Its listeners are called on the base's loop and must only take note."""

    def __init__(self, state: BaseState) -> None:
        self._state = state
        self._cloudwatch = _hooked_module()
        self._original = {name: getattr(self._cloudwatch, name) for name in HOOKS}
        self._compacted: dict[tuple[str, str, str], int] = {}
        self._compacting = threading.Lock()
        self._on_data: OnData = lambda _namespace, _name: None
        self._on_alarm: OnAlarm = lambda _name: None
        self._on_set: OnSet = lambda _transition: None
        replaced: dict[str, Callable[..., Any]] = {
            "_metric_bucket": self._metric_bucket,
            "_put_metric_alarm": self._put_metric_alarm,
            "_put_composite_alarm": self._put_composite_alarm,
            "_set_alarm_state": self._set_alarm_state,
            "get_state": self._get_state,
        }
        silent = (
            "_evict_old_metrics",
            "_evaluate_alarm",
            "_evaluate_all_alarms",
            "_evaluate_parent_alarms",
            "_transition_composite",
            "_dispatch_alarm_actions",
            "_record_history",
        )
        for name, function in (replaced | dict.fromkeys(silent, _nothing)).items():
            setattr(self._cloudwatch, name, function)

    def listen(self, on_data: OnData, on_alarm: OnAlarm, on_set: OnSet) -> None:
        """Be told of new data (namespace, metric), of an alarm that was put, and of SetAlarmState."""
        self._on_data, self._on_alarm, self._on_set = on_data, on_alarm, on_set

    def metric_alarms(self) -> list[Data]:
        """Each metric alarm, as DescribeAlarms shows it."""
        return [dict(alarm) for alarm in self._cloudwatch._alarms.values()]

    def composite_alarms(self) -> list[Data]:
        """Each composite alarm."""
        return [dict(alarm) for alarm in self._cloudwatch._composite_alarms.values()]

    def points(self, key: MetricKey, since: float) -> list[Point]:
        """The data points of one metric at or after a moment."""
        namespace, name, dimensions = key
        wanted = dict(dimensions)
        stored = self._cloudwatch._metrics.get((namespace, name, self._cloudwatch._dims_key(wanted))) or ()
        return [point_of(p) for p in tuple(stored) if p["Timestamp"] >= since and p.get("Dimensions", {}) == wanted]

    def set_state(self, name: str, old: str, new: AlarmState) -> Transition | None:
        """Move an alarm from one state to another, and write that into its history.

        None when it is gone or no longer in the state `old`, for example because SetAlarmState came first.
        """

        def move() -> Transition | None:
            """Change the alarm unless another has changed it meanwhile; what has changed."""
            alarm = self._find(name)
            if alarm is None or alarm["StateValue"] != old:
                return None
            before = state_of(alarm)
            alarm.update(StateValue=new.value, StateReason=new.reason, StateUpdatedTimestamp=new.at)
            alarm.update(StateReasonData=new.data, StateTransitionedTimestamp=new.at)
            transition = Transition(dict(alarm), before, new)
            self._note(transition)
            return transition

        moved: Transition | None = self._state.on_loop(move)
        return moved

    def record(self, alarm: Mapping[str, Any], kind: str, summary: str, data: Mapping[str, Any], at: float) -> None:
        """Add an item to the history of an alarm; `kind` is its HistoryItemType."""
        item = {
            "AlarmName": alarm["AlarmName"],
            "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
            "Timestamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
        entries = self._cloudwatch._history_entries()
        entries.append(item)
        if len(entries) > MOST_HISTORY + MOST_HISTORY // 10:
            del entries[:-MOST_HISTORY]

    def compact(self, now: float, *, everything: bool = False) -> None:
        """Merge old points of the metrics that grew, or of all; drop those of 14 days ago.

        Others only append to these lists: replacing their beginning, in one step, loses nothing.
        """
        with self._compacting:
            for key in list(self._cloudwatch._metrics):
                stored = self._cloudwatch._metrics.get(key)
                if stored is None or not (everything or len(stored) > 1.25 * self._compacted.get(key, FEW_POINTS)):
                    continue
                size = len(stored)
                stored[:size] = compact_points(stored[:size], now)
                self._compacted[key] = len(stored)
                if not stored:
                    self._cloudwatch._metrics.pop(key, None)
                    self._compacted.pop(key, None)

    def _find(self, name: str) -> Data | None:
        found: Data | None = self._cloudwatch._alarms.get(name) or self._cloudwatch._composite_alarms.get(name)
        return found

    def _note(self, transition: Transition) -> None:
        """CloudWatch's own format of a StateUpdate."""
        old, new = transition.old, transition.new
        data = {"version": "1.0", "oldState": history_state(old), "newState": history_state(new)}
        self.record(transition.alarm, "StateUpdate", f"Alarm updated from {old.value} to {new.value}", data, new.at)

    def _metric_bucket(self, key: tuple[str, str, str]) -> Any:
        self._on_data(key[0], key[1])
        return self._original["_metric_bucket"](key)

    def _put_metric_alarm(self, params: Data, body: Data, is_cbor: bool, is_json: bool = False) -> Answer:
        modelled = is_cbor or is_json
        try:
            shape = model.operation("cloudwatch", "PutMetricAlarm").input_shape
            given = {key: value for key, value in body.items() if value is not None}
            request = given if modelled else query.parse(params, shape)
            model.check(request, shape)
            checks.check_metric_alarm(request)
        except ValidationException as fault:
            return self._refuse(fault, is_cbor, is_json)
        name = str(request["AlarmName"])
        before = self._cloudwatch._alarms.get(name)
        answer: Answer = self._original["_put_metric_alarm"](params, body, is_cbor, is_json)
        if answer[0] >= 400:
            return answer
        alarm = self._cloudwatch._alarms[name]
        alarm.update({key: request.get(key) for key in ("Metrics", "Statistic")})
        if request.get("Metrics"):
            alarm["Period"] = None
        if not modelled:
            alarm["InsufficientDataActions"] = request.get("InsufficientDataActions") or []
        self._was_put(alarm, before)
        return answer

    def _was_put(self, alarm: Data, before: Data | None) -> None:
        if before is not None:
            alarm.update({key: before[key] for key in KEPT if key in before})
        verb = "created" if before is None else "updated"
        told = {"version": "1.0", "type": verb.removesuffix("d").title()}
        self.record(alarm, "ConfigurationUpdate", f'Alarm "{alarm["AlarmName"]}" {verb}', told, time.time())
        self._on_alarm(alarm["AlarmName"])

    def _put_composite_alarm(self, params: Data, body: Data, is_cbor: bool, is_json: bool = False) -> Answer:
        request = body if is_cbor or is_json else {name: _only(value) for name, value in params.items()}
        name = str(request.get("AlarmName"))
        before = self._cloudwatch._composite_alarms.get(name)
        try:
            checks.check_composite_alarm(request)
            rules.parse(str(request.get("AlarmRule") or ""))
        except ValidationException as fault:
            return self._refuse(fault, is_cbor, is_json)
        answer: Answer = self._original["_put_composite_alarm"](params, body, is_cbor, is_json)
        if answer[0] < 400:
            self._was_put(self._cloudwatch._composite_alarms[name], before)
        return answer

    def _set_alarm_state(self, params: Data, body: Data, is_cbor: bool, is_json: bool = False) -> Answer:
        modelled = is_cbor or is_json
        name = str(body.get("AlarmName") if modelled else _only(params.get("AlarmName")))
        try:
            if modelled:
                model.check(body, model.operation("cloudwatch", "SetAlarmState").input_shape)
        except ValidationException as fault:
            return self._refuse(fault, is_cbor, is_json)
        alarm = self._find(name)
        before = state_of(alarm) if alarm else None
        answer: Answer = self._original["_set_alarm_state"](params, body, is_cbor, is_json)
        if answer[0] < 400 and alarm and before and before.value != alarm["StateValue"]:
            given = body.get("StateReasonData") if modelled else _only(params.get("StateReasonData"))
            alarm.update(StateReasonData=given or "", StateUpdatedTimestamp=time.time())
            alarm["StateTransitionedTimestamp"] = alarm["StateUpdatedTimestamp"]
            transition = Transition(dict(alarm), before, state_of(alarm))
            self._note(transition)
            self._on_set(transition)
        return answer

    def _refuse(self, fault: ValidationException, is_cbor: bool, is_json: bool) -> Answer:
        answer: Answer = self._cloudwatch._error("ValidationError", str(fault), 400, use_json=is_json, use_cbor=is_cbor)
        return answer

    def _get_state(self) -> Data:
        """What is saved: points are never changed, so their lists are copied and not the points, as the base would."""
        cloudwatch = self._cloudwatch
        metrics = type(cloudwatch._metrics)()
        metrics._data = {key: list(points) for key, points in list(cloudwatch._metrics._data.items())}
        names = ("alarms", "composite_alarms", "composite_triggers", "alarm_history", "dashboards", "resource_tags")
        return {"metrics": metrics, **{name: copy.deepcopy(getattr(cloudwatch, f"_{name}")) for name in names}}


def _hooked_module() -> Any:
    module = importlib.import_module("ministack.services.cloudwatch")
    missing = [f"{module.__name__}.{name}" for name in HOOKS if not hasattr(module, name)]
    if missing:
        raise BrokenBase(f"the installed ministack lacks {', '.join(missing)}; install ministack==1.5.33")
    return module


def _nothing(*_arguments: Any, **_named: Any) -> None:
    """In the place of what the base would evaluate, send or evict by itself."""


def _only(value: Any) -> Any:
    """A member of a Query request, whose values are lists."""
    return value[0] if isinstance(value, Sequence) and not isinstance(value, str) and value else value
