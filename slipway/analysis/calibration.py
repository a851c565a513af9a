"""What a classifier's score is worth: the share of positives among rows of that score.

Isotonic regression by pooling adjacent violators (Barlow and others, 1972; for classifiers Zadrozny and Elkan, 2002).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway.analysis.sketch import Floats

LEAST = 50  # rows of each class that a calibration needs


@dataclass(frozen=True)
class Calibration:
    """Probabilities at some scores, both ascending; between two of them it is a straight line."""

    scores: Floats
    probabilities: Floats

    @classmethod
    def fit(cls, scores: Floats, labels: Floats) -> Calibration | None:
        """From rows that the model has not seen; None where there are too few of a class to tell."""
        positives = int((labels == 1).sum())
        if min(positives, len(labels) - positives) < LEAST:
            return None
        points, places = np.unique(scores, return_inverse=True)
        sizes = np.bincount(places).astype(np.float64)
        hits = np.bincount(places, weights=(labels == 1).astype(np.float64)).astype(np.float64)
        blocks = _pool_neighbours(hits, sizes)
        first = np.cumsum([0, *(count for _, _, count in blocks)])[:-1]
        last = np.cumsum([count for _, _, count in blocks]) - 1
        # half a positive in one row more: a few rows of one class are no proof that there is no other
        shares = np.maximum.accumulate([(hits + 0.5) / (size + 1) for hits, size, _ in blocks])
        return cls(np.column_stack([points[first], points[last]]).ravel(), np.repeat(shares, 2))

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Calibration:
        """From what `document` wrote."""
        return cls(np.asarray(document["scores"], dtype=float), np.asarray(document["probabilities"], dtype=float))

    def document(self) -> dict[str, list[float]]:
        """As JSON data."""
        return {"scores": self.scores.tolist(), "probabilities": self.probabilities.tolist()}

    def of(self, scores: Floats) -> Floats:
        """The probability of class 1 for each score."""
        found: Floats = np.interp(scores, self.scores, self.probabilities)
        return found


def _pool_neighbours(hits: Floats, sizes: Floats) -> list[tuple[float, float, int]]:
    """(positives, rows, points) of neighbours put together until no share is below the one before."""
    blocks: list[tuple[float, float, int]] = []
    for hit, size in zip(hits.tolist(), sizes.tolist(), strict=True):
        blocks.append((hit, size, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            (a, b, c), (d, e, f) = blocks[-2:]
            blocks[-2:] = [(a + d, b + e, c + f)]
    return blocks
