"""`slipway dashboard`: the CloudWatch dashboard of a stage, at the terminal and as a page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.cli import drift, pages, projects, screen
from slipway.cli.dashboard_report.body import Panel, panels
from slipway.cli.dashboard_report.chart import Line, Span, figure, sparkline
from slipway.cli.dashboard_report.page import Board, Picture, page
from slipway.cli.target import Target, UserError

PAGES = Path(".slipway/dashboards")
ABSENT = ("ResourceNotFound", "DashboardNotFoundError")  # CloudWatch's error has had both codes
_SPARKS = 40  # characters


@dataclass(frozen=True)
class Wishes:
    """How far back, and where the page goes."""

    hours: float = 3
    page: Path | None = None
    opens: bool = True


def dashboard(target: Target, stage: str, wishes: Wishes, *, as_json: bool) -> int:
    """Exit code: 0, or 1 while one of its alarms is in ALARM. Raises UserError where there is no dashboard."""
    endpoint = drift.stage_endpoint(projects.require(target), stage)
    board = gather(target, stage, endpoint, wishes.hours, datetime.now(UTC))
    path = pages.write(wishes.page or PAGES / f"{stage}-{board.made:%Y%m%d-%H%M%S}.html", page(board))
    code = int(any(one["StateValue"] == "ALARM" for each in board.pictures for one in each.alarms))
    if as_json:
        screen.show_json(_dump(board) | {"page": str(path)})
        return code
    _say(board)
    pages.offer(path, opens=wishes.opens)
    return code


def gather(target: Target, stage: str, endpoint: str, hours: float, now: datetime) -> Board:
    """Ask CloudWatch for everything that the dashboard shows."""
    client = target.client("cloudwatch")
    try:
        body = client.get_dashboard(DashboardName=endpoint)["DashboardBody"]
    except client.exceptions.ClientError as fault:
        if fault.response["Error"]["Code"] not in ABSENT:
            raise
        raise UserError(
            f"{stage} has no dashboard {endpoint}: deploy it, with `dashboard: true` in deploy/stages/{stage}.yml"
        ) from None
    try:
        found = panels(body)
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise UserError(f"The dashboard {endpoint} cannot be read: {fault}") from None
    period = max((panel.coarse(hours) for panel in found if panel.series), default=60)
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    span = Span(until - timedelta(hours=hours), until, period)
    return Board(stage, endpoint, span, [_picture(client, panel, span, hours) for panel in found], now)


def _picture(client: Any, panel: Panel, span: Span, hours: float) -> Picture:
    if panel.alarms:
        names = [arn.rpartition(":")[2] for arn in panel.alarms]
        return Picture(panel.title, alarms=tuple(client.describe_alarms(AlarmNames=names)["MetricAlarms"]))
    if not panel.series:
        return Picture(panel.title, note=panel.note or "without metrics")
    request = {"MetricDataQueries": panel.queries(hours), "StartTime": span.since, "EndTime": span.until}
    points: dict[str, list[tuple[datetime, float]]] = {}
    for answered in client.get_paginator("get_metric_data").paginate(**request):
        for result in answered["MetricDataResults"]:
            pairs = zip(result["Timestamps"], result["Values"], strict=True)
            points.setdefault(result["Id"], []).extend((at.astimezone(UTC), value) for at, value in pairs)
    shown = [one for one in panel.series if one.shown]
    return Picture(panel.title, tuple(Line(one.label, tuple(sorted(points.get(one.query["Id"], ())))) for one in shown))


def _say(board: Board) -> None:
    for number, picture in enumerate(board.pictures):
        screen.say("\n" * bool(number) + picture.title, style="bold")
        if picture.alarms:
            rows = [(one["AlarmName"], one["StateValue"], one.get("StateReason", "")) for one in picture.alarms]
            screen.console.print(screen.table(("alarm", "state", "why"), rows))
        elif picture.note:
            screen.say(f"  {picture.note}")
        else:
            titles = (f"last {_hours(board.span)}", "", "now", "least", "most")
            lines = [_row(line, board.span) for line in picture.lines]
            screen.console.print(screen.table(titles, lines, right=titles[2:]))


def _row(line: Line, span: Span) -> tuple[str, ...]:
    values = line.values
    if not values:
        return line.label, "no data", "", "", ""
    return line.label, sparkline(line, span, _SPARKS), *map(figure, (values[-1], min(values), max(values)))


def _hours(span: Span) -> str:
    hours = (span.until - span.since).total_seconds() / 3600
    return f"{hours:g} h"


def _dump(board: Board) -> dict[str, Any]:
    return {
        "stage": board.name,
        "endpoint": board.endpoint,
        "since": board.span.since,
        "until": board.span.until,
        "panels": [
            {
                "title": each.title,
                "note": each.note,
                "alarms": {one["AlarmName"]: one["StateValue"] for one in each.alarms},
                "series": {line.label: line.points for line in each.lines},
            }
            for each in board.pictures
        ],
    }
