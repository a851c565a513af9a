"""Model quality: predictions against ground truth."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from slipway.analysis import capture, datasets, documents, metrics, multiclass, source
from slipway.analysis.errors import BadInput
from slipway.analysis.metrics import Metric
from slipway.analysis.sketch import Floats
from slipway.analysis.source import CAPTURE, Source

_SECTIONS = {
    "BinaryClassification": "binary_classification",
    "MulticlassClassification": "multiclass_classification",
    "Regression": "regression",
}
_TRUTH = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0, "false.": 0.0, "true.": 1.0}
_WORSE_WHEN_GREATER = frozenset({"mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"})
_VIOLATES = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}
_SAMPLES, _SAMPLE_SHARE, _MIN_ROWS = 5, 0.8, 200  # of the standard deviation; fewer rows have none
_CURVE_POINTS = 1000
_SAME = 1e-12  # a sum of the same numbers in another order differs by that much
_NOT_COMPARED = "f0_5"  # AWS's reports have no violation of it

Metrics = dict[str, float]


@dataclass(frozen=True)
class Outcomes:
    """Truth and prediction of every row; `score` is the probability of class 1, when the data has one."""

    truth: Floats
    predicted: Floats
    score: Floats | None

    def take(self, rows: npt.NDArray[np.int64]) -> Outcomes:
        """Some of the rows."""
        return Outcomes(self.truth[rows], self.predicted[rows], None if self.score is None else self.score[rows])


@dataclass(frozen=True)
class QualityFigures:
    """What the rows say of the model: `values` are its metrics, `spread` their standard deviations.

    `unwritten` are metrics that AWS gives to CloudWatch only.
    """

    rows: int
    values: Metrics
    spread: Metrics
    pictures: dict[str, Any] = field(default_factory=dict)
    unwritten: Metrics = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """Which columns of the data hold truth and prediction; the members are called as the settings of monitors are."""

    ground_truth_attribute: str | None = None
    inference_attribute: str | None = None
    probability_attribute: str | None = None
    probability_threshold: float = 0.5


@dataclass(frozen=True)
class ModelQuality:
    """The documents of an analysis."""

    figures: QualityFigures
    statistics: dict[str, Any]
    constraints: dict[str, Any]
    violations: list[dict[str, str]] | None = None

    def metrics(self) -> Iterator[Metric]:
        """What CloudWatch is told."""
        counted = {} if self.violations is None else {"total_number_of_violations": float(len(self.violations))}
        return metrics.of_model(self.figures.values | self.figures.unwritten | counted)


def analyze(given: Source, problem: str, columns: Columns, rules: Mapping[str, Any] | None = None) -> ModelQuality:
    """Judge predictions; `rules` is a constraints.json of the problem. Raises BadInput."""
    section = section_of(problem)
    found = _judgement(given, problem, columns)
    broken = None if rules is None else list(violations(found, rules[f"{section}_constraints"]))
    shown: dict[str, Any] = {
        name: {"value": value, "standard_deviation": found.spread.get(name)} for name, value in found.values.items()
    }
    statistics = {
        "version": 0.0,
        "dataset": {"item_count": found.rows},
        f"{section}_metrics": shown | found.pictures,
    }
    suggested = {name: constraint(name, value) for name, value in found.values.items() if "constant" not in name}
    return ModelQuality(found, statistics, {"version": 0.0, f"{section}_constraints": suggested}, broken)


def section_of(problem: str) -> str:
    """How documents call a problem type; raises BadInput for one that is not known."""
    if problem not in _SECTIONS:
        raise BadInput(f"problem_type is {problem!r}; model quality is analyzed of: {', '.join(_SECTIONS)}")
    return _SECTIONS[problem]


def _judgement(given: Source, problem: str, columns: Columns) -> QualityFigures:
    if problem == "MulticlassClassification":
        classes = _classes(given, columns)
        spread = _spread(len(classes.truth), lambda rows: multiclass.metrics(classes.take(rows)))
        values, pictures = multiclass.metrics(classes), {"confusion_matrix": multiclass.confusion(classes)}
        return QualityFigures(len(classes.truth), values, spread, pictures)
    data = _outcomes(given, columns, binary=problem == "BinaryClassification")
    measure = binary if problem == "BinaryClassification" else regression
    spread = _spread(len(data.truth), lambda rows: measure(data.take(rows)))
    if measure is regression:
        return QualityFigures(len(data.truth), measure(data), spread)
    return QualityFigures(len(data.truth), measure(data), spread, _curves(data), precision_recall_area(data))


def violations(found: QualityFigures, rules: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Metrics that their constraint's operator calls a violation, named and told as AWS does."""
    for name, rule in rules.items():
        if name.endswith(_NOT_COMPARED):
            continue
        kind, threshold = rule["comparison_operator"], rule["threshold"]
        if kind not in _VIOLATES:
            raise BadInput(f"the constraint of {name} compares by {kind!r}; allowed: {', '.join(_VIOLATES)}")
        value, deviation = found.values.get(name), found.spread.get(name)
        if value is None or math.isclose(value, threshold, rel_tol=_SAME) or not _VIOLATES[kind](value, threshold):
            continue
        beside = "" if deviation is None else f" +/- {documents.double(deviation)}"
        text = f"Metric {camel_case(name)} with {documents.double(value)}{beside} was {kind} '{threshold}'"
        yield {"metric_name": camel_case(name), "constraint_check_type": kind, "description": text}


def camel_case(name: str) -> str:
    """`truePositiveRate` of `true_positive_rate`."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def regression(data: Outcomes) -> Metrics:
    """The metrics of a regression; r2 is 0 when the truth does not vary."""
    errors = data.predicted - data.truth
    mse = float((errors**2).mean())
    variance = float(data.truth.var())
    return {
        "mae": float(np.abs(errors).mean()),
        "mse": mse,
        "rmse": mse**0.5,
        "r2": 1 - mse / variance if variance else 0.0,
    }


def binary(data: Outcomes) -> Metrics:
    """The metrics of a binary classification, and those of always telling the commoner class."""
    metrics = _rates(data)
    constant = np.full_like(data.truth, float(data.truth.mean() >= 0.5))
    always = _rates(replace(data, predicted=constant, score=None))
    kept = ("recall", "precision", "accuracy", "f0_5", "f1", "f2")
    metrics |= {f"{name}_best_constant_classifier": always[name] for name in kept}
    if data.score is not None:
        false, true = _roc(data.truth, data.score)
        metrics["auc"] = float(np.trapezoid(true, false))
    return metrics


def _rates(data: Outcomes) -> Metrics:
    truth, told = data.truth == 1, data.predicted == 1
    tp, fp = int((truth & told).sum()), int((~truth & told).sum())
    fn, tn = int((truth & ~told).sum()), int((~truth & ~told).sum())
    metrics = {
        "recall": _share(tp, tp + fn),
        "precision": _share(tp, tp + fp),
        "accuracy": _share(tp + tn, len(truth)),
        "true_positive_rate": _share(tp, tp + fn),
        "true_negative_rate": _share(tn, tn + fp),
        "false_positive_rate": _share(fp, tn + fp),
        "false_negative_rate": _share(fn, tp + fn),
    }
    for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0)):
        weight = beta * beta
        metrics[name] = _share((1 + weight) * tp, (1 + weight) * tp + weight * fn + fp)
    return metrics


def _share(part: float, whole: float) -> float:
    """0 of nothing is 0."""
    return part / whole if whole else 0.0


def _curves(data: Outcomes) -> dict[str, Any]:
    truth, told = data.truth.astype(int), data.predicted.astype(int)
    cells = {str(t): {str(p): int(((truth == t) & (told == p)).sum()) for p in (0, 1)} for t in (0, 1)}
    if data.score is None:
        return {"confusion_matrix": cells}
    false, true = _roc(data.truth, data.score)
    positives, negatives = data.truth.sum(), len(data.truth) - data.truth.sum()
    called = true * positives + false * negatives
    precisions = np.divide(true * positives, called, out=np.ones_like(called), where=called > 0)
    some = np.unique(np.linspace(0, len(true) - 1, min(len(true), _CURVE_POINTS)).astype(int))
    return {
        "confusion_matrix": cells,
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": false[some].tolist(),
            "true_positive_rates": true[some].tolist(),
        },
        "precision_recall_curve": {"precisions": precisions[some].tolist(), "recalls": true[some].tolist()},
    }


def _roc(truth: Floats, score: Floats) -> tuple[Floats, Floats]:
    """(false, true) positive rates from the strictest threshold to the loosest; equal scores move together."""
    order = np.argsort(-score, kind="stable")
    last_of_equals = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true = np.cumsum(truth[order])[last_of_equals]
    false = last_of_equals + 1 - true
    return np.append(0.0, false / max(false[-1], 1)), np.append(0.0, true / max(true[-1], 1))


def precision_recall_area(data: Outcomes) -> Metrics:
    """`au_prc`: the area under precision over recall, from the first precision on, as Spark has it."""
    if data.score is None or not data.truth.any():
        return {}
    false, true = _roc(data.truth, data.score)
    positives, negatives = data.truth.sum(), len(data.truth) - data.truth.sum()
    precisions = (true * positives)[1:] / (true * positives + false * negatives)[1:]
    return {"au_prc": float(np.trapezoid(np.append(precisions[0], precisions), true))}


def _spread(count: int, measure: Callable[[npt.NDArray[np.int64]], Metrics]) -> Metrics:
    """Standard deviations over samples of the rows; none when there are few rows."""
    if count < _MIN_ROWS:
        return {}
    chance = np.random.default_rng(count)  # equal data, equal documents
    draws = [measure(chance.choice(count, int(count * _SAMPLE_SHARE), replace=False)) for _ in range(_SAMPLES)]
    return {name: float(np.std([draw[name] for draw in draws])) for name in draws[0]}


def constraint(name: str, value: float) -> dict[str, Any]:
    """The limit that a metric of this value suggests."""
    worse = "GreaterThanThreshold" if name in _WORSE_WHEN_GREATER else "LessThanThreshold"
    return {"threshold": value, "comparison_operator": worse}


def _outcomes(given: Source, columns: Columns, *, binary: bool) -> Outcomes:
    table = _table(given)
    truth = _numbers(table, columns.ground_truth_attribute, "ground_truth_attribute", binary=binary)
    told, chance = columns.inference_attribute, columns.probability_attribute
    score = _numbers(table, chance, "probability_attribute", binary=False) if binary and chance else None
    if told or score is None:
        predicted = _numbers(table, told, "inference_attribute", binary=binary)
    else:
        predicted = (score >= columns.probability_threshold).astype(float)
    return Outcomes(truth, predicted, score)


def _classes(given: Source, columns: Columns) -> multiclass.Classes:
    table = _table(given)
    named = {
        "ground_truth_attribute": columns.ground_truth_attribute,
        "inference_attribute": columns.inference_attribute,
    }
    sides = [table.column(_name(table, name, setting)).to_pylist() for setting, name in named.items()]
    if any(value is None for side in sides for value in side):
        raise BadInput("ground truth and prediction must be there in every row; a row lacks one of them")
    return multiclass.Classes.of(*sides)


def _table(given: Source) -> Any:
    """The data set; merged captures give the columns `0`, `1`, ... of the response and `groundTruth`."""
    if given.format == CAPTURE and given.preprocess is None:
        found = datasets.batches(capture.merged_rows(datasets.files(given.path)))
    else:
        found = source.chunks(given, [])
    chunks = list(found)
    if not chunks or not sum(len(chunk) for chunk in chunks):
        raise BadInput(f"there is no data: {given.path} holds no rows")
    return pa.concat_tables([pa.Table.from_batches([chunk]) for chunk in chunks], promote_options="permissive")


def _name(table: Any, name: str | None, setting: str) -> str:
    if name is None and "groundTruth" in table.column_names:
        name = "groundTruth" if setting == "ground_truth_attribute" else "0"
    if name not in table.column_names:
        raise BadInput(f"{setting} is {name!r}; it must be a column of the data: {', '.join(table.column_names)}")
    return str(name)


def _numbers(table: Any, name: str | None, setting: str, *, binary: bool) -> Floats:
    name = _name(table, name, setting)
    values = table.column(name).to_pylist()
    try:
        if binary:
            return np.array([_TRUTH[str(value).strip().lower()] for value in values])
        return np.array([float(value) for value in values])
    except (KeyError, TypeError, ValueError) as error:
        wanted = "0, 1, true or false" if binary else "numbers"
        raise BadInput(f"column {name!r} ({setting}) must hold {wanted} in every row; found {error}") from error
