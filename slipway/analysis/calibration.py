"""What a classifier's score is worth: the share of positives among rows of that score, and how sure that is.

Isotonic regression by pooling adjacent violators (Barlow and others, 1972; for classifiers Zadrozny and Elkan, 2002),
once of the rows and some times of rows drawn from them: how far those lie apart is what the rows do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway.analysis.sketch import Floats

Block = tuple[float, float, int]  # positives, rows, points

LEAST = 50  # rows of each class that a calibration needs
RESAMPLES = 30
_POINTS = 2000  # that are pooled at most; more rows of like score are put together before
_EDGE = 20  # rows of the first block and of the last, which also stand for all scores beyond them
_DIGITS = 6


@dataclass(frozen=True)
class Calibration:
    """Probabilities at some scores, both ascending; between two of them it is a straight line.

    `others` has a row for each resample: what it says at the same scores.
    """

    scores: Floats
    probabilities: Floats
    others: Floats

    @classmethod
    def fit(cls, scores: Floats, labels: Floats) -> Calibration | None:
        """From rows that the model has not seen; None where there are too few of a class to tell."""
        positives = int((labels == 1).sum())
        if min(positives, len(labels) - positives) < LEAST:
            return None
        truth = (labels == 1).astype(np.float64)
        points, probabilities = _isotonic(scores, truth)
        chance = np.random.default_rng(len(labels))  # equal rows, equal documents
        others = []
        for _ in range(RESAMPLES):
            rows = chance.integers(0, len(labels), len(labels))
            others.append(np.interp(points, *_isotonic(scores[rows], truth[rows])))
        return cls(points, probabilities, np.array(others))

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Calibration:
        """From what `document` wrote."""
        points = np.asarray(document["scores"], dtype=float)
        others = np.asarray(document.get("resampled") or np.empty((0, len(points))), dtype=float)
        return cls(points, np.asarray(document["probabilities"], dtype=float), others)

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "scores": self.scores.tolist(),
            "probabilities": self.probabilities.tolist(),
            "resampled": self.others.round(_DIGITS).tolist(),
        }

    def of(self, scores: Floats) -> Floats:
        """The probability of class 1 for each score."""
        found: Floats = np.interp(scores, self.scores, self.probabilities)
        return found

    def each(self, scores: Floats) -> Floats:
        """The same by every resample, a row each; by the whole where there is none."""
        curves = self.others if len(self.others) else self.probabilities[None]
        return np.array([np.interp(scores, self.scores, curve) for curve in curves])


@dataclass(frozen=True)
class ClassCalibration:
    """What the probabilities of several classes are worth: a curve for each class against all others.

    The curves of a row are brought to the sum 1 (Zadrozny and Elkan, 2002, "one-against-all").
    """

    classes: tuple[Calibration, ...]

    @classmethod
    def fit(cls, probabilities: Floats, labels: Floats) -> ClassCalibration | None:
        """From rows that the model has not seen, and the places of their classes; None with too few rows of a class."""
        found = [
            Calibration.fit(column, (labels == place).astype(np.float64))
            for place, column in enumerate(np.asarray(probabilities, dtype=np.float64).T)
        ]
        whole = tuple(one for one in found if one is not None)
        return cls(whole) if len(whole) == len(found) else None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> ClassCalibration:
        """From what `document` wrote."""
        return cls(tuple(Calibration.read(one) for one in document["classes"]))

    def document(self) -> dict[str, Any]:
        """As JSON data, in the order of the classes."""
        return {"classes": [one.document() for one in self.classes]}

    def of(self, probabilities: Floats) -> Floats:
        """The probabilities of the classes for each row of the model's."""
        return _sum_to_one(np.stack([one.of(probabilities[:, i]) for i, one in enumerate(self.classes)], axis=-1))

    def each(self, probabilities: Floats) -> Floats:
        """The same by every resample: (resamples, rows, classes)."""
        curves = [one.each(probabilities[:, i]) for i, one in enumerate(self.classes)]
        least = min(len(one) for one in curves)
        return _sum_to_one(np.stack([one[:least] for one in curves], axis=-1))


def _sum_to_one(values: Floats) -> Floats:
    """Of nothing at all every class is as probable."""
    kept = np.clip(values, 0, 1)
    sums = kept.sum(axis=-1, keepdims=True)
    found: Floats = np.where(sums > 0, kept / np.where(sums > 0, sums, 1), 1 / kept.shape[-1])
    return found


def _isotonic(scores: Floats, truth: Floats) -> tuple[Floats, Floats]:
    """(scores, probabilities) at the ends of the blocks whose rows have one probability."""
    points, places = np.unique(scores, return_inverse=True)
    if len(points) > _POINTS:
        edges = np.unique(np.quantile(scores, np.linspace(0, 1, _POINTS)))
        _, places = np.unique(np.searchsorted(edges, scores), return_inverse=True)
        points = np.bincount(places, weights=scores) / np.bincount(places)
    sizes = np.bincount(places).astype(np.float64)
    hits = np.bincount(places, weights=truth).astype(np.float64)
    blocks = _with_edges(_pool_neighbours(hits, sizes))
    first = np.cumsum([0, *(count for _, _, count in blocks)])[:-1]
    last = np.cumsum([count for _, _, count in blocks]) - 1
    # one row more, of the average: a few rows of one class are no proof that there is no other
    average = float(truth.mean())
    shares = np.maximum.accumulate([(hits + average) / (size + 1) for hits, size, _ in blocks])
    return np.column_stack([points[first], points[last]]).ravel(), np.repeat(shares, 2)


def _with_edges(blocks: list[Block]) -> list[Block]:
    """The first and the last block put together with their neighbours until they have enough rows."""
    for place, neighbour in ((0, 1), (-1, -2)):
        while len(blocks) > 1 and blocks[place][1] < _EDGE:
            (a, b, c), (d, e, f) = blocks[place], blocks[neighbour]
            blocks[neighbour] = (a + d, b + e, c + f)
            del blocks[place]
    return blocks


def _pool_neighbours(hits: Floats, sizes: Floats) -> list[Block]:
    """(positives, rows, points) of neighbours put together until no share is below the one before."""
    blocks: list[Block] = []
    for hit, size in zip(hits.tolist(), sizes.tolist(), strict=True):
        blocks.append((hit, size, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            (a, b, c), (d, e, f) = blocks[-2:]
            blocks[-2:] = [(a + d, b + e, c + f)]
    return blocks
