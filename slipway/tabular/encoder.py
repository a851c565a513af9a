"""Columns to the matrix that XGBoost sees: fitted on training rows only, shipped with the model as JSON.

They are a request's own columns, or those that a pipeline's features.py makes of them.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slipway.tabular import cells, feature_code
from slipway.tabular.cells import Places
from slipway.tabular.columns import Columns
from slipway.tabular.job import JobError

if TYPE_CHECKING:
    from slipway.tabular.derived import Derivation

FORMATS = (1, 2, 3)  # in the first, categories have the spelling of the training files; the third has a derivation
FILE = "encoder.json"


@dataclass(frozen=True)
class Encoder:
    """Numbers stay numbers (missing is NaN); a category becomes its place among the categories of the training rows.

    A category that training never saw is missing (NaN): XGBoost then follows the branch it learned for missing values.
    `categories` has one entry for each categorical feature, sorted, each category in its one spelling. `missing` are
    the words for a missing value. `derivation` makes the features of a request's columns; None: they are its columns.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...] = cells.MISSING
    derivation: "Derivation | None" = None

    @property
    def raw(self) -> "Encoder":
        """The encoder of a request's own columns."""
        return self.derivation.raw if self.derivation else self

    @cached_property
    def places(self) -> Mapping[str, Places]:
        """Where each category is, by feature, whatever its spelling."""
        return {name: Places(known, self.missing) for name, known in self.categories.items()}

    @property
    def model_names(self) -> list[str]:
        """The features as XGBoost takes their names: without signs that it refuses, and still told apart."""
        names = [re.sub(r"[\[\]<]", "_", name) for name in self.features]
        return [name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names)]

    @property
    def feature_types(self) -> list[str]:
        """XGBoost's own type codes: `c` for categories, `q` for quantities."""
        return ["c" if name in self.categories else "q" for name in self.features]

    def encode(self, batch: pa.RecordBatch | pa.Table) -> NDArray[np.float32]:
        """The float32 matrix of a batch with (at least) the raw columns."""
        if self.derivation:
            return self.derivation.encode(batch)
        matrix = np.empty((batch.num_rows, len(self.features)), dtype=np.float32)
        for index, name in enumerate(self.features):
            matrix[:, index] = self._column(name, batch.column(name))
        return matrix

    def _column(self, name: str, values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if name not in self.categories:
            return _floats(values)
        coded = values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()
        places = self.places[name]  # a look-up for each distinct value instead of each row
        found = pa.array([places[text] for text in coded.dictionary.to_pylist()], pa.float32())
        return _floats(found.take(coded.indices))

    def save(self, folder: Path) -> None:
        """Write encoder.json."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "format": 3 if self.derivation else 2,
            "features": self.features,
            "categories": self.categories,
            "missing": self.missing,
            **(self.derivation.document if self.derivation else {}),
        }
        (folder / FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, code: Path | None = None) -> "Encoder":
        """Read encoder.json; a file of another format is refused.

        `code` is the folder with the features.py that made the features, if one did.
        """
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if document.get("format") not in FORMATS:
            known = ", ".join(map(str, FORMATS))
            raise JobError(f"{folder / FILE} has format {document.get('format')!r}; this code reads {known}")
        function = feature_code.load(code) if code else None
        if function is None and "raw" not in document:
            return _read(document)
        from slipway.tabular import derived  # pandas, which plain columns do without

        return derived.read(_read(document), document, function, folder / FILE)


def _read(document: Mapping[str, Any]) -> Encoder:
    categories = {name: tuple(values) for name, values in document["categories"].items()}
    return Encoder(tuple(document["features"]), categories, tuple(document.get("missing", cells.MISSING)))


def _floats(values: pa.Array) -> NDArray[Any]:
    return np.asarray(values.cast(pa.float32()).to_numpy(zero_copy_only=False))


class CategoryCollector:
    """Remembers the distinct values of the categorical columns, batch by batch."""

    def __init__(self, names: Iterable[str]) -> None:
        self._seen: dict[str, set[str]] = {name: set() for name in names}

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """See one more batch of training rows."""
        for name, seen in self._seen.items():
            seen.update(value for value in pc.unique(batch.column(name)).to_pylist() if value is not None)

    def encoder(self, columns: Columns) -> Encoder:
        """The encoder for everything seen so far."""
        found = {name: tuple(sorted(_merge_booleans(seen))) for name, seen in self._seen.items()}
        return Encoder(columns.features, found, columns.missing)


def _merge_booleans(seen: set[str]) -> set[str]:
    """Categories of which two spell one boolean (1 and 0 in some files, true and false in others) as words."""
    if not seen <= cells.OTHER_BOOLEAN.keys() or not seen & {"true", "false"}:
        return seen
    return {cells.OTHER_BOOLEAN[text] if text in {"1", "0"} else text for text in seen}
