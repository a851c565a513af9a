"""One column of a chunk of data: which of its values are numbers, and of what kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slipway.analysis.errors import BadInput
from slipway.analysis.sketch import Floats

_NOT_FINITE = ("NaN", "nan", "NAN", "inf", "Inf", "INF", "infinity", "Infinity", "INFINITY")
_MISSING = pa.array(["", *(f"{sign}{word}" for sign in ("", "-", "+") for word in _NOT_FINITE)])
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_SAMPLE = 256
_INTEGER = r"^[+-]?\d+$"


class UnreadableColumn(BadInput):
    """A column holds something that has no statistics; the message names its type."""


@dataclass(frozen=True)
class Measured:
    """Counts of the kinds of values; `numbers` are the integral and fractional ones, `present` all non-missing.

    Missing are nulls, empty text, NaN, and infinities, which no bucket could hold. Booleans are texts.
    """

    numbers: Floats
    integral: int
    fractional: int
    texts: int
    missing: int
    present: Any


def measure(column: Any) -> Measured:
    """Look at an Arrow array of text (kinds are then inferred value by value), numbers or booleans."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return _measure_numbers(column)
    if pa.types.is_nested(column.type):
        raise UnreadableColumn(f"is of type {column.type}; text, numbers, booleans and dates can be analyzed")
    return _measure_texts(column.cast(pa.string()), len(column))


def _measure_numbers(column: Any) -> Measured:
    floats = column.cast(pa.float64(), safe=False)
    finite = floats.filter(pc.fill_null(pc.is_finite(floats), fill_value=False))
    count, integral = len(finite), pa.types.is_integer(column.type)
    numbers = finite.to_numpy(zero_copy_only=False)
    return Measured(numbers, count if integral else 0, 0 if integral else count, 0, len(column) - count, finite)


def _measure_texts(column: Any, rows: int) -> Measured:
    """Kinds of texts. Most columns are numbers without a word for a missing one, which the cast finds out alone."""
    texts = column.drop_null()
    if (found := _measure_numeric(texts, rows)) and len(found.numbers) == len(texts):
        return found
    present = texts.filter(pc.invert(pc.is_in(texts, value_set=_MISSING)))
    if found := _measure_numeric(present, rows):
        return found
    numeric = present.filter(pc.match_substring_regex(present, _NUMBER))
    texts = len(present) - len(numeric)
    found = _measure_mixed(numeric, numeric.cast(pa.float64()), texts, rows)
    return replace(found, present=present)


def _measure_numeric(present: Any, rows: int) -> Measured | None:
    """Texts of which all are numbers. A cast that fails costs a hundred times one that works: a sample chooses it."""
    sample = present.slice(0, _SAMPLE)
    if _all_match(sample, _INTEGER):
        integers = _cast(present, pa.int64())
        if integers is not None:
            numbers = integers.to_numpy(zero_copy_only=False).astype(np.float64)
            return Measured(numbers, len(present), 0, 0, rows - len(present), present)
    floats = _cast(present, pa.float64()) if _all_match(sample, _NUMBER) else None
    return None if floats is None else _measure_mixed(present, floats, 0, rows)


def _measure_mixed(numeric: Any, floats: Any, texts: int, rows: int) -> Measured:
    numbers = floats.to_numpy(zero_copy_only=False)
    finite = np.isfinite(numbers)  # 1e999 is written as a number and is none
    if not finite.all():
        numeric, numbers = numeric.filter(pa.array(finite)), numbers[finite]
    whole = numeric.filter(pa.array(numbers == np.floor(numbers)))  # only these can be written as integers
    integral = pc.sum(pc.match_substring_regex(whole, _INTEGER)).as_py() or 0
    return Measured(numbers, integral, len(numbers) - integral, texts, rows - len(numbers) - texts, numeric)


def _all_match(texts: Any, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _cast(texts: Any, kind: Any) -> Any:
    """The texts as numbers, or None when one of them is not."""
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None
