"""A pipeline's model.py in place of XGBoost: fitted, saved, loaded and asked, and held to what it must answer.

    fit(train, validation, settings)    train and validation are a frame of rows and their labels; returns any model
    predict(model, rows)                an array: the probability of yes, or of each class, or a number for each row
    save(model, folder)                 writes files into an empty folder
    load(folder)                        reads them again

Rows are what features.py makes of a request's columns, or these themselves: numbers and booleans are float64 with NaN
for a missing value, categories text with None. Labels are 1 for yes and 0 for no, the place of a class, or the number.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slipway.tabular import own_code, parts
from slipway.tabular.derived import frame_of, row_of
from slipway.tabular.encoder import Encoder
from slipway.tabular.job import JobError
from slipway.tabular.kinds import BINARY, MULTICLASS, REGRESSION
from slipway.tabular.own_code import MODEL_FUNCTIONS, OwnCode, reason
from slipway.tabular.target import Target

FILE = "model.py"
FOLDER = "model"  # of model.tar.gz: what `save` has written
WANTED = {
    BINARY: "the probability of yes for each row, as predict_proba(rows)[:, 1] of scikit-learn",
    MULTICLASS: "a row of probabilities, one for each class in the order of data.label.classes, for each row",
    REGRESSION: "a number for each row",
}
SUM_TOLERANCE = 1e-3  # of the probabilities of a row from 1
SAME = 1e-6
COMPARED, ALONE = 500, 20  # validation rows that a saved model answers again; those that are also asked for alone


class ModelError(JobError):
    """model.py can't be used, or does not answer what it must; the message begins with its file and line."""


class Part(NamedTuple):
    """Some rows, as the model sees them, and their labels."""

    rows: pd.DataFrame
    labels: "pd.Series[Any]"


@dataclass(frozen=True)
class ModelCode:
    """The functions of a model.py."""

    code: OwnCode

    @classmethod
    def load(cls, folder: Path) -> "ModelCode | None":
        """Those of the model.py in a folder; None where there is none. Raises ModelError."""
        path = folder.resolve() / FILE
        if not path.is_file():
            return None
        found = cls(own_code.load(path, ModelError))
        for name, arguments in MODEL_FUNCTIONS.items():
            function = getattr(found.code.module, name, None)
            expected = f"{name}({', '.join(arguments)})"
            if not callable(function):
                raise ModelError(f"{path.relative_to(found.code.root)}: there is no function {expected}")
            try:
                inspect.signature(function).bind(*arguments)
            except TypeError:
                given = f"{name}{inspect.signature(function)}"
                raise ModelError(f"{found.place(name)}: {given} can't be called as {expected}") from None
        return found

    def place(self, name: str) -> str:
        """File and line of a function."""
        code = getattr(getattr(self.code.module, name), "__code__", None)
        if code is None:
            return self.code.path_in_project(str(self.code.module.__file__))
        return f"{self.code.path_in_project(code.co_filename)}:{code.co_firstlineno}"

    def call(self, name: str, *arguments: Any) -> Any:
        """What a function returns. Raises ModelError for what it raises."""
        try:
            return getattr(self.code.module, name)(*arguments)
        except Exception as error:
            place = self.code.place_of(error, self.place(name))
            raise ModelError(f"{place}: {name}() failed: {reason(error)}") from error


@dataclass(frozen=True)
class OwnModel:
    """What `fit` or `load` has returned, with the code that uses it."""

    code: ModelCode
    fitted: Any

    @classmethod
    def load(cls, code_folder: Path, folder: Path) -> "OwnModel":
        """What `save` has written into a folder. Raises ModelError."""
        code = ModelCode.load(code_folder)
        if code is None:
            raise ModelError(f"{folder} is of a model.py, and there is none in {code_folder}")
        with code.code.with_modules():
            return cls(code, code.call("load", folder))

    def save(self, folder: Path) -> None:
        """Write it into an empty folder. Raises ModelError where nothing was written."""
        folder.mkdir(parents=True)
        with self.code.code.with_modules():
            self.code.call("save", self.fitted, folder)
        if not any(folder.iterdir()):
            raise ModelError(f"{self.code.place('save')}: save() has written nothing into the folder that it was given")

    def predict(self, rows: pd.DataFrame, target: Target) -> NDArray[np.float64]:
        """The answers to some rows. Raises ModelError, which names the row where it is one row's fault."""
        try:
            found = self.code.call("predict", self.fitted, rows.copy())
        except ModelError as error:
            raise ModelError(f"{error}, {self._failing(rows)}") from error
        return check_answers(found, rows, target, self.code.place("predict"))

    def _failing(self, rows: pd.DataFrame) -> str:
        """The first row that fails alone."""
        for place in range(len(rows)):
            try:
                self.code.call("predict", self.fitted, rows.iloc[[place]].reset_index(drop=True))
            except ModelError:
                return _name_row(rows, place)
        return "for rows together, none of which fails alone"


def _name_row(rows: pd.DataFrame, place: int) -> str:
    return f"in row {place + 1} ({row_of({name: rows[name].to_numpy() for name in rows}, place)})"


def check_answers(found: Any, rows: pd.DataFrame, target: Target, place: str) -> NDArray[np.float64]:
    """What `predict` has returned as an array. Raises ModelError for what can be no answer to these rows."""
    fault = f"{place}: predict() returns"
    expected = f"expected {WANTED[target.problem]}"
    if isinstance(found, pd.DataFrame) and [str(name) for name in found] not in (
        [*target.classes],
        [str(number) for number in range(found.shape[1])],
    ):
        raise ModelError(f"{fault} the columns {', '.join(map(str, found))}; {expected}: {', '.join(target.classes)}")
    try:
        answers = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"{fault} {type(found).__name__} that holds other than numbers; {expected}") from None
    shape = (len(rows), len(target.classes)) if target.classes else (len(rows),)
    if answers.shape != shape:
        given = f"an array of the shape {answers.shape}"
        raise ModelError(f"{fault} {given} for {len(rows)} rows; {expected}, of the shape {shape}")
    if (wrong := ~np.isfinite(answers)).any():
        row = int(np.argwhere(wrong)[0][0])
        raise ModelError(f"{fault} {answers[row].tolist()} {_name_row(rows, row)}; {expected}, finite")
    if target.problem == REGRESSION:
        return answers
    wrong = (answers < 0) | (answers > 1)
    if target.classes:
        wrong = wrong.any(axis=1) | (np.abs(answers.sum(axis=1) - 1) > SUM_TOLERANCE)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        sums = ", which sum up to 1" if target.classes else ""
        raise ModelError(f"{fault} {answers[row].tolist()} {_name_row(rows, row)}; {expected}, from 0 to 1{sums}")
    return answers


def fit(code: ModelCode, train: Part, validation: Part, settings: Mapping[str, Any]) -> OwnModel:
    """The model of a model.py. Raises ModelError."""
    with code.code.with_modules():
        fitted = code.call("fit", train, validation, dict(settings))
    if fitted is None:
        raise ModelError(f"{code.place('fit')}: fit() returns None, expected the model")
    return OwnModel(code, fitted)


def part(folder: Path, encoder: Encoder, target: Target, label: str) -> Part:
    """A split that Prepare wrote, as frame and labels."""
    pieces = list(parts.pieces(folder, list(encoder.raw.categories)))
    rows = pd.concat([frame_of(encoder, piece) for piece in pieces], ignore_index=True)
    labels = pd.Series(np.concatenate([piece.column(label).to_numpy() for piece in pieces]), name=label)
    return Part(rows, labels.astype(np.float64 if target.problem == REGRESSION else np.int64))


def check_again(first: OwnModel, again: OwnModel, rows: pd.DataFrame, target: Target) -> None:
    """Whether what was loaded answers what was saved did, and each row alone as among others. Raises ModelError."""
    asked = rows.head(COMPARED)
    before, after = first.predict(asked, target), again.predict(asked, target)
    if (row := _differing(before, after)) is not None:
        raise ModelError(
            f"{again.code.place('load')}: what save() has written and load() has read answers otherwise "
            f"{_name_row(asked, row)}: {after[row].tolist()}, before it was saved {before[row].tolist()}"
        )
    few = asked.head(ALONE)
    alone = np.concatenate([again.predict(few.iloc[[n]].reset_index(drop=True), target) for n in range(len(few))])
    if (row := _differing(after[: len(few)], alone)) is not None:
        raise ModelError(
            f"{again.code.place('predict')}: predict() depends on the other rows: {after[row].tolist()} among others "
            f"and {alone[row].tolist()} alone {_name_row(few, row)}"
        )


def _differing(one: NDArray[Any], other: NDArray[Any]) -> int | None:
    same = np.isclose(one, other, rtol=SAME, atol=SAME)
    rows = np.flatnonzero(~(same.all(axis=1) if same.ndim > 1 else same))
    return int(rows[0]) if len(rows) else None


def loss(answers: NDArray[Any], labels: NDArray[Any], target: Target) -> float:
    """How far off answers are: log loss of a classification, mean squared error of a regression."""
    if target.problem == REGRESSION:
        return float(np.mean((answers - labels) ** 2))
    true = answers[np.arange(len(labels)), labels.astype(int)] if target.classes else None
    chance = np.where(labels == 1, answers, 1 - answers) if true is None else true
    return float(-np.log(np.clip(chance, 1e-7, 1)).mean())


def importance(model: OwnModel, rows: pd.DataFrame, labels: NDArray[Any], target: Target) -> Mapping[str, float]:
    """How much worse the answers get where a feature's values are shuffled, as a share of all; 0 where they don't."""
    chance = np.random.default_rng(0)
    order = chance.permutation(len(rows))
    usual = loss(model.predict(rows, target), labels, target)
    return {
        str(name): max(loss(model.predict(_shuffle(rows, name, order), target), labels, target) - usual, 0.0)
        for name in rows
    }


def _shuffle(rows: pd.DataFrame, name: Any, order: NDArray[Any]) -> pd.DataFrame:
    other = rows.copy()
    other[name] = rows[name].to_numpy()[order]
    return other
