"""CloudWatch metrics of a monitoring execution, as the lines the container leaves for the platform."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopback.images.model_monitor import documents

if TYPE_CHECKING:
    from loopback.images.model_monitor.profile import DatasetProfile

FILE = "output/metrics/cloudwatch/metrics.jsonl"
DIMENSIONS = {"Endpoint": "sagemaker_endpoint_name", "MonitoringSchedule": "sagemaker_monitoring_schedule_name"}
Metric = tuple[str, dict[str, Any], Mapping[str, str]]  # its name, Value or StatisticValues, dimensions of its own


def write(base: Path, environ: Mapping[str, str], metrics: Iterable[Metric], at: datetime) -> None:
    """Write JSON lines with the dimensions Endpoint and MonitoringSchedule, as the environment names them."""
    told = {name: environ[variable] for name, variable in DIMENSIONS.items() if environ.get(variable)}
    common = {"Timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "Unit": "None"}
    lines = [
        json.dumps({"MetricName": name, **value, "Dimensions": _dimensions(told | {**own}), **common})
        for name, value, own in metrics
    ]
    documents.write_text(base / FILE, "\n".join(lines) + "\n")


def _dimensions(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


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
