"""How good a binary classifier is: SageMaker's ModelQuality figures, with confidence intervals. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.tabular.decision import MIDDLE
from slipway.tabular.resampling import CELLS, Floats, Judge, resampled_counts, spread

CURVE_POINTS = 200


def _cells(labels: NDArray[Any], scores: NDArray[Any], most: int) -> tuple[Floats, Floats, Floats]:
    """Rows gathered by score into at most `most` cells, best first: score, positives and negatives of each."""
    order = np.argsort(-scores, kind="stable")
    ranked, truth = scores[order], labels[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    if len(starts) > most:  # ties stay together: every cell starts where the score changes
        starts = np.unique(starts[np.searchsorted(starts, np.linspace(0, len(ranked) - 1, most), side="right") - 1])
    positives = np.add.reduceat(truth.astype(np.float64), starts)
    sizes = np.diff(np.r_[starts, len(ranked)])
    return ranked[starts].astype(np.float64), positives, sizes - positives


def _auc(positives: Floats, negatives: Floats) -> Floats:
    """Area under the ROC curve for cells ordered best first; the last axis is the cells."""
    above = np.cumsum(positives, axis=-1) - positives / 2
    area: Floats = (above * negatives).sum(axis=-1) / (positives.sum(axis=-1) * negatives.sum(axis=-1))
    return area


def _at_threshold(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> dict[str, Floats]:
    precision = tp / np.maximum(tp + fp, 1)
    recall = tp / np.maximum(tp + fn, 1)
    return {
        "accuracy": (tp + tn) / np.maximum(tp + fp + fn + tn, 1),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / np.maximum(precision + recall, 1e-12),
    }


def judge(metric: str, labels: NDArray[Any], scores: NDArray[Any], threshold: float = MIDDLE) -> Judge:
    """One metric of these rows as a function of how often each counts."""
    if metric == "auc":
        return _auc_of_weights(labels, scores)
    if metric == "log_loss":
        losses = _losses(labels, scores)
        return lambda weights: float(weights @ losses / weights.sum())
    yes, true = scores >= threshold, labels == 1
    counted = np.stack([yes & true, yes & ~true, ~yes & true, ~yes & ~true]).astype(np.float64)
    return lambda weights: float(_at_threshold(*(counted @ weights))[metric])


def _auc_of_weights(labels: NDArray[Any], scores: NDArray[Any]) -> Judge:
    order = np.argsort(-scores, kind="stable")
    ranked, truth = scores[order], labels[order].astype(np.float64)
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def auc(weights: Floats) -> float:
        counted = weights[order]
        positives = np.add.reduceat(counted * truth, starts)
        negatives = np.add.reduceat(counted * (1 - truth), starts)
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw without one of the classes
            return float(_auc(positives, negatives))

    return auc


def _losses(labels: NDArray[Any], scores: NDArray[Any]) -> Floats:
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    losses: Floats = -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))
    return losses


def figures(labels: NDArray[Any], scores: NDArray[Any], threshold: float = MIDDLE) -> dict[str, float]:
    """The plain figures; `auc` is not a number when only one class is there."""
    _, positives, negatives = _cells(labels, scores, len(scores))
    yes, true = scores >= threshold, labels == 1
    counts = (yes & true).sum(), (yes & ~true).sum(), (~yes & true).sum(), (~yes & ~true).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = float(_auc(positives, negatives))
    loss = float(np.mean(_losses(labels, scores)))
    at = {name: float(value) for name, value in _at_threshold(*map(np.asarray, counts)).items()}
    return {name: round(value, 6) for name, value in {"auc": auc, **at, "log_loss": loss}.items()}


def report(labels: NDArray[Any], scores: NDArray[Any], threshold: float = MIDDLE) -> dict[str, Any]:
    """The `binary_classification_metrics` section of evaluation.json; positive is what reaches the threshold."""
    score, positives, negatives = _cells(labels, scores, CELLS)
    drawn = resampled_counts(np.r_[positives, negatives])
    p, n = np.split(drawn, 2, axis=1)
    yes = score >= threshold
    sampled = _at_threshold(p[:, yes].sum(1), n[:, yes].sum(1), p[:, ~yes].sum(1), n[:, ~yes].sum(1))
    sampled["auc"] = _auc(p, n)
    plain = figures(labels, scores, threshold)
    metrics: dict[str, Any] = {
        name: {"value": value, **(spread(sampled[name]) if name in sampled else {})} for name, value in plain.items()
    }
    said, true = scores >= threshold, labels == 1
    metrics["confusion_matrix"] = {
        "0": {"0": int((~true & ~said).sum()), "1": int((~true & said).sum())},
        "1": {"0": int((true & ~said).sum()), "1": int((true & said).sum())},
    }
    metrics |= _curves(score, positives, negatives)
    return metrics


def _curves(score: Floats, positives: Floats, negatives: Floats) -> Mapping[str, Any]:
    caught, false = np.cumsum(positives), np.cumsum(negatives)
    keep = np.unique(np.linspace(0, len(score) - 1, CURVE_POINTS).astype(int))
    recall, fallout = caught[keep] / caught[-1], false[keep] / false[-1]
    precision = caught[keep] / (caught[keep] + false[keep])
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": [0.0, *fallout.tolist()],
            "true_positive_rates": [0.0, *recall.tolist()],
        },
        "precision_recall_curve": {"precisions": [1.0, *precision.tolist()], "recalls": [0.0, *recall.tolist()]},
    }


def calibration(labels: NDArray[Any], scores: NDArray[Any], bins: int = 10) -> dict[str, list[float]]:
    """Mean score, share of positives and rows of each tenth of the score range that has rows."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    rows = np.bincount(place, minlength=bins)
    there = rows > 0
    return {
        "mean_score": (np.bincount(place, scores, bins)[there] / rows[there]).tolist(),
        "positive_share": (np.bincount(place, labels, bins)[there] / rows[there]).tolist(),
        "rows": rows[there].tolist(),
    }
