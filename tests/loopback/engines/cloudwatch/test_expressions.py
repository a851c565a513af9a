"""Metric math and rules of composite alarms: what they give, and what is refused by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch import expressions, rules
from loopback.engines.cloudwatch.series import Grid

SERIES: dict[str, expressions.Series] = {"m1": [1.0, None, 3.0], "m2": [2.0, 2.0, 0.0], "e1": [None, None, None]}

GRID = Grid([1_700_000_040.0, 1_700_000_100.0, 1_700_000_160.0], 60)


def value(text: str) -> Any:
    return expressions.evaluate(expressions.parse(text), SERIES, SERIES, GRID)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m1 + m2", [3.0, None, 3.0]),
        ("m1 / m2", [0.5, None, None]),
        ("-m1 ^ 2", [-1.0, None, -9.0]),
        ("2 * (m1 - 1) + 1", [1.0, None, 5.0]),
        ("m1 > 2", [0.0, None, 1.0]),
        ("m1 >= 1 AND m2 == 2", [1.0, None, 0.0]),
        ("SUM([m1, m2])", [3.0, 2.0, 3.0]),
        ('SUM(METRICS("m"))', [3.0, 2.0, 3.0]),
        ("MAX(METRICS())", [2.0, 2.0, 3.0]),
        ("AVG([m1, m2])", [1.5, 2.0, 1.5]),
        ("m1 / SUM(m1)", [0.25, None, 0.75]),
        ("FILL(m1, 0)", [1.0, 0.0, 3.0]),
        ("FILL(m1, m2)", [1.0, 2.0, 3.0]),
        ("FILL(m1, REPEAT)", [1.0, 1.0, 3.0]),
        ("SUM(FILL(METRICS(), 1))", [4.0, 4.0, 4.0]),
        ("IF(m1 > 2, m1, 0)", [0.0, None, 3.0]),
        ("IF(m2, m1)", [1.0, None, None]),
        ("FILL(m1, LINEAR)", [1.0, 2.0, 3.0]),
        ("FILL(e1, LINEAR)", [None, None, None]),
        ("DIFF(m2)", [None, 0.0, -2.0]),
        ("DIFF(m1)", [None, None, 2.0]),
        ("DIFF_TIME(m1)", [None, None, 120.0]),
        ("RATE(m2) * 60", [None, 0.0, -2.0]),
        ("RATE(m1) * 60", [None, None, 1.0]),
        ("RUNNING_SUM(m1)", [1.0, None, 4.0]),
        ("CEIL(m1 / 2)", [1.0, None, 2.0]),
        ("FLOOR(m1 / 2)", [0.0, None, 1.0]),
        ("ABS(0 - m1)", [1.0, None, 3.0]),
        ("LOG10(m2 * 50)", [2.0, 2.0, None]),
        ("m1 / PERIOD(m1) * 60", [1.0, None, 3.0]),
        ("MINUTE(m2)", [14.0, 15.0, 16.0]),
        ("DAY(m1)", [2.0, None, 2.0]),
        ("TIME_SERIES(4)", [4.0, 4.0, 4.0]),
        ("FIRST(METRICS())", [1.0, None, 3.0]),
        ("m2 * METRIC_COUNT(METRICS())", [6.0, 6.0, 0.0]),
        ("DATAPOINT_COUNT(m1)", 2.0),
        ("SUM(RATE([m2, m2])) * 60", [None, 0.0, -4.0]),
    ],
)
def test_what_formulas_give(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ANOMALY_DETECTION_BAND(m1, 2)", "does not compute ANOMALY_DETECTION_BAND"),
        ("SELECT AVG(x) FROM y", "Metrics Insights"),
        ("m9 + 1", "no query with the id 'm9'"),
        ("m1 +", "the end"),
        ("m1 $ 2", "'\\$'"),
        ("STDDEV(m1)", "does not compute STDDEV"),
        ("RATE(2)", "RATE takes series"),
        ("IF(m1)", "IF does not take 1"),
        ("m1 m2", "'m2'"),
        ("²", "'²'"),
        ("METRICS() + METRICS()", "at most one array"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        value(text)


@given(st.text(alphabet="m12+-*/(),<>=&|[]\"' SUMIFILL", max_size=30))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found = value(text)
    except ValidationException:
        return
    assert isinstance(found, float | list)


STATES = {"a": "ALARM", "b": "OK", "c c": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(a)", True),
        ("ALARM(b) OR ALARM(a) AND FALSE", False),
        ("(ALARM(b) OR ALARM(a)) AND NOT OK(a)", True),
        ('INSUFFICIENT_DATA("c c")', True),
        ("TRUE", True),
        ("NOT NOT FALSE", False),
        ('AT_LEAST(2, NOT OK, (a, b, "c c"))', True),
        ("AT_LEAST(60%, ALARM, (a, b))", False),
    ],
)
def test_rules(rule: str, expected: bool) -> None:
    assert rules.holds(rules.parse(rule), STATES.get) is expected


@pytest.mark.parametrize("rule", ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) ALARM(b)", "ALARM(a) XOR OK(b)", "NOT"])
def test_rules_that_are_none(rule: str) -> None:
    with pytest.raises(ValidationException, match=r"Error in AlarmRule \[Unsupported token"):
        rules.parse(rule)


def test_the_alarms_of_a_rule() -> None:
    rule = 'ALARM(a) AND (OK("c c") OR NOT ALARM(a)) AND AT_LEAST(1, OK, (b, a))'
    assert rules.names(rules.parse(rule)) == ["a", "c c", "b"]
