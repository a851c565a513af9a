"""What each feature adds to a model's predictions: exactly, as boosted trees tell it; else by asking the model.

Trees tell what each feature adds to their own margin (log-odds of a classifier), so nothing is asked a thousand times.

Source of their method: Lundberg and others, "Consistent Individualized Feature Attribution for Tree Ensembles".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from slipway.analysis import contributions
from slipway.tabular.job import JobError
from slipway.tabular.serving import Model

if TYPE_CHECKING:
    from slipway.tabular.asking import Asking

TREES = "exact contributions of boosted trees (pred_contribs), in the unit of their margin"
KERNEL = "Kernel SHAP against one usual row, in the unit of the answer"
FIGURES, FEWEST = 4_000_000, 1_000  # of an hour of several classes: contributions that are kept; rows at least
METHOD = "method"  # of a document's explanations
ASKED = "asked"  # beside it: with what a model.py was asked


@dataclass(frozen=True)
class Explainer:
    """What explains the rows of one model.

    `contributions` makes of rows as the model sees them an array of rows x scores x features, and last what every row
    gets; a model of several classes has a score for each, any other has one. `most` is how many rows of an hour it
    explains, None for all. `facts` are what a document says of it beside its method.
    """

    method: str
    contributions: Callable[[Any], NDArray[np.float64]]
    most: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def of_rows(model: Model, rows: Any, most: int, samples: int) -> Explainer:
    """What explains a model whose registered rows these are.

    A model.py is asked `samples` times about each row, and a monitor explains `most` rows. Raises JobError.
    """
    if model.own is None:
        return _of_trees(model)
    from slipway.tabular import asking  # pandas, which XGBoost does without

    return _of_own(asking.Asking(model, asking.usual_row(rows), most, samples))


def as_registered(model: Model, document: Mapping[str, Any]) -> Explainer:
    """What explains a model as its registered analysis.json was made. Raises JobError where that can't be."""
    if model.own is None:
        return _of_trees(model)
    from slipway.tabular import asking

    return _of_own(asking.Asking.of_document(model, (document.get("explanations") or {}).get(ASKED)))


def _of_trees(model: Model) -> Explainer:
    def contributions(rows: Any) -> NDArray[np.float64]:
        booster = model.booster
        matrix = xgb.DMatrix(
            rows, feature_names=booster.feature_names, feature_types=booster.feature_types, enable_categorical=True
        )
        found = np.asarray(booster.predict(matrix, pred_contribs=True), dtype=np.float64)
        return found if found.ndim > 2 else found[:, None, :]

    classes = len(model.target.classes)
    figures = classes * (len(model.encoder.features) + 1)
    return Explainer(TREES, contributions, max(FEWEST, FIGURES // figures) if classes else None)


def _of_own(asked: "Asking") -> Explainer:
    return Explainer(KERNEL, asked.contributions, asked.most, {ASKED: asked.document()})


def analysis(model: Model, explainer: Explainer, found: NDArray[np.float64], aggregate: str) -> dict[str, Any]:
    """analysis.json of the contributions of some rows."""
    made = contributions.analysis(found, model.encoder.features, aggregate, model.target.classes)
    made["explanations"] |= {METHOD: explainer.method, **explainer.facts}
    return made


def check_same_method(found: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
    """Raise JobError where an earlier document is another method's."""
    now, before = ((document.get("explanations") or {}).get(METHOD) for document in (found, earlier))
    if now != before:
        raise JobError(
            f"the explanations are {now}, those of the version in production {before or 'of Clarify'}: to compare them "
            "would say nothing, pass SkipExplainabilityCheck=true and RegisterNewBaseline=true once"
        )
