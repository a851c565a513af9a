"""Metric alarms as CloudWatch evaluates them: the alarm, its data points and the time in, a state out. Pure.

Which periods are looked at. Periods are aligned to multiples of their length. CloudWatch retrieves more periods than
EvaluationPeriods (its guide shows 5 for 3), takes the newest data points among them, and treats data as missing only
when that still is too few; `RANGE_MORE` is that surplus. The period that has not ended belongs to the range as soon as
it has data, so that an alarm trips when its data arrives and not a period later. One case is held back: a Sum or
SampleCount still grows, so within a period it may say "above the threshold" but not "below" it. Without that an alarm
on a sum would be reset at the start of each period.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loopback.engines.cloudwatch import expressions
from loopback.engines.cloudwatch.points import GROWING, Point, value_of
from loopback.engines.cloudwatch.series import Grid, Series

RANGE_MORE = 2
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
MISSING = ("breaching", "notBreaching", "ignore", "missing")
MetricKey = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions: exactly this set
Fetch = Callable[[MetricKey], Sequence[Point]]


@dataclass(frozen=True)
class MetricSource:
    """One metric that an alarm reads."""

    id: str
    key: MetricKey
    statistic: str
    unit: str | None


@dataclass(frozen=True)
class Alarm:
    """What of an alarm's configuration its evaluation needs; `period` is in seconds."""

    period: int
    evaluate: int
    to_alarm: int
    threshold: float
    comparison: str
    missing: str
    sources: tuple[MetricSource, ...]
    expressions: Mapping[str, str] = field(default_factory=dict)  # by id
    returned: str = "m"

    @property
    def grows(self) -> bool:
        """Whether what is compared becomes larger within a period; of a formula of such metrics that is assumed."""
        return any(source.statistic in GROWING for source in self.sources)


@dataclass(frozen=True)
class Datum:
    """The value of one period."""

    start: float
    value: float
    breaching: bool


@dataclass(frozen=True)
class Verdict:
    """The state, None when it stays as it is, and the data points it rests on: newest first, `filled` ones missing."""

    state: str | None
    data: tuple[Datum, ...]
    filled: int


def key_of(namespace: str, name: str, dimensions: Sequence[Mapping[str, str]]) -> MetricKey:
    """A metric is its namespace, its name and its exact set of dimensions."""
    return namespace, name, frozenset((entry["Name"], entry["Value"]) for entry in dimensions)


def alarm_of(described: Mapping[str, Any]) -> Alarm:
    """From the members of DescribeAlarms."""
    queries = described.get("Metrics") or []
    stats = [(query["Id"], query["MetricStat"]) for query in queries if query.get("MetricStat")]
    if queries:
        sources = tuple(_source(name, stat["Metric"], stat["Stat"], stat.get("Unit")) for name, stat in stats)
        period = next((stat["Period"] for _, stat in stats), 60)
    else:
        statistic = described.get("ExtendedStatistic") or described.get("Statistic") or "Average"
        sources = (_source("m", described, statistic, described.get("Unit")),)
        period = described["Period"]
    evaluate = described["EvaluationPeriods"]
    return Alarm(
        period=period,
        evaluate=evaluate,
        to_alarm=described.get("DatapointsToAlarm") or evaluate,
        threshold=described["Threshold"],
        comparison=described["ComparisonOperator"],
        missing=described.get("TreatMissingData") or "missing",
        sources=sources,
        expressions={query["Id"]: query["Expression"] for query in queries if query.get("Expression")},
        returned=next((query["Id"] for query in queries if query.get("ReturnData", True)), "m"),
    )


def _source(name: str, metric: Mapping[str, Any], statistic: str, unit: str | None) -> MetricSource:
    key = key_of(metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or [])
    return MetricSource(name, key, statistic, unit or None)


def judge(alarm: Alarm, fetch: Fetch, now: float) -> Verdict:
    """Evaluate an alarm at a time."""
    current = now // alarm.period * alarm.period
    count = alarm.evaluate + RANGE_MORE
    starts = [current - alarm.period * back for back in range(count, -1, -1)]
    values = series(alarm, fetch, starts)
    compare = COMPARISONS[alarm.comparison]
    data = [
        None if value is None else Datum(at, value, compare(value, alarm.threshold))
        for at, value in zip(starts, values, strict=True)
    ]
    newest = data[-1]
    counts = newest is not None and (not alarm.grows or newest.breaching == alarm.comparison.startswith("Greater"))
    return verdict(data[1:] if counts else data[:-1], alarm.evaluate, alarm.to_alarm, alarm.missing)


def series(alarm: Alarm, fetch: Fetch, starts: Sequence[float]) -> Series:
    """The value of each period, oldest first; None where there is none."""
    metrics = {source.id: _values(source, fetch(source.key), starts, alarm.period) for source in alarm.sources}
    found = evaluate_all(alarm.expressions, metrics, Grid(starts, alarm.period))[alarm.returned]
    if not isinstance(found, list):
        return [found] * len(starts)
    flat = found[0] if found and isinstance(found[0], list) else found
    return [number if isinstance(number, float | int) else None for number in flat]


def evaluate_all(texts: Mapping[str, str], metrics: Mapping[str, Series], grid: Grid) -> dict[str, expressions.Value]:
    """The metrics and what the expressions give, by id. Raises ValidationException."""
    known: dict[str, expressions.Value] = dict(metrics)
    for name in order_expressions(texts):
        known[name] = expressions.evaluate(expressions.parse(texts[name]), known, metrics, grid)
    return known


def order_expressions(texts: Mapping[str, str]) -> list[str]:
    """Expressions after those they refer to; what refers to itself comes last, where its evaluation is refused."""
    needs = {name: expressions.references(expressions.parse(text)) & set(texts) for name, text in texts.items()}
    done: list[str] = []
    while ready := [name for name in needs if name not in done and needs[name] <= set(done)]:
        done += ready
    return done + [name for name in needs if name not in done]


def _values(source: MetricSource, points: Sequence[Point], starts: Sequence[float], period: int) -> Series:
    by_start: dict[float, list[Point]] = {start: [] for start in starts}
    for point in points:
        start = point.at // period * period
        if start in by_start and source.unit in (None, point.unit):
            by_start[start].append(point)
    return [value_of(by_start[start], source.statistic) for start in starts]


def verdict(data: Sequence[Datum | None], evaluate: int, to_alarm: int, missing: str) -> Verdict:
    """The state that follows from an evaluation range, oldest first: CloudWatch's tables on missing data."""
    newest = [datum for datum in reversed(data) if datum is not None][:evaluate]
    filled = evaluate - len(newest)
    breaching = sum(datum.breaching for datum in newest)
    if missing == "breaching":
        breaching += filled
    if breaching >= to_alarm:
        state: str | None = "ALARM"
    elif not filled or missing in ("breaching", "notBreaching") or any(not datum.breaching for datum in newest):
        state = "OK"
    elif not newest:
        state = None if missing == "ignore" else "INSUFFICIENT_DATA"
    elif missing == "missing" and _age(data) >= to_alarm:
        # The oldest data point breaches, nothing since did not, and it is as old as data points to alarm are asked for.
        state = "ALARM"
    else:
        state = None  # too early to say: the next data point may be a good one
    return Verdict(state, tuple(newest), filled)


def _age(data: Sequence[Datum | None]) -> int:
    """How many periods ago the oldest data point is; the newest period is 1."""
    return len(data) - next(index for index, datum in enumerate(data) if datum is not None)
