"""What a CloudWatch dashboard shows: its body as panels of series. Pure.

Source: CloudWatch guide, "Dashboard body structure and syntax"; a metric's row may repeat what stands above it by `.`
(one field) and `...` (all fields up to those that follow).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_PERIOD, DEFAULT_STAT = 300, "Average"
MOST_POINTS = 400  # of a series: more cannot be told apart in a picture
PERIODS = (60, 300, 900, 3600, 21600, 86400)


@dataclass(frozen=True)
class Series:
    """One line of a picture. `query` is a MetricDataQuery of GetMetricData without its period."""

    label: str
    query: Mapping[str, Any]
    shown: bool = True


@dataclass(frozen=True)
class Panel:
    """One widget: a picture of some series, or a list of alarms (their ARNs); `note` when it is neither."""

    title: str
    series: tuple[Series, ...] = ()
    alarms: tuple[str, ...] = ()
    period: int = DEFAULT_PERIOD
    note: str = ""

    def queries(self, hours: float) -> list[dict[str, Any]]:
        """The MetricDataQueries of this panel for so many hours, with ids of their own."""
        period = self.coarse(hours)
        return [_with_period(one.query, period) | {"ReturnData": one.shown} for one in self.series]

    def coarse(self, hours: float) -> int:
        """Seconds between two points: the widget's, or more when that would be too many points."""
        enough = (each for each in PERIODS if each >= self.period and hours * 3600 / each <= MOST_POINTS)
        return next(enough, PERIODS[-1])


def _with_period(query: Mapping[str, Any], period: int) -> dict[str, Any]:
    if "Expression" in query:
        return {**query, "Period": period}
    return {**query, "MetricStat": {**query["MetricStat"], "Period": period}}


def panels(body: str) -> list[Panel]:
    """In the order in which a person reads: from the top, then from the left. Raises ValueError."""
    document = json.loads(body)
    widgets = document.get("widgets", []) if isinstance(document, dict) else None
    if not isinstance(widgets, list):
        raise ValueError("a dashboard body has a list of widgets")  # noqa: TRY004 - of the document, not of an argument
    ordered = sorted(enumerate(widgets), key=lambda one: (one[1].get("y", 0), one[1].get("x", 0), one[0]))
    return [_panel(widget) for _, widget in ordered]


def _panel(widget: Mapping[str, Any]) -> Panel:
    kind, given = widget.get("type", ""), widget.get("properties", {})
    title = str(given.get("title", ""))
    if kind == "alarm":
        return Panel(title or "Alarms", alarms=tuple(given.get("alarms", ())))
    if kind != "metric":
        return Panel(title or kind, note=f"widgets of type {kind or '(none)'} are shown by the CloudWatch console only")
    stat, period = given.get("stat", DEFAULT_STAT), int(given.get("period", DEFAULT_PERIOD))
    return Panel(title, tuple(_series(given.get("metrics", ()), stat)), period=period)


@dataclass
class _Rows:
    """The fields of the row above; ids that are taken."""

    above: list[str] = field(default_factory=list)
    taken: int = 0

    def fields(self, written: Sequence[str]) -> list[str]:
        """A row with what it repeats put in."""
        if written[:1] == ["..."]:
            rest = list(written[1:])
            found = self.above[: len(self.above) - len(rest)] + rest
        else:
            found = [self.above[i] if each == "." and i < len(self.above) else each for i, each in enumerate(written)]
        self.above = found
        return found

    def id(self) -> str:
        """One that no row has."""
        self.taken += 1
        return f"series{self.taken}"


def _series(rows: Sequence[Sequence[Any]], stat: str) -> list[Series]:
    state, found = _Rows(), []
    for row in rows:
        options = row[-1] if row and isinstance(row[-1], dict) else {}
        written = [each for each in row if not isinstance(each, dict)]
        name, shown = options.get("id") or state.id(), options.get("visible", True)
        if "expression" in options:
            query = {"Id": name, "Expression": options["expression"]}
            found.append(Series(options.get("label") or options["expression"], query, shown))
            continue
        namespace, metric, *rest = state.fields(written)
        dimensions = [{"Name": key, "Value": value} for key, value in zip(rest[::2], rest[1::2], strict=False)]
        used = options.get("stat", stat)
        measured = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
        label = options.get("label") or (f"{metric} {used}" if "stat" in options else metric)
        found.append(Series(label, {"Id": name, "MetricStat": {"Metric": measured, "Stat": used}}, shown))
    return found
