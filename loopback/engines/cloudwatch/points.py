"""Metric data points: what a period holds, its statistics, and older points in less room. Pure.

Times are epoch seconds. Statistics are CloudWatch's: percentiles interpolate linearly between the two nearest ranks,
and do not exist for statistic sets, because those do not say which values they were made of.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BASIC = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
GROWING = ("SampleCount", "Sum")  # what only becomes larger while a period lasts
_PERCENTILE = re.compile(r"p(100|\d{1,2}(\.\d{0,10})?)")

RAW_SECONDS = 900.0  # points are kept as they came for so long
# Then, up to an age: points of so many seconds, each of at most so many different values (at least 3).
STEPS = ((10_800.0, 60, 40), (86_400.0, 300, 10), (1_209_600.0, 3600, 5))


@dataclass(frozen=True, slots=True)
class Point:
    """One published value that was seen `count` times (`low` equals `high`), or a statistic set."""

    at: float
    count: float
    total: float
    low: float
    high: float
    unit: str = "None"


def is_statistic(name: str) -> bool:
    """Whether `value_of` knows it: the five basic ones and percentiles such as p99.9."""
    return name in BASIC or _PERCENTILE.fullmatch(name) is not None


def value_of(points: Iterable[Point], statistic: str) -> float | None:
    """The statistic of the points of one period; None when there are none, or none that a percentile could use."""
    counted = [point for point in points if point.count > 0]
    if not counted:
        return None
    count = math.fsum(point.count for point in counted)
    match statistic:
        case "SampleCount":
            return count
        case "Sum":
            return math.fsum(point.total for point in counted)
        case "Average":
            return math.fsum(point.total for point in counted) / count
        case "Minimum":
            return min(point.low for point in counted)
        case "Maximum":
            return max(point.high for point in counted)
    return _percentile(counted, float(statistic[1:]))


def _percentile(points: Sequence[Point], percent: float) -> float | None:
    if any(point.low < 0 or point.low != point.high for point in points):
        return None
    ordered = sorted((point.low, point.count) for point in points)
    rank = percent / 100 * max(sum(count for _, count in ordered) - 1, 0)
    below = _value_at_rank(ordered, math.floor(rank))
    return below + (rank - math.floor(rank)) * (_value_at_rank(ordered, math.ceil(rank)) - below)


def _value_at_rank(ordered: Sequence[tuple[float, float]], rank: float) -> float:
    seen = 0.0
    for value, count in ordered:
        seen += count
        if rank < seen:
            return value
    return ordered[-1][0]


def point_of(stored: Mapping[str, Any]) -> Point:
    """A point from the members Timestamp, Unit, and Value with Count, or the statistic set `_stat`."""
    at, unit, parts = stored["Timestamp"], stored.get("Unit") or "None", stored.get("_stat")
    if parts is not None:
        count, total, low, high = (float(parts.get(name, 0)) for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
        return Point(at, count, total, low, high, unit)
    value, count = stored["Value"], float(stored.get("Count", 1))
    return Point(at, count, value * count, value, value, unit)


def compact_points(stored: Sequence[Mapping[str, Any]], now: float) -> list[Mapping[str, Any]]:
    """The same points with old ones merged into longer periods, as CloudWatch does, and without those of 14 days ago.

    The basic statistics of whole periods stay the same; percentiles stay near.
    """
    raw: list[Mapping[str, Any]] = []
    merged: dict[tuple[float, int, str], list[Mapping[str, Any]]] = {}
    for point in stored:
        age = now - point["Timestamp"]
        step = next(((seconds, most) for limit, seconds, most in STEPS if age <= limit), None)
        if age <= RAW_SECONDS:
            raw.append(point)
        elif step is not None:
            start = point["Timestamp"] // step[0] * step[0]
            merged.setdefault((start, step[1], point.get("Unit") or "None"), []).append(point)
    return [point for (start, most, _), group in sorted(merged.items()) for point in _merge(start, most, group)] + raw


def _merge(start: float, most: int, group: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if len(group) == 1:
        return list(group)
    base = {key: value for key, value in group[0].items() if key not in ("Value", "Count", "_stat")}
    base["Timestamp"] = start
    if any("_stat" in point for point in group):
        points = [point_of(point) for point in group]
        parts = {name: value_of(points, name) or 0.0 for name in ("SampleCount", "Sum", "Minimum", "Maximum")}
        average = parts["Sum"] / parts["SampleCount"] if parts["SampleCount"] else 0.0
        return [base | {"Value": average, "_stat": parts}]
    counts: dict[float, float] = {}
    for point in group:
        counts[point["Value"]] = counts.get(point["Value"], 0.0) + float(point.get("Count", 1))
    return [base | {"Value": value, "Count": count} for value, count in _thin_out(sorted(counts.items()), most)]


def _thin_out(values: Sequence[tuple[float, float]], most: int) -> Sequence[tuple[float, float]]:
    """At most `most` values with their counts: the least, the greatest, and means of neighbours between them."""
    if len(values) <= most:
        return values
    inner = values[1:-1]
    size = math.ceil(len(inner) / (most - 2))
    means = []
    for first in range(0, len(inner), size):
        part = inner[first : first + size]
        count = math.fsum(c for _, c in part)
        means.append((math.fsum(v * c for v, c in part) / count if count else part[0][0], count))
    return [values[0], *means, values[-1]]
