"""How good a classifier of several classes is: SageMaker's ModelQuality figures and more, with intervals. Pure.

Labels are the places of the classes, answers a row of probabilities each; the class of the highest one is what is said.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.tabular.resampling import RESAMPLES, Floats, Judge, resampled_counts, resampled_means, spread

LOG_LOSS = "log_loss"
BETAS = (("weighted_f0_5", 0.5), ("weighted_f1", 1.0), ("weighted_f2", 2.0))
DIGITS = 6


def most_probable(probabilities: NDArray[Any]) -> NDArray[np.int64]:
    """The place of the class that each row is taken for."""
    return np.asarray(probabilities.argmax(axis=1), np.int64)


def matrix(labels: NDArray[Any], probabilities: NDArray[Any], weights: Floats | None = None) -> Floats:
    """How many rows of each class (rows) are taken for each (columns); `weights` say how often a row counts."""
    size = probabilities.shape[1]
    places = labels.astype(np.int64) * size + most_probable(probabilities)
    return np.bincount(places, weights, size * size).astype(np.float64).reshape(size, size)


def of_matrix(counts: Floats) -> dict[str, Floats]:
    """All figures that follow from a confusion matrix, or from many: the last two axes are truth and answer.

    `macro_` is the mean over the classes that are there, `weighted_` by how many rows each has, `lowest_` the worst.
    """
    hits, actual, said = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2)
    total = actual.sum(axis=-1)
    recall, precision, f1 = by_class(counts).values()
    there, real = actual + said > 0, actual > 0
    share = _share(actual, total[..., None])
    found = {"accuracy": _share(hits.sum(axis=-1), total)}
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        found[f"macro_{name}"] = _share((values * there).sum(axis=-1), there.sum(axis=-1).astype(np.float64))
    found["weighted_precision"] = (share * precision).sum(axis=-1)
    found["weighted_recall"] = (share * recall).sum(axis=-1)
    for name, beta in BETAS:
        square = beta * beta
        scores = _share((1 + square) * precision * recall, square * precision + recall)
        found[name] = (share * scores).sum(axis=-1)
    found["lowest_precision"] = np.where(real, precision, 1).min(axis=-1)
    found["lowest_recall"] = np.where(real, recall, 1).min(axis=-1)
    return found


def by_class(counts: Floats) -> dict[str, Floats]:
    """Recall, precision and F1 of each class; the last axis is the classes. 0 of nothing is 0."""
    hits, actual, said = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2)
    return {"recall": _share(hits, actual), "precision": _share(hits, said), "f1": _share(2 * hits, actual + said)}


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole > 0)


def losses(labels: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    """The log loss of each row."""
    chance = probabilities[np.arange(len(labels)), labels.astype(np.int64)].astype(np.float64)
    return np.asarray(-np.log(np.clip(chance, 1e-7, 1)), np.float64)


def judge(metric: str, labels: NDArray[Any], probabilities: NDArray[Any]) -> Judge:
    """One metric of these rows as a function of how often each counts."""
    if metric == LOG_LOSS:
        found = losses(labels, probabilities)
        return lambda weights: float(weights @ found / weights.sum())
    return lambda weights: float(of_matrix(matrix(labels, probabilities, weights))[metric])


def figures(labels: NDArray[Any], probabilities: NDArray[Any]) -> dict[str, float]:
    """The plain figures."""
    found = {name: float(value) for name, value in of_matrix(matrix(labels, probabilities)).items()}
    found[LOG_LOSS] = float(losses(labels, probabilities).mean())
    return {name: round(value, DIGITS) for name, value in found.items()}


def report(labels: NDArray[Any], probabilities: NDArray[Any], names: Sequence[str]) -> dict[str, Any]:
    """The `multiclass_classification_metrics` section of evaluation.json; `per_class` are the figures of each class."""
    counts = matrix(labels, probabilities)
    drawn = resampled_counts(counts.ravel()).reshape(RESAMPLES, *counts.shape)
    sampled = of_matrix(drawn)
    sampled |= resampled_means({LOG_LOSS: losses(labels, probabilities)}, dict)
    metrics: dict[str, Any] = {
        name: {"value": value, **spread(sampled[name])} for name, value in figures(labels, probabilities).items()
    }
    metrics["per_class"] = {
        name: {
            "rows": int(counts[place].sum()),
            **{
                figure: {"value": round(float(values[place]), DIGITS), **spread(by_class(drawn)[figure][:, place])}
                for figure, values in by_class(counts).items()
            },
        }
        for place, name in enumerate(names)
    }
    metrics["confusion_matrix"] = {
        truth: {said: int(counts[row, column]) for column, said in enumerate(names)} for row, truth in enumerate(names)
    }
    return metrics
