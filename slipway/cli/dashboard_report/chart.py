"""Lines over time as SVG, and in a few characters. Lines differ in colour and in their dashes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.cli.drift_report.drawing import escape, moment
from slipway.cli.drift_report.sparklines import line

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 560, 190, 52, 8, 24
KINDS = 5  # of lines; then they begin anew
_NICE = {1: 4, 2: 4, 2.5: 5, 5: 5, 10: 4}  # ends of an axis, and into how many parts it is divided


@dataclass(frozen=True)
class Line:
    """The points of one series, the oldest first."""

    label: str
    points: tuple[tuple[datetime, float], ...]

    @property
    def values(self) -> list[float]:
        """Without their moments."""
        return [value for _, value in self.points]


@dataclass(frozen=True)
class Span:
    """What a picture covers; points are `period` seconds apart, and a line breaks where one is missing."""

    since: datetime
    until: datetime
    period: int


def axis(value: float) -> list[float]:
    """The marks of an axis from 0 to a round number at or above the value.

    >>> axis(0.0), axis(13)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 5.0, 10.0, 15.0, 20.0])
    """
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    end, parts = next((end, parts) for end, parts in _NICE.items() if end * power >= value * (1 - 1e-9))
    return [end * power * part / parts for part in range(parts + 1)]


def figure(value: float) -> str:
    """Three digits and a unit of size: `1.05k`, `0.25`, `12`."""
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.3g}"


def svg(lines: Sequence[Line], span: Span, title: str) -> str:
    """All lines on one scale, which begins at 0."""
    marks = axis(max((value for each in lines for value in each.values), default=0.0))
    top, floor, parts = marks[-1], TOP + HEIGHT, []
    for mark in marks:
        y = floor - HEIGHT * mark / top
        parts.append(f'<line class="{"faint" if mark else "axis"}" x1="{LEFT}" x2="{WIDTH}" y1="{y:g}" y2="{y:g}"/>')
        parts.append(_text(LEFT - 6, y + 4, figure(mark), "end"))
    parts += [_path(each, number, span, top) for number, each in enumerate(lines)]
    parts.append(_text(LEFT, floor + 17, moment(span.since)))
    parts.append(_text(WIDTH, floor + 17, moment(span.until), "end"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {floor + BOTTOM}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _path(drawn: Line, number: int, span: Span, top: float) -> str:
    whole = max((span.until - span.since).total_seconds(), 1.0)
    steps, before = [], None
    for at, value in drawn.points:
        x = LEFT + (WIDTH - LEFT) * (at - span.since).total_seconds() / whole
        y = TOP + HEIGHT * (1 - min(max(value / top, 0.0), 1.0))
        joined = before is not None and at - before <= timedelta(seconds=span.period * 1.5)
        steps.append(f"{'L' if joined else 'M'}{x:.1f} {y:.1f}" + ("" if joined else "h0.01"))  # a point alone shows
        before = at
    said = f"{drawn.label}: {figure(drawn.values[-1])} at the end" if drawn.points else f"{drawn.label}: no data"
    return f'<g><title>{escape(said)}</title><path class="line kind{number % KINDS}" d="{" ".join(steps)}"/></g>'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def sparkline(drawn: Line, span: Span, width: int) -> str:
    """The highest value of each of `width` equal parts of the span; a space where there is none."""
    whole = (span.until - span.since).total_seconds()
    highest: list[float | None] = [None] * width
    for at, value in drawn.points:
        place = min(max(int(width * (at - span.since).total_seconds() / whole), 0), width - 1)
        highest[place] = max(value, highest[place] or 0.0)
    top = max(drawn.values, default=0.0)
    return "".join(" " if value is None else line([value], top) if value else "▁" for value in highest)
