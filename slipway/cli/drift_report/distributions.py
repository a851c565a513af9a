"""How the values of a feature are distributed, as a statistics.json tells it."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

BINS = 20  # of a drawn distribution
_MOST_WHOLE = 2.0**52  # beyond, floating point has no half numbers
_TAIL = 0.005  # of the values on each side that the first and the last bin take in, however far out they are

Doc = Mapping[str, Any]


@dataclass(frozen=True)
class Sketch:
    """Numbers as a KLL sketch keeps them: `points` ascending, each standing for as many values as `weights` says."""

    points: tuple[float, ...]
    weights: tuple[float, ...]

    @classmethod
    def read(cls, kll: Doc) -> "Sketch":
        """From `distribution.kll`: an item of buffer i stands for 2^i values. Buckets do where there is no sketch."""
        data = (kll.get("sketch") or {}).get("data") or []
        pairs = [(float(item), float(1 << level)) for level, buffer in enumerate(data) for item in buffer]
        if not pairs:
            pairs = [pair for bucket in kll.get("buckets") or [] for pair in _spread(bucket)]
        pairs = sorted(pair for pair in pairs if math.isfinite(pair[0]) and pair[1] > 0)
        return cls(tuple(point for point, _ in pairs), tuple(weight for _, weight in pairs))

    @cached_property
    def cumulative(self) -> tuple[float, ...]:
        """Values up to and including each point, with a 0 before the first."""
        return (0.0, *accumulate(self.weights))

    @property
    def count(self) -> float:
        """How many values it stands for."""
        return self.cumulative[-1]

    def below(self, at: float, *, including: bool) -> float:
        """How many values are below `at`, or not above it."""
        find = bisect_right if including else bisect_left
        return self.cumulative[find(self.points, at)]

    def quantile(self, share: float) -> float:
        """The value that this share of the values does not exceed."""
        return self.points[min(bisect_left(self.cumulative, share * self.count, lo=1) - 1, len(self.points) - 1)]


def _spread(bucket: Doc, parts: int = 10) -> Iterable[tuple[float, float]]:
    low, high, count = (float(bucket[name]) for name in ("lower_bound", "upper_bound", "count"))
    return [(low + (high - low) * (part + 0.5) / parts, count / parts) for part in range(parts)]


@dataclass(frozen=True)
class Feature:
    """One column of a data set. `sketch` is there for numbers, `categories` for texts of few different values."""

    name: str
    type: str
    present: int
    missing: int
    sketch: Sketch | None = None
    categories: Mapping[str, float] | None = None
    figures: Mapping[str, float] | None = None

    @property
    def missing_share(self) -> float:
        """0 to 1; 0 without rows."""
        rows = self.present + self.missing
        return self.missing / rows if rows else 0.0


def features(statistics: Doc) -> dict[str, Feature]:
    """The columns of a statistics.json by name, in its order."""
    return {str(entry["name"]): _feature(entry) for entry in statistics.get("features") or []}


def _feature(entry: Doc) -> Feature:
    numbers, texts = entry.get("numerical_statistics"), entry.get("string_statistics")
    found: Doc = numbers or texts or {}
    common, distribution = found.get("common") or {}, found.get("distribution") or {}
    sketch = Sketch.read(distribution["kll"]) if distribution.get("kll") else None
    buckets = (distribution.get("categorical") or {}).get("buckets")
    categories = {str(bucket["value"]): float(bucket["count"]) for bucket in buckets} if buckets else None
    names = ("mean", "std_dev", "min", "max", "distinct_count")
    return Feature(
        str(entry["name"]),
        str(entry.get("inferred_type", "Unknown")),
        int(common.get("num_present", 0)),
        int(common.get("num_missing", 0)),
        sketch if sketch and sketch.points else None,
        categories,
        {name: float(found[name]) for name in names if isinstance(found.get(name), int | float)},
    )


@dataclass(frozen=True)
class Histogram:
    """Shares (0 to 1) of one or two data sets in the same bins; a side is None when there is nothing of it.

    The first bin takes in everything up to its end, the last one everything beyond its beginning; `low` and `high`
    are where the drawn values end without those few.
    """

    edges: tuple[float, ...]
    baseline: tuple[float, ...] | None
    live: tuple[float, ...] | None
    low: float
    high: float


def histogram(baseline: Feature | None, live: Feature | None) -> Histogram | None:
    """Both sides over each other; None without numbers on either.

    The first and the last bin are open: one value far out must not press all the others into one bar.
    """
    sides = [feature.sketch if feature else None for feature in (baseline, live)]
    known = [side for side in sides if side]
    if not known:
        return None
    low = min(side.quantile(_TAIL) for side in known)
    high = max(side.quantile(1 - _TAIL) for side in known)
    whole = all(feature.type == "Integral" for feature in (baseline, live) if feature and feature.sketch)
    edges = _edges(low, high, whole=whole)
    first, second = (tuple(_shares(side, edges)) if side else None for side in sides)
    return Histogram(edges, first, second, low, high)


def _edges(low: float, high: float, *, whole: bool) -> tuple[float, ...]:
    """Whole numbers get bins of whole width around them, so that no bin has more of them than its neighbour."""
    if whole and high - low < _MOST_WHOLE:
        step = max(1, math.ceil((high - low + 1) / BINS))
        bins = max(1, math.ceil((high - low + 1) / step))
        return tuple(low - 0.5 + step * number for number in range(bins + 1))
    if high <= low:
        return (low - 0.5, low + 0.5)
    return tuple(low * (1 - number / BINS) + high * (number / BINS) for number in range(BINS + 1))


def _shares(side: Sketch, edges: Sequence[float]) -> Iterable[float]:
    ranks = [0.0, *(side.below(edge, including=False) for edge in edges[1:-1]), side.count]
    return [(later - earlier) / side.count for earlier, later in pairwise(ranks)]


@dataclass(frozen=True)
class Bar:
    """One category: its shares (0 to 1, None for a side without any) and whether the baseline lacks it.

    `others` are so many put together.
    """

    name: str
    baseline: float | None
    live: float | None
    new: bool = False
    others: int = 0


def bars(
    baseline: Mapping[str, float] | None, live: Mapping[str, float] | None, domain: Iterable[str] = (), most: int = 8
) -> list[Bar]:
    """New categories first, then the most frequent ones; the rest is one bar."""
    before, after = _normalize(baseline), _normalize(live)
    known = {*(baseline or {}), *domain}

    def bar(names: list[str], *, new: bool = False, others: int = 0) -> Bar:
        first, second = (sum(side.get(name, 0.0) for name in names) if side else None for side in (before, after))
        return Bar(names[0], first, second, new, others)

    made = [bar([name], new=bool(known) and name not in known) for name in {**before, **after}]
    made.sort(key=lambda one: (not one.new, -(one.baseline or 0.0) - (one.live or 0.0), one.name))
    if len(made) <= most + 1:
        return made
    return [*made[:most], bar([one.name for one in made[most:]], others=len(made) - most)]


def _normalize(counts: Mapping[str, float] | None) -> dict[str, float]:
    whole = sum((counts or {}).values())
    return {name: count / whole for name, count in (counts or {}).items()} if whole else {}
