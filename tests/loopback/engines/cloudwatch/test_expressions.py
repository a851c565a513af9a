"""Metric math and rules of composite alarms: what they give, and what is refused by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch import expressions, rules

SERIES: dict[str, expressions.Series] = {"m1": [1.0, None, 3.0], "m2": [2.0, 2.0, 0.0], "e1": [None, None, None]}


def value(text: str) -> Any:
    return expressions.evaluate(expressions.parse(text), SERIES, SERIES)


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
        ("FILL(m1, LINEAR)", "FILL with LINEAR"),
        ("IF(m1)", "IF does not take 1"),
        ("m1 m2", "'m2'"),
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
