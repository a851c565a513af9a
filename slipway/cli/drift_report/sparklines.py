"""A distribution in a few characters, for terminals."""

from collections.abc import Sequence

from slipway.cli.drift_report.distributions import bars, histogram
from slipway.cli.drift_report.report import Row

WIDTH = 10
_LEVELS = "▁▂▃▄▅▆▇█"


def pair(row: Row, width: int = WIDTH) -> tuple[str, str]:
    """(baseline, live) on one scale; empty where there is no distribution."""
    found = histogram(row.baseline, row.live)
    if found is not None:
        before, after = _merge_neighbours(found.baseline, width), _merge_neighbours(found.live, width)
    else:
        shown = bars(
            row.baseline.categories if row.baseline else None,
            row.live.categories if row.live else None,
            row.domain,
            width - 1,
        )
        before = [bar.baseline for bar in shown if bar.baseline is not None and not bar.others]
        after = [bar.live for bar in shown if bar.live is not None and not bar.others]
    top = max([*before, *after], default=0.0)
    return line(before, top), line(after, top)


def line(shares: Sequence[float], top: float) -> str:
    """A character each: a space for nothing, a full block for `top`."""
    return "".join(_LEVELS[min(int(share / top * 8), 7)] if share and top else " " for share in shares)


def _merge_neighbours(shares: Sequence[float] | None, width: int) -> list[float]:
    """At most so many, by putting neighbours together."""
    if not shares:
        return []
    step = -(-len(shares) // width)
    return [sum(shares[start : start + step]) for start in range(0, len(shares), step)]
