"""How many distinct texts there are, in bounded memory: the smallest hashes tell how dense all of them are."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

KEPT = 4096  # standard error 1 / sqrt(4096) = 1.6 %

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Distinct:
    """The KEPT smallest hashes of the texts seen, ascending; exact while there are fewer."""

    smallest: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def adding(self, texts: Iterable[str]) -> Distinct:
        """With these texts too; repeated ones change nothing."""
        checksums = np.fromiter((zlib.crc32(text.encode()) for text in texts), dtype=np.uint64)
        return self.merged(Distinct(_mixed(checksums)))

    def merged(self, other: Distinct) -> Distinct:
        """For the texts of both."""
        return Distinct(np.unique(np.concatenate([self.smallest, other.smallest]))[:KEPT])

    def count(self) -> float:
        """The estimate."""
        if len(self.smallest) < KEPT:
            return float(len(self.smallest))
        return float(round((KEPT - 1) / (float(self.smallest[-1]) / 2**64)))


def _mixed(values: Hashes) -> Hashes:
    """Spread 32-bit checksums evenly over 64 bits (the finalizer of splitmix64)."""
    values = values * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
