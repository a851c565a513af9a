"""When a scheduled action is due: at(), rate() and cron() with a time zone. Pure; moments are epoch seconds.

cron() has six fields as on AWS: minute, hour, day of month, month, day of week (SUN is 1), year; one day field is `?`.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from loopback.core.errors import ValidationException

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_LAST_YEAR = 2199
SEARCHED_DAYS = 366 * 8  # 29 February comes at least once within these


@dataclass(frozen=True)
class ScheduleExpression:
    """A schedule expression that was understood; `zone` is that of at() and cron()."""

    text: str
    zone: ZoneInfo

    def after(self, moment: float, created: float) -> float | None:
        """The first time later than `moment`, or None; rates count from when the action was `created`."""
        kind, inner = _split(self.text)
        if kind == "at":
            at = datetime.fromisoformat(inner).replace(tzinfo=self.zone).timestamp()
            return at if at > moment else None
        if kind == "rate":
            step = _rate(inner)
            return created + step * (max((moment - created) // step, 0) + 1)
        return next(_cron_times(inner, self.zone, moment), None)


def parse(text: str, zone: str = "UTC") -> ScheduleExpression:
    """Raises ValidationException with what is wrong."""
    try:
        found = ScheduleExpression(text, ZoneInfo(zone))
    except (KeyError, ValueError):
        raise ValidationException(f"{zone!r} is not the name of a time zone, such as Europe/Berlin") from None
    kind, inner = _split(text)
    if kind == "at":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inner):
            raise ValidationException(f"Schedule {text!r} must be at(yyyy-mm-ddThh:mm:ss)")
        try:
            datetime.fromisoformat(inner)
        except ValueError as fault:
            raise ValidationException(f"Schedule {text!r}: {fault}") from None
    elif kind == "rate":
        _rate(inner)
    else:
        _fields(inner)
    return found


def _split(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(at|rate|cron)\((.*)\)", text.strip())
    if match is None:
        raise ValidationException(f"Schedule {text!r} must be at(...), rate(...) or cron(...)")
    return match[1], match[2].strip()


def _rate(inner: str) -> int:
    match = re.fullmatch(r"([1-9]\d*) +(minute|hour|day)(s?)", inner)
    if match is None:
        raise ValidationException(f"Schedule rate({inner}) must be a number and minutes, hours or days")
    return int(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class _Fields:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]

    def on(self, day: date) -> bool:
        if day.month not in self.months or day.year not in self.years:
            return False
        if self.days != "?":
            return _month_day(self.days, day)
        return _weekday(self.weekdays, day)


def _fields(inner: str) -> _Fields:
    parts = inner.split()
    if len(parts) != 6:
        raise ValidationException(f"Schedule cron({inner}) must have 6 fields: minute hour day month weekday year")
    if (parts[2] == "?") == (parts[4] == "?"):
        raise ValidationException(f"Schedule cron({inner}) must have ? in exactly one of the two day fields")
    found = _Fields(
        _set(parts[0], 0, 59, {}),
        _set(parts[1], 0, 23, {}),
        parts[2],
        _set(parts[3], 1, 12, _MONTHS),
        parts[4],
        _set(parts[5], 1970, _LAST_YEAR, {}),
    )
    found.on(date(2024, next(iter(found.months)), 1))
    _month_day(parts[2], date(2024, 1, 1)) if parts[4] == "?" else _weekday(parts[4], date(2024, 1, 1))
    return found


def _month_day(field: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if field == "L":
        return day.day == last
    if match := re.fullmatch(r"(\d+)W", field):
        wanted = date(day.year, day.month, min(int(match[1]), last))
        shift = {5: -1 if wanted.day > 1 else 2, 6: 1 if wanted.day < last else -2}.get(wanted.weekday(), 0)
        return day == wanted + timedelta(days=shift)
    return day.day in _set(field, 1, 31, {})


def _weekday(field: str, day: date) -> bool:
    own = day.isoweekday() % 7 + 1
    if match := re.fullmatch(r"(\w+)#([1-5])", field):
        return own in _set(match[1], 1, 7, _DAYS) and (day.day - 1) // 7 + 1 == int(match[2])
    if match := re.fullmatch(r"(\w+)L", field):
        return own in _set(match[1], 1, 7, _DAYS) and (day + timedelta(days=7)).month != day.month
    return own in _set("7" if field == "L" else field, 1, 7, _DAYS)


def _set(field: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    """The numbers of one field: `*`, numbers, names, ranges, lists and steps."""
    found: set[int] = set()
    for part in field.upper().split(","):
        match = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/([1-9]\d*))?", part)
        if match is None:
            raise ValidationException(f"Schedule: {field!r} is not understood as a field of cron()")
        first = least if match[1] == "*" else _number(match[1], field, names)
        last = most if match[1] == "*" or (match[3] and not match[2]) else first
        last = _number(match[2], field, names) if match[2] else last
        if not least <= first <= most or not least <= last <= most:
            raise ValidationException(f"Schedule: {field!r} must be within {least} and {most}")
        if first <= last:
            found |= set(range(first, last + 1, int(match[3] or 1)))
        else:  # FRI-MON goes over the end
            span = [*range(first, most + 1), *range(least, last + 1)]
            found |= set(span[:: int(match[3] or 1)])
    return frozenset(found)


def _number(text: str, field: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdigit():
        raise ValidationException(f"Schedule: {text!r} in {field!r} is not a number")
    return int(text)


def _cron_times(inner: str, zone: ZoneInfo, moment: float) -> Iterator[float]:
    fields = _fields(inner)
    first = datetime.fromtimestamp(moment, UTC).astimezone(zone).date()
    for number in range(-1, SEARCHED_DAYS):
        day = first + timedelta(days=number)
        if not fields.on(day):
            continue
        for hour in sorted(fields.hours):
            for minute in sorted(fields.minutes):
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                at = local.timestamp()
                # A time that the change to summer time leaves out is not run, as on AWS.
                there = datetime.fromtimestamp(at, zone)
                if at > moment and (there.hour, there.minute) == (hour, minute):
                    yield at
