"""Pictures as SVG: a distribution over another, categories beside each other, executions in a row.

Colours are the page's (classes base, live, new, bad, met, faint); what differs in colour differs in shape too.
"""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slipway.cli.drift_report.distributions import Bar, Histogram
from slipway.cli.drift_report.wording import figure, percent

WIDTH, PLOT_HEIGHT, LABEL_HEIGHT = 340, 96, 22
_TOP = 16  # above a histogram, for the label of its height
_LABEL_WIDTH, _LABEL_LETTERS, _BAR_END, _BAR_ROW = 116, 17, 252, 24
_SHORTER = 66  # so much less is the label of a metric than that of a category
MOST_EXECUTIONS = 48
NEW = '<tspan class="new-word"> new</tspan>'
_TWO_MOMENTS = 180  # the width that two labels of a timeline need
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: object) -> str:
    """For HTML, XML and their attributes; characters that XML does not have become a replacement mark."""
    return html.escape(_NOT_XML.sub("\ufffd", str(text)), quote=True)


def shorten(text: str, letters: int) -> str:
    """Not wider than so many letters, wide ones counting twice; what is left out is an ellipsis."""
    taken = 0
    for place, letter in enumerate(text):
        taken += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if taken > letters - (place < len(text) - 1):
            return f"{text[:place].rstrip()}…"
    return text


def histogram(found: Histogram, title: str) -> str:
    """The baseline as an area, the live values as a line over it, on one scale."""
    sides = [side for side in (found.baseline, found.live) if side]
    top = max((share for side in sides for share in side), default=0.0) or 1.0
    floor = _TOP + PLOT_HEIGHT
    parts = [f'<line class="faint" x1="0" x2="{WIDTH}" y1="{_TOP}" y2="{_TOP}"/>']
    if found.baseline:
        parts.append(f'<path class="base" d="{_steps(found.baseline, top)} Z"/>')
    if found.live:
        parts.append(f'<path class="live" d="{_steps(found.live, top)}"/>')
    parts += [
        f'<line class="axis" x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}"/>',
        _text(0, _TOP - 4, percent(top)),
        _text(0, floor + 15, figure(found.low)),
        _text(WIDTH, floor + 15, figure(found.high), "end") if found.high > found.low else "",
    ]
    return _svg(floor + LABEL_HEIGHT, title, parts)


def _steps(shares: Sequence[float], top: float) -> str:
    """From the floor over the bins back to the floor."""
    floor, wide = _TOP + PLOT_HEIGHT, WIDTH / len(shares)
    heights = [floor - PLOT_HEIGHT * share / top for share in shares]
    points = [f"M0 {floor}"]
    for place, height in enumerate(heights):
        points.append(f"V{height:.1f} H{(place + 1) * wide:.1f}")
    return " ".join([*points, f"V{floor}"])


def categories(bars: Sequence[Bar], title: str) -> str:
    """Two bars a category, the baseline's above; one that the baseline lacks is marked. The rest has only figures."""
    top = max((max(_sides(bar)) for bar in bars if not bar.others), default=0.0) or 1.0
    parts = [_category(bar, row * _BAR_ROW + 4, top) for row, bar in enumerate(bars)]
    return _svg(len(bars) * _BAR_ROW + 6, title, parts)


def _sides(bar: Bar) -> list[float]:
    return [share for share in (bar.baseline, bar.live) if share is not None]


def _category(bar: Bar, at: int, top: float) -> str:
    name = f"{bar.others} others" if bar.others else bar.name
    label = shorten(name, _LABEL_LETTERS - 5 if bar.new else _LABEL_LETTERS) or "(empty)"
    figures = " → ".join(percent(share) for share in _sides(bar))
    drawn = ""
    for share, below, kind in ((bar.baseline, 0, "base"), (bar.live, 8, "new" if bar.new else "bar")):
        if share and not bar.others:
            long = max((_BAR_END - _LABEL_WIDTH) * share / top, 1.0)
            drawn += f'<rect class="{kind}" x="{_LABEL_WIDTH}" y="{at + below}" width="{long:.1f}" height="7"/>'
    return (
        f"<g><title>{escape(name)}: {escape(figures)}</title>"
        f'<text x="0" y="{at + 12}">{escape(label)}{NEW if bar.new else ""}</text>{drawn}'
        f"{_text(WIDTH, at + 12, figures, 'end')}</g>"
    )


@dataclass(frozen=True)
class Difference:
    """How far both sides are from the middle, and what is written beside them."""

    name: str
    baseline: float | None
    live: float | None
    figures: str
    violated: bool


def differences(rows: Sequence[Difference], title: str) -> str:
    """Two bars each from a middle line to either side, the baseline's above; whatever is beyond 1 is drawn as 1."""
    floor, middle = len(rows) * _BAR_ROW + 6, (_LABEL_WIDTH - _SHORTER + _BAR_END) / 2
    parts = [f'<line class="axis" x1="{middle:g}" x2="{middle:g}" y1="0" y2="{floor}"/>']
    parts += [_difference(row, place * _BAR_ROW + 4, middle) for place, row in enumerate(rows)]
    return _svg(floor, title, parts)


def _difference(row: Difference, at: int, middle: float) -> str:
    drawn = ""
    for value, below, kind in ((row.baseline, 0, "base"), (row.live, 8, "bad" if row.violated else "bar")):
        if value:
            long = max((_BAR_END - middle) * min(abs(value), 1.0), 1.0)
            left = middle - long if value < 0 else middle
            drawn += f'<rect class="{kind}" x="{left:.1f}" y="{at + below}" width="{long:.1f}" height="7"/>'
    return (
        f"<g><title>{escape(row.name)}: {escape(row.figures)}</title>"
        f'<text x="0" y="{at + 12}">{escape(shorten(row.name, _LABEL_LETTERS))}</text>{drawn}'
        f"{_text(WIDTH, at + 12, row.figures, 'end')}</g>"
    )


def timeline(marks: Sequence[tuple[datetime, bool | None]], title: str) -> str:
    """One mark an execution, the oldest on the left: violated is tall, met is low, without a verdict is a dot."""
    shown = list(marks)[-MOST_EXECUTIONS:]
    wide = min(14.0, WIDTH / max(len(shown), 1))
    parts = []
    for place, (at, violated) in enumerate(shown):
        left = place * wide
        said = {True: "violated", False: "met", None: "no verdict"}[violated]
        parts.append(f"<g><title>{escape(moment(at))}: {said}</title>")
        if violated is None:
            parts.append(f'<circle class="none" cx="{left + wide / 2 - 1:.1f}" cy="16" r="1.6"/></g>')
            continue
        height = 16 if violated else 5
        kind = "bad" if violated else "met"
        parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{18 - height}" width="{max(wide - 2, 1):.1f}" '
            f'height="{height}"/></g>'
        )
    if shown:
        parts.append(_text(0, 32, moment(shown[0][0])))
    if len(shown) > 1:
        parts.append(_text(max(wide * len(shown) - 2, _TWO_MOMENTS), 32, moment(shown[-1][0]), "end"))
    return _svg(36, title, parts)


def moment(at: datetime) -> str:
    """`20 Nov 08:00`; the page says that times are UTC."""
    return f"{at.day} {at:%b %H:%M}"


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
