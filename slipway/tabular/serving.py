"""The model behind an endpoint: raw rows in, predictions out. One row takes no pandas and no pyarrow, unless
the pipeline has a features.py or a model.py, which are given the rows as a frame.

text/csv: one row a line, the raw columns in the order of the encoder, no header; or a first line of column names
(any spelling), then other columns are ignored. application/json: `{"instances": [...]}` or a list of rows or one row;
a row is `{"column": value}` or a list in the order of the encoder. Values are read as `cells` reads those of training.
"""

import csv
import io
import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from slipway.tabular import cells
from slipway.tabular.cells import spelling
from slipway.tabular.encoder import Encoder
from slipway.tabular.job import JobError
from slipway.tabular.kinds import BINARY
from slipway.tabular.predictor import predictor
from slipway.tabular.target import FILE as TARGET_FILE
from slipway.tabular.target import Target

if TYPE_CHECKING:
    from slipway.tabular.own_model import OwnModel

CSV, JSON = "text/csv", "application/json"
REPLACED = "\ufffd"  # what Flask puts in the place of bytes that are no UTF-8


class BadRequest(Exception):
    """The request can't be understood. The message names row, column, value and what was expected: a 400."""


@dataclass(frozen=True)
class Model:
    """A booster with the encoder that it was trained with, and what it answers; or a pipeline's own model."""

    booster: xgb.Booster  # None where there is a model.py
    encoder: Encoder
    target: Target
    own: "OwnModel | None" = None

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Read `encoder.json`, `target.json` and `xgboost-model`, or what a model.py has saved in `model`."""
        if (folder / "model").is_dir():
            return cls._load_own(folder)
        path = folder / "xgboost-model"
        for needed in (path, folder / "encoder.json"):
            if not needed.exists():
                raise JobError(f"{needed} is missing: not a model that this project's Train step made")
        booster = xgb.Booster()
        try:
            booster.load_model(bytearray(path.read_bytes()))
        except xgb.core.XGBoostError as error:
            raise JobError(f"{path} is not an XGBoost model: {str(error).splitlines()[0]}") from None
        booster.set_param({"nthread": 1})  # more threads collapse under load on small batches
        return cls(booster, Encoder.load(folder, folder / "code"), Target.load(folder) or _older(booster))

    @classmethod
    def _load_own(cls, folder: Path) -> "Model":
        from slipway.tabular.own_model import FOLDER, OwnModel  # pandas, which XGBoost does without

        target = Target.load(folder)
        if target is None:
            raise JobError(f"{folder / TARGET_FILE} is missing: not a model that this project's Train step made")
        own = OwnModel.load(folder / "code", folder / FOLDER)
        return cls(None, Encoder.load(folder, folder / "code"), target, own)

    def predict(self, rows: Any) -> NDArray[Any]:
        """One number for each encoded row, a probability or the value; of several classes a row of probabilities.

        `rows` are what `parse` or `encode` has made. Raises ModelError where a model.py does not answer as it must.
        """
        return self.own.predict(rows, self.target) if self.own else self._predict(rows)

    def encode(self, rows: Any) -> Any:
        """Stored rows (an Arrow table) as the model sees them: a matrix, of a model.py a frame."""
        if self.own is None:
            return self.encoder.encode(rows)
        from slipway.tabular import derived

        return derived.frame_of(self.encoder, rows)

    @property
    def threshold(self) -> float | None:
        """From which probability on a row counts as positive; None where the answer is no yes or no."""
        return self.target.threshold if self.target.problem == BINARY else None

    @cached_property
    def _predict(self) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        return predictor(self.booster, len(self.target.classes))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The columns of a request, in their order."""
        return self.encoder.raw.features

    @cached_property
    def _coders(self) -> list[Mapping[Any, Any] | None]:
        """What stands for each category of a column: its place, or its text for features.py; None for a number."""
        known: Mapping[str, Mapping[Any, Any]] = self.encoder.places
        if self._as_frame:
            from slipway.tabular.derived import RawColumns

            known = RawColumns(self.encoder.raw).texts
        return [known.get(name) for name in self._names]

    @property
    def _as_frame(self) -> bool:
        """Whether the rows of a request become a frame."""
        return self.own is not None or self.encoder.derivation is not None

    @cached_property
    def _columns(self) -> dict[str, int]:
        """The places of the columns by their names as they stand, and by what tells these apart."""
        spelled = {spelling(name): index for index, name in enumerate(self._names)}
        return spelled | {name: index for index, name in enumerate(self._names)}

    def _place(self, name: str) -> int | None:
        place = self._columns.get(name)
        return self._columns.get(spelling(name)) if place is None else place

    @cached_property
    def _numbers_are_values(self) -> bool:
        """Whether what begins with a digit cannot be a column's name."""
        return not any(name[:1].isdigit() for name in self._columns)

    def parse(self, body: bytes | str, content_type: str) -> Any:
        """The rows of a request as the model sees them: a matrix, of a model.py a frame."""
        text = _text(body)
        kind = content_type.partition(";")[0].strip().lower()
        if kind == CSV:
            return self._matrix(self._plain_csv(text) or self._transpose(self._csv_rows(text)), odd=_is_odd(text))
        if kind == JSON:
            return self._matrix(self._transpose(self._json_rows(text)), odd=_is_odd(text))
        raise BadRequest(f"content type {content_type!r} is not supported: send {CSV} or {JSON}")

    def _plain_csv(self, text: str) -> list[list[str]] | None:
        """The columns of CSV that has no header and whose commas and line ends all divide cells; None for other text.

        It takes a third of the time that the csv module takes, which reads the rest and says what is wrong.
        """
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        if '"' in text or "\r" in text or (" " in text and (text[0] == " " or ", " in text or "\n " in text)):
            return None
        lines, width = [line for line in text.split("\n") if line], len(self._names)
        if {line.count(",") for line in lines} != {width - 1} or self._is_header(lines[0].split(",")):
            return None
        cells = ",".join(lines).split(",")
        return [cells[place::width] for place in range(width)]

    def _csv_rows(self, text: str) -> list[Sequence[Any]]:
        try:
            lines: list[list[str]] = [row for row in csv.reader(io.StringIO(text), skipinitialspace=True) if row]
        except csv.Error as error:
            raise BadRequest(f"the request is not CSV: {error}") from None
        names = lines.pop(0) if lines and self._is_header(lines[0]) else None
        if not lines:
            raise BadRequest("the request has no row: send one row a line")
        if names is None:
            return [*lines]
        return [self._in_order(dict(zip(names, row, strict=False)), n) for n, row in enumerate(lines, 1)]

    def _is_header(self, cells: Sequence[str]) -> bool:
        """Whether more than half of the cells are column names, however they are spelled."""
        if self._numbers_are_values and sum(cell.lstrip("+-.")[:1].isdigit() for cell in cells) * 2 >= len(cells):
            return False  # to spell each cell would take as long as all the rest of reading a row
        return sum(self._place(cell) is not None for cell in cells) * 2 > len(cells)

    def _json_rows(self, text: str) -> list[Sequence[Any]]:
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise BadRequest(f"the request is not JSON: {error}") from None
        rows = document["instances"] if isinstance(document, dict) and "instances" in document else document
        if isinstance(rows, dict) or (isinstance(rows, list) and rows and not isinstance(rows[0], list | dict)):
            rows = [rows]
        if not isinstance(rows, list) or not rows:
            raise BadRequest('the request has no row: send {"instances": [{"column": value, ...}, ...]}')
        return [self._json_row(row, n) for n, row in enumerate(rows, 1)]

    def _json_row(self, row: Any, number: int) -> Sequence[Any]:
        if isinstance(row, dict):
            return self._in_order(row, number)
        if isinstance(row, list):
            return row
        raise BadRequest(f"row {number}: {row!r} is neither an object nor a list")

    def _in_order(self, row: Mapping[str, Any], number: int) -> list[Any]:
        ordered: list[Any] = [_ABSENT] * len(self._names)
        for name, value in row.items():
            place = self._place(name)
            if place is not None:
                if ordered[place] is not _ABSENT:
                    raise BadRequest(f"row {number}: column {self._names[place]!r} is there twice")
                ordered[place] = value
        absent = [name for name, value in zip(self._names, ordered, strict=True) if value is _ABSENT]
        if absent:
            raise BadRequest(f"row {number}: column {', '.join(map(repr, absent))} is missing (send null if unknown)")
        return ordered

    def _transpose(self, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        """Rows as columns."""
        width = len(self._names)
        for number, row in enumerate(rows, 1):
            if len(row) != width:
                names = ", ".join(self._names)
                raise BadRequest(f"row {number}: {len(row)} values, expected {width}: {names}")
        return [*zip(*rows, strict=True)]

    def _frame(self, columns: Sequence[Sequence[Any]], *, odd: bool) -> Any:
        """The columns through features.py, and as model.py sees them where there is one."""
        raw, derivation = self._raw(columns, odd=odd), self.encoder.derivation
        if self.own is None and derivation:
            return derivation.matrix(raw)
        if derivation:
            return derivation.frame(raw)
        import pandas as pd

        return pd.DataFrame(raw)

    def _matrix(self, columns: Sequence[Sequence[Any]], *, odd: bool = True) -> Any:
        """The encoded columns; `odd`: whether there may be texts that only Python takes for numbers."""
        if self._as_frame:
            return self._frame(columns, odd=odd)
        flat: list[float] = []
        for place, values in enumerate(columns):  # its kind is looked up once for each column
            self._append(flat, place, values, odd=odd)
        with np.errstate(over="ignore"):  # what is too large for float32 is told below
            matrix = np.array(flat, np.float32).reshape(len(columns), -1).T
        if np.isinf(matrix).any():
            row, place = np.argwhere(np.isinf(matrix))[0]
            raise self._not_finite(row, place, columns)
        return matrix

    def _raw(self, columns: Sequence[Sequence[Any]], *, odd: bool) -> dict[str, NDArray[Any]]:
        """The columns as features.py is given them: numbers, or texts and None."""
        found: dict[str, NDArray[Any]] = {}
        for place, (name, values) in enumerate(zip(self._names, columns, strict=True)):
            read: list[Any] = []
            self._append(read, place, values, odd=odd)
            if self._coders[place] is not None:
                found[name] = np.array(read, object)
                continue
            found[name] = numbers = np.array(read, np.float64)
            with np.errstate(over="ignore"):
                too_large = np.isinf(numbers.astype(np.float32))
            if too_large.any():
                raise self._not_finite(int(np.flatnonzero(too_large)[0]), place, columns)
        return found

    def _not_finite(self, row: int, place: int, columns: Sequence[Sequence[Any]]) -> BadRequest:
        value = columns[place][row]
        return BadRequest(f"row {row + 1}, column {self._names[place]!r}: {value!r} is not a finite number")

    def _append(self, flat: list[Any], place: int, values: Sequence[Any], *, odd: bool) -> None:
        """What a column's values are, row by row."""
        coder, size = self._coders[place], len(flat)
        try:
            if coder is not None:
                flat.extend(map(coder.__getitem__, values))
                return
            if not odd or not any(map(_is_odd, values)):
                flat.extend(map(float, values))
                return
        except (TypeError, ValueError, OverflowError):  # one of them is missing or wrong
            del flat[size:]
        flat.extend(self._value(value, row, place) for row, value in enumerate(values, 1))

    def _value(self, value: Any, row: int, place: int) -> Any:
        coder = self._coders[place]
        try:
            return cells.number(value, self.encoder.missing) if coder is None else coder[value]
        except (TypeError, ValueError, OverflowError):
            name, wanted = self._names[place], "number" if coder is None else "category"
            raise BadRequest(f"row {row}, column {name!r}: {value!r} is not a {wanted}") from None


def _is_odd(value: Any) -> bool:
    """Whether Python would read a text as a number that nobody else does: 1_000, or digits of other scripts."""
    return type(value) is str and ("_" in value or not value.isascii())


_ABSENT = object()


def _text(body: bytes | str) -> str:
    if isinstance(body, str):
        if REPLACED in body:  # the container's server has decoded it
            raise BadRequest("the request is not UTF-8")
        return body.removeprefix("\ufeff")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(f"the request is not UTF-8: {error}") from None


def answer(
    predictions: Iterable[Any], accept: str, threshold: float | None = None, classes: Sequence[str] = ()
) -> tuple[str, str]:
    """The body of a response, with seven places, and its content type; `*/*` and an empty Accept mean text/csv.

    A prediction is a number, or with `classes` a list of their probabilities. JSON also says the threshold, where there
    is one.
    """
    wanted = {part.split(";")[0].strip().lower() for part in accept.split(",")} or {CSV}
    if JSON not in wanted and not wanted & {CSV, "*/*", "text/*", ""}:
        raise BadRequest(f"Accept {accept!r} is not supported: ask for {CSV} or {JSON}")
    if classes:
        return _of_classes(predictions, classes, as_json=JSON in wanted)
    if JSON in wanted:
        decided = {} if threshold is None else {"threshold": round(threshold, 7)}
        return json.dumps({"predictions": [round(value, 7) for value in predictions], **decided}), JSON
    numbers = tuple(predictions)
    return ("%.7f\n" * len(numbers) % numbers)[:-1], CSV  # a fourth of the time that repr takes


def _of_classes(rows: Iterable[Sequence[float]], classes: Sequence[str], *, as_json: bool) -> tuple[str, str]:
    """The class of the highest probability and all probabilities, in the order of the classes.

    CSV has the class, then the probabilities, in a line. JSON has the names of SageMaker Autopilot's answers.
    """
    said = [(classes[max(range(len(row)), key=row.__getitem__)], [round(value, 7) for value in row]) for row in rows]
    if as_json:
        predictions = [
            {"predicted_label": name, "probability": max(chances), "probabilities": chances} for name, chances in said
        ]
        return json.dumps({"predictions": predictions, "labels": [*classes]}, ensure_ascii=False), JSON
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([name, *map("{:.7f}".format, chances)] for name, chances in said)
    return text.getvalue()[:-1], CSV


def _older(booster: xgb.Booster) -> Target:
    """What a model answers that was made before there was a target.json."""
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    return Target.of_objective(objective, booster.attr("threshold"))


def answer_bad_requests(transform: Callable[..., tuple[str, str]]) -> Callable[..., Any]:
    """Let a `transform_fn` raise BadRequest, and JobError where the model can't answer a row.

    The container's server answers whatever a script raises with 500 and a page that says nothing: a refusal would count
    as our own failure and take a release back, and of a failure nobody would be told why. It passes on a response that
    it is given.
    """

    @wraps(transform)
    def transform_or_refuse(model: Any, body: bytes | str, content_type: str, accept: str) -> Any:
        try:
            return transform(model, body, content_type, accept)
        except BadRequest as refusal:
            return _response(400, refusal)
        except JobError as failure:
            traceback.print_exc()  # for the log; the caller is told the reason
            return _response(500, failure)

    return transform_or_refuse


def _response(status: int, reason: Exception) -> Any:
    """A response with a reason, or what multi-model-server makes one of.

    Only its own package tells that server: the container's Flask server has imported sagemaker_inference as well.
    """
    if "mms" in sys.modules:
        from sagemaker_inference.errors import GenericInferenceToolkitError  # type: ignore[import-not-found]

        raise GenericInferenceToolkitError(status, str(reason))
    from werkzeug.wrappers import Response  # the server is Flask

    return Response(str(reason), status=status, mimetype="text/plain")
