"""The evaluator over alarms in memory: transitions, events, actions, SetAlarmState, composite alarms."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch.alarms import MetricKey, key_of
from loopback.engines.cloudwatch.points import Point
from loopback.engines.cloudwatch.transitions import AlarmState, Transition, state_of
from loopback.services.cloudwatch import messages
from loopback.services.cloudwatch.evaluator import Evaluator

TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
SCALED = "resource/sagemaker/endpoint/e/variant/v"
POLICY = f"arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:{SCALED}:policyName/p"


class MemoryAlarms:
    """What `adapter.alarms` does, in memory."""

    def __init__(self, clock: Any) -> None:
        self.clock, self.alarms, self.data = clock, {}, {}
        self.history: list[tuple[str, str]] = []
        self.recorded = threading.Condition()

    def listen(self, on_data: Any, on_alarm: Any, on_set: Any) -> None:
        self.on_data, self.on_alarm, self.on_set = on_data, on_alarm, on_set

    def put(self, name: str, **more: Any) -> None:
        arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
        state = {"StateValue": "INSUFFICIENT_DATA", "StateReason": "", "StateUpdatedTimestamp": self.clock()}
        self.alarms[name] = {"AlarmName": name, "AlarmArn": arn, "ActionsEnabled": True} | state | more
        self.on_alarm(name)

    def metric(self, name: str, **more: Any) -> None:
        given = {"Namespace": "N", "MetricName": "M", "Dimensions": [], "Statistic": "Maximum", "Period": 60}
        given |= {"EvaluationPeriods": 1, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}
        self.put(name, **(given | more))

    def point(self, value: float) -> None:
        point = Point(self.clock(), 1, value, value, value)
        self.data.setdefault(key_of("N", "M", []), []).append(point)
        self.on_data("N", "M")

    def set_by_hand(self, name: str, value: str) -> None:
        old = state_of(self.alarms[name])
        self.on_set(Transition(dict(self.alarms[name]), old, self._change(name, AlarmState(value, "by hand", "", 0.0))))

    def _change(self, name: str, new: AlarmState) -> AlarmState:
        self.alarms[name] |= {"StateValue": new.value, "StateReason": new.reason, "StateReasonData": new.data}
        return new

    def metric_alarms(self) -> list[dict[str, Any]]:
        return [dict(alarm) for alarm in self.alarms.values() if "AlarmRule" not in alarm]

    def composite_alarms(self) -> list[dict[str, Any]]:
        return [dict(alarm) for alarm in self.alarms.values() if "AlarmRule" in alarm]

    def points(self, key: MetricKey, since: float) -> list[Point]:
        return [point for point in self.data.get(key, []) if point.at >= since]

    def set_state(self, name: str, old: str, new: AlarmState) -> Transition | None:
        was = state_of(self.alarms[name])
        if was.value != old:
            return None
        self._change(name, new)
        return Transition(dict(self.alarms[name]), was, new)

    def record(self, alarm: Mapping[str, Any], kind: str, summary: str, data: Mapping[str, Any], at: float) -> None:
        with self.recorded:
            self.history.append((alarm["AlarmName"], summary))
            self.recorded.notify_all()

    def compact(self, now: float, *, everything: bool = False) -> None: ...

    def states(self) -> dict[str, str]:
        return {name: alarm["StateValue"] for name, alarm in self.alarms.items()}


class Site:
    """An evaluator, and what came of it."""

    def __init__(self, context: Any, base: Any, clock: Any) -> None:
        self.alarms, self.clock = MemoryAlarms(clock), clock
        self.events: list[tuple[str, Any]] = []
        self.published: list[dict[str, str]] = []
        self.scaled: list[tuple[str, float | None]] = []
        base.clients["sns", ""] = self
        self.evaluator = Evaluator(context, self.alarms, self._event, self._policy, now=clock)

    def publish(self, **request: str) -> None:
        if "missing" in request["TopicArn"]:
            raise ValidationException("no such topic")
        self.published.append(request)

    def _event(self, title: str, resources: list[str], detail: Mapping[str, Any], source: str) -> None:
        assert (title, source) == ("CloudWatch Alarm State Change", "aws.cloudwatch")
        self.events.append((detail["alarmName"], detail["state"]["value"]))

    def _policy(self, arn: str, alarm: Mapping[str, Any], metric: float | None) -> None:
        assert arn == POLICY
        with self.alarms.recorded:
            self.scaled.append((alarm["AlarmName"], metric))
            self.alarms.recorded.notify_all()

    def tick(self, seconds: float = 0.0, *, everything: bool = True) -> dict[str, str]:
        self.clock.now += seconds
        self.evaluator.tick(self.clock(), everything=everything)
        return self.alarms.states()

    def until(self, holds: Any) -> None:
        with self.alarms.recorded:
            assert self.alarms.recorded.wait_for(holds, timeout=5)


@pytest.fixture
def site(context: Any, base: Any, clock: Any) -> Iterator[Site]:
    made = Site(context, base, clock)
    yield made
    made.evaluator.close()


def test_it_trips_at_once_tells_and_comes_back(site: Site) -> None:
    site.alarms.metric("a", AlarmActions=[TOPIC], TreatMissingData="notBreaching")
    site.alarms.metric("other", MetricName="X", TreatMissingData="ignore")
    assert site.tick(everything=False) == {"a": "OK", "other": "INSUFFICIENT_DATA"}
    site.alarms.point(9)
    assert site.tick(everything=False)["a"] == "ALARM"
    site.until(lambda: site.alarms.history)
    assert site.alarms.history == [("a", f"Successfully executed action {TOPIC}")]
    message = json.loads(site.published[0]["Message"])
    assert site.published[0]["Subject"] == 'ALARM: "a" in US East (N. Virginia)'
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["Trigger"]["Statistic"] == "MAXIMUM"
    assert site.tick(300)["a"] == "OK"
    assert site.events == [("a", "OK"), ("a", "ALARM"), ("a", "OK")]


def test_an_action_that_fails_is_in_the_history(site: Site) -> None:
    site.alarms.metric("a", AlarmActions=[TOPIC + "-missing"])
    site.alarms.point(9)
    site.tick()
    site.until(lambda: site.alarms.history)
    assert site.alarms.history[0][1].startswith(f"Failed to execute action {TOPIC}-missing")
    assert "no such topic" in site.alarms.history[0][1]


def test_actions_that_are_off_are_not_carried_out(site: Site) -> None:
    site.alarms.metric("off", AlarmActions=[TOPIC], ActionsEnabled=False)
    site.alarms.metric("on", AlarmActions=[TOPIC])
    site.alarms.point(9)
    site.tick()
    site.until(lambda: site.alarms.history)
    assert [name for name, _ in site.alarms.history] == ["on"]
    assert ("off", "ALARM") in site.events


def test_a_function_gets_awss_event(site: Site, base: Any) -> None:
    got: list[Any] = []
    base.functions["f"] = got.append
    site.alarms.metric("a", AlarmActions=["arn:aws:lambda:us-east-1:000000000000:function:f"])
    site.alarms.point(9)
    site.tick()
    site.until(lambda: site.alarms.history)
    assert got[0]["alarmData"]["state"]["value"] == "ALARM"
    assert got[0]["alarmData"]["configuration"]["metrics"][0]["metricStat"]["stat"] == "Maximum"


def test_what_is_set_by_hand_is_told_and_then_overruled(site: Site) -> None:
    site.alarms.metric("a", TreatMissingData="notBreaching")
    site.tick()
    site.alarms.set_by_hand("a", "ALARM")
    assert site.tick(everything=False)["a"] == "ALARM"
    assert site.tick()["a"] == "OK"
    assert [state for _, state in site.events] == ["OK", "ALARM", "OK"]


def test_a_policy_goes_on_once_a_period_while_the_alarm_lasts(site: Site) -> None:
    site.alarms.metric("a", AlarmActions=[POLICY])
    for expected in (1, 1, 2):
        site.alarms.point(9)
        site.tick(30)
        site.until(lambda expected=expected: len(site.scaled) >= expected)
    assert site.scaled == [("a", 9), ("a", 9)]


def test_composite_alarms_follow_their_children(site: Site) -> None:
    site.alarms.metric("a", TreatMissingData="notBreaching")
    site.alarms.put("c", AlarmRule="ALARM(a)", AlarmActions=[TOPIC])
    site.alarms.put("d", AlarmRule='NOT ALARM("c")')
    assert site.tick() == {"a": "OK", "c": "OK", "d": "ALARM"}
    site.alarms.point(9)
    assert site.tick(everything=False) == {"a": "ALARM", "c": "ALARM", "d": "OK"}
    assert "transitioned to ALARM at" in site.alarms.alarms["c"]["StateReason"]
    triggering = json.loads(site.alarms.alarms["c"]["StateReasonData"])["triggeringAlarms"]
    assert [entry["state"]["value"] for entry in triggering] == ["ALARM"]
    site.until(lambda: site.published)
    assert json.loads(site.published[0]["Message"])["AlarmRule"] == "ALARM(a)"


def test_a_composite_alarm_set_by_hand_stays_until_a_child_changes(site: Site) -> None:
    site.alarms.metric("a", TreatMissingData="notBreaching")
    site.alarms.put("c", AlarmRule="ALARM(a)")
    site.tick()
    site.alarms.set_by_hand("c", "ALARM")
    assert site.tick()["c"] == "ALARM"
    site.alarms.point(9)
    site.tick()
    assert site.tick(300)["c"] == "OK"


def test_the_event_of_a_formula_has_its_queries() -> None:
    metric = {"Namespace": "N", "MetricName": "M"}
    metrics = [
        {"Id": "m1", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
        {"Id": "e1", "Label": "twice", "Expression": "m1 * 2"},
    ]
    shown = messages.configuration({"Metrics": metrics, "AlarmArn": "arn", "AlarmDescription": "d"})
    assert shown["description"] == "d"
    assert shown["metrics"][1] == {"id": "e1", "returnData": True, "label": "twice", "expression": "m1 * 2"}
