"""What is known of the rows once they are dealt out: how many, of which class, how many repeated; is it enough?"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from slipway.tabular.columns import Columns
from slipway.tabular.hashing import Hashes
from slipway.tabular.job import JobError
from slipway.tabular.split import PARTS, Dealt, Split, count_duplicates, no_identifier

FEWEST_ROWS = 5  # of a part; fewer say nothing
ROWS_A_FEATURE = 10
FAR_OFF = 0.25  # a part that is this much larger or smaller than its share is worth a warning


class Seen:
    """Collects, batch by batch, the hashes of all rows and the labels of each part."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._rows: list[Hashes] = []
        self._groups: list[Hashes] = []
        self._missing = 0
        self._names = columns.class_names or ("",)  # of a regression all rows are of one class
        self._counts = np.zeros((len(PARTS), len(self._names)), np.int64)
        self._lowest, self._highest = np.inf, -np.inf

    def add(
        self, rows: Hashes, groups: Hashes, missing: int, assigned: NDArray[np.int8], labels: NDArray[np.float64]
    ) -> None:
        """See a batch: hashes of its rows and of what they are split by, where they went, their labels."""
        if not len(rows):
            return
        self._rows.append(rows)
        self._groups.append(groups)
        self._missing += missing
        classes = labels.astype(np.int64) if self._columns.is_classification else 0
        size = len(self._names)
        places = assigned.astype(np.int64) * size + classes
        self._counts += np.bincount(places, minlength=size * len(PARTS)).reshape(-1, size)
        self._lowest, self._highest = min(self._lowest, labels.min()), max(self._highest, labels.max())

    def no_identifier(self) -> str:
        """Why the column that the rows are split by does not identify them; empty when it may."""
        if not self._rows:
            return ""
        return no_identifier(np.concatenate(self._groups), np.concatenate(self._rows), self._missing)

    def summarise(self, split: Split) -> Dealt:
        """What came of the split. Raises JobError where nothing can be learned or judged."""
        counts = {part: int(rows) for part, rows in zip(PARTS, self._counts.sum(axis=1), strict=True)}
        self._refuse(counts, split)
        return Dealt(split, counts, count_duplicates(np.concatenate(self._rows)))

    def _refuse(self, counts: dict[str, int], split: Split) -> None:
        total, name = sum(counts.values()), self._columns.label
        if total < self._columns.minimum_rows:
            raise JobError(
                f"{total} rows are too few: data.minimum_rows in config.yml asks for {self._columns.minimum_rows}"
            )
        if self._lowest == self._highest:
            raise JobError(f"all {total} labels in column {name!r} are equal: nothing can be learned from them")
        if faults := [*self._small_parts(counts)]:
            shares = ", ".join(f"{part} {share:g}" for part, share in split.shares.items())
            raise JobError(
                f"{'; '.join(faults)}. All {total:,} rows, split by {split.words} ({shares}), are too few or too much "
                "alike: add rows, change the shares (split in config.yml), or name a column that tells them apart "
                "(split.group)"
            )

    def _small_parts(self, counts: dict[str, int]) -> Iterator[str]:
        for place, (part, rows) in enumerate(counts.items()):
            if rows < FEWEST_ROWS:
                yield f"{rows} rows are left for {part}, at least {FEWEST_ROWS} are needed"
            elif self._columns.is_classification and not self._counts[place].all():
                yield f"no row of {part} has {self._label_of(int(np.argmin(self._counts[place])))}"

    def _label_of(self, place: int) -> str:
        """A class, as a message calls it."""
        if self._columns.classes:
            return f"the label {self._names[place]!r}"
        return f"a {('negative', 'positive')[place]} label"

    def warnings(self, dealt: Dealt) -> Iterator[str]:
        """What a person should know about parts that are usable."""
        total = sum(dealt.rows.values())
        features = len(self._columns.features)
        if total < (wanted := ROWS_A_FEATURE * features):
            yield f"{total:,} rows are few for {features} features: {wanted:,} or more tell effects from chance"
        for part, share in dealt.split.shares.items():
            if abs(dealt.rows[part] / total / share - 1) > FAR_OFF:
                found = f"{dealt.rows[part] / total:.1%} of the rows, {share:.0%} are asked for"
                yield f"{part} has {found}: rows that are alike stay together, and there are few that are not"
        if self._columns.is_classification:
            yield from self._uneven_classes()

    def _uneven_classes(self) -> Iterator[str]:
        rows = self._counts.sum(axis=1)
        first = 0 if self._columns.classes else 1  # what is not negative is positive
        for place in range(first, len(self._names)):
            counts, said = self._counts[:, place], repr(self._names[place]) if self._columns.classes else "positive"
            share = counts.sum() / rows.sum()
            chance = 4 * np.sqrt(share * (1 - share) / rows)
            for part, found, most in zip(PARTS, counts / rows, chance, strict=True):
                if abs(found - share) > most:
                    yield f"{found:.1%} of the rows of {part} are {said}, {share:.1%} of all: that is not chance"
