"""Metrics to CloudWatch, under the names, dimensions and namespaces that Model Monitor's have.

CloudWatch takes printable ASCII only, and refuses a whole request for one other letter: "The value for parameter
MetricData.member.1.Dimensions.member.1.Value contains non-ASCII characters." Columns, classes and values of groups may
have any: such a letter is written as Python escapes it in a text.

Source: AWS, API_Dimension; its words as users report them, buildkite/buildkite-agent-metrics issue 32.
"""

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
            "MetricName": _spell(name),
            **value,
            "Dimensions": [{"Name": key, "Value": _spell(text)} for key, text in (common | {**own}).items()],
            "Timestamp": at,
            "Unit": "None",
        }
        for name, value, own in metrics
    ]
    for start in range(0, len(data), MOST):
        yield {"Namespace": NAMESPACES[monitor], "MetricData": data[start : start + MOST]}


def _spell(text: str) -> str:
    """A text in printable ASCII."""
    return "".join(
        letter if " " <= letter <= "~" else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
