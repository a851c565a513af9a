"""CloudWatch metrics of an analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.analysis.profile import DatasetProfile

Metric = tuple[str, dict[str, Any], Mapping[str, str]]  # its name, Value or StatisticValues, dimensions of its own


def of_data(data: DatasetProfile, apart: Mapping[str, float]) -> Iterator[Metric]:
    """Completeness and value statistics of every column, and its distance from the baseline."""
    for name, column in data.columns.items():
        yield from _column(name, column.rows, column.present, column.moments)
    for name, distance in apart.items():
        yield f"feature_baseline_drift_{name}", {"Value": distance}, {}


def of_model(values: Mapping[str, float]) -> Iterator[Metric]:
    """The figures of a model quality job, by their own names."""
    for name, value in values.items():
        yield name, {"Value": value}, {}


def _column(name: str, rows: int, present: int, moments: Any) -> Iterator[Metric]:
    yield f"feature_non_null_{name}", {"Value": present / rows if rows else 0.0}, {}
    if moments.count:
        summary = {
            "SampleCount": moments.count,
            "Sum": moments.total,
            "Minimum": moments.low,
            "Maximum": moments.high,
        }
        yield f"feature_data_{name}", {"StatisticValues": summary}, {}
