"""The metrics of a classification of several classes, weighted by how common each class is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.analysis.sketch import Floats

Codes = npt.NDArray[np.int64]
Metrics = dict[str, float]
_BETAS = (("weighted_f0_5", 0.5), ("weighted_f1", 1.0), ("weighted_f2", 2.0))


@dataclass(frozen=True)
class Classes:
    """Truth and prediction of every row, as positions in `labels`."""

    labels: tuple[str, ...]
    truth: Codes
    predicted: Codes

    @classmethod
    def of(cls, truth: Sequence[Any], predicted: Sequence[Any]) -> Classes:
        """From labels as they were written; `1` and `1.0` are one class."""
        texts = [normalize_label(value) for value in (*truth, *predicted)]
        labels, codes = np.unique(np.array(texts, dtype=str), return_inverse=True)
        return cls(tuple(map(str, labels)), codes[: len(truth)], codes[len(truth) :])

    def take(self, rows: npt.NDArray[np.int64]) -> Classes:
        """Some of the rows."""
        return Classes(self.labels, self.truth[rows], self.predicted[rows])

    @property
    def matrix(self) -> Floats:
        """Counts by truth (rows) and prediction (columns)."""
        size = len(self.labels)
        return np.bincount(self.truth * size + self.predicted, minlength=size * size).reshape(size, size).astype(float)


def metrics(data: Classes) -> Metrics:
    """The metrics, and those of always telling the commonest class."""
    found = _weighted_metrics(data)
    commonest = np.full_like(data.truth, np.bincount(data.truth).argmax())
    always = _weighted_metrics(Classes(data.labels, data.truth, commonest))
    return found | {f"{name}_best_constant_classifier": value for name, value in always.items()}


def confusion(data: Classes) -> dict[str, dict[str, int]]:
    """Counts by truth, then by prediction."""
    matrix = data.matrix.astype(int)
    return {
        truth: {told: int(matrix[i, j]) for j, told in enumerate(data.labels)} for i, truth in enumerate(data.labels)
    }


def _weighted_metrics(data: Classes) -> Metrics:
    matrix = data.matrix
    hits, actual, told = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    weights = actual / actual.sum()
    recall, precision = _shares(hits, actual), _shares(hits, told)
    found = {
        "accuracy": float(hits.sum() / matrix.sum()),
        "weighted_recall": float(weights @ recall),
        "weighted_precision": float(weights @ precision),
    }
    for name, beta in _BETAS:
        squared = beta * beta
        scores = _shares((1 + squared) * precision * recall, squared * precision + recall)
        found[name] = float(weights @ scores)
    return found


def _shares(part: Floats, whole: Floats) -> Floats:
    """0 of nothing is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def normalize_label(value: Any) -> str:
    """One spelling of a label: `1`, `1.0` and ` 1` are one."""
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else repr(number)
