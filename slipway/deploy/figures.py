"""The registered metrics, computed again from a few rows, and percentiles. Standard library only: CodeBuild's image
has no numpy.
"""

import math
from collections.abc import Callable, Mapping, Sequence

Numbers = Sequence[float]
THRESHOLD = 0.5
SHOWN = ("auc", "f1", "macro_f1", "accuracy", "rmse", "mae", "r2")
DECIDED = ("accuracy", "precision", "recall", "f1")
LIMIT = 1e-7  # probabilities nearer to 0 or 1 count as this near, as in the evaluation


def metric(name: str, labels: Numbers, predictions: Numbers, threshold: float = THRESHOLD) -> float | None:
    """A metric by its registered name; None when these rows have no value for it. KeyError: no such metric.

    A prediction counts as positive from the threshold on.
    """
    if name in DECIDED:
        return METRICS[name](labels, [float(prediction >= threshold) for prediction in predictions])
    return METRICS[name](labels, predictions)


def summary(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """The registered metrics in a few words."""
    return ", ".join(f"{name} {metrics[name]['value']:.4f}" for name in SHOWN if name in metrics)


def of_classes(name: str, labels: Sequence[int], probabilities: Sequence[Numbers]) -> float | None:
    """A metric of several classes by its registered name; labels are the places of the classes. KeyError: no such."""
    said = [max(range(len(row)), key=row.__getitem__) for row in probabilities]
    if name == "log_loss":
        chances = [min(max(row[label], LIMIT), 1.0) for label, row in zip(labels, probabilities, strict=True)]
        return -sum(map(math.log, chances)) / len(chances)
    if name == "accuracy":
        return sum(a == b for a, b in zip(labels, said, strict=True)) / len(labels)
    how, _, what = name.partition("_")
    by_class = {place: _of_class(what, place, labels, said) for place in sorted({*labels, *said})}
    real = [place for place in by_class if place in labels]
    if how == "lowest":
        return min(by_class[place] for place in real)
    if how == "weighted":
        return sum(by_class[label] for label in labels) / len(labels)
    return {"macro": sum(by_class.values()) / len(by_class)}[how]


def _of_class(name: str, place: int, labels: Sequence[int], said: Sequence[int]) -> float:
    """Recall, precision or F of one class; 0 of nothing is 0."""
    hits = sum(a == b == place for a, b in zip(labels, said, strict=True))
    recall, precision = hits / (labels.count(place) or 1), hits / (said.count(place) or 1)
    square = {"recall": 0.0, "precision": 0.0, "f0_5": 0.25, "f1": 1.0, "f2": 4.0}[name]
    if not square:
        return recall if name == "recall" else precision
    return (1 + square) * precision * recall / ((square * precision + recall) or 1)


def percentile(values: Numbers, percent: float) -> float:
    """The smallest value that at least `percent` of the values don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _auc(labels: Numbers, predictions: Numbers) -> float | None:
    positives = [p for p, label in zip(predictions, labels, strict=True) if label == 1]
    negatives = [p for p, label in zip(predictions, labels, strict=True) if label != 1]
    if not positives or not negatives:
        return None
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))


def _counts(labels: Numbers, predictions: Numbers) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives."""
    pairs = [(label == 1, p >= THRESHOLD) for label, p in zip(labels, predictions, strict=True)]
    tp, fp, fn = pairs.count((True, True)), pairs.count((False, True)), pairs.count((True, False))
    return tp, fp, fn, len(pairs) - tp - fp - fn


def _accuracy(labels: Numbers, predictions: Numbers) -> float | None:
    tp, _, _, tn = _counts(labels, predictions)
    return (tp + tn) / len(labels)


def _precision(labels: Numbers, predictions: Numbers) -> float | None:
    tp, fp, _, _ = _counts(labels, predictions)
    return tp / (tp + fp) if tp + fp else None


def _recall(labels: Numbers, predictions: Numbers) -> float | None:
    tp, _, fn, _ = _counts(labels, predictions)
    return tp / (tp + fn) if tp + fn else None


def _f1(labels: Numbers, predictions: Numbers) -> float | None:
    tp, fp, fn, _ = _counts(labels, predictions)
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None


def _log_loss(labels: Numbers, predictions: Numbers) -> float | None:
    clipped = [min(max(p, LIMIT), 1 - LIMIT) for p in predictions]
    losses = [-math.log(p if label == 1 else 1 - p) for label, p in zip(labels, clipped, strict=True)]
    return sum(losses) / len(losses)


def _errors(labels: Numbers, predictions: Numbers) -> list[float]:
    return [p - label for label, p in zip(labels, predictions, strict=True)]


def _mae(labels: Numbers, predictions: Numbers) -> float | None:
    return sum(map(abs, _errors(labels, predictions))) / len(labels)


def _mse(labels: Numbers, predictions: Numbers) -> float:
    return sum(error * error for error in _errors(labels, predictions)) / len(labels)


def _rmse(labels: Numbers, predictions: Numbers) -> float | None:
    return math.sqrt(_mse(labels, predictions))


def _r2(labels: Numbers, predictions: Numbers) -> float | None:
    mean = sum(labels) / len(labels)
    variance = sum((label - mean) ** 2 for label in labels) / len(labels)
    return 1 - _mse(labels, predictions) / variance if variance else None


METRICS: dict[str, Callable[[Numbers, Numbers], float | None]] = {
    "auc": _auc,
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "log_loss": _log_loss,
    "mae": _mae,
    "mse": _mse,
    "rmse": _rmse,
    "r2": _r2,
}
