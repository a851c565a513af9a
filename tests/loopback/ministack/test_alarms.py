"""The adapter of the base's alarms, over a module that has the base's names: journeys run the base itself."""

import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from loopback.engines.cloudwatch.alarms import key_of
from loopback.engines.cloudwatch.transitions import AlarmState
from loopback.ministack import alarms as adapter
from loopback.ministack.modules import BrokenBase

NOW = 1_800_000_000.0


class Kept(dict[Any, Any]):
    """The base's dictionaries have their content in `_data`."""

    @property
    def _data(self) -> dict[Any, Any]:
        return self

    @_data.setter
    def _data(self, content: dict[Any, Any]) -> None:
        self.update(content)


def module() -> SimpleNamespace:
    history: list[Any] = []
    made = SimpleNamespace(**dict.fromkeys(adapter.HOOKS, lambda *_: None))
    for name in ("_metrics", "_alarms", "_composite_alarms", "_composite_triggers", "_alarm_history"):
        setattr(made, name, Kept())
    made._dashboards, made._resource_tags = Kept(), Kept()
    made._history_entries = lambda: history
    made._dims_key = lambda dimensions: "|".join(f"{k}={v}" for k, v in sorted(dimensions.items()))
    made._metric_bucket = lambda key: made._metrics.setdefault(key, [])
    made._error = lambda code, message, status, **_: (status, {}, f"{code}: {message}".encode())

    def put(_params: Any, body: dict[str, Any], _cbor: bool, _json: bool) -> Any:
        made._alarms[body["AlarmName"]] = ALARM | {"AlarmName": body["AlarmName"], "Statistic": "Average"}
        return 200, {}, b"{}"

    def set_state(_params: Any, body: dict[str, Any], _cbor: bool, _json: bool) -> Any:
        made._alarms[body["AlarmName"]].update(StateValue=body["StateValue"], StateReason=body["StateReason"])
        return 200, {}, b"{}"

    made._put_metric_alarm, made._set_alarm_state = put, set_state
    return made


ALARM = {
    "AlarmName": "a",
    "AlarmArn": "arn",
    "StateValue": "OK",
    "StateReason": "was fine",
    "StateUpdatedTimestamp": int(NOW),
}
REQUEST = {"AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 10}
REQUEST |= {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = module()
    monkeypatch.setattr(adapter, "_hooked_module", lambda: made)
    return made


@pytest.fixture
def alarms(cloudwatch: SimpleNamespace) -> adapter.Alarms:
    return adapter.Alarms(SimpleNamespace(on_loop=lambda function: function(), changed=lambda: None))  # type: ignore[arg-type]


def test_a_base_that_lacks_a_hook_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter.importlib, "import_module", lambda name: SimpleNamespace(__name__=name))
    with pytest.raises(BrokenBase, match=r"lacks ministack\.services\.cloudwatch\._metrics, .*install ministack==1"):
        adapter._hooked_module()


def test_points_are_those_of_exactly_these_dimensions(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    seen: list[Any] = []
    alarms.listen(lambda *key: seen.append(key), lambda _: None, lambda _: None)
    for dimensions in ({"a": "b|c=d"}, {"a": "b", "c": "d"}):  # the base gives both the same key
        bucket = cloudwatch._metric_bucket(("N", "M", cloudwatch._dims_key(dimensions)))
        bucket.append({"Timestamp": NOW, "Value": float(len(dimensions)), "Unit": "None", "Dimensions": dimensions})
    key = key_of("N", "M", [{"Name": "a", "Value": "b|c=d"}])
    assert [point.total for point in alarms.points(key, NOW)] == [1.0]
    assert alarms.points(key, NOW + 1) == []
    assert seen == [("N", "M"), ("N", "M")]


def test_a_put_keeps_what_the_base_drops(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    put: list[str] = []
    alarms.listen(lambda *_: None, put.append, lambda _: None)
    stat = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    request = {key: REQUEST[key] for key in ("AlarmName", "EvaluationPeriods", "Threshold", "ComparisonOperator")}
    metrics = [{"Id": "m", "MetricStat": stat}]
    status, _, _ = cloudwatch._put_metric_alarm({}, request | {"Metrics": metrics}, False, True)
    assert status == 200
    assert cloudwatch._alarms["a"]["Metrics"] == metrics
    assert cloudwatch._alarms["a"]["Statistic"] is None
    cloudwatch._alarms["a"]["StateReasonData"] = "{}"
    cloudwatch._put_metric_alarm({}, REQUEST, False, True)
    assert cloudwatch._alarms["a"]["StateReasonData"] == "{}"
    assert put == ["a", "a"]
    assert [h["HistorySummary"] for h in cloudwatch._history_entries()] == ['Alarm "a" created', 'Alarm "a" updated']


def test_what_cannot_be_evaluated_is_refused(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    for request in (REQUEST | {"Period": 7}, REQUEST | {"Threshold": "high"}):
        status, _, body = cloudwatch._put_metric_alarm({}, request, False, True)
        assert (status, body.partition(b":")[0]) == (400, b"ValidationError")
    assert cloudwatch._put_metric_alarm({"Metrics.member.1.Id": ["m"]}, {}, False, False)[0] == 400
    rule = {"AlarmName": "c", "AlarmRule": "ALARM("}
    assert b"Unsupported token" in cloudwatch._put_composite_alarm({}, rule, False, True)[2]
    assert cloudwatch._alarms == {}


def test_a_state_is_set_once_and_is_in_the_history(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    cloudwatch._alarms["a"] = dict(ALARM)
    new = AlarmState("ALARM", "too much", '{"version": "1.0"}', NOW + 5)
    moved = alarms.set_state("a", "OK", new)
    assert moved is not None
    assert (moved.old.value, moved.new) == ("OK", new)
    assert alarms.set_state("a", "OK", new) is None
    assert alarms.set_state("gone", "OK", new) is None
    (item,) = cloudwatch._history_entries()
    assert item["HistorySummary"] == "Alarm updated from OK to ALARM"
    data = json.loads(item["HistoryData"])
    assert data["oldState"] == {"stateValue": "OK", "stateReason": "was fine"}
    assert data["newState"]["stateReasonData"] == {"version": "1.0"}


def test_a_state_that_is_set_by_hand_is_told(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    told: list[Any] = []
    alarms.listen(lambda *_: None, lambda _: None, told.append)
    cloudwatch._alarms["a"] = dict(ALARM)
    request = {"AlarmName": "a", "StateValue": "ALARM", "StateReason": "drill"}
    for _ in range(2):
        assert cloudwatch._set_alarm_state({}, request, False, True)[0] == 200
    assert [(t.old.value, t.new.value, t.new.reason) for t in told] == [("OK", "ALARM", "drill")]
    assert cloudwatch._set_alarm_state({}, request | {"StateValue": "RED"}, False, True)[0] == 400


def test_the_history_does_not_grow_without_bound(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    for number in range(adapter.MOST_HISTORY * 2):
        alarms.record(ALARM, "Action", str(number), {}, NOW)
    entries = cloudwatch._history_entries()
    assert len(entries) < adapter.MOST_HISTORY * 1.2
    assert entries[-1]["HistorySummary"] == str(adapter.MOST_HISTORY * 2 - 1)


def test_compaction_loses_nothing_that_arrives_meanwhile(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    bucket = cloudwatch._metric_bucket(("N", "M", ""))
    done = threading.Event()

    def publish() -> None:
        for _ in range(300):
            bucket.append({"Timestamp": NOW - 7200, "Value": 1.0, "Unit": "None", "Dimensions": {}})
            time.sleep(0)
        done.set()

    threading.Thread(target=publish).start()
    while not done.is_set():
        alarms.compact(NOW, everything=True)
    alarms.compact(NOW, everything=True)
    assert sum(point.count for point in alarms.points(key_of("N", "M", []), 0)) == 300
    assert len(bucket) == 1
    alarms.compact(NOW + 2_000_000, everything=True)
    assert cloudwatch._metrics == {}


def test_what_is_saved_is_a_copy(cloudwatch: SimpleNamespace, alarms: adapter.Alarms) -> None:
    bucket = cloudwatch._metric_bucket(("N", "M", ""))
    bucket.append({"Timestamp": NOW, "Value": 1.0})
    saved = cloudwatch.get_state()
    bucket.append({"Timestamp": NOW, "Value": 2.0})
    assert [len(points) for points in saved["metrics"].values()] == [1]
    assert set(saved) >= {"alarms", "composite_alarms", "alarm_history", "dashboards", "resource_tags"}
