"""How good predictions are whose truth nobody knows yet: confidence-based performance estimation (CBPE).

A calibrated probability says how often such a prediction is right, so the sums of probabilities are the expected
cells of the confusion matrix (NannyML, "Confidence-based Performance Estimation"; Humblot-Renaux and others, 2024, for
metrics as distributions). It follows a drift of the requests. It does not see that the same requests have come to
mean something else: that needs labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.analysis.calibration import Calibration, ClassCalibration
from slipway.analysis.sketch import Floats

DRAWS = 400
CELLS = 1000
LOOKED_AT = 20_000  # rows of several classes that are calibrated, at least; more say no more
INTERVAL = (2.5, 97.5)  # percent

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A metric, and between which values it is in 95 of 100 cases: by the chance of the rows and the calibration's."""

    value: float
    low: float
    high: float


def binary(scores: Floats, threshold: float, calibration: Calibration, seed: int = 0) -> dict[str, Estimate]:
    """Of a model's scores, and the score from which on it says yes. Empty without rows.

    Rows are put into cells of like score on the same side of the decision; how many of a cell's rows are positive is
    then drawn many times, each time with the probabilities of another resample of the calibration.
    """
    if not len(scores):
        return {}
    sizes, means, sides = _cells(scores, threshold)
    expected = _of_counts((sizes * calibration.of(means))[None, :], sizes, sides)
    chance = np.random.default_rng(seed)  # equal rows, equal figures
    curves = np.clip(calibration.each(means), 0, 1)
    probabilities = curves[np.arange(DRAWS) % len(curves)]
    drawn = _of_counts(chance.binomial(sizes.astype(np.int64), probabilities).astype(float), sizes, sides)
    return {name: _estimate_without_optimism(values[0], drawn[name]) for name, values in expected.items()}


def _cells(scores: Floats, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Rows, mean score and side (1: told positive) of each cell; scores ascend."""
    ordered = np.sort(scores)
    place = int(np.searchsorted(ordered, threshold, side="left"))
    parts = [
        (len(cell), float(cell.mean()), side)
        for side, rows in ((0.0, ordered[:place]), (1.0, ordered[place:]))
        for cell in np.array_split(rows, min(CELLS // 2, max(len(rows), 1)))
        if len(cell)
    ]
    sizes, means, sides = (np.array(values, dtype=float) for values in zip(*parts, strict=True))
    return sizes, means, sides


def _of_counts(hits: Floats, sizes: Floats, sides: Floats) -> dict[str, Floats]:
    """The metrics for the positives of each cell, one row a draw."""
    tp, fn = (hits * sides).sum(axis=1), (hits * (1 - sides)).sum(axis=1)
    told, others = float(sizes @ sides), float(sizes @ (1 - sides))
    fp, tn = told - tp, others - fn
    return {
        "accuracy": (tp + tn) / sizes.sum(),
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "auc": _auc(hits, sizes),
    }


def _auc(hits: Floats, sizes: Floats) -> Floats:
    """The area under the ROC curve; cells come in the order of their probabilities, rows of one cell are ties."""
    misses = sizes - hits
    below = np.cumsum(misses, axis=1) - misses / 2
    return _share((hits * below).sum(axis=1), hits.sum(axis=1) * misses.sum(axis=1))


def multiclass(probabilities: Floats, calibration: ClassCalibration, seed: int = 0) -> dict[str, Estimate]:
    """Of a model's probabilities, a row of them for each prediction, of which the class of the highest is told.

    Accuracy, and precision, recall and f1 as means over the classes. Empty without rows. Rows are put into cells of
    the same class told with like probability; how many of a cell's rows are of which class is then drawn many times,
    each time with the probabilities of another resample of the calibration.
    """
    if not len(probabilities):
        return {}
    cells = _cells_of_classes(probabilities)
    told = np.array([cell.told for cell in cells])
    sizes = np.array([cell.size for cell in cells])
    rows = np.concatenate([cell.rows for cell in cells])
    starts = np.cumsum([0, *(len(cell.rows) for cell in cells[:-1])])
    counts = np.diff([*starts, len(rows)])[:, None]
    means = np.add.reduceat(calibration.of(rows), starts) / counts
    curves = np.add.reduceat(calibration.each(rows), starts, axis=1) / counts
    chance = np.random.default_rng(seed)  # equal rows, equal figures
    classes = probabilities.shape[1]
    drawn = np.stack(
        [_by_told(chance.multinomial(sizes, curves[draw % len(curves)]), told, classes) for draw in range(DRAWS)]
    )
    figures, spread = _of_matrices(_by_told(sizes[:, None] * means, told, classes)[None]), _of_matrices(drawn)
    return {name: _estimate_without_optimism(values[0], spread[name]) for name, values in figures.items()}


@dataclass(frozen=True)
class _Cell:
    """So many predictions of one class with like probability; `rows` has all of them, or some at equal distances."""

    told: int
    size: int
    rows: Floats


def _cells_of_classes(probabilities: Floats) -> list[_Cell]:
    said, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    step = max(1, len(probabilities) // LOOKED_AT)
    found = []
    for told in range(classes):
        rows = probabilities[said == told]
        if len(rows):
            ordered = rows[np.argsort(rows[:, told], kind="stable")]
            parts = np.array_split(ordered, min(max(CELLS // classes, 1), len(rows)))
            found += [_Cell(told, len(part), part[::step]) for part in parts]
    return found


def _by_told(counts: Any, told: Codes, classes: int) -> Floats:
    """The confusion matrix of cells' counts by true class: told class (rows) by true class (columns)."""
    found = np.zeros((classes, classes))
    np.add.at(found, told, counts)
    return found


def _of_matrices(matrices: Floats) -> dict[str, Floats]:
    """The metrics of confusion matrices: told class (rows) by true class (columns)."""
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    told, true = matrices.sum(axis=2), matrices.sum(axis=1)
    return {
        "accuracy": hits.sum(axis=1) / matrices.sum(axis=(1, 2)),
        "precision": _share(hits, told).mean(axis=1),
        "recall": _share(hits, true).mean(axis=1),
        "f1": _share(2 * hits, told + true).mean(axis=1),
    }


def _share(part: Floats, whole: Floats) -> Floats:
    """0 of nothing is 0."""
    found: Floats = np.divide(part, whole, out=np.zeros_like(np.asarray(part, dtype=float)), where=whole > 0)
    return found


def _estimate_without_optimism(value: float, drawn: Floats) -> Estimate:
    """With what the resamples add taken off: a curve that follows its rows finds more in them than there is.

    The basic bootstrap: the truth lies to the estimate as the estimate lies to those of its resamples.
    """
    low, high = 2 * value - np.percentile(drawn, INTERVAL[::-1])
    corrected = float(np.clip(2 * value - drawn.mean(), 0, 1))
    return Estimate(corrected, float(np.clip(low, 0, corrected)), float(np.clip(high, corrected, 1)))
