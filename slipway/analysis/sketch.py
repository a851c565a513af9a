"""KLL quantile sketch as Deequ writes it: compactor buffers, where an item of buffer i stands for 2^i values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SIZE, SHRINK, BUCKETS = 2048, 0.64, 10  # the container's parameters: k, c, number of histogram buckets
_EMPTY: Floats = np.empty(0)


@dataclass
class Sketch:
    """A mergeable summary of many numbers in a few thousand; ranks are off by well under 1 % of the count.

    Which half of a buffer survives a compaction follows a fixed pseudo-random sequence, so equal input gives
    an equal sketch.
    """

    buffers: list[Floats] = field(default_factory=lambda: [_EMPTY])
    compactions: int = 0

    @classmethod
    def read(cls, data: Sequence[Sequence[float]]) -> Sketch:
        """From the `sketch.data` of a statistics.json."""
        return cls([np.sort(np.asarray(buffer, dtype=np.float64)) for buffer in data] or [_EMPTY])

    @property
    def count(self) -> int:
        """How many numbers the sketch stands for."""
        return sum(len(buffer) << level for level, buffer in enumerate(self.buffers))

    def add(self, values: Floats) -> None:
        """Take in finite numbers, in any order."""
        self.buffers[0] = np.concatenate([self.buffers[0], values])
        self._shrink()

    def merge(self, other: Sketch) -> Sketch:
        """A sketch of the numbers of both."""
        levels = max(len(self.buffers), len(other.buffers))
        both = [np.concatenate([_level(self, i), _level(other, i)]) for i in range(levels)]
        result = Sketch(both, self.compactions + other.compactions)
        result._shrink()
        return result

    def data(self) -> list[list[float]]:
        """The buffers for `sketch.data`."""
        return [np.sort(buffer).tolist() for buffer in self.buffers]

    def weighted_points(self) -> tuple[Floats, Floats]:
        """(points, cumulative weight up to and including each point), points ascending."""
        points = np.concatenate(self.buffers)
        weights = np.concatenate([np.full(len(b), float(1 << level)) for level, b in enumerate(self.buffers)])
        order = np.argsort(points, kind="stable")
        return points[order], np.cumsum(weights[order])

    def ranks(self, at: Floats) -> Floats:
        """How many of the numbers are <= each of `at`."""
        points, cumulative = self.weighted_points()
        below = np.searchsorted(points, at, side="right")
        return np.concatenate([[0.0], cumulative])[below]

    def histogram(self, low: float, high: float) -> list[dict[str, Any]]:
        """Ten buckets of equal width from `low` to `high`; the last one includes its upper bound."""
        edges = np.linspace(low, high, BUCKETS + 1)
        points, cumulative = self.weighted_points()
        before = np.concatenate([[0.0], cumulative])[np.searchsorted(points, edges, side="left")]
        before[0], before[-1] = 0.0, float(self.count)
        return [
            {"lower_bound": float(lower), "upper_bound": float(upper), "count": float(to - since)}
            for (lower, upper), (since, to) in zip(pairwise(edges), pairwise(before), strict=True)
        ]

    def _shrink(self) -> None:
        level = 0
        while level < len(self.buffers):
            capacity = max(2, int(SIZE * SHRINK ** (len(self.buffers) - level - 1)))
            if len(self.buffers[level]) > capacity:
                self._compact(level)
                level = 0 if level + 2 == len(self.buffers) else level  # a new level lowers every capacity
            level += 1

    def _compact(self, level: int) -> None:
        """Move every second item, in order, one level up; an odd one out stays."""
        ordered = np.sort(self.buffers[level])
        even = len(ordered) & ~1
        self.compactions += 1
        offset = _coin(self.compactions, level)
        if level + 1 == len(self.buffers):
            self.buffers.append(_EMPTY)
        self.buffers[level + 1] = np.concatenate([self.buffers[level + 1], ordered[offset:even:2]])
        self.buffers[level] = ordered[even:]


def _level(sketch: Sketch, level: int) -> Floats:
    return sketch.buffers[level] if level < len(sketch.buffers) else _EMPTY


def _coin(turn: int, level: int) -> int:
    """0 or 1, evenly and without a pattern over turns and levels (a multiplicative hash)."""
    mixed = (turn * 0x9E3779B97F4A7C15 + level * 0xC2B2AE3D27D4EB4F) & 0xFFFFFFFFFFFFFFFF
    mixed ^= mixed >> 31
    return (mixed * 0xBF58476D1CE4E5B9 >> 62) & 1
