"""Feature attributions from the contributions of each feature to each row's prediction.

The document is that of Clarify's explainability analysis, so that its readers and its check of drift fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from slipway.analysis.attributions import LABEL, OVER_CLASSES
from slipway.analysis.sketch import Floats

AGGREGATES: Mapping[str, Callable[[Floats], Floats]] = {
    "mean_abs": lambda values: np.abs(values).mean(axis=0),
    "median": lambda values: np.median(values, axis=0),
    "mean_sq": lambda values: (values**2).mean(axis=0),
}


def analysis(
    contributions: Floats, features: Sequence[str], aggregate: str, classes: Sequence[str] = ()
) -> dict[str, Any]:
    """analysis.json; `contributions` has rows x scores x features, and last what every row gets.

    A model of several classes has a score for each, in their order. How much a feature counts over all classes is the
    mean of the sizes of its figures.
    """
    overall = AGGREGATES[aggregate](contributions[:, :, :-1])
    expected = contributions[:, :, -1].mean(axis=0)
    found: dict[str, Any] = {
        "kernel_shap": {
            label: {"global_shap_values": _name(features, overall[score]), "expected_value": float(expected[score])}
            for score, label in enumerate(classes or (LABEL,))
        },
    }
    if classes:
        found[OVER_CLASSES] = {"global_shap_values": _name(features, np.abs(overall).mean(axis=0))}
    return {"version": "1.0", "explanations": found}


def _name(features: Sequence[str], values: Floats) -> dict[str, float]:
    return dict(zip(features, map(float, values), strict=True))
