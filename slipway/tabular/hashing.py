"""64-bit hashes of values and rows: the same on every machine, in every release, for every order of the rows."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MISSING = np.uint64(0x7FB5D329728EA185)


def mix_bits(hashes: Hashes) -> Hashes:
    """Each bit of the result depends on every bit (the last step of splitmix64)."""
    found = hashes ^ (hashes >> np.uint64(30))
    found *= np.uint64(0xBF58476D1CE4E5B9)
    found ^= found >> np.uint64(27)
    found *= np.uint64(0x94D049BB133111EB)
    found ^= found >> np.uint64(31)
    return found


def of_rows(columns: Iterable[pa.Array], rows: int) -> Hashes:
    """A hash of each row: of its values in these columns, in their order."""
    found = np.full(rows, _FACTOR, np.uint64)
    for values in columns:
        found ^= of_values(values)
        found *= _FACTOR
        found ^= found >> np.uint64(29)
    return mix_bits(found)


def of_values(values: pa.Array) -> Hashes:
    """A hash of each value: of text, or of a number as float32, which is what a model sees of it."""
    if pa.types.is_string(values.type):
        coded = values.dictionary_encode()
        if len(coded.dictionary) * 2 > len(values):
            return of_texts(values)
        of_each = np.append(of_texts(coded.dictionary), _MISSING)
        taken: Hashes = of_each[np.asarray(coded.indices.fill_null(len(coded.dictionary)))]
        return taken
    numbers = np.asarray(values.cast(pa.float32()).fill_null(np.nan)) + np.float32(0)  # -0 is 0
    found = numbers.view(np.uint32).astype(np.uint64)
    found[np.isnan(numbers)] = _MISSING
    return found


def of_texts(values: pa.Array) -> Hashes:
    """A hash of each text: a polynomial of its bytes, mixed."""
    offsets = np.frombuffer(values.buffers()[1], np.int32, len(values) + 1, values.offset * 4).astype(np.int64)
    data = values.buffers()[2]
    size = int(offsets[-1] - offsets[0])
    raw = np.frombuffer(data, np.uint8, size, int(offsets[0])) if size else np.empty(0, np.uint8)
    offsets -= offsets[0]
    lengths = np.diff(offsets)
    place = np.arange(size) - np.repeat(offsets[:-1], lengths)
    powers = np.cumprod(np.full(int(lengths.max(initial=0)) + 1, _FACTOR, np.uint64), dtype=np.uint64)
    sums = np.zeros(size + 1, np.uint64)
    np.cumsum((raw.astype(np.uint64) + np.uint64(1)) * powers[place], dtype=np.uint64, out=sums[1:])
    found = mix_bits(sums[offsets[1:]] - sums[offsets[:-1]] + lengths.astype(np.uint64))
    if values.null_count:
        found[np.asarray(pc.is_null(values))] = _MISSING
    return found
