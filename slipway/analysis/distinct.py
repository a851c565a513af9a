"""How many distinct texts there are, in bounded memory: the smallest hashes tell how dense all of them are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

KEPT = 4096  # standard error 1 / sqrt(4096) = 1.6 %
_WORD = 8  # bytes
_WIDEST = 128  # bytes of a text that is hashed beside others

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Distinct:
    """The KEPT smallest hashes of the texts seen, ascending; exact while there are fewer."""

    smallest: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def adding(self, texts: Any) -> Distinct:
        """With the texts of an Arrow array too; repeated ones change nothing."""
        return self.merge(Distinct(_hashes(texts)))

    def merge(self, other: Distinct) -> Distinct:
        """For the texts of both."""
        return Distinct(np.unique(np.concatenate([self.smallest, other.smallest]))[:KEPT])

    def count(self) -> float:
        """The estimate."""
        if len(self.smallest) < KEPT:
            return float(len(self.smallest))
        return float(round((KEPT - 1) / (float(self.smallest[-1]) / 2**64)))


def _hashes(texts: Any) -> Hashes:
    """One hash a text: the sum over its 8-byte words, so that padding with zeros changes nothing."""
    if not len(texts):
        return np.empty(0, dtype=np.uint64)
    width = -(-(pc.max(pc.binary_length(texts)).as_py() or 1) // _WORD) * _WORD
    if width <= _WIDEST and pc.all(pc.string_is_ascii(texts)).as_py():
        padded = pc.ascii_rpad(texts, width, "\0").cast(pa.binary(width))
        words = np.frombuffer(padded.buffers()[1], dtype="<u8", count=len(texts) * width // _WORD)
        words = words.reshape(len(texts), -1)
        return _hash_rows(words)
    return np.array([_hash(text) for text in texts.to_pylist()], dtype=np.uint64)


def _hash(text: str) -> int:
    content = text.encode()
    words = np.frombuffer(content + b"\0" * (-len(content) % _WORD), dtype="<u8").reshape(1, -1)
    return int(_hash_rows(words)[0]) if content else 0


def _hash_rows(words: Hashes) -> Hashes:
    total = np.zeros(len(words), dtype=np.uint64)
    for place in range(words.shape[1]):
        total += _mix_bits(words[:, place] * np.uint64(2 * place + 1))
    return _mix_bits(total)


def _mix_bits(values: Hashes) -> Hashes:
    """Spread numbers evenly over 64 bits (the finalizer of splitmix64); 0 stays 0."""
    values = values * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
