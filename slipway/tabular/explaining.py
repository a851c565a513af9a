"""What each feature adds to a model's predictions, exactly, as boosted trees tell it."""

from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from slipway.analysis import contributions as documents
from slipway.tabular.job import JobError
from slipway.tabular.serving import Model


def contributions(model: Model, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of encoded rows: rows x scores x features, and last what every row gets; a score for each class, else one.

    Raises JobError for a model that is no trees.
    """
    if model.own is not None:
        raise JobError("the contributions of features are told by boosted trees themselves: this model is a model.py's")
    booster = model.booster
    rows = xgb.DMatrix(
        matrix, feature_names=booster.feature_names, feature_types=booster.feature_types, enable_categorical=True
    )
    found = np.asarray(booster.predict(rows, pred_contribs=True), dtype=np.float64)
    return found if found.ndim > 2 else found[:, None, :]


def analysis(model: Model, found: NDArray[np.float64], aggregate: str) -> dict[str, Any]:
    """analysis.json of the contributions of some rows."""
    return documents.analysis(found, model.encoder.features, aggregate, model.target.classes)
