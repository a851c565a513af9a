"""Seeded, stratified assignment of a stream of rows to train, validation and test, in constant memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PARTS = ("train", "validation", "test")
BLOCK = 100  # of each hundred rows of a stratum, exactly the configured share goes to each part


@dataclass
class StratifiedSplit:
    """Deals the rows of each stratum out in shuffled blocks; depends on the seed and the order of the rows only."""

    shares: Mapping[str, float]
    seed: int
    _waiting: dict[int, NDArray[np.int8]] = field(default_factory=dict)
    _chance: dict[int, np.random.Generator] = field(default_factory=dict)

    def assign(self, strata: NDArray[np.int64]) -> NDArray[np.int8]:
        """The part (index into PARTS) of each row, given the stratum of each row."""
        parts = np.empty(len(strata), dtype=np.int8)
        for stratum in np.unique(strata):
            rows = np.flatnonzero(strata == stratum)
            parts[rows] = self._take(int(stratum), len(rows))
        return parts

    def _take(self, stratum: int, count: int) -> NDArray[np.int8]:
        chance = self._chance.setdefault(stratum, np.random.default_rng([self.seed, stratum]))
        waiting = self._waiting.get(stratum, np.empty(0, dtype=np.int8))
        if len(waiting) < count:
            blocks = -(-(count - len(waiting)) // BLOCK)
            order = chance.random((blocks, BLOCK)).argsort(axis=1)
            waiting = np.concatenate([waiting, self._deck()[order].ravel()])
        self._waiting[stratum] = waiting[count:]
        return waiting[:count]

    def _deck(self) -> NDArray[np.int8]:
        bounds = np.rint(np.cumsum([self.shares[part] for part in PARTS]) * BLOCK).astype(int)
        return np.searchsorted(bounds, np.arange(BLOCK), side="right").astype(np.int8)


class Strata:
    """The stratum of a label: the class itself, or for numbers the decile among the first rows seen."""

    def __init__(self, *, classification: bool) -> None:
        self._classification = classification
        self._edges: NDArray[np.float64] | None = None

    def of(self, labels: NDArray[np.float64]) -> NDArray[np.int64]:
        """The stratum of each label."""
        if self._classification:
            return labels.astype(np.int64)
        if self._edges is None:
            self._edges = np.unique(np.quantile(labels, np.linspace(0.1, 0.9, 9)))
        return np.searchsorted(self._edges, labels, side="right").astype(np.int64)
