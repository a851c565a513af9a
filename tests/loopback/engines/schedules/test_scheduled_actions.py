"""When scheduled actions are due."""

from datetime import UTC, datetime

import pytest

from loopback.core.errors import ValidationException
from loopback.engines.schedules.scheduled_actions import parse

START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC).timestamp()


def due(schedule: str, zone: str = "UTC", after: float = START, created: float = START) -> str | None:
    found = parse(schedule, zone).after(after, created)
    return None if found is None else f"{datetime.fromtimestamp(found, UTC):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("at(2026-03-01T12:00:31)", "UTC", "2026-03-01 12:00:31"),
        ("at(2026-03-01T13:30:00)", "Europe/Berlin", "2026-03-01 12:30:00"),
        ("at(2026-03-01T12:00:30)", "UTC", None),
        ("rate(5 minutes)", "UTC", "2026-03-01 12:05:30"),
        ("rate(1 day)", "UTC", "2026-03-02 12:00:30"),
        ("cron(0 9 * * ? *)", "UTC", "2026-03-02 09:00:00"),
        ("cron(0 9 * * ? *)", "America/New_York", "2026-03-01 14:00:00"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-03-01 12:15:00"),
        ("cron(0 18 ? * MON-FRI *)", "UTC", "2026-03-02 18:00:00"),
        ("cron(0 18 ? * FRI-MON *)", "UTC", "2026-03-01 18:00:00"),
        ("cron(0 0 L * ? *)", "UTC", "2026-03-31 00:00:00"),
        ("cron(0 0 29 2 ? *)", "UTC", "2028-02-29 00:00:00"),
        ("cron(0 0 ? * MON#2 *)", "UTC", "2026-03-09 00:00:00"),
        ("cron(0 0 ? * FRIL *)", "UTC", "2026-03-27 00:00:00"),
        ("cron(0 0 15W 8 ? *)", "UTC", "2026-08-14 00:00:00"),
        ("cron(30 2 29 3 ? 2026)", "Europe/Berlin", None),  # the hour that summer time leaves out
        ("cron(0 0 1 1 ? 2025)", "UTC", None),
    ],
)
def test_the_next_time(schedule: str, zone: str, expected: str | None) -> None:
    assert due(schedule, zone) == expected


def test_rates_count_from_the_start() -> None:
    assert due("rate(1 hour)", after=START + 5000) == "2026-03-01 14:00:30"


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("every(1 day)", "must be at"),
        ("at(tomorrow)", "yyyy-mm-dd"),
        ("at(2026-13-01T00:00:00)", "month"),
        ("rate(0 minutes)", "a number and minutes"),
        ("cron(0 9 * * * *)", "exactly one"),
        ("cron(0 9 * ? *)", "6 fields"),
        ("cron(60 9 * * ? *)", "within 0 and 59"),
        ("cron(0 9 * FOO ? *)", "is not a number"),
        ("cron(0 9 32 * ? *)", "within 1 and 31"),
    ],
)
def test_refused(schedule: str, message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        parse(schedule)


def test_an_unknown_zone() -> None:
    with pytest.raises(ValidationException, match="'Mars/North'"):
        parse("rate(1 day)", "Mars/North")
