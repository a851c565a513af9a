"""The evaluation metrics that the XGBoost container computes with scikit-learn. Runs in a job host."""

from collections.abc import Callable, Sequence
from typing import Any


def custom_metric(names: Sequence[str], objective: str) -> Callable[[Any, Any], list[tuple[str, float]]]:
    """A custom metric for `xgboost.train` that gives the named ones."""
    import numpy as np
    from sklearn import metrics

    def mean(score: Callable[..., float], average: str) -> Callable[[Any, Any], float]:
        return lambda truth, found: float(score(truth, found, average=average, zero_division=0))

    table: dict[str, Callable[[Any, Any], float]] = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "f1": mean(metrics.f1_score, "macro"),
        "f1_binary": mean(metrics.f1_score, "binary"),
        "f1_macro": mean(metrics.f1_score, "macro"),
        "precision": mean(metrics.precision_score, "binary"),
        "precision_macro": mean(metrics.precision_score, "macro"),
        "precision_micro": mean(metrics.precision_score, "micro"),
        "recall": mean(metrics.recall_score, "binary"),
        "recall_macro": mean(metrics.recall_score, "macro"),
        "recall_micro": mean(metrics.recall_score, "micro"),
        "mse": metrics.mean_squared_error,
        "r2": metrics.r2_score,
    }
    continuous = {"mse", "r2"}

    def evaluate(predictions: Any, matrix: Any) -> list[tuple[str, float]]:
        truth = matrix.get_label()
        classes = predictions.argmax(axis=1) if predictions.ndim > 1 else predictions
        if predictions.ndim == 1 and objective.startswith("binary:"):
            classes = (predictions > (0 if objective == "binary:logitraw" else 0.5)).astype(int)
        elif predictions.ndim == 1:
            classes = np.rint(predictions)
        return [(name, table[name](truth, predictions if name in continuous else classes)) for name in names]

    return evaluate
