"""When schedules are due, and what their executions analyze."""

from datetime import UTC, datetime
from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.engines.schedules import cron
from loopback.services.sagemaker.monitoring import windows


def _at(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def _text(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%dT%H:%M}"


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("cron(0 * ? * * *)", ["01T08:00", "01T09:00", "01T10:00"]),
        ("cron(0 12 ? * * *)", ["01T12:00", "02T12:00", "03T12:00"]),
        ("cron(0 17/12 ? * * *)", ["01T17:00", "02T05:00", "02T17:00"]),
        ("cron(0 0/6 ? * * *)", ["01T12:00", "01T18:00", "02T00:00"]),
        ("cron(0 0/5 ? * * *)", ["01T10:00", "01T15:00", "01T20:00"]),
    ],
)
def test_due_times(expression: str, due: list[str]) -> None:
    schedule, at, found = windows.recurrence(expression), _at("2024-05-01T07:30"), []
    assert schedule is not None
    for _ in due:
        at = cron.following(schedule, at) or 0.0
        found.append(_text(at))
    assert found == due


@pytest.mark.parametrize(
    "expression",
    ["cron(5 * ? * * *)", "cron(0 24 ? * * *)", "cron(0 0/25 ? * * *)", "rate(1 hour)", "now", "cron(0 0)"],
)
def test_what_model_monitor_does_not_accept_is_refused(expression: str) -> None:
    with pytest.raises(ValidationException, match=r"expected cron\(0 \* \? \* \* \*\)"):
        windows.recurrence(expression)


@pytest.mark.parametrize(
    ("config", "offsets", "due", "window"),
    [
        ({"ScheduleExpression": "cron(0 * ? * * *)"}, (None, None), "2024-05-01T08:00", ("01T07:00", "01T08:00")),
        ({"ScheduleExpression": "cron(0 0/6 ? * * *)"}, (None, None), "2024-05-02T00:00", ("01T18:00", "02T00:00")),
        ({"ScheduleExpression": "cron(0 12 ? * * *)"}, (None, None), "2024-05-02T12:00", ("01T12:00", "02T12:00")),
        (
            {"ScheduleExpression": "cron(0 12 ? * * *)"},
            ("-P2D", "-P1D"),
            "2024-05-03T12:00",
            ("01T12:00", "02T12:00"),
        ),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT2H", "DataAnalysisEndTime": "-PT0H"},
            ("-P2D", "-P1D"),
            "2024-05-01T08:20",
            ("01T06:20", "01T08:20"),
        ),
    ],
)
def test_windows(
    config: dict[str, Any], offsets: tuple[str | None, str | None], due: str, window: tuple[str, str]
) -> None:
    found = windows.window(config, offsets, _at(due))
    assert (_text(found.start), _text(found.end)) == window


def test_every_hour_that_a_window_touches_is_analyzed() -> None:
    window = windows.Window(_at("2024-05-01T22:20"), _at("2024-05-02T00:20"))
    assert list(window.hours) == ["2024/05/01/22", "2024/05/01/23", "2024/05/02/00"]
    assert list(windows.Window(_at("2024-05-01T07:00"), _at("2024-05-01T08:00")).hours) == ["2024/05/01/07"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("-PT1H", -3600), ("-P8D", -691200), ("PT0H", 0), ("-P1DT2H30M", -95400)]
)
def test_durations(text: str, seconds: float) -> None:
    assert windows.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "1H", "-PT", "-P1M1S", "PT1S"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValidationException, match="is not an ISO 8601 duration"):
        windows.duration(text)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"ScheduleExpression": "NOW"}, "NOW needs DataAnalysisStartTime"),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT2H"},
            "must be before",
        ),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "PT1H"},
            "must not be after",
        ),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-P2D", "DataAnalysisEndTime": "-PT1H"},
            "by more than 24 hours",
        ),
    ],
)
def test_wrong_times_are_told(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        windows.check(config)
