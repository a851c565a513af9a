"""What is known of a column, and of a data set, after reading it once; two profiles merge into one."""

from __future__ import annotations

import math
import os
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from slipway.analysis.columns import Measured, UnreadableColumn, measure
from slipway.analysis.distinct import Distinct
from slipway.analysis.sketch import SHRINK, SIZE, Floats, Sketch

MAX_CATEGORIES = 120  # Deequ's bound of a low-cardinality histogram
_PEEK = 4096  # rows that tell most high-cardinality columns without counting all of them


@dataclass(frozen=True)
class Moments:
    """Count, mean, summed squared deviation, sum and bounds of numbers (Chan's pairwise update)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    @classmethod
    def of(cls, numbers: Floats) -> Moments:
        """Of an array of finite numbers."""
        if not len(numbers):
            return cls()
        mean = float(numbers.mean())
        squares = float(((numbers - mean) ** 2).sum())
        return cls(len(numbers), mean, squares, float(numbers.sum()), float(numbers.min()), float(numbers.max()))

    def merge(self, other: Moments) -> Moments:
        """Of the numbers of both."""
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        step = other.mean - self.mean
        squares = self.squares + other.squares + step * step * self.count * other.count / count
        mean = self.mean + step * other.count / count
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Moments(count, mean, squares, self.total + other.total, low, high)


@dataclass
class ColumnProfile:
    """One column. `categories` is None once there are more than MAX_CATEGORIES different values.

    `in_domain` counts the values that are in the domain the caller watches for.
    """

    rows: int = 0
    integral: int = 0
    fractional: int = 0
    texts: int = 0
    in_domain: int = 0
    moments: Moments = field(default_factory=Moments)
    sketch: Sketch = field(default_factory=Sketch)
    categories: Counter[str] | None = field(default_factory=Counter)
    distinct: Distinct = field(default_factory=Distinct)

    @classmethod
    def of(cls, column: Any, domain: Collection[str] = ()) -> ColumnProfile:
        """Of an Arrow array; raises UnreadableColumn."""
        found: Measured = measure(column)
        profile = cls(len(column), found.integral, found.fractional, found.texts, moments=Moments.of(found.numbers))
        profile.sketch.add(found.numbers)
        profile._take_texts(found, domain)
        return profile

    @property
    def present(self) -> int:
        """Values that are not missing."""
        return self.integral + self.fractional + self.texts

    @property
    def missing(self) -> int:
        """Values that are."""
        return self.rows - self.present

    @property
    def inferred_type(self) -> str:
        """The narrowest of Integral, Fractional, String that fits every value; Unknown without values."""
        if self.texts:
            return "String"
        if self.fractional:
            return "Fractional"
        return "Integral" if self.integral else "Unknown"

    def merge(self, other: ColumnProfile) -> ColumnProfile:
        """Of the values of both."""
        categories = None
        if self.categories is not None and other.categories is not None:
            categories = self.categories + other.categories
            categories = categories if len(categories) <= MAX_CATEGORIES else None
        return ColumnProfile(
            self.rows + other.rows,
            self.integral + other.integral,
            self.fractional + other.fractional,
            self.texts + other.texts,
            self.in_domain + other.in_domain,
            self.moments.merge(other.moments),
            self.sketch.merge(other.sketch),
            categories,
            self.distinct.merge(other.distinct),
        )

    def _take_texts(self, found: Measured, domain: Collection[str]) -> None:
        """Categories of any column of few values; distinct texts only where there is text at all."""
        values = found.present
        few = len(pc.unique(values.slice(0, _PEEK))) <= MAX_CATEGORIES
        self.categories = None
        if few or found.texts:
            counted = pc.value_counts(values)
            names, counts = counted.field("values").cast(pa.string()), counted.field("counts")
            if len(names) <= MAX_CATEGORIES:
                self.categories = Counter(dict(zip(names.to_pylist(), counts.to_pylist(), strict=True)))
            self.distinct = self.distinct.adding(names)
        if domain:
            known = pa.array(sorted(domain), pa.string())
            self.in_domain = pc.sum(pc.is_in(values.cast(pa.string()), value_set=known)).as_py() or 0


@dataclass(frozen=True)
class DatasetProfile:
    """All columns in order of appearance."""

    rows: int
    columns: Mapping[str, ColumnProfile]

    @classmethod
    def of(cls, chunk: Any, domains: Mapping[str, Collection[str]]) -> DatasetProfile:
        """Of an Arrow record batch; raises UnreadableColumn with the column's name."""
        columns = {}
        for name, column in zip(chunk.schema.names, chunk.columns, strict=True):
            try:
                columns[name] = ColumnProfile.of(column, domains.get(name, ()))
            except UnreadableColumn as error:
                raise UnreadableColumn(f"column {name!r} {error}") from error
        return cls(chunk.num_rows, columns)

    def merge(self, other: DatasetProfile) -> DatasetProfile:
        """Of the rows of both; a column that one of them lacks is missing in its rows."""
        names = {**self.columns, **other.columns}
        columns = {
            name: self.columns.get(name, _missing_column(self.rows)).merge(
                other.columns.get(name, _missing_column(other.rows))
            )
            for name in names
        }
        return DatasetProfile(self.rows + other.rows, columns)


def profile(chunks: Iterable[Any], domains: Mapping[str, Collection[str]] | None = None) -> DatasetProfile:
    """Read Arrow record batches once; memory stays that of a few batches and a few thousand numbers a column.

    Batches are measured side by side and merged in their order, so the result does not depend on the processors.
    """
    ahead = os.cpu_count() or 1
    total, waiting = DatasetProfile(0, {}), deque[Future[DatasetProfile]]()
    with ThreadPoolExecutor(ahead, thread_name_prefix="measure") as pool:
        for chunk in chunks:
            waiting.append(pool.submit(DatasetProfile.of, chunk, domains or {}))
            if len(waiting) > ahead:
                total = total.merge(waiting.popleft().result())
        for left in waiting:
            total = total.merge(left.result())
    return total


def statistics(data: DatasetProfile) -> dict[str, Any]:
    """The document statistics.json."""
    features = [_feature(name, column) for name, column in data.columns.items()]
    return {"version": 0.0, "dataset": {"item_count": data.rows}, "features": features}


def _feature(name: str, column: ColumnProfile) -> dict[str, Any]:
    kind = column.inferred_type
    common = {"num_present": column.present, "num_missing": column.missing}
    feature: dict[str, Any] = {"name": name, "inferred_type": kind}
    if kind == "String":
        feature["string_statistics"] = _string_statistics(column, common)
    elif kind != "Unknown":
        feature["numerical_statistics"] = _numerical_statistics(column, common)
    return feature


def _string_statistics(column: ColumnProfile, common: Mapping[str, int]) -> dict[str, Any]:
    if column.categories is None:
        return {"common": common, "distinct_count": column.distinct.count()}
    buckets = [{"value": value, "count": count} for value, count in sorted(column.categories.items())]
    distribution = {"categorical": {"buckets": buckets}}
    return {"common": common, "distinct_count": float(len(buckets)), "distribution": distribution}


def _numerical_statistics(column: ColumnProfile, common: Mapping[str, int]) -> dict[str, Any]:
    moments = column.moments
    parameters = {"c": SHRINK, "k": float(SIZE)}
    return {
        "common": common,
        "mean": moments.mean,
        "sum": moments.total,
        "std_dev": math.sqrt(moments.squares / moments.count),
        "min": moments.low,
        "max": moments.high,
        "distribution": {
            "kll": {
                "buckets": column.sketch.histogram(moments.low, moments.high),
                "sketch": {"parameters": parameters, "data": column.sketch.data()},
            }
        },
    }


def _missing_column(rows: int) -> ColumnProfile:
    return ColumnProfile(rows=rows)
