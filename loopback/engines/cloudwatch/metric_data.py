"""What GetMetricData answers: metrics and metric math over a span of time, in pages. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch import alarms, checks, expressions
from loopback.engines.cloudwatch.alarms import Fetch, MetricSource, key_of
from loopback.engines.cloudwatch.points import Point, value_of
from loopback.engines.cloudwatch.series import Grid, Series

MOST_QUERIES = 500
MOST_POINTS = 100_800  # of all results of a page, unless MaxDatapoints says fewer
SHORT_PERIODS = (1, 5, 10, 20, 30)
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_TOKEN = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Query:
    """One of the queries: a metric on a grid of its own, or an expression."""

    id: str
    label: str
    returned: bool
    expression: str = ""
    source: MetricSource | None = None
    period: int = 0


@dataclass(frozen=True)
class Span:
    """From when, included, to when, excluded, in epoch seconds."""

    start: float
    end: float

    def grid(self, period: float) -> Grid:
        """The periods that begin in it; a start within a period counts that one."""
        first = self.start // period * period
        count = max(0, int(-(-(self.end - first) // period)))
        return Grid([first + period * index for index in range(count)], period)


def answer(request: Mapping[str, Any], span: Span, fetch: Fetch) -> dict[str, Any]:
    """The response of GetMetricData. Raises ValidationException for what CloudWatch refuses or loopback lacks."""
    if span.start >= span.end:
        raise ValidationException("The parameter StartTime must be less than the parameter EndTime.")
    queries = [_query(entry) for entry in request["MetricDataQueries"]]
    _check_ids(queries)
    points = {query.id: _points(query, span, fetch) for query in queries if query.source}
    newest_first = request.get("ScanBy") != "TimestampAscending"
    results = []
    for query in queries:
        if query.returned:
            pairs = points[query.id] if query.source else _compute(query, queries, span, fetch)
            results.append((query, pairs[::-1] if newest_first else pairs))
    return _page(results, request)


def _query(entry: Mapping[str, Any]) -> Query:
    name, stat, expression = str(entry["Id"]), entry.get("MetricStat"), entry.get("Expression")
    if bool(stat) == bool(expression):
        raise ValidationException(f"Query {name} needs one of Expression and MetricStat")
    if entry.get("AccountId"):
        raise ValidationException("loopback does not read metrics of another account: AccountId")
    returned = bool(entry.get("ReturnData", True))
    if stat is None:
        return Query(name, entry.get("Label") or name, returned, expression=str(expression))
    metric, statistic, period = stat["Metric"], stat["Stat"], int(stat["Period"])
    checks.check_statistic(statistic)
    if period not in SHORT_PERIODS:
        checks.check_period(period)
    key = key_of(metric.get("Namespace", ""), metric.get("MetricName", ""), metric.get("Dimensions") or [])
    source = MetricSource(name, key, statistic, stat.get("Unit") or None)
    return Query(name, entry.get("Label") or key[1], returned, source=source, period=period)


def _check_ids(queries: Sequence[Query]) -> None:
    names = [query.id for query in queries]
    if len(set(names)) < len(names):
        raise ValidationException("The values for parameter id in MetricDataQueries are not unique.")
    if wrong := [name for name in names if not _ID.fullmatch(name)]:
        raise ValidationException(
            f"The id {wrong[0]!r} must begin with a lower-case letter and have letters, digits and underscores only"
        )
    if len(names) > MOST_QUERIES:
        raise ValidationException(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")


def _points(query: Query, span: Span, fetch: Fetch) -> list[tuple[float, float]]:
    """(start, value) of each period that has data, oldest first."""
    if query.source is None:
        return []
    by_start: dict[float, list[Point]] = {}
    finest = min(60, query.period)
    for point in fetch(query.source.key):
        if point.at // finest * finest < span.end and query.source.unit in (None, point.unit):
            by_start.setdefault(point.at // query.period * query.period, []).append(point)
    first = span.start // query.period * query.period
    found = [(start, value_of(by_start[start], query.source.statistic)) for start in sorted(by_start) if start >= first]
    return [(start, value) for start, value in found if value is not None]


def _compute(query: Query, queries: Sequence[Query], span: Span, fetch: Fetch) -> list[tuple[float, float]]:
    texts = {one.id: one.expression for one in queries if one.expression}
    used = _metrics_of(query.id, texts, queries)
    periods = {one.period for one in used}
    if len(periods) > 1:
        raise ValidationException(
            f"loopback computes expressions of metrics of one Period; those of {query.id} have several: "
            f"{', '.join(map(str, sorted(periods)))}"
        )
    grid = span.grid(min(periods, default=60))
    metrics: dict[str, Series] = {}
    for one in used:
        values = dict(_points(one, span, fetch))
        metrics[one.id] = [values.get(start) for start in grid.starts]
    needed = _dependencies(query.id, texts)
    found = alarms.evaluate_all({name: text for name, text in texts.items() if name in needed}, metrics, grid)[query.id]
    if not isinstance(found, list):
        raise ValidationException(f"The expression of {query.id} must give a time series; it gives the number {found}")
    if not expressions.is_series(found):
        if len(found) != 1:
            raise ValidationException(
                f"The expression of {query.id} gives {len(found)} time series; loopback returns one a query"
            )
        found = found[0]
    pairs = zip(grid.starts, found, strict=True)
    return [(start, float(value)) for start, value in pairs if isinstance(value, float | int)]


def _dependencies(name: str, texts: Mapping[str, str]) -> set[str]:
    """The ids that an expression depends on, itself included."""
    found, ahead = set(), [name]
    while ahead:
        if (one := ahead.pop()) not in found:
            found.add(one)
            ahead += expressions.references(expressions.parse(texts[one])) if one in texts else ()
    return found


def _metrics_of(name: str, texts: Mapping[str, str], queries: Sequence[Query]) -> list[Query]:
    """The metrics that an expression reads, by id or with METRICS()."""
    needed = _dependencies(name, texts)
    everything = any("METRICS" in texts[one] for one in needed if one in texts)
    return [one for one in queries if one.source and (everything or one.id in needed)]


def _page(results: Sequence[tuple[Query, Sequence[tuple[float, float]]]], request: Mapping[str, Any]) -> dict[str, Any]:
    """So many points of each result from where the page before ended."""
    token = str(request.get("NextToken") or "0")
    if not _TOKEN.fullmatch(token):
        raise ValidationException("The value of NextToken is not one that GetMetricData has answered")
    begin = int(token)
    each = max(1, int(request.get("MaxDatapoints") or MOST_POINTS) // max(1, len(results)))
    rows = [_row(query, pairs, begin, begin + each) for query, pairs in results]
    more = any(len(pairs) > begin + each for _, pairs in results)
    return {"MetricDataResults": rows, "Messages": []} | ({"NextToken": str(begin + each)} if more else {})


def _row(query: Query, pairs: Sequence[tuple[float, float]], begin: int, end: int) -> dict[str, Any]:
    shown = pairs[begin:end]
    return {
        "Id": query.id,
        "Label": query.label,
        "Timestamps": [start for start, _ in shown],
        "Values": [value for _, value in shown],
        "StatusCode": "PartialData" if len(pairs) > end else "Complete",
    }
