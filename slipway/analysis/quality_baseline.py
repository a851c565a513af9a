"""The baseline of model quality: what a version's test rows say of it, as limits that chance alone does not miss.

An hour has fewer labels than the test data, so its figures scatter more. Each limit leaves room for that: the spread of
the metric over samples as large as an hour's, and that of the test rows themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, TypeVar

import numpy as np

from slipway.analysis import model_quality, multiclass
from slipway.analysis.calibration import Calibration, ClassCalibration
from slipway.analysis.model_quality import Metrics, Outcomes
from slipway.analysis.multiclass import Classes, Codes
from slipway.analysis.sketch import Floats

FALSE_ALARMS = 0.005  # the share of hours in which any metric may miss its limit by chance
SAMPLES = 200
_UNBOUNDED = frozenset({"mae", "mse", "rmse", "r2"})

Document = dict[str, Any]
Data = TypeVar("Data", Outcomes, Classes)


def of_binary(labels: Floats, scores: Floats, threshold: float, hour_rows: int) -> tuple[Document, Document]:
    """(statistics, constraints) of a binary classification; the statistics also say what a score is worth."""
    data = Outcomes(labels, (scores >= threshold).astype(float), scores)
    statistics, constraints = _documents("binary_classification", data, model_quality.binary, hour_rows)
    calibration = Calibration.fit(scores, labels)
    if calibration is not None:
        statistics["calibration"] = calibration.document() | {"threshold": threshold}
    return statistics, constraints


def of_regression(labels: Floats, predictions: Floats, hour_rows: int) -> tuple[Document, Document]:
    """(statistics, constraints) of a regression."""
    return _documents("regression", Outcomes(labels, predictions, None), model_quality.regression, hour_rows)


def of_multiclass(
    names: Sequence[str], truth: Codes, probabilities: Floats, hour_rows: int
) -> tuple[Document, Document]:
    """(statistics, constraints) of a classification of several classes, in the order of `names`.

    `truth` has places in `names`; the statistics also say what a probability is worth.
    """
    data = Classes(tuple(names), truth, probabilities.argmax(axis=1).astype(np.int64))
    statistics, constraints = _documents("multiclass_classification", data, multiclass.metrics, hour_rows)
    calibration = ClassCalibration.fit(probabilities, truth.astype(np.float64))
    if calibration is not None:
        statistics["calibration"] = calibration.document()
    return statistics, constraints


def _documents(
    section: str, data: Data, measure: Callable[[Data], Metrics], hour_rows: int
) -> tuple[Document, Document]:
    values, count = measure(data), len(data.truth)
    chance = np.random.default_rng(count)  # equal data, equal documents
    draws = [measure(data.take(chance.integers(0, count, hour_rows))) for _ in range(SAMPLES)]
    judged = [name for name in values if "constant" not in name]
    room = NormalDist().inv_cdf(1 - FALSE_ALARMS / len(judged)) * (1 + hour_rows / count) ** 0.5
    mistakes = 1 / (count + 2)  # of rows that have none: Laplace's rule of succession
    unseen = (mistakes * (1 - mistakes) / hour_rows) ** 0.5
    rules = {}
    for name in judged:
        rule = model_quality.constraint(name, values[name])
        away = room * max(float(np.std([draw[name] for draw in draws])), 0.0 if name in _UNBOUNDED else unseen)
        limit = values[name] + (away if rule["comparison_operator"] == "GreaterThanThreshold" else -away)
        rules[name] = rule | {"threshold": limit if name in _UNBOUNDED else min(max(limit, 0.0), 1.0)}
    shown = {name: {"value": value, "standard_deviation": None} for name, value in values.items()}
    return (
        {"version": 0.0, "dataset": {"item_count": count}, f"{section}_metrics": shown},
        {"version": 0.0, f"{section}_constraints": rules},
    )
