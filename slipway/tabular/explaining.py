"""What each feature adds to a model's predictions, exactly, as boosted trees tell it."""

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from slipway.tabular.job import JobError
from slipway.tabular.serving import Model


def contributions(model: Model, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of encoded rows: a column for each feature, and last what every row gets.

    Raises JobError for a model that is no trees, or answers with several classes.
    """
    if model.own is not None:
        raise JobError("the contributions of features are told by boosted trees themselves: this model is a model.py's")
    if model.target.is_of_classes:
        raise JobError("what is explained must be one number: this model tells one for each of several classes")
    booster = model.booster
    rows = xgb.DMatrix(
        matrix, feature_names=booster.feature_names, feature_types=booster.feature_types, enable_categorical=True
    )
    return np.asarray(booster.predict(rows, pred_contribs=True), dtype=np.float64)
