"""Columns of cells as typed Arrow columns: what `cells` says of one value, for many at a time."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slipway.tabular import cells


class Spellings(dict[str, str | None]):
    """The one spelling of each text that was met, remembered."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__()
        self._missing = missing

    def __missing__(self, text: str) -> str | None:
        self[text] = found = cells.category(text, self._missing)
        return found


def categories(values: pa.Array, spellings: Spellings) -> pa.Array:
    """Text as categories, each in its one spelling."""
    coded = values.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    found = [spellings[text] for text in texts]
    return values if found == texts else pa.array(found, pa.string()).take(coded.indices)


def numbers(values: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Text as float64; what is no number becomes infinite, as what is too large does."""
    plain = pc.utf8_trim(values, characters=cells.BLANKS)
    absent = pc.is_in(pc.utf8_lower(plain), value_set=pa.array(missing, pa.string()))
    try:
        found = pc.if_else(absent, None, plain).cast(pa.float64())
        return pc.if_else(pc.is_nan(found), None, found)
    except pa.ArrowInvalid:
        return pa.array([_number(text, missing) for text in values.to_pylist()], pa.float64(), from_pandas=True)


def _number(text: str | None, missing: tuple[str, ...]) -> float:
    try:
        return cells.number(text, missing)
    except ValueError:
        return np.inf


def identifiers(values: pa.Array) -> pa.Array:
    """Text as identifiers: without blanks around them, and 408.0 is 408."""
    plain = pc.utf8_trim(values, characters=cells.BLANKS)
    if not pc.any(pc.match_substring(plain, ".")).as_py():
        return plain
    return pc.replace_substring_regex(plain, r"^(-?[0-9]+)\.0*$", r"\1")


def is_finite(values: pa.Array) -> bool:
    """Whether all numbers that are there fit into a float32, which is what a model sees."""
    return not pc.any(pc.is_inf(values.cast(pa.float32()))).as_py()
