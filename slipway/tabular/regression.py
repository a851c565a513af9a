"""How good a regression is: SageMaker's ModelQuality figures, with confidence intervals. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.tabular.resampling import Floats, Judge, resampled_means, spread


def _parts(labels: NDArray[Any], predictions: NDArray[Any]) -> dict[str, Floats]:
    """What the figures need the mean of."""
    truth = labels.astype(np.float64)
    error = predictions.astype(np.float64) - truth
    return {"error2": error**2, "absolute": np.abs(error), "truth": truth, "truth2": truth**2}


def _from_means(mean: Mapping[str, Floats]) -> dict[str, Floats]:
    variance = np.maximum(mean["truth2"] - mean["truth"] ** 2, 1e-12)
    return {
        "mae": mean["absolute"],
        "mse": mean["error2"],
        "rmse": np.sqrt(mean["error2"]),
        "r2": 1 - mean["error2"] / variance,
    }


def judge(metric: str, labels: NDArray[Any], predictions: NDArray[Any]) -> Judge:
    """One metric of these rows as a function of how often each counts."""
    found = _parts(labels, predictions)
    return lambda weights: float(_from_means({k: weights @ v / weights.sum() for k, v in found.items()})[metric])


def figures(labels: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
    """The plain figures."""
    means = {name: np.asarray(values.mean()) for name, values in _parts(labels, predictions).items()}
    return {name: round(float(value), 6) for name, value in _from_means(means).items()}


def report(labels: NDArray[Any], predictions: NDArray[Any]) -> dict[str, Any]:
    """The `regression_metrics` section of evaluation.json."""
    sampled = resampled_means(_parts(labels, predictions), _from_means)
    return {name: {"value": value, **spread(sampled[name])} for name, value in figures(labels, predictions).items()}
