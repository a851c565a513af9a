"""The features that a pipeline's features.py makes of raw columns: as a frame in, a frame out, a matrix for the model.

Numbers are float64 as the file or the request has them, categories are text in their one spelling, missing values NaN
and None. What is returned has a kind for each column, which stays what it was in training.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from slipway.tabular import cells
from slipway.tabular.encoder import Encoder
from slipway.tabular.feature_code import FILE, FeatureError, FeatureFunction
from slipway.tabular.job import JobError

NUMBER, BOOLEAN, CATEGORY, EMPTY = "number", "boolean", "category", "empty"
KINDS = {
    "string": CATEGORY,
    "boolean": BOOLEAN,
    "integer": NUMBER,
    "floating": NUMBER,
    "mixed-integer-float": NUMBER,
    "empty": EMPTY,
}
PLAIN = {NUMBER: "fiu", BOOLEAN: "b"}  # kinds of NumPy's types, whose values need no look
FEW = 64  # rows, up to which a value at a time is faster than a column at a time
USABLE = "the model can use numbers, booleans and text"


class Texts(dict[Any, str | None]):
    """The text of each category of a raw column as training spelled it; None for a missing value."""

    def __init__(self, encoder: Encoder, name: str) -> None:
        known = encoder.categories[name]
        super().__init__({text: text for text in known})
        self._known, self._places, self._missing = known, encoder.places[name], encoder.missing

    def __missing__(self, value: Any) -> str | None:
        place = self._places[value]
        return cells.category(value, self._missing) if math.isnan(place) else self._known[int(place)]


@dataclass(frozen=True)
class RawColumns:
    """The columns of stored rows as a frame takes them: numbers as float64, categories as text."""

    encoder: Encoder

    @cached_property
    def texts(self) -> Mapping[str, Texts]:
        """The spelling of each category column."""
        return {name: Texts(self.encoder, name) for name in self.encoder.categories}

    def of(self, rows: pa.RecordBatch | pa.Table) -> dict[str, NDArray[Any]]:
        """The columns of some rows."""
        return {name: self._column(name, rows.column(name)) for name in self.encoder.features}

    def _column(self, name: str, values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if name not in self.texts:
            return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))
        coded = values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()
        texts = self.texts[name]
        spelled = np.array([*(texts[text] for text in coded.dictionary.to_pylist()), None], object)
        taken: NDArray[Any] = spelled[coded.indices.fill_null(len(spelled) - 1).to_numpy(zero_copy_only=False)]
        return taken


@dataclass(frozen=True)
class Derivation:
    """How the features come of a request's columns.

    `kinds` and `categories` are what features.py returned in training; a category of its own is the very text.
    """

    raw: Encoder
    kinds: Mapping[str, str]
    categories: Mapping[str, tuple[str, ...]]
    function: FeatureFunction

    @cached_property
    def raw_columns(self) -> RawColumns:
        """How the raw columns are read."""
        return RawColumns(self.raw)

    @cached_property
    def places(self) -> Mapping[str, Mapping[str, float]]:
        """Where each category is, by feature."""
        return {name: {text: float(n) for n, text in enumerate(known)} for name, known in self.categories.items()}

    @property
    def document(self) -> dict[str, Any]:
        """What encoder.json has beside the features and their categories."""
        return {"kinds": self.kinds, "raw": {"features": self.raw.features, "categories": self.raw.categories}}

    def encode(self, rows: pa.RecordBatch | pa.Table) -> NDArray[np.float32]:
        """The matrix of stored rows."""
        return self.matrix(self.columns(rows))

    def columns(self, rows: pa.RecordBatch | pa.Table) -> dict[str, NDArray[Any]]:
        """The raw columns of stored rows, as a frame takes them."""
        return self.raw_columns.of(rows)

    def derive_in_order(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, "pd.Series[Any]"]:
        """What features.py returns for raw columns, in the order of training."""
        made = derive(self.function, columns)
        return made if list(made) == list(self.kinds) else _in_order(made, [*self.kinds], self.function)

    def frame(self, columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
        """The features of raw columns as model.py sees them. Raises FeatureError for what training has not returned."""
        values = {name: self._for_frame(name, found) for name, found in self.derive_in_order(columns).items()}
        for name, found in values.items():
            if found.dtype != object and (too_large := are_infinite(found)).any():
                row = int(np.flatnonzero(too_large)[0])
                raise FeatureError(infinite(self.function, name, row_of(columns, row)))
        return pd.DataFrame(values)

    def _for_frame(self, name: str, values: "pd.Series[Any]") -> NDArray[Any]:
        """A returned column as model.py sees it, whatever its kind was called: float64, or text and None."""
        kind = self._kind(name, values)
        if kind == EMPTY:
            return np.array([None if self.kinds[name] == CATEGORY else np.nan] * len(values), self._dtype(name))
        return np.array(texts_of(values), object) if kind == CATEGORY else numbers(values)

    def _dtype(self, name: str) -> type:
        return object if self.kinds[name] == CATEGORY else np.float64

    def _kind(self, name: str, values: "pd.Series[Any]") -> str:
        """The kind of a returned column: that of training, or empty. Raises FeatureError for any other."""
        found, kind = kind_of(values), self.kinds[name]
        if found == kind:
            return kind
        if is_empty(values):
            return EMPTY
        raise FeatureError(f"{self.function.place}: column {name!r} is {found}, in training it was {kind}")

    def matrix(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The matrix of raw columns. Raises FeatureError for what training has not returned."""
        frame = derive_frame(self.function, columns)
        if len(frame) <= FEW and frame.columns.tolist() == [*self.kinds]:
            matrix = self._of_few(frame)
        else:
            matrix = self._of_many(_in_order(by_name(frame, self.function), [*self.kinds], self.function), len(frame))
        if np.isinf(matrix).any():
            row, place = np.argwhere(np.isinf(matrix))[0]
            raise FeatureError(infinite(self.function, [*self.kinds][place], row_of(columns, row)))
        return matrix

    def _of_many(self, made: Mapping[str, "pd.Series[Any]"], rows: int) -> NDArray[np.float32]:
        matrix = np.empty((rows, len(made)), np.float32)
        for place, (name, values) in enumerate(made.items()):
            matrix[:, place] = self._for_model(name, values)
        return matrix

    def _of_few(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """The same as `_of_many`, without a pandas.Series for each plain column, which is most of a row's time."""
        cells, kinds = frame.to_numpy(object), [*self.kinds.items()]
        matrix = np.empty(cells.shape, np.float32)
        plain: list[int] = []
        for place, ((name, kind), dtype) in enumerate(zip(kinds, frame.dtypes.tolist(), strict=True)):
            if isinstance(dtype, np.dtype) and dtype.kind in PLAIN.get(kind, ""):
                plain.append(place)
                continue
            texts = cells[:, place].tolist()
            if (
                kind == CATEGORY
                and getattr(dtype, "kind", "") == "O"
                and all(text is None or type(text) is str for text in texts)
            ):
                places = self.places[name]
                matrix[:, place] = [math.nan if text is None else places.get(text, math.nan) for text in texts]
            else:
                matrix[:, place] = self._for_model(name, frame[name])
        with np.errstate(over="ignore"):
            matrix[:, plain] = cells[:, plain].astype(np.float64).astype(np.float32)
        return matrix

    def _for_model(self, name: str, values: "pd.Series[Any]") -> NDArray[Any] | float:
        """A returned column as the model takes it, if it is of the kind that it had in training."""
        kind = self._kind(name, values)
        if kind == EMPTY:
            return math.nan
        if kind != CATEGORY:
            with np.errstate(over="ignore"):
                return numbers(values).astype(np.float32)
        places = self.places[name]
        return np.array([math.nan if text is None else places.get(text, math.nan) for text in texts_of(values)])


def frame_of(encoder: Encoder, rows: pa.RecordBatch | pa.Table) -> pd.DataFrame:
    """Stored rows as model.py sees them."""
    if encoder.derivation:
        return encoder.derivation.frame(encoder.derivation.columns(rows))
    return pd.DataFrame(RawColumns(encoder).of(rows))


def derive(function: FeatureFunction, columns: Mapping[str, NDArray[Any]]) -> dict[str, "pd.Series[Any]"]:
    """The columns that features.py returns for raw columns, by name; FeatureError where they are not a row's each."""
    return by_name(derive_frame(function, columns), function)


def derive_frame(function: FeatureFunction, columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """What features.py returns for raw columns; FeatureError where it is no frame with as many rows, in their order."""
    rows = pd.DataFrame(dict(columns))  # a copy, which features() may write to
    index = rows.index
    made = function(rows)
    if not isinstance(made, pd.DataFrame):
        raise FeatureError(f"{function.place}: features() returns {type(made).__name__}, expected a pandas.DataFrame")
    if made.index is not index and not made.index.equals(index):
        raise FeatureError(f"{function.place}: {_other_rows(made, len(index))}")
    return made


def by_name(made: pd.DataFrame, function: FeatureFunction) -> dict[str, "pd.Series[Any]"]:
    """The columns of what features.py has returned; FeatureError where two have one name."""
    named = dict(made.items())
    if len(named) < made.shape[1]:
        twice = made.columns[made.columns.duplicated()][0]
        raise FeatureError(f"{function.place}: features() returns two columns {twice!r}")
    return named


def _other_rows(made: pd.DataFrame, rows: int) -> str:
    if len(made) != rows:
        return (
            f"features() returns {len(made)} rows for {rows}: one for each is expected "
            "(rows are left out of training by clean in prepare.py)"
        )
    return "features() returns its rows in another order or with another index: the index that they came with is needed"


def _in_order(made: dict[str, Any], features: Sequence[str], function: FeatureFunction) -> dict[str, Any]:
    if set(made) != set(features):
        faults = [f"{what} {', '.join(map(repr, names))}" for what, names in _differences(made, features) if names]
        raise FeatureError(f"{function.place}: features() returns other columns than in training: {'; '.join(faults)}")
    return {name: made[name] for name in features}


def _differences(made: Iterable[str], features: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    there = set(made)
    yield "without", [name for name in features if name not in there]
    yield "with", [name for name in made if name not in features]


def kind_of(values: "pd.Series[Any]") -> str:
    """What a returned column holds: number, boolean, category or empty; else a word for what it is."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind in "fiu":
            return NUMBER
        if dtype.kind not in "bO":
            return str(dtype)
    elif isinstance(dtype, pd.CategoricalDtype):
        inner = pd.api.types.infer_dtype(dtype.categories, skipna=True)
        if inner in {"string", "integer", "boolean", "empty"}:
            return CATEGORY
        return f"a Categorical of {inner}{' (give pd.cut its labels)' if inner == 'interval' else ''}"
    elif pd.api.types.is_bool_dtype(dtype):
        return BOOLEAN
    elif pd.api.types.is_numeric_dtype(dtype):
        return NUMBER
    elif pd.api.types.is_string_dtype(dtype):
        return CATEGORY
    elif not pd.api.types.is_object_dtype(dtype):
        return str(dtype)
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    return KINDS.get(inferred, f"objects ({inferred})")


def is_empty(values: "pd.Series[Any]") -> bool:
    """Whether no row has a value."""
    return not bool(values.notna().any())


def numbers(values: "pd.Series[Any]") -> NDArray[Any]:
    """A returned column of numbers or booleans as float64, NaN for a missing one."""
    if values.dtype.kind in "fiub" and isinstance(values.dtype, np.dtype):
        return np.asarray(values, np.float64)
    found: NDArray[Any] = values.astype(object).where(values.notna(), np.nan).to_numpy(np.float64)
    return found


def are_infinite(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which numbers are infinite for a model, whose numbers are float32."""
    with np.errstate(over="ignore"):
        return np.isinf(values.astype(np.float32))


def texts_of(values: "pd.Series[Any]") -> list[str | None]:
    """The categories of a returned column, None for a missing one."""
    texts = values.tolist()
    if all(type(text) is str for text in texts):
        return [*texts]
    return [None if pd.isna(value) else str(value) for value in texts]


def row_of(columns: Mapping[str, NDArray[Any]], row: int) -> str:
    """A raw row for a message."""
    text = ", ".join(f"{name} {values[row]}" for name, values in columns.items())
    return text if len(text) <= 300 else f"{text[:300]} ..."


def infinite(function: FeatureFunction, name: str, row: str) -> str:
    """The message about a number that is infinite, or larger than a model's numbers get."""
    return f"{function.place}: column {name!r} is infinite, or larger than float32 holds, in the row {row}"


def read(encoder: Encoder, document: Mapping[str, Any], function: FeatureFunction | None, path: Path) -> Encoder:
    """The encoder of derived features. Raises JobError where features.py and encoder.json do not belong together."""
    if "raw" not in document:
        raise JobError(f"{path} was made without the {FILE} that is there: run the Prepare step again")
    if function is None:
        raise JobError(f"{path} is of features that a {FILE} makes, and there is none with this code")
    categories = {name: tuple(values) for name, values in document["raw"]["categories"].items()}
    raw = Encoder(tuple(document["raw"]["features"]), categories, encoder.missing)
    derivation = Derivation(raw, document["kinds"], encoder.categories, function)
    return Encoder(encoder.features, encoder.categories, encoder.missing, derivation)
