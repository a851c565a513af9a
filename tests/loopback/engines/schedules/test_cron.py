"""Schedule expressions in AWS's dialect."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.engines.schedules.cron import BadExpression, following, parse


def _after(expression: str, moment: str, count: int = 1) -> list[str]:
    schedule, at, found = parse(expression), datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp(), []
    for _ in range(count):
        due = following(schedule, at)
        assert due is not None
        found.append(datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M"))
        at = due
    return found


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("cron(0 * ? * * *)", "2024-05-01T07:00", ["2024-05-01T08:00", "2024-05-01T09:00"]),
        ("cron(0 * ? * * *)", "2024-05-01T07:59:59", ["2024-05-01T08:00"]),
        ("cron(0 5,17 ? * * *)", "2024-12-31T18:00", ["2025-01-01T05:00", "2025-01-01T17:00"]),
        ("cron(0/15 10 * * ? *)", "2024-05-01T10:40", ["2024-05-01T10:45", "2024-05-02T10:00"]),
        ("cron(15 12 ? * MON-FRI *)", "2024-05-03T13:00", ["2024-05-06T12:15"]),
        ("cron(0 0 L * ? *)", "2024-02-01T00:00", ["2024-02-29T00:00", "2024-03-31T00:00"]),
        ("cron(0 0 1W * ? *)", "2024-05-31T00:00", ["2024-06-03T00:00"]),
        ("cron(0 0 31W * ? *)", "2024-06-01T00:00", ["2024-06-28T00:00"]),
        ("cron(0 9 ? * 2#1 *)", "2024-05-01T00:00", ["2024-05-06T09:00", "2024-06-03T09:00"]),
        ("cron(0 9 ? * 6L *)", "2024-05-01T00:00", ["2024-05-31T09:00"]),
        ("cron(0 0 29 FEB ? *)", "2024-03-01T00:00", ["2028-02-29T00:00"]),
        ("cron(0 0 1 1 ? 2030-2031)", "2024-03-01T00:00", ["2030-01-01T00:00", "2031-01-01T00:00"]),
    ],
)
def test_due_times(expression: str, after: str, due: list[str]) -> None:
    assert _after(expression, after, len(due)) == due


def test_a_year_that_has_passed_is_never_due_again() -> None:
    assert following(parse("cron(0 0 1 1 ? 2001)"), 1_700_000_000) is None


@pytest.mark.parametrize(("after", "due"), [(0, 400), (399, 400), (400, 700), (1000, 1300)])
def test_a_rate_counts_from_its_beginning(after: float, due: float) -> None:
    assert following(parse("rate(5 minutes)"), after, began=100) == due


@given(st.integers(0, 4_000_000_000))
def test_the_next_hour_is_the_next_full_hour(after: int) -> None:
    assert following(parse("cron(0 * ? * * *)"), after) == (after // 3600 + 1) * 3600


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 * * * *", "is no schedule; expected cron"),
        ("cron(0 * * * *)", "has 5 fields; expected six"),
        ("cron(0 12 * * * *)", "exactly one of day-of-month and day-of-week must be [?]"),
        ("cron(0 12 ? * ? *)", "exactly one of day-of-month"),
        ("cron(60 12 ? * * *)", "'60' must be from 0 to 59"),
        ("cron(0 5-1 ? * * *)", "the range ends before it begins"),
        ("cron(0/0 5 ? * * *)", "the step must be a number above 0"),
        ("cron(0 5 ? MAI * *)", "'MAI' must be from 1 to 12 or JAN"),
        ("rate(1 hours)", "with a plural above 1"),
        ("rate(0 hours)", "expected rate"),
    ],
)
def test_a_wrong_expression_is_told_by_its_field(expression: str, message: str) -> None:
    with pytest.raises(BadExpression, match=message):
        parse(expression)
