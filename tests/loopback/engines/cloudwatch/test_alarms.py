"""Metric alarms: the tables of CloudWatch's guide, a slow reference, periods, dimensions, units, formulas."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.engines.cloudwatch import reasons
from loopback.engines.cloudwatch.alarms import Datum, MetricKey, alarm_of, judge, key_of, verdict
from loopback.engines.cloudwatch.points import Point

NOW = 1_800_000_030.0  # half a minute into a period of 60 s
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def shown(picture: str) -> list[Datum | None]:
    """`0 - X` as the guide writes data: good, missing, breaching; oldest first."""
    return [None if mark == "-" else Datum(index, index, mark == "X") for index, mark in enumerate(picture.split())]


@pytest.mark.parametrize(
    ("to_alarm", "picture", "states"),
    [
        # "Table 1": 3 of 3, in the order of TREATMENTS
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "- - - - 0", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", ("INSUFFICIENT_DATA", None, "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - X - -", ("ALARM", None, "ALARM", "OK")),
        # "Table 2": 2 of 3
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - X -", ("ALARM", None, "ALARM", "OK")),
        # "Avoiding premature transitions to alarm state"
        (3, "- - - - X", (None, None, "ALARM", "OK")),
        (3, "- - - X -", (None, None, "ALARM", "OK")),
        (3, "- - - X 0", ("OK", "OK", "OK", "OK")),
    ],
)
def test_missing_data_as_in_the_guide(to_alarm: int, picture: str, states: Sequence[str | None]) -> None:
    assert tuple(verdict(shown(picture), 3, to_alarm, missing).state for missing in TREATMENTS) == states


marks = st.lists(st.sampled_from("0X-"), min_size=1, max_size=9)


@given(marks, st.integers(1, 6), st.integers(1, 6), st.sampled_from(TREATMENTS))
def test_the_verdict_is_that_of_a_slow_reading(data: list[str], evaluate: int, wanted: int, missing: str) -> None:
    to_alarm = min(wanted, evaluate)
    found = verdict(shown(" ".join(data)), evaluate, to_alarm, missing).state
    real = [mark for mark in reversed(data) if mark != "-"][:evaluate]
    gaps = evaluate - len(real)
    fill = {"breaching": "X", "notBreaching": "0"}.get(missing)
    if fill is not None or not gaps:
        whole = real + [fill] * gaps
        assert found == ("ALARM" if whole.count("X") >= to_alarm else "OK")
    elif real.count("X") >= to_alarm:
        assert found == "ALARM"
    elif "0" in real:
        assert found == "OK"
    elif not real:
        assert found == (None if missing == "ignore" else "INSUFFICIENT_DATA")
    else:
        aged = len(data) - data.index("X") >= to_alarm
        assert found == ("ALARM" if aged and missing == "missing" else None)


def alarm(**more: Any) -> dict[str, Any]:
    return {
        "AlarmName": "a",
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [{"Name": "Endpoint", "Value": "a"}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
    } | more


class Data:
    """Points by metric."""

    def __init__(self) -> None:
        self.points: dict[MetricKey, list[Point]] = {}

    def put(self, value: float, ago: float = 0.0, name: str = "M", unit: str = "None", **dimensions: str) -> None:
        pairs = [{"Name": k, "Value": v} for k, v in (dimensions or {"Endpoint": "a"}).items()]
        point = Point(NOW - ago, 1.0, value, value, value, unit)
        self.points.setdefault(key_of("N", name, pairs), []).append(point)

    def __call__(self, key: MetricKey) -> Sequence[Point]:
        return self.points.get(key, [])


@pytest.fixture
def data() -> Data:
    return Data()


def state(data: Data, now: float = NOW, **more: Any) -> str | None:
    return judge(alarm_of(alarm(**more)), data, now).state


def test_an_alarm_reads_exactly_its_dimensions(data: Data) -> None:
    data.put(9, Endpoint="b")
    data.put(9, Endpoint="a", Variant="v")
    assert state(data) == "INSUFFICIENT_DATA"
    data.put(9, Endpoint="a")
    assert state(data) == "ALARM"


def test_a_unit_filters_and_converts_nothing(data: Data) -> None:
    data.put(9, unit="Seconds")
    assert state(data, Unit="Milliseconds") == "INSUFFICIENT_DATA"
    assert state(data, Unit="Seconds") == "ALARM"


@pytest.mark.parametrize(
    ("comparison", "value", "expected"),
    [
        ("GreaterThanThreshold", 5, "OK"),
        ("GreaterThanOrEqualToThreshold", 5, "ALARM"),
        ("LessThanThreshold", 5, "OK"),
        ("LessThanOrEqualToThreshold", 5, "ALARM"),
        ("GreaterThanThreshold", 6, "ALARM"),
        ("LessThanThreshold", 4, "ALARM"),
    ],
)
def test_comparisons(data: Data, comparison: str, value: float, expected: str) -> None:
    data.put(value)
    assert state(data, ComparisonOperator=comparison) == expected


def test_three_of_three_does_not_trip_on_one(data: Data) -> None:
    data.put(9)
    assert state(data, EvaluationPeriods=3) is None
    data.put(9, ago=60)
    data.put(9, ago=120)
    assert state(data, EvaluationPeriods=3) == "ALARM"


def test_without_data_it_comes_back(data: Data) -> None:
    data.put(9)
    assert state(data) == "ALARM"
    assert state(data, NOW + 240) == "INSUFFICIENT_DATA"
    assert state(data, NOW + 240, TreatMissingData="notBreaching") == "OK"


def test_a_sum_below_the_threshold_counts_when_its_period_is_over(data: Data) -> None:
    data.put(9, ago=60)
    data.put(1)
    assert state(data, Statistic="Sum") == "ALARM"  # the minute has only begun
    assert state(data, NOW + 30, Statistic="Sum") == "OK"
    assert state(data) == "OK"  # an average needs no whole period


def test_a_sum_is_not_too_low_before_its_period_is_over(data: Data) -> None:
    data.put(9, ago=60)
    data.put(1)
    low = {"Statistic": "Sum", "ComparisonOperator": "LessThanThreshold"}
    assert state(data, **low) == "OK"
    assert state(data, NOW + 30, **low) == "ALARM"


def queries(expression: str) -> dict[str, Any]:
    stats = [
        {"Id": name.lower(), "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
        for name in ("E", "R")
        for metric in [{"Namespace": "N", "MetricName": name, "Dimensions": [{"Name": "Endpoint", "Value": "a"}]}]
    ]
    return {"Metrics": [*stats, {"Id": "rate", "Expression": expression}]}


def test_a_formula(data: Data) -> None:
    data.put(2, ago=60, name="E")
    data.put(20, ago=60, name="R")
    assert state(data, **queries("100 * e / r")) == "ALARM"
    assert state(data, **queries("e / r")) == "OK"


def test_reasons_are_in_cloudwatchs_words(data: Data) -> None:
    data.put(9, ago=60)
    data.put(8, ago=120)
    parsed = alarm_of(alarm(EvaluationPeriods=2))
    found = judge(parsed, data, NOW)
    assert reasons.reason(parsed, found, "OK") == (
        "Threshold Crossed: 2 out of the last 2 datapoints [9.0 (15/01/27 07:59:00), 8.0 (15/01/27 07:58:00)] "
        "were greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    told = reasons.reason_data(parsed, found, data, NOW)
    assert told["recentDatapoints"] == [8, 9]
    assert [entry["sampleCount"] for entry in told["evaluatedDatapoints"]] == [1, 1]
    nothing = judge(parsed, Data(), NOW)
    assert reasons.reason(parsed, nothing, "OK") == "Insufficient Data: 2 datapoints were unknown."
