"""CloudWatch metrics of a monitoring execution, as the lines the container leaves for the platform."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from loopback.monitor import documents
from loopback.monitor.profile import DatasetProfile
from loopback.monitor.settings import Settings

FILE = "output/metrics/cloudwatch/metrics.jsonl"
Metric = tuple[str, dict[str, Any]]  # its name, and Value or StatisticValues


def write(settings: Settings, metrics: Iterable[Metric], at: datetime) -> None:
    """Write JSON lines with the dimensions Endpoint and MonitoringSchedule."""
    told = {"Endpoint": settings.endpoint, "MonitoringSchedule": settings.schedule}
    dimensions = [{"Name": name, "Value": value} for name, value in told.items() if value]
    common = {"Timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "Dimensions": dimensions, "Unit": "None"}
    lines = [json.dumps({"MetricName": name, **value, **common}) for name, value in metrics]
    documents.write_text(settings.base / FILE, "\n".join(lines) + "\n")


def of_data(data: DatasetProfile, apart: Mapping[str, float]) -> Iterator[Metric]:
    """Completeness and value statistics of every column, and its distance from the baseline."""
    for name, column in data.columns.items():
        yield from _column(name, column.rows, column.present, column.moments)
    for name, distance in apart.items():
        yield f"feature_baseline_drift_{name}", {"Value": distance}


def of_model(values: Mapping[str, float]) -> Iterator[Metric]:
    """The figures of a model quality job, by their own names."""
    for name, value in values.items():
        yield name, {"Value": value}


def _column(name: str, rows: int, present: int, moments: Any) -> Iterator[Metric]:
    yield f"feature_non_null_{name}", {"Value": present / rows if rows else 0.0}
    if moments.count:
        summary = {
            "SampleCount": moments.count,
            "Sum": moments.total,
            "Minimum": moments.low,
            "Maximum": moments.high,
        }
        yield f"feature_data_{name}", {"StatisticValues": summary}
