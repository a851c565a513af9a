"""CloudWatch metrics of a monitoring execution, as the lines the container leaves for the agent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from loopback.monitor.profile import DatasetProfile


def lines(
    data: DatasetProfile, apart: Mapping[str, float], dimensions: Mapping[str, str | None], at: datetime
) -> Iterator[str]:
    """JSON lines: completeness and value statistics of every column, and its distance from the baseline."""
    shown = [{"Name": name, "Value": value} for name, value in dimensions.items() if value]
    common = {"Timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "Dimensions": shown, "Unit": "None"}
    for name, column in data.columns.items():
        for metric, value in _metrics(name, column.rows, column.present, column.moments):
            yield json.dumps({"MetricName": metric, **value, **common})
    for name, distance in apart.items():
        yield json.dumps({"MetricName": f"feature_baseline_drift_{name}", "Value": distance, **common})


def _metrics(name: str, rows: int, present: int, moments: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    yield f"feature_non_null_{name}", {"Value": present / rows if rows else 0.0}
    if moments.count:
        summary = {
            "SampleCount": moments.count,
            "Sum": moments.total,
            "Minimum": moments.low,
            "Maximum": moments.high,
        }
        yield f"feature_data_{name}", {"StatisticValues": summary}
