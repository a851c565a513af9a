"""Which bias metrics an analysis asks for, of which rows: pre_training_bias_metrics and post_training_bias_metrics."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slipway.analysis import bias_metrics
from slipway.analysis.bias_metrics import Labelled, Metric, NotComputable
from slipway.analysis.errors import BadInput
from slipway.analysis.frames import Dataset, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

Config = Mapping[str, Any]  # a Clarify analysis configuration
PRE, POST = "pre_training_bias", "post_training_bias"
_SAMPLES, _SAMPLED_ROWS = 50, 2_000  # of the bootstrap behind `spread`
_UNGROUPED = "(missing)"


@dataclass(frozen=True)
class Question:
    """One facet at one stage. `asked` names the metrics; `facet_value` is as the configuration has it.

    `facet_values` are those of the facet's group, or its threshold; None: every value is a group of its own.
    """

    stage: str
    name: str
    facet_value: str
    frame: pd.DataFrame
    facet_values: tuple[Any, ...] | None
    label: pd.Series
    positives: tuple[Any, ...]
    predicted: pd.Series | None
    group: pd.Series | None
    asked: tuple[str, ...]

    @property
    def groups(self) -> list[tuple[Any, ...]]:
        """The groups that are asked about, each by its values."""
        if self.facet_values is not None:
            return [self.facet_values]
        return [(value,) for value in self.frame[self.name].dropna().unique()]

    @property
    def metrics(self) -> dict[str, tuple[str, Metric]]:
        """Those that are asked for. Raises ValueError for a name that there is not."""
        known = bias_metrics.PRE_TRAINING if self.stage == PRE else bias_metrics.POST_TRAINING
        if self.asked == ("all",):
            return dict(known)
        if unknown := [name for name in self.asked if name not in known]:
            raise ValueError(f"Invalid metric_name {unknown[0]}: metrics should be among {', '.join(known)}")
        return {name: known[name] for name in self.asked}

    def reports(self) -> list[dict[str, Any]]:
        """A report for each group: its value, and a value or an error for each metric. Raises ValueError."""
        if self.stage == POST and not self._rows(0).answers.any():
            raise ValueError("No Label values are present in the predicted Label Column: no row has a positive one")
        column, metrics = self.frame[self.name], self.metrics
        return [
            {
                "value_or_threshold": _value_text(column, values),
                "metrics": list(bias_metrics.report(self._rows(place), metrics)),
            }
            for place, values in enumerate(self.groups)
        ]

    def spread(self, metric: str, place: int) -> float | None:
        """The standard deviation of a metric of one report over bootstrap samples of the rows; None if it has none."""
        (_, function), whole = self.metrics[metric], self._rows(place)
        count = len(self.frame)
        size = min(count, _SAMPLED_ROWS)
        chance = np.random.default_rng(count)  # equal data, equal documents
        values = []
        for _ in range(_SAMPLES):
            rows = chance.integers(0, count, size)
            with contextlib.suppress(NotComputable):  # nobody of the group is among these rows
                values.append(function(whole.take(rows)))
        finite = [value for value in values if math.isfinite(value)]
        return float(np.std(finite)) * (size / count) ** 0.5 if len(finite) > _SAMPLES // 2 else None

    def fewest(self, place: int) -> int:
        """How many rows the smaller side has, of the group or of all others."""
        of_group = int(self._rows(place).facet.sum())
        return min(of_group, len(self.frame) - of_group)

    def _rows(self, place: int) -> Labelled:
        """The rows as the metrics see them, for one of the groups."""
        features = self.frame.drop(columns=self.name)
        return Labelled(
            facet=_among(self.frame[self.name], self.groups[place]),
            label=_among(self.label, self.positives),
            predicted=None if self.predicted is None else _among(self.predicted, self.positives),
            group=None if self.group is None else self.group.to_numpy(dtype=object),
            features=features.apply(_as_numbers),
        )


def _among(column: pd.Series, values: Sequence[Any]) -> NDArray[np.bool_]:
    """Which rows are of a group: those with one of its values, or above its threshold."""
    found = column.isin(list(values)) if column.dtype == "category" else column > values[0]
    flags: NDArray[np.bool_] = found.to_numpy(dtype=bool)
    return flags


def _as_numbers(column: pd.Series) -> pd.Series:
    """A column as numbers: texts by their place in the alphabet, and what is missing as 0."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(float).fillna(0.0)
    return column.astype(str).astype("category").cat.codes.astype(float)


def _value_text(column: pd.Series, values: Sequence[Any]) -> str:
    """The values of a group, or the range above its threshold, as analysis.json has them."""
    if column.dtype == "category":
        return ",".join(map(str, values))
    low, high = sorted((float(values[0]), float(column.max())))
    return f"({low}, {high}]"


def categories(values: Sequence[str], classes: Sequence[str]) -> pd.Series:
    """Labels of a model of several classes: never thresholds, although they may look like numbers."""
    return pd.Series(pd.Categorical(values, categories=list(classes)))


def metrics_of(config: Config, method: str) -> list[str]:
    """The names of the metrics that a bias method asks for; `["all"]` for every one."""
    asked = config["methods"][method]["methods"]
    return ["all"] if asked == "all" or "all" in asked else list(asked)


def questions(data: Dataset, config: Config, predicted: pd.Series | None) -> list[Question]:
    """What the configuration asks, stage by stage and facet by facet. Raises BadInput."""
    if data.label is None or not {PRE, POST} & {*config["methods"]}:
        return []
    known = data.frame[data.label].notna()
    frame = data.frame[known].reset_index(drop=True)
    told = None if predicted is None else predicted[known].reset_index(drop=True)
    positives = config["label_values_or_threshold"]
    label = _categories_or_numbers(frame[data.label], positives, "label_values_or_threshold")
    group = data.column(config["group_variable"], "group_variable") if "group_variable" in config else None
    common = {
        "label": label,
        "positives": tuple(_alike(label, positives, "label_values_or_threshold")),
        "group": None if group is None else frame[group].fillna(_UNGROUPED).astype(str),
    }
    answers = None if told is None else _answers(told, label, positives, config)
    return list(_of_facets(data, config, frame, common, answers))


def _of_facets(
    data: Dataset, config: Config, frame: pd.DataFrame, common: Mapping[str, Any], answers: pd.Series | None
) -> Iterator[Question]:
    rest = pd.DataFrame({name: _numbers_or_texts(frame[name]) for name in data.features})
    for stage in (PRE, POST):
        if stage not in config["methods"] or (stage == POST and answers is None):
            continue
        for facet in config["facet"]:
            name = data.column(facet["name_or_index"], "facet.name_or_index")
            wanted = facet.get("value_or_threshold")
            column = _categories_or_numbers(frame[name], wanted, "facet.value_or_threshold")
            values = _alike(column, wanted, "facet.value_or_threshold") if wanted else None
            yield Question(
                stage=stage,
                name=name,
                facet_value=",".join(map(str, wanted or ())),
                frame=rest.assign(**{name: column}),
                facet_values=None if values is None else tuple(values),
                predicted=answers if stage == POST else None,
                asked=tuple(metrics_of(config, stage)),
                **common,
            )


def sections(asked: Sequence[Question]) -> dict[str, dict[str, Any]]:
    """The sections of analysis.json. Raises BadInput where the data say nothing about the question."""
    found: dict[str, dict[str, Any]] = {}
    for question in asked:
        section = found.setdefault(f"{question.stage}_metrics", {"label": question.label.name, "facets": {}})
        try:
            value = _value_text(question.label, question.positives)
            reports = question.reports()
        except ValueError as error:
            raise BadInput(f"{question.stage} of facet {question.name}: {error}") from error
        section["facets"].setdefault(question.name, []).extend(reports)
        section["label_value_or_threshold"] = value
    return found


def _numbers_or_texts(column: pd.Series) -> pd.Series:
    found = numbers(column)
    return column.astype(object) if found is None else found


def _categories_or_numbers(column: pd.Series, values: Sequence[Any] | None, what: str) -> pd.Series:
    """Categories, or numbers where one value is a threshold: in a column of numbers it is, as AWS documents it.

    Of at most two different numbers, of which the value is one, it is a category all the same: 0 and 1. What comes as
    a category is one, whatever it looks like.
    """
    if column.dtype == "category":
        return column
    found = numbers(column)
    if found is None:
        return column.astype(str).where(column.notna(), None).astype("category")
    if values is not None and len(values) == 1:
        threshold = _number(values[0], column, what)
        if found.nunique() > 2 or not bool((found == threshold).any()):
            return found.astype(float)
    return found.astype("category")


def _number(value: Any, column: pd.Series, what: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise BadInput(f"{what} is {value!r}, but the column {column.name} holds numbers") from None


def _alike(column: pd.Series, values: Sequence[Any], what: str) -> list[Any]:
    """The values in the type of the column."""
    kind = column.cat.categories if column.dtype == "category" else column
    if pd.api.types.is_numeric_dtype(kind.dtype):
        found = [_number(value, column, what) for value in values]
        return [int(value) if value.is_integer() else value for value in found]  # as they are shown
    return [str(value) for value in values]


def _answers(told: pd.Series, label: pd.Series, positives: Sequence[Any], config: Config) -> pd.Series:
    """Predicted labels in the type and the kind of the label."""
    if told.dtype == "category":
        return told
    found = numbers(told)
    if label.dtype != "category":
        if found is None:
            raise BadInput(f"the model answers {told.iloc[0]!r}, but the label {label.name} is a number")
        return found.astype(float)
    categories = label.cat.categories
    if pd.api.types.is_numeric_dtype(categories.dtype):
        if found is None:
            raise BadInput(f"the model answers {told.iloc[0]!r}, but the label {label.name} holds numbers")
        return found.astype("category")
    if found is not None and set(found) <= {0, 1}:
        yes = str((config.get("predictor", {}).get("label_headers") or positives)[0])
        no = next((str(each) for each in categories if str(each) != yes), "(other)")
        return found.map({1: yes, 0: no}).astype("category")
    return told.astype(str).astype("category")
