"""Where the time of a change went, as bars below each other. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

FULL, PARTS = "█", " ▏▎▍▌▋▊▉"  # eighths of a cell


@dataclass(frozen=True)
class Span:
    """Something that took time. `depth` 1 is a part of the span above it; `waiting` is time of people."""

    name: str
    began: datetime
    ended: datetime
    depth: int = 0
    waiting: bool = False

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.ended - self.began).total_seconds()


def bars(spans: Sequence[Span], width: int) -> list[str]:
    """One bar a span, on a common scale of `width` cells from the first beginning to the last end.

    >>> from datetime import datetime, timedelta
    >>> start = datetime(2026, 1, 1)
    >>> first = Span("build", start, start + timedelta(seconds=2))
    >>> second = Span("deploy", start + timedelta(seconds=2), start + timedelta(seconds=4))
    >>> bars([first, second], 8)
    ['████', '    ████']
    """
    if not spans:
        return []
    start = min(span.began for span in spans)
    whole = (max(span.ended for span in spans) - start).total_seconds() or 1.0
    return [_bar((span.began - start).total_seconds() / whole, span.seconds / whole, width) for span in spans]


def _bar(begin: float, length: float, width: int) -> str:
    """Empty cells to the beginning; then cells, the last of them in eighths; never nothing."""
    lead = min(int(begin * width), width - 1)
    eighths = max(round(length * width * 8), 1)
    cells, part = divmod(eighths, 8)
    return " " * lead + FULL * cells + (PARTS[part] if part else "")
