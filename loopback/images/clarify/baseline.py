"""What a feature is compared with when Kernel SHAP leaves it out: the rows given, or some that stand for the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopback.images.clarify.configuration import FILE, JSON_LINES, Config
from loopback.images.clarify.dataset import Fetch, locate
from slipway.analysis import datasets
from slipway.analysis.errors import BadInput
from slipway.analysis.frames import numbers

CLUSTERS = 5  # of a baseline that nobody gives; each makes the explanations take as long again
_MOST_ROWS = 10_000  # that are clustered

Floats = npt.NDArray[np.float64]


def rows(config: Config, features: pd.DataFrame, seed: int, fetch: Fetch) -> tuple[pd.DataFrame, bool]:
    """(the baseline, whether it was computed). Raises BadInput for rows that are not like the data."""
    shap = config["methods"]["shap"]
    given = shap.get("baseline")
    if given is None:
        return cluster(features, min(shap.get("num_clusters", CLUSTERS), len(features)), seed), True
    found = _read(fetch(given), config) if isinstance(given, str) else [_values(row, config) for row in given]
    wrong = next((row for row in found if len(row) != features.shape[1]), None)
    if wrong is not None or not found:
        shown = f"the row {wrong!r}" if found else "no row"
        raise BadInput(f"{FILE}: methods.shap.baseline has {shown}; a row has {features.shape[1]} features")
    return pd.DataFrame(found, columns=features.columns, dtype=object), False


def _read(path: Path, config: Config) -> list[list[Any]]:
    if str(config.get("dataset_type", "")).lower() == JSON_LINES:
        return [_values(line, config) for file in datasets.files(path) for _, line in datasets.json_lines(file)]
    frames = [
        pd.read_csv(file, header=None, dtype=str, keep_default_na=False, na_values=[""], skipinitialspace=True)
        for file in datasets.files(path)
    ]
    return [[None if pd.isna(cell) else cell for cell in row] for frame in frames for row in frame.to_numpy()]


def _values(row: Any, config: Config) -> list[Any]:
    """The features of an inline row: a list, or an object in which they are found as in the data."""
    found = locate(row, config.get("features"), "features") if isinstance(row, dict) else row
    if isinstance(found, dict):
        return list(found.values())
    return list(found) if isinstance(found, list) else []


def cluster(features: pd.DataFrame, clusters: int, seed: int) -> pd.DataFrame:
    """One row for each cluster: of numbers the value nearest to its mean, of categories its commonest."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    some = features
    if len(features) > _MOST_ROWS:
        some = features.iloc[np.random.default_rng(seed).choice(len(features), _MOST_ROWS, replace=False)]
    with threadpool_limits(1):  # sums of several threads differ in their last digit from run to run
        places = KMeans(clusters, n_init=1, random_state=seed).fit_predict(_as_points(some)) if clusters > 1 else None
    groups = [some if places is None else some[places == cluster] for cluster in range(clusters)]
    made = [[_typical(group[name], features[name]) for name in features.columns] for group in groups if len(group)]
    return pd.DataFrame(made, columns=features.columns, dtype=object)


def _as_points(features: pd.DataFrame) -> Floats:
    """Rows as points: numbers in standard deviations, categories as one of many."""
    parts: list[Floats] = []
    for name in features.columns:
        found = numbers(features[name])
        if found is None:
            parts.append(pd.get_dummies(features[name].astype(str)).to_numpy(dtype=float))
            continue
        filled = found.fillna(found.mean()).fillna(0.0).to_numpy(dtype=float)
        parts.append(((filled - filled.mean()) / (filled.std() or 1.0))[:, None])
    return np.hstack(parts)


def _typical(column: pd.Series, whole: pd.Series) -> Any:
    """Of a cluster's column; a value that the data have, so that the model knows it."""
    present = column.dropna()
    if present.empty:
        return None
    found = numbers(whole)
    if found is None:
        return present.astype(str).value_counts().sort_index().idxmax()
    distances = (found - numbers(present).mean()).abs()  # type: ignore[union-attr]
    return whole.loc[distances.idxmin()]


def as_csv(frame: pd.DataFrame) -> str:
    """As CSV without a header, which is what a later analysis takes for its baseline."""
    text: str = frame.to_csv(header=False, index=False)
    return text
