"""Kernel SHAP: how much each feature adds to each score of each row, and to the scores of all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopback.images.clarify.answers import Scores
from loopback.images.clarify.configuration import Config
from loopback.images.clarify.model import Model
from loopback.images.clarify.requests import Codes, Vocabulary
from slipway.analysis.contributions import AGGREGATES

SEED = 0  # where the configuration has none: equal input, equal documents
_TINY = 1e-7  # what a probability is kept away from 0 and 1 for its logarithm

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attributions:
    """`local` has rows x features x scores, `expected` a value for each score, `labels` a name."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    local: Floats
    expected: Floats
    aggregate: str

    @property
    def overall(self) -> Floats:
        """Features x scores."""
        found: Floats = AGGREGATES[self.aggregate](self.local)
        return found

    def section(self) -> dict[str, Any]:
        """`kernel_shap` of analysis.json."""
        overall = self.overall
        return {
            label: {
                "global_shap_values": dict(zip(self.features, map(float, overall[:, index]), strict=True)),
                "expected_value": float(self.expected[index]),
            }
            for index, label in enumerate(self.labels)
        }

    def table(self) -> pd.DataFrame:
        """Local values: a row for each row of the data, a column for each feature and score."""
        columns = [f"{feature}_{label}" for label in self.labels for feature in self.features]
        return pd.DataFrame(self.local.transpose(0, 2, 1).reshape(len(self.local), -1), columns=columns)


def explain(model: Model, rows: pd.DataFrame, baseline: pd.DataFrame, config: Config) -> Attributions:
    """Ask the model about rows in which some features are those of the baseline. Raises BadInput."""
    shap = config["methods"]["shap"]
    vocabulary = Vocabulary.of(model.form, rows, baseline)
    codes, background = vocabulary.codes(rows), vocabulary.codes(baseline)
    link = "logit" if shap.get("use_logit") else "identity"
    found, expected = _kernel(_CachedModel(model, vocabulary, codes), codes, background, link, shap)
    names = tuple(map(str, model.reader.names)) if len(model.reader.names) == len(expected) else ()
    labels = names or tuple(f"label{index}" for index in range(len(expected)))
    aggregate = str(shap.get("agg_method", "mean_abs")).lower()
    return Attributions(tuple(map(str, rows.columns)), labels, found, expected, aggregate)


class _CachedModel:
    """The model as shap calls it: with rows of numbers. What it says of the rows themselves is asked once, together."""

    def __init__(self, model: Model, vocabulary: Vocabulary, codes: Codes) -> None:
        self._model, self._vocabulary = model, vocabulary
        scores = model.scores(vocabulary, codes)
        self._known: dict[bytes, Scores] = {row.tobytes(): score for row, score in zip(codes, scores, strict=True)}

    def __call__(self, rows: Any) -> Scores:
        """The scores of each row."""
        codes = np.asarray(rows).astype(np.int32)
        if len(codes) == 1 and (known := self._known.get(codes[0].tobytes())) is not None:
            return known[None, :]
        return self._model.scores(self._vocabulary, codes)


def _kernel(
    ask: _CachedModel, codes: Codes, background: Codes, link: str, shap: Mapping[str, Any]
) -> tuple[Floats, Floats]:
    """(rows x features x scores, expected value of each score)."""
    from shap import KernelExplainer

    samples = min(shap.get("num_samples", 2 * codes.shape[1] + 2**11), max(2 ** min(codes.shape[1], 30) - 2, 1))
    asked = ask if link == "identity" else lambda rows: np.clip(ask(rows), _TINY, 1 - _TINY)
    np.random.seed(shap.get("seed", SEED))  # noqa: NPY002 - it is the generator that shap draws from
    explainer = KernelExplainer(asked, background.astype(float), link=link)
    values = explainer.shap_values(codes.astype(float), nsamples=samples, l1_reg=False, silent=True)
    return np.asarray(values), np.atleast_1d(np.asarray(explainer.expected_value, dtype=float))
