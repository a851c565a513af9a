"""Which part a row belongs to: a hash of its identifier, or of its features, says so, and it stays there.

Rows that are appended, removed or come in another order change nothing for the others, equal rows share a part, and so
do all rows of one identifier. So what one version was trained on is never a test row of the next.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.tabular.hashing import Hashes, mix_bits

PARTS = ("train", "validation", "test")
FILE = "split.json"
SCHEME = 1  # another way to hash is another number: its parts are other parts
LARGEST_GROUP = 0.05
MOST_EQUAL = 0.01


@dataclass(frozen=True)
class Split:
    """How the rows of a model were dealt out; `by` is a column, or empty for the features of a row."""

    shares: Mapping[str, float]
    seed: int
    by: str = ""
    scheme: int = SCHEME

    def parts(self, keys: Hashes) -> NDArray[np.int8]:
        """The part (index into PARTS) of each row, given its hash."""
        seed = mix_bits(np.array([self.seed], np.uint64))
        places = (mix_bits(keys ^ seed) >> np.uint64(11)) * 2.0**-53
        bounds = np.cumsum([self.shares[part] for part in PARTS[:-1]])
        return np.searchsorted(bounds, places, side="right").astype(np.int8)

    @property
    def words(self) -> str:
        """What rows are split by, for a message."""
        return f"column {self.by!r}" if self.by else "their features"

    def difference(self, later: "Split") -> str:
        """Why a row may be in another part of a later split; empty when it cannot."""
        for name in ("scheme", "by", "seed", "shares"):
            mine, theirs = getattr(self, name), getattr(later, name)
            if mine != theirs:
                return f"split.{name} was {mine!r} and is {theirs!r}"
        return ""


@dataclass(frozen=True)
class Dealt:
    """A split and what came of it; travels in the model as split.json."""

    split: Split
    rows: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """As split.json has it."""
        return asdict(self)

    def save(self, folder: Path) -> None:
        """Write split.json."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(self.document, indent=1, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> "Dealt | None":
        """Read split.json; None for a model that was made before there was one."""
        if not (folder / FILE).exists():
            return None
        document = json.loads((folder / FILE).read_text())
        return cls(Split(**document["split"]), document["rows"], document["repeated"])


def candidates(config: Mapping[str, Any], identifiers: tuple[str, ...]) -> Iterator[Split]:
    """The splits to try, in their order, for the section `split` of config.yml: the last one always holds."""
    shares = {part: config[part] for part in PARTS}
    if group := config.get("group"):
        yield Split(shares, config["seed"], group)
        return
    if group is None:
        for name in identifiers:
            yield Split(shares, config["seed"], name)
    yield Split(shares, config["seed"])


def count_duplicates(rows: Hashes) -> int:
    """How many rows are equal to an earlier one."""
    return len(rows) - len(np.unique(rows))


def no_identifier(groups: Hashes, rows: Hashes, missing: int) -> str:
    """Why a column does not identify what its rows are about; empty when it may.

    `groups` are the hashes of its values, `rows` those of the features. A number that each export gives its rows anew
    shows in equal rows whose values differ; a constant or a date shows in a value that stands everywhere.
    """
    total = len(rows)
    if missing * 2 > total:
        return f"it is empty in {missing:,} of {total:,} rows"
    largest = int(np.unique(groups, return_counts=True)[1].max(initial=0))
    if largest > max(LARGEST_GROUP * total, 1):
        return f"one of its values stands in {largest:,} of {total:,} rows"
    apart = count_duplicates(rows) - count_duplicates(mix_bits(groups) ^ rows)
    if apart > MOST_EQUAL * total:
        return f"{apart:,} rows are equal to another row and have another value in it"
    return ""
