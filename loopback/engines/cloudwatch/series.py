"""What metric math makes of one time series: functions of its values and of the times of its periods. Pure."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

Series: TypeAlias = "list[float | None]"


@dataclass(frozen=True)
class Grid:
    """The periods that series have values for: their starts, oldest first, and their length in seconds."""

    starts: Sequence[float]
    period: float


def _each(function: Callable[[float], float | None]) -> Callable[[Series, Grid], Series]:
    """A function of one number, applied to what is there."""
    return lambda series, _: [None if value is None else function(value) for value in series]


def _log(base: Callable[[float], float]) -> Callable[[float], float | None]:
    return lambda value: base(value) if value > 0 else None


def _changes(series: Series, grid: Grid) -> list[tuple[float, float] | None]:
    """For each value the difference from the one before it, and the seconds between them; None for the first."""
    found: list[tuple[float, float] | None] = []
    before: tuple[float, float] | None = None
    for start, value in zip(grid.starts, series, strict=True):
        if value is None:
            found.append(None)
            continue
        found.append((value - before[1], start - before[0]) if before else None)
        before = (start, value)
    return found


def _running_sum(series: Series, _: Grid) -> Series:
    total, found = 0.0, []
    for value in series:
        total += value or 0.0
        found.append(None if value is None else total)
    return found


def _of_time(part: Callable[[datetime], float]) -> Callable[[Series, Grid], Series]:
    """A part of the time of each value, in UTC."""
    return lambda series, grid: [
        None if value is None else float(part(datetime.fromtimestamp(start, UTC)))
        for start, value in zip(grid.starts, series, strict=True)
    ]


# AWS: CloudWatch User Guide, "Using metric math", the table of functions.
FUNCTIONS: dict[str, Callable[[Series, Grid], Series]] = {
    "ABS": _each(abs),
    "CEIL": _each(math.ceil),
    "FLOOR": _each(math.floor),
    "LOG": _each(_log(math.log)),
    "LOG10": _each(_log(math.log10)),
    "DIFF": lambda series, grid: [change and change[0] for change in _changes(series, grid)],
    "DIFF_TIME": lambda series, grid: [change and change[1] for change in _changes(series, grid)],
    "RATE": lambda series, grid: [change and change[0] / change[1] for change in _changes(series, grid)],
    "RUNNING_SUM": _running_sum,
    "EPOCH": _of_time(lambda moment: moment.timestamp()),
    "MINUTE": _of_time(lambda moment: moment.minute),
    "HOUR": _of_time(lambda moment: moment.hour),
    "DAY": _of_time(lambda moment: moment.isoweekday()),
    "DATE": _of_time(lambda moment: moment.day),
    "MONTH": _of_time(lambda moment: moment.month),
    "YEAR": _of_time(lambda moment: moment.year),
}


def repeat_last(series: Series) -> Series:
    """FILL with REPEAT: what is missing has the value before it."""
    found: Series = []
    for number in series:
        found.append(found[-1] if number is None and found else number)
    return found


def interpolate(series: Series) -> Series:
    """FILL with LINEAR: what is missing lies on the line between its neighbours; ends have none."""
    found, known = list(series), [index for index, value in enumerate(series) if value is not None]
    for left, right in itertools.pairwise(known):
        first, last = series[left], series[right]
        if first is None or last is None:
            continue
        for index in range(left + 1, right):
            found[index] = first + (last - first) * (index - left) / (right - left)
    return found
