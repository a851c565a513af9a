"""Raw columns to the matrix that XGBoost sees: fitted on training rows only, shipped with the model as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.tabular.job import JobError

FORMAT = 1
FILE = "encoder.json"


@dataclass(frozen=True)
class Encoder:
    """Numbers stay numbers (missing is NaN); a category becomes its place among the categories of the training rows.

    A category that training never saw is missing (NaN): XGBoost then follows the branch it learned for missing values.
    `categories` has one entry for each categorical feature, sorted.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @property
    def feature_types(self) -> list[str]:
        """XGBoost's own type codes: `c` for categories, `q` for quantities."""
        return ["c" if name in self.categories else "q" for name in self.features]

    def encode(self, batch: pa.RecordBatch | pa.Table) -> NDArray[np.float32]:
        """The float32 matrix of a batch with (at least) the feature columns."""
        matrix = np.empty((batch.num_rows, len(self.features)), dtype=np.float32)
        for index, name in enumerate(self.features):
            matrix[:, index] = self._column(name, batch.column(name))
        return matrix

    def _column(self, name: str, values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if name not in self.categories:
            return _floats(values)
        known = pa.array(self.categories[name], pa.string())
        if isinstance(values, pa.DictionaryArray):  # a look-up for each distinct value instead of each row
            places = pc.index_in(values.dictionary.cast(pa.string()), value_set=known).cast(pa.float32())
            return _floats(places.take(values.indices))
        return _floats(pc.index_in(values, value_set=known))

    def save(self, folder: Path) -> None:
        """Write encoder.json."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {"format": FORMAT, "features": self.features, "categories": self.categories}
        (folder / FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> "Encoder":
        """Read encoder.json; a file of another format is refused."""
        document = json.loads((folder / FILE).read_text())
        if document.get("format") != FORMAT:
            raise JobError(f"{folder / FILE} has format {document.get('format')!r}; this code reads format {FORMAT}")
        categories = {name: tuple(values) for name, values in document["categories"].items()}
        return cls(tuple(document["features"]), categories)


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

    def encoder(self, features: Sequence[str]) -> Encoder:
        """The encoder for everything seen so far."""
        return Encoder(tuple(features), {name: tuple(sorted(seen)) for name, seen in self._seen.items()})
