"""The dashboard as one HTML file: no script, nothing loaded from elsewhere, everything from data escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.cli.dashboard_report.chart import KINDS, Line, Span, figure, svg
from slipway.cli.drift_report.drawing import escape, moment
from slipway.cli.drift_report.page import POLICY
from slipway.cli.drift_report.style import STYLE

_STYLE = """
:root { --k0: #0a5fd0; --k1: #c2410c; --k2: #1d7a3c; --k3: #7c3aed; --k4: #5a6570; }
@media (prefers-color-scheme: dark) { :root { --k0: #6db0ff; --k1: #ff9d5c; --k2: #6fcf8d; --k3: #c4a5ff;
  --k4: #a0abb6; } }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .kind0 { stroke: var(--k0); } svg .kind1 { stroke: var(--k1); stroke-dasharray: 7 4; }
svg .kind2 { stroke: var(--k2); stroke-dasharray: 2 4; } svg .kind3 { stroke: var(--k3); stroke-dasharray: 9 3 2 3; }
svg .kind4 { stroke: var(--k4); stroke-dasharray: 1 5; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1rem;
  align-items: start; }
.panels svg { max-width: 40rem; }
.panels .legend { font-size: .875rem; }
.state { font-weight: 600; } .state.OK { color: var(--good); } .state.ALARM { color: var(--bad); }
"""


@dataclass(frozen=True)
class Picture:
    """A panel with what was measured: lines, or alarms as DescribeAlarms shows them, or only a note."""

    title: str
    lines: tuple[Line, ...] = ()
    alarms: tuple[Mapping[str, Any], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Board:
    """All that is shown of one stage."""

    name: str
    endpoint: str
    span: Span
    pictures: Sequence[Picture]
    made: datetime


def page(board: Board) -> str:
    """The whole file."""
    alarmed = [one["AlarmName"] for each in board.pictures for one in each.alarms if one["StateValue"] == "ALARM"]
    title = f"{board.name}: {', '.join(alarmed)} in alarm" if alarmed else f"{board.name}: no alarm"
    head = (
        f'<header class="{"drifts" if alarmed else "fine"}"><p class="soft">Dashboard: endpoint '
        f"{escape(board.endpoint)}</p><h1>{escape(title)}</h1>"
        f'<p class="soft small">{moment(board.span.since)} to {moment(board.span.until)}, UTC</p></header>'
    )
    lists = "".join(_alarms(each) for each in board.pictures if each.alarms)
    drawn = "".join(_panel(each, board.span) for each in board.pictures if not each.alarms)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{_STYLE}</style></head>\n<body>\n{head}\n{lists}\n"
        f'<section><h2>Measured</h2><div class="panels">{drawn}</div></section>\n</body></html>\n'
    )


def _panel(picture: Picture, span: Span) -> str:
    if picture.note:
        inside = f'<p class="soft small">{escape(picture.note)}</p>'
    else:
        inside = svg(picture.lines, span, picture.title) + _legend(picture.lines)
    return f'<div class="card"><h3>{escape(picture.title)}</h3>{inside}</div>'


def _legend(lines: Sequence[Line]) -> str:
    entries = []
    for number, each in enumerate(lines):
        last = figure(each.values[-1]) if each.points else "no data"
        mark = f'<svg viewBox="0 0 26 8"><path class="line kind{number % KINDS}" d="M1 4 H25"/></svg>'
        entries.append(f"<span>{mark}{escape(each.label)} <span class='soft'>{escape(last)}</span></span>")
    return f'<div class="legend">{"".join(entries)}</div>'


def _alarms(picture: Picture) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['AlarmName'])}</td><td class='state {escape(one['StateValue'])}'>"
        f"{escape(one['StateValue'])}</td><td class='time'>{_since(one)}</td>"
        f"<td>{escape(one.get('StateReason', ''))}</td></tr>"
        for one in picture.alarms
    )
    heads = "<tr><th>alarm</th><th>state</th><th>since</th><th>why</th></tr>"
    return f'<section><h2>{escape(picture.title)}</h2><div class="wide"><table>{heads}{rows}</table></div></section>'


def _since(alarm: Mapping[str, Any]) -> str:
    at = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
    return escape(moment(at)) if at else ""
