"""When a monitoring schedule is due, which hours an execution analyzes, and where they lie in S3. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loopback.core.errors import ValidationException
from loopback.engines.schedules import cron

NOW = "NOW"
HOUR = 3600
LONGEST_SECONDS = 24 * HOUR  # of a window that DataAnalysisStartTime and DataAnalysisEndTime name
_HOURLY = re.compile(r"cron\(0 \* \? \* \* \*\)")
_DAILY = re.compile(r"cron\(0 (\d{1,2})(?:/(\d{1,2}))? \? \* \* \*\)")
_DURATION = re.compile(r"([+-]?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


@dataclass(frozen=True)
class Window:
    """What one execution analyzes: from `start` up to `end`, epoch seconds."""

    start: float
    end: float

    @property
    def hours(self) -> Iterator[str]:
        """`yyyy/mm/dd/HH` of every hour that the window touches, as capture and ground truth are stored."""
        at = int(self.start // HOUR) * HOUR
        while at < self.end:
            yield f"{datetime.fromtimestamp(at, UTC):%Y/%m/%d/%H}"
            at += HOUR


def recurrence(expression: str) -> cron.Schedule | None:
    """When a schedule repeats; None for NOW. Raises ValidationException for what Model Monitor does not accept."""
    if expression == NOW:
        return None
    if _HOURLY.fullmatch(expression):
        return cron.parse(expression)
    found = _DAILY.fullmatch(expression)
    hour, step = (int(found[1]), int(found[2] or 24)) if found else (24, 0)
    if hour > 23 or not 1 <= step <= 24:
        raise ValidationException(
            f"ScheduleExpression {expression!r} is not supported: expected cron(0 * ? * * *), cron(0 [00-23] ? * * *), "
            "cron(0 [00-23]/[01-24] ? * * *) or NOW"
        )
    hours = sorted({(hour + turn * step) % 24 for turn in range(-(-24 // step))})  # 17/12 means 17:00 and 05:00
    return cron.parse(f"cron(0 {','.join(map(str, hours))} ? * * *)")


def window(schedule: Mapping[str, Any], offsets: tuple[str | None, str | None], due: float) -> Window:
    """Of the execution that is due then.

    `schedule` is a ScheduleConfig, whose own offsets come first; `offsets` are those of a model quality input.
    Without either the window is the time since the due time before.
    """
    own = schedule.get("DataAnalysisStartTime"), schedule.get("DataAnalysisEndTime")
    first, last = own if any(own) else offsets
    if first is None and last is None:
        return Window(_before(recurrence(schedule["ScheduleExpression"]), due), due)
    return Window(due + duration(first or "-PT1H"), due + duration(last or "-PT0H"))


def _before(schedule: cron.Schedule | None, due: float) -> float:
    """The due time before `due`; times of one schedule are at most a day apart."""
    if schedule is None:
        return due - HOUR
    found = due - 24 * HOUR
    while (later := cron.following(schedule, found)) is not None and later < due:
        found = later
    return found


def check(schedule: Mapping[str, Any]) -> None:
    """Raise ValidationException for a ScheduleConfig that AWS refuses."""
    expression = schedule["ScheduleExpression"]
    own = schedule.get("DataAnalysisStartTime"), schedule.get("DataAnalysisEndTime")
    if recurrence(expression) is None and not all(own):
        raise ValidationException("ScheduleExpression NOW needs DataAnalysisStartTime and DataAnalysisEndTime")
    if any(own):
        start, end = duration(own[0] or "-PT1H"), duration(own[1] or "-PT0H")
        check_span(start, end, "DataAnalysisStartTime", "DataAnalysisEndTime")
        if end - start > LONGEST_SECONDS:
            raise ValidationException("DataAnalysisEndTime must not follow DataAnalysisStartTime by more than 24 hours")


def check_span(start: float, end: float, first: str, last: str) -> None:
    """Raise ValidationException unless `start` is before `end` and neither lies in the future."""
    if start >= end or end > 0:
        raise ValidationException(f"{first} must be before {last}, and {last} must not be after the scheduled time")


def duration(text: str) -> float:
    """Seconds of an ISO 8601 duration of days, hours and minutes, for example `-P1DT2H`. Raises ValidationException."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()[1:]):
        raise ValidationException(f"{text!r} is not an ISO 8601 duration such as -PT1H or -P1D")
    days, hours, minutes = (int(part or 0) for part in found.groups()[1:])
    seconds = days * 86400 + hours * HOUR + minutes * 60
    return float(-seconds if found[1] == "-" else seconds)
