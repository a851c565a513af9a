"""GetMetricData: what it computes, in which order, in which pages; what is refused by name."""

from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch.metric_data import Span, answer
from loopback.engines.cloudwatch.points import Point

MINUTES = {"m": {0: 1.0, 1: 2.0, 3: 4.0}, "n": {0: 10.0, 1: 0.0}}  # values by minute


def fetch(key: Any) -> list[Point]:
    return [Point(60.0 * minute + 5, 1, value, value, value) for minute, value in MINUTES.get(key[1], {}).items()]


def metric(name: str, metric_name: str = "m", *, period: int = 60, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    stat_of = {"Metric": {"Namespace": "N", "MetricName": metric_name}, "Period": period, "Stat": stat}
    return {"Id": name, "MetricStat": stat_of, "ReturnData": False, **more}


def ask(*queries: dict[str, Any], start: float = 0, end: float = 300, **more: Any) -> dict[str, Any]:
    return answer({"MetricDataQueries": queries, "ScanBy": "TimestampAscending", **more}, Span(start, end), fetch)


def result(*queries: dict[str, Any], **more: Any) -> list[tuple[float, float]]:
    (found,) = ask(*queries, **more)["MetricDataResults"]
    return list(zip(found["Timestamps"], found["Values"], strict=True))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 * 2", [(0, 2), (60, 4), (180, 8)]),
        ("m1 + m2", [(0, 11), (60, 2)]),
        ("SUM(METRICS())", [(0, 11), (60, 2), (180, 4)]),
        ("FILL(m1, 0)", [(0, 1), (60, 2), (120, 0), (180, 4), (240, 0)]),
        ("IF(m1 > 1, 1, 0)", [(0, 0), (60, 1), (180, 1)]),
        ("RATE(m1) * 60", [(60, 1), (180, 1)]),
        ("m1 / m2", [(0, 0.1)]),
        ("MAX([m1, m2])", [(0, 10), (60, 2), (180, 4)]),
        ("AVG(m1) + 0 * m1", [(0, 7 / 3), (60, 7 / 3), (180, 7 / 3)]),
    ],
)
def test_metric_math(expression: str, expected: list[tuple[float, float]]) -> None:
    """AWS: CloudWatch User Guide, "Using metric math"."""
    assert result(metric("m1"), metric("m2", "n"), {"Id": "e1", "Expression": expression}) == expected


def test_an_expression_of_an_expression_that_is_not_returned() -> None:
    first = {"Id": "e1", "Expression": "m1 * 10", "ReturnData": False}
    assert result(metric("m1"), {"Id": "e2", "Expression": "e1 + 1"}, first) == [(0, 11), (60, 21), (180, 41)]


def test_the_answer_of_the_aws_cli() -> None:
    """The second example of awscli/examples/cloudwatch/get-metric-data.rst: label, members, status."""
    found = ask(metric("m1", ReturnData=True, period=300, stat="Maximum"))
    assert found == {
        "MetricDataResults": [{"Id": "m1", "Label": "m", "Timestamps": [0], "Values": [4.0], "StatusCode": "Complete"}],
        "Messages": [],
    }


def test_the_newest_comes_first_unless_asked_otherwise() -> None:
    """As botocore's model says of ScanBy."""
    found = answer({"MetricDataQueries": [metric("m1", ReturnData=True)]}, Span(0, 300), fetch)
    assert found["MetricDataResults"][0]["Timestamps"] == [180, 60, 0]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 60, [0]), (0, 61, [0, 60]), (60, 240, [60, 180]), (30, 300, [0, 60, 180]), (200, 300, [180])],
)
def test_start_is_included_and_rounded_down_and_end_is_not(start: float, end: float, expected: list[float]) -> None:
    assert [at for at, _ in result(metric("m1", ReturnData=True), start=start, end=end)] == expected


def test_pages() -> None:
    query, seen, more = metric("m1", ReturnData=True), [], {}
    for expected in ("PartialData", "PartialData", "Complete"):
        found = ask(query, MaxDatapoints=1, **more)
        assert found["MetricDataResults"][0]["StatusCode"] == expected
        seen += found["MetricDataResults"][0]["Values"]
        more = {"NextToken": found.get("NextToken")}
    assert (seen, more) == ([1.0, 2.0, 4.0], {"NextToken": None})


@pytest.mark.parametrize(
    ("queries", "more", "message"),
    [
        ([metric("m1")], {"start": 300}, "StartTime must be less than"),
        ([metric("m1"), metric("m1")], {}, "not unique"),
        ([metric("M1")], {}, "lower-case letter"),
        ([{"Id": "a"}], {}, "one of Expression and MetricStat"),
        ([metric("m1", stat="Nope")], {}, "'Nope'"),
        ([metric("m1", period=45)], {}, "multiple of 60"),
        ([{"Id": "e1", "Expression": "m9 + 1"}], {}, "no query with the id 'm9'"),
        ([{"Id": "e1", "Expression": "1 + 1"}], {}, "must give a time series"),
        ([{"Id": "e1", "Expression": "SELECT AVG(x) FROM y"}], {}, "Metrics Insights"),
        ([{"Id": "e1", "Expression": "SEARCH('x', 'Sum', 60)"}], {}, "does not compute SEARCH"),
        ([metric("m1"), metric("m2"), {"Id": "e1", "Expression": "METRICS()"}], {}, "2 time series"),
        ([metric("m1"), metric("m2", period=300), {"Id": "e1", "Expression": "m1 + m2"}], {}, "have several: 60, 300"),
        ([{"Id": "e1", "Expression": "e2"}, {"Id": "e2", "Expression": "e1"}], {}, "no query with the id"),
        ([metric("m1")], {"NextToken": "x"}, "NextToken"),
    ],
)
def test_what_is_refused(queries: list[dict[str, Any]], more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        ask(*queries, **more)
