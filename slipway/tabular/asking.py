"""The explanations of a model.py: Kernel SHAP against one usual row, bounded in rows and in what is asked.

Clarify does it so: the row that others are compared with is the centre of the data (of one cluster: the mean of each
number, the most frequent category), and what is explained is the answer itself, a probability or a number.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slipway.analysis.kernel_shap import Coalitions, Flags
from slipway.tabular.job import JobError
from slipway.tabular.serving import Model

AT_ONCE = 20_000  # rows that the model is asked together
SEED = 0  # equal rows, equal figures

Row = Mapping[str, float | str | None]


@dataclass(frozen=True)
class Asking:
    """Explains a model by asking it `samples` times for each row; `most` rows are explained of an hour."""

    model: Model
    usual: Row
    most: int
    samples: int

    def __post_init__(self) -> None:
        """Raise JobError where the features are others, or too many for so few questions."""
        features = self.model.encoder.features
        if {*features} != {*self.usual}:
            raise JobError(
                f"the usual row of the explanations has {', '.join(self.usual)}, and the model the features "
                f"{', '.join(features)}: register a version with RegisterNewBaseline=true"
            )
        if self.samples < 2 * len(features):
            raise JobError(
                f"explainability.num_samples is {self.samples}; {len(features)} features need at least "
                f"{2 * len(features)}"
            )

    @classmethod
    def of_document(cls, model: Model, asked: Mapping[str, Any] | None) -> "Asking":
        """As the member `asked` of a document says. Raises JobError without it."""
        if not asked:
            raise JobError("the version's analysis does not say how a model.py was asked: register it anew")
        usual = {
            name: math.nan if value is None and name not in model.encoder.categories else value
            for name, value in asked["usual_row"].items()
        }
        return cls(model, usual, int(asked["rows"]), int(asked["num_samples"]))

    def document(self) -> dict[str, Any]:
        """The bounds, and the row that others are compared with."""
        usual = {name: None if value != value else value for name, value in self.usual.items()}  # noqa: PLR0124 - NaN
        return {"rows": self.most, "num_samples": self.samples, "seed": SEED, "usual_row": usual}

    def contributions(self, rows: Any) -> NDArray[np.float64]:
        """Kernel SHAP values. Raises ModelError where the model fails for a row."""
        each = max(1, AT_ONCE // max(1, len(self._coalitions.members)))
        parts = [self._explain(rows.iloc[start : start + each]) for start in range(0, len(rows), each)]
        return np.concatenate(parts)

    @cached_property
    def _coalitions(self) -> Coalitions:
        return Coalitions.choose(len(self.model.encoder.features), self.samples, SEED)

    @cached_property
    def _nobody(self) -> NDArray[np.float64]:
        """What the usual row is answered."""
        features = self.model.encoder.features
        known = self.model.encoder.categories
        usual = {name: np.array([self.usual[name]], object if name in known else np.float64) for name in features}
        found: NDArray[np.float64] = self._answers(pd.DataFrame(usual))[0]
        return found

    def _explain(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        members = self._coalitions.members
        everybody = self._answers(rows.reset_index(drop=True))
        asked = self._answers(self._mix(rows)) if len(members) else np.empty(0)
        answers = asked.reshape(len(rows), len(members), everybody.shape[1])
        values = self._coalitions.solve(answers, self._nobody, everybody)
        expected = np.broadcast_to(self._nobody[None, :, None], (len(rows), len(self._nobody), 1))
        return np.concatenate([values.transpose(0, 2, 1), expected], axis=2)

    def _mix(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Each row once for each coalition: the usual row's values, and of its members the row's own."""
        members = self._coalitions.members
        return pd.DataFrame(
            {
                name: _choose(members[:, place], rows[name].to_numpy(), self.usual[name])
                for place, name in enumerate(self.model.encoder.features)
            }
        )

    def _answers(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Rows x scores."""
        found = np.asarray(self.model.predict(rows), dtype=np.float64)
        return found if found.ndim > 1 else found[:, None]


def _choose(own: Flags, values: NDArray[Any], usual: Any) -> NDArray[Any]:
    """Of each value, as often as there are coalitions: itself where it is of the coalition, else the usual one."""
    found: NDArray[Any] = np.where(own[None, :], values[:, None], usual).reshape(-1)
    return found


def usual_row(rows: pd.DataFrame) -> Row:
    """The mean of each number and the most frequent category, the first of the alphabet of equally frequent ones."""
    return {str(name): _usual(rows[name]) for name in rows}


def _usual(column: "pd.Series[Any]") -> float | str | None:
    known = column.dropna()
    if column.dtype == object:
        return min(known.mode(), default=None)
    return float(known.mean()) if len(known) else math.nan
