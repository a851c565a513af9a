"""Partial dependence: the mean score when one feature has the same value in all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from loopback.images.clarify.attributions import Attributions
from loopback.images.clarify.configuration import Config
from loopback.images.clarify.model import Model
from slipway.analysis.frames import Dataset, numbers

GRID, TOP = 15, 10  # the defaults of the configuration
_MOST_ROWS = 1_000  # that are asked about for each value
_MOST_CATEGORIES = 100


def section(model: Model, data: Dataset, config: Config, attributions: Attributions | None) -> list[dict[str, Any]]:
    """`pdp` of analysis.json."""
    asked = config["methods"]["pdp"]
    rows = data.frame[list(data.features)].iloc[:_MOST_ROWS]
    return [
        _feature(model, rows, name, asked.get("grid_resolution", GRID)) for name in _features(asked, data, attributions)
    ]


def _features(asked: Config, data: Dataset, attributions: Attributions | None) -> Iterator[str]:
    """Those that are named, or the ones with the greatest attributions."""
    if "features" in asked or attributions is None:
        for each in asked.get("features", ()):
            yield data.column(each, "methods.pdp.features")
        return
    weight = np.abs(attributions.overall).sum(axis=1)
    order = np.argsort(-weight, kind="stable")[: asked.get("top_k_features", TOP)]
    yield from (attributions.features[index] for index in order)


def _feature(model: Model, rows: pd.DataFrame, name: str, resolution: int) -> dict[str, Any]:
    found = numbers(rows[name])
    numeric = found is not None and not found.dropna().empty
    values, shares = _grid(found, resolution) if numeric and found is not None else _categories(rows[name])
    whole = pd.concat([rows.assign(**{name: value}) for value in values], ignore_index=True)
    scores = model.scores_of(whole).reshape(len(values), len(rows), -1).mean(axis=1)
    names = list(map(str, model.reader.names)) if len(model.reader.names) == scores.shape[1] else []
    return {
        "feature_name": name,
        "data_type": "numerical" if numeric else "categorical",
        "feature_values": values,
        "data_distribution": shares,
        "model_predictions": scores.T.tolist(),
        "label_headers": names or [f"label{index}" for index in range(scores.shape[1])],
    }


def _grid(column: pd.Series, resolution: int) -> tuple[list[Any], list[float]]:
    """Points between the least and the greatest value, and which share of the values is nearest to each."""
    present = column.dropna().to_numpy(dtype=float)
    points = np.unique(np.linspace(present.min(), present.max(), resolution))
    nearest = np.abs(present[:, None] - points[None, :]).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(points)) / len(present)
    return points.tolist(), shares.tolist()


def _categories(column: pd.Series) -> tuple[Sequence[Any], list[float]]:
    shares = column.dropna().astype(str).value_counts(normalize=True).sort_index()[:_MOST_CATEGORIES]
    return list(shares.index), shares.tolist()
