"""When a schedule expression is due: AWS's `cron(...)` of six fields and `rate(...)`, in UTC. Pure.

Differences to Unix: a year field, `?` in exactly one of the two day fields, Sunday is 1, `L`, `W` and `#`.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_FIELDS = ("minutes", "hours", "day-of-month", "month", "day-of-week", "year")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199

DayTest = Callable[[datetime], bool]


class BadExpression(ValueError):
    """The expression cannot be read; the message names the field and what is allowed there."""


@dataclass(frozen=True)
class Rate:
    """Every `seconds`, counted from when the schedule began."""

    seconds: int


@dataclass(frozen=True)
class Cron:
    """The sets of times that match; `day` tells of a date whether its day fields match."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    day: DayTest


Schedule = Cron | Rate


def parse(expression: str) -> Schedule:
    """`cron(0 12 ? * MON-FRI *)` or `rate(5 minutes)`. Raises BadExpression."""
    found = re.fullmatch(r"(cron|rate)\((.*)\)", expression.strip())
    if found is None:
        raise BadExpression(f"{expression!r} is no schedule; expected cron(0 12 * * ? *) or rate(1 hour)")
    return _cron(found[2], expression) if found[1] == "cron" else _rate(found[2], expression)


def following(schedule: Schedule, after: float, began: float = 0.0) -> float | None:
    """The first due time later than `after`; epoch seconds. None when there is none any more.

    `began` is what a rate counts from; a cron expression has no use for it.
    """
    if isinstance(schedule, Rate):
        passed = int((after - began) // schedule.seconds) + 1
        return began + max(1, passed) * schedule.seconds
    start = datetime.fromtimestamp(after, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    for day in _days(schedule, start):
        for hour in schedule.hours:
            for minute in schedule.minutes:
                due = day.replace(hour=hour, minute=minute)
                if due >= start:
                    return due.timestamp()
    return None


def _days(schedule: Cron, start: datetime) -> Iterator[datetime]:
    """The midnights of matching days, from the day of `start` on."""
    day = start.replace(hour=0, minute=0)
    last = max(schedule.years, default=0)
    while day.year <= last:
        if day.year not in schedule.years:
            day = day.replace(year=day.year + 1, month=1, day=1)
        elif day.month not in schedule.months:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        else:
            if schedule.day(day):
                yield day
            day += timedelta(days=1)


def _rate(text: str, expression: str) -> Rate:
    found = re.fullmatch(r"([1-9]\d*) (minute|hour|day)(s?)", text.strip())
    if found is None or (found[1] == "1") == bool(found[3]):
        raise BadExpression(f"{expression!r}: expected rate(1 hour), or rate(5 minutes) with a plural above 1")
    return Rate(int(found[1]) * _UNITS[found[2]])


def _cron(text: str, expression: str) -> Cron:
    parts = text.upper().split()
    if len(parts) != len(_FIELDS):
        raise BadExpression(f"{expression!r} has {len(parts)} fields; expected six: {', '.join(_FIELDS)}")
    if (parts[2] == "?") == (parts[4] == "?"):
        raise BadExpression(f"{expression!r}: exactly one of day-of-month and day-of-week must be ?")
    try:
        return Cron(
            minutes=tuple(sorted(_values(parts[0], 0, 59))),
            hours=tuple(sorted(_values(parts[1], 0, 23))),
            months=_values(parts[3], 1, 12, _MONTHS),
            years=_values(parts[5], _FIRST_YEAR, _LAST_YEAR),
            day=_day_of_week(parts[4]) if parts[2] == "?" else _day_of_month(parts[2]),
        )
    except BadExpression as fault:
        raise BadExpression(f"{expression!r}: {fault}") from None


def _values(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """The numbers that a field allows: `*`, `5`, `1-5`, `1,3`, `0/15`, and names where a field has them."""
    return frozenset(value for part in text.split(",") for value in _part(part, low, high, names))


def _part(part: str, low: int, high: int, names: tuple[str, ...]) -> range:
    span, _, step = part.partition("/")
    if step and not (step.isdecimal() and int(step)):
        raise BadExpression(f"{part!r}: the step must be a number above 0")
    if span == "*":
        first, last = low, high
    else:
        begin, dash, end = span.partition("-")
        first = _number(begin, low, high, names)
        last = _number(end, low, high, names) if dash else (high if step else first)
    if last < first:
        raise BadExpression(f"{part!r}: the range ends before it begins")
    return range(first, last + 1, int(step or 1))


def _number(text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    value = names.index(text) + low if text in names else int(text) if text.isdecimal() else -1
    if not low <= value <= high:
        raise BadExpression(f"{text!r} must be from {low} to {high}{' or ' + ', '.join(names) if names else ''}")
    return value


def _day_of_month(text: str) -> DayTest:
    if text == "L":
        return lambda day: day.day == _last(day)
    if text.endswith("W"):
        wanted = _number(text[:-1], 1, 31, ())
        return lambda day: day.day == _nearest_weekday(day, min(wanted, _last(day)))
    days = _values(text, 1, 31)
    return lambda day: day.day in days


def _day_of_week(text: str) -> DayTest:
    if "#" in text:
        name, _, turn = text.partition("#")
        weekday, count = _number(name, 1, 7, _DAYS), _number(turn, 1, 5, ())
        return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == count
    if text == "L":
        return lambda day: _weekday(day) == 7
    if text.endswith("L"):
        weekday = _number(text[:-1], 1, 7, _DAYS)
        return lambda day: _weekday(day) == weekday and day.day + 7 > _last(day)
    days = _values(text, 1, 7, _DAYS)
    return lambda day: _weekday(day) in days


def _weekday(day: datetime) -> int:
    """1 is Sunday."""
    return day.isoweekday() % 7 + 1


def _last(day: datetime) -> int:
    return monthrange(day.year, day.month)[1]


def _nearest_weekday(day: datetime, wanted: int) -> int:
    """The day from Monday to Friday that is nearest to the wanted one, in the same month."""
    weekday = day.replace(day=wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < _last(day) else wanted - 2
    return wanted
