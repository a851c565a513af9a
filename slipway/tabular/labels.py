"""The label column as numbers: 0 and 1 of a yes or no, a class's place, the value itself of a regression."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slipway.tabular import cells
from slipway.tabular.columns import Columns
from slipway.tabular.job import JobError


def number_labels(batch: pa.RecordBatch, columns: Columns, first_row: int) -> pa.RecordBatch:
    """The batch with a numeric label column; a missing or unknown label is an error that names its row."""
    values = batch.column(columns.label)
    labels = _classes(values, columns) if columns.is_classification else values
    if labels.null_count:
        row = int(np.flatnonzero(labels.is_null().to_numpy(zero_copy_only=False))[0])
        found = values[row].as_py()
        raise JobError(
            f"label column {columns.label!r}: row {first_row + row} has {'no value' if found is None else repr(found)} "
            f"({labels.null_count} such rows near it); expected {_describe_classes(columns)}"
        )
    place = batch.schema.get_field_index(columns.label)
    return batch.set_column(place, columns.label, labels.cast(pa.float64()))


def _classes(values: pa.Array, columns: Columns) -> pa.Array:
    coded = values.dictionary_encode()
    classes = [_place(value, columns) for value in coded.dictionary.to_pylist()]
    return pc.take(pa.array(classes, pa.float64()), coded.indices)


def _place(value: str, columns: Columns) -> float | None:
    """Which of the classes a label is; None for none of them. Yes and no may be spelled in more ways than a class."""
    if columns.classes:
        named = {cells.category(name, ()): float(place) for place, name in enumerate(columns.classes)}
        return named.get(cells.category(value, ()))
    meaning = {cells.label(name): 0.0 for name in columns.negative}
    meaning |= {cells.label(name): 1.0 for name in columns.positive}
    return meaning.get(cells.label(value))


def _describe_classes(columns: Columns) -> str:
    if columns.is_classification:
        names = columns.classes or (*columns.positive, *columns.negative)
        return f"one of {', '.join(names)} (data.label in config.yml)"
    return "a number"
