"""Metrics to CloudWatch, under the names, dimensions and namespaces that Model Monitor's have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from slipway.analysis.metrics import Metric
from slipway.monitoring.settings import BIAS, DATA_QUALITY, EXPLAINABILITY, MODEL_QUALITY

NAMESPACES = {
    DATA_QUALITY: "aws/sagemaker/Endpoints/data-metrics",
    MODEL_QUALITY: "aws/sagemaker/Endpoints/model-metrics",
    BIAS: "aws/sagemaker/Endpoints/bias-metrics",
    EXPLAINABILITY: "aws/sagemaker/Endpoints/explainability-metrics",
}
MOST = 500  # entries of one request; AWS takes 1,000


def requests(
    monitor: str, endpoint: str, schedule: str, metrics: Iterable[Metric], at: datetime
) -> Iterator[dict[str, Any]]:
    """PutMetricData requests. The time is the hour's, so that an hour that is looked at twice tells the same twice."""
    common = {"Endpoint": endpoint, "MonitoringSchedule": schedule}
    data = [
        {
            "MetricName": name,
            **value,
            "Dimensions": [{"Name": key, "Value": text} for key, text in (common | {**own}).items()],
            "Timestamp": at,
            "Unit": "None",
        }
        for name, value, own in metrics
    ]
    for start in range(0, len(data), MOST):
        yield {"Namespace": NAMESPACES[monitor], "MetricData": data[start : start + MOST]}
