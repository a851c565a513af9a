"""Feature attributions from the contributions of each feature to each row's prediction.

The document is that of Clarify's explainability analysis, so that its readers and its check of drift fit. The values
are another method's: boosted trees tell exactly what each feature adds to their own margin (log-odds of a classifier),
so no model is asked a thousand times.

Source of the method: Lundberg and others, "Consistent Individualized Feature Attribution for Tree Ensembles".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from slipway.analysis.sketch import Floats

LABEL = "label0"  # what Clarify calls the only score of a model
METHOD = "exact contributions of boosted trees (pred_contribs), in the unit of their margin"
AGGREGATES: Mapping[str, Callable[[Floats], Floats]] = {
    "mean_abs": lambda values: np.abs(values).mean(axis=0),
    "median": lambda values: np.median(values, axis=0),
    "mean_sq": lambda values: (values**2).mean(axis=0),
}


def analysis(contributions: Floats, features: Sequence[str], aggregate: str) -> dict[str, Any]:
    """analysis.json; `contributions` has a row for each row of the data: of each feature, and last of none of them."""
    overall = AGGREGATES[aggregate](contributions[:, :-1])
    found = {
        "global_shap_values": dict(zip(features, map(float, overall), strict=True)),
        "expected_value": float(contributions[:, -1].mean()),
    }
    return {"version": "1.0", "explanations": {"kernel_shap": {LABEL: found}, "method": METHOD}}
