"""What PutMetricAlarm and PutCompositeAlarm refuse."""

from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch.checks import check_composite_alarm, check_metric_alarm


def request(**more: Any) -> dict[str, Any]:
    given = {"AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60}
    given |= {"EvaluationPeriods": 3, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"} | more
    return {key: value for key, value in given.items() if value is not None}


def metrics(*expressions: str, **stat: Any) -> dict[str, Any]:
    metric = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"} | stat
    queries = [{"Id": "m1", "ReturnData": False, "MetricStat": metric}]
    queries += [{"Id": f"x{number}", "Expression": text} for number, text in enumerate(expressions)]
    return {"Namespace": None, "MetricName": None, "Statistic": None, "Period": None, "Metrics": queries}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"Period": 15}, "10, 20, 30, and any multiple of 60"),
        ({"Period": None}, "Period is required"),
        ({"Threshold": None}, "Threshold is required"),
        ({"DatapointsToAlarm": 4}, "less than or equal to"),
        ({"TreatMissingData": "never"}, "never"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of"),
        ({"Statistic": None, "ExtendedStatistic": "tm99"}, "'tm99'"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
        ({"ThresholdMetricId": "t"}, "ThresholdMetricId"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "EvaluateLowSampleCountPercentile"),
        ({"Period": 3600, "EvaluationPeriods": 200}, "more than a day"),
        ({"AlarmActions": ["arn:aws:ssm:us-east-1:0:opsitem:1"]}, "does not carry out the alarm action arn:aws:ssm"),
        (metrics(), "exactly one query"),
        (metrics("m1", "m1"), "exactly one query"),
        (metrics("SUM(m1)"), "one time series"),
        (metrics("STDDEV(m1)"), "does not compute STDDEV"),
        (metrics("x0 + 1"), "no query with the id 'x0'"),
        (metrics("m1", Stat="tc90"), "'tc90'"),
        ({**metrics("m1"), "Period": 60}, "cannot be combined with Period"),
    ],
)
def test_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        check_metric_alarm(request(**more))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Period": 10},
        {"Statistic": None, "ExtendedStatistic": "p99.9"},
        metrics("FILL(m1, 0) * 2"),
        {"AlarmActions": ["arn:aws:sns:us-east-1:000000000000:topic"]},
    ],
)
def test_taken(more: dict[str, Any]) -> None:
    check_metric_alarm(request(**more))


def test_a_composite_alarm_that_suppresses() -> None:
    with pytest.raises(ValidationException, match="ActionsSuppressor"):
        check_composite_alarm({"AlarmName": "c", "AlarmRule": "TRUE", "ActionsSuppressor": "a"})
