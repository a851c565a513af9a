"""The metrics of a monitoring execution as the lines that the container leaves for the platform."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from slipway.analysis import documents
from slipway.analysis.metrics import Metric

FILE = "output/metrics/cloudwatch/metrics.jsonl"
DIMENSIONS = {"Endpoint": "sagemaker_endpoint_name", "MonitoringSchedule": "sagemaker_monitoring_schedule_name"}


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
