"""A test split scored by a model, in pieces; and what is in a model.tar.gz."""

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.tabular import parts
from slipway.tabular.job import JobError
from slipway.tabular.serving import Model
from slipway.tabular.split import Dealt

# Nothing may leave the folder; Python 3.11 can say so from 3.11.4 on, and the image's 3.12 can.
SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}

SHUFFLED = 1_000  # rows that a model.py answers once more for each feature


@dataclass(frozen=True)
class Scored:
    """Labels and scores of the test rows; for each slice column, the value of each row as text."""

    labels: NDArray[np.float32]
    scores: NDArray[np.float32]
    slices: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Trained:
    """What Train has made: the model, and how the rows that it learned from were chosen (None: it does not say)."""

    model: Model
    dealt: Dealt | None


def unpack(archive: Path, folder: Path) -> Trained:
    """What is in a model.tar.gz."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(folder, **SAFELY)  # noqa: S202
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobError(f"{archive} is not a readable model.tar.gz: {error}") from None
    return Trained(Model.load(folder), Dealt.load(folder))


def score(model: Model, folder: Path, label: str, slices: Sequence[str] = ()) -> Scored:
    """Score a split that Prepare wrote."""
    labels, scores = [], []
    values: dict[str, list[NDArray[Any]]] = {name: [] for name in slices}
    if model.own is None:
        model.booster.set_param({"nthread": 0})  # all of them: this is a batch
    for piece in parts.pieces(folder, list(model.encoder.raw.categories)):
        absent = [name for name in model.encoder.raw.features if name not in piece.column_names]
        if absent:
            raise JobError(f"the model needs columns that the test data do not have: {', '.join(absent)}")
        labels.append(piece.column(label).to_numpy())
        scores.append(model.predict(model.encode(piece)))
        for name in slices:
            values[name].append(piece.column(name).cast("string").to_numpy(zero_copy_only=False))
    joined = {name: np.concatenate(pieces) for name, pieces in values.items()}
    return Scored(np.concatenate(labels), np.concatenate(scores), joined)


def importance(model: Model, folder: Path, label: str) -> dict[str, float]:
    """How much each feature counts, as a share of all, largest first.

    Of trees it is the gain; of a model.py how much worse it answers some rows of the split in a folder where the
    feature's values are shuffled.
    """
    gain = _worse_without(model, folder, label) if model.own else _gain(model)
    total = sum(gain.values()) or 1.0
    return {name: value / total for name, value in sorted(gain.items(), key=lambda item: -item[1])}


def _gain(model: Model) -> dict[str, float]:
    names = dict(zip(model.encoder.model_names, model.encoder.features, strict=True))
    scores = model.booster.get_score(importance_type="total_gain")
    return {names[name]: float(value) for name, value in scores.items()}


def _worse_without(model: Model, folder: Path, label: str) -> dict[str, float]:
    from slipway.tabular import own_model

    if model.own is None:
        return {}
    rows = next(parts.pieces(folder, list(model.encoder.raw.categories))).slice(0, SHUFFLED)
    return dict(own_model.importance(model.own, model.encode(rows), rows.column(label).to_numpy(), model.target))
