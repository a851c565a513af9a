"""What a pipeline's `clean` may do: leave rows out. Columns and values of its own are features.py's."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.tabular.job import JobError

Clean = Callable[[pa.RecordBatch], pa.RecordBatch]
PANDAS_INDEX = re.compile(r"__index_level_\d+__")  # what pandas adds to rows that it has filtered
WHY = (
    "clean() in prepare.py may only leave rows out: requests to the endpoint do not pass through it, so the model "
    "would be asked for other values than it was trained on. Columns and values that the model shall have belong into "
    "features(rows) of a features.py beside it, which training and the endpoint both run"
)


def apply_clean(batch: pa.RecordBatch, clean: Clean) -> pa.RecordBatch:
    """The rows of a batch that `clean` keeps. Raises JobError for a column or value that is not the batch's own."""
    try:
        kept = clean(batch)
    except Exception as error:
        raise JobError(
            f"clean() in prepare.py failed: {type(error).__name__}: {error}. "
            f"It is given a pyarrow.RecordBatch with the columns {', '.join(batch.schema.names)}"
        ) from error
    if kept is batch:
        return batch
    if not isinstance(kept, pa.RecordBatch):
        raise JobError(f"clean() in prepare.py returned {type(kept).__name__}, expected a pyarrow.RecordBatch")
    names = [name for name in kept.schema.names if not PANDAS_INDEX.fullmatch(name)]
    if faults := _column_faults(batch.schema, kept.schema, names):
        raise JobError("\n".join([*faults, WHY]))
    kept = kept.select(batch.schema.names)
    if not kept.equals(batch) and (fault := _value_fault(batch, kept)):
        raise JobError(f"{fault}\n{WHY}")
    return kept


def _column_faults(given: pa.Schema, kept: pa.Schema, names: list[str]) -> list[str]:
    faults = [f"clean() adds the column {name!r}" for name in names if name not in given.names]
    faults += [f"clean() has two columns {name!r}" for name in given.names if names.count(name) > 1]
    faults += [f"clean() drops the column {name!r}, which is used" for name in given.names if name not in names]
    if faults:
        return faults
    types = [(name, given.field(name).type, kept.field(name).type) for name in given.names]
    return [
        f"clean() makes {after} of the column {name!r}, which is {before} "
        "(from pandas: pa.RecordBatch.from_pandas(frame, schema=batch.schema, preserve_index=False))"
        for name, before, after in types
        if before != after
    ]


def _value_fault(batch: pa.RecordBatch, kept: pa.RecordBatch) -> str:
    """What is wrong where a kept row is none of the batch's rows, or is there more often; else ""."""
    codes = {name: _codes(batch.column(name), kept.column(name)) for name in batch.schema.names}
    if _within(*_rows(codes)):
        return ""
    changed = [name for name, (before, after) in codes.items() if not np.isin(after, before).all()]
    if not changed:  # values of one row in another: each column that accounts for it alone
        others = [(name, {n: c for n, c in codes.items() if n != name}) for name in codes]
        changed = [name for name, rest in others if rest and _within(*_rows(rest))]
    if not changed or len(changed) == len(codes):
        return "clean() returns rows that it was not given, or returns some of them more than once"
    return f"clean() changes values of {', '.join(repr(name) for name in changed)}"


Codes = NDArray[np.uint64]


def _codes(before: pa.Array, after: pa.Array) -> tuple[Codes, Codes]:
    """A code for each value, equal for equal values of either; a missing value has one, too."""
    both: Any = pa.chunked_array([before, after]).combine_chunks()
    if pa.types.is_floating(both.type):
        codes = both.fill_null(np.nan).to_numpy(zero_copy_only=False).astype(np.float64) + 0.0  # -0.0 is 0.0
        codes[np.isnan(codes)] = np.nan  # one of the many that there are
        coded = codes.view(np.uint64)
    else:
        coded = both.dictionary_encode("encode").indices.to_numpy(zero_copy_only=False).astype(np.uint64)
    return coded[: len(before)], coded[len(before) :]


def _rows(codes: dict[str, tuple[Codes, Codes]]) -> tuple[Codes, Codes]:
    """A hash of each row, before and after."""
    before, after = (np.zeros(len(side), np.uint64) for side in next(iter(codes.values())))
    for column_before, column_after in codes.values():
        before, after = _mix_bits(before, column_before), _mix_bits(after, column_after)
    return before, after


def _mix_bits(hashes: Codes, codes: Codes) -> Codes:
    """The finalizer of SplitMix64 over what is there and what is added."""
    mixed = (hashes ^ codes) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _within(before: Codes, after: Codes) -> bool:
    """Whether each row of `after` is in `before`, at least as often."""
    hashes, counts = np.unique(after, return_counts=True)
    ordered = np.sort(before)
    there = np.searchsorted(ordered, hashes, "right") - np.searchsorted(ordered, hashes, "left")
    return bool((there >= counts).all())
