"""The metrics that a monitor's container left in /opt/ml/output/metrics/cloudwatch, on their way to CloudWatch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

TARGET = "GraniteServiceVersion20100801.PutMetricData"
NAMESPACES = {
    "MODEL_QUALITY": "aws/sagemaker/Endpoints/model-metrics",
    "MODEL_BIAS": "aws/sagemaker/Endpoints/bias-metrics",
    "MODEL_EXPLAINABILITY": "aws/sagemaker/Endpoints/explainability-metrics",
}
DATA = "aws/sagemaker/Endpoints/data-metrics"  # of every other analysis
MOST = 500  # entries of one request; AWS takes 1,000
Put = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]


def put(call: Put, environ: Mapping[str, str], lines: Sequence[Mapping[str, Any]]) -> None:
    """Send them, if the job's environment is that of a monitoring execution that publishes metrics."""
    for request in requests(environ, lines):
        call("monitoring", TARGET, request)


def requests(environ: Mapping[str, str], lines: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """PutMetricData requests. Only executions of a schedule publish, and only with publish_cloudwatch_metrics Enabled.

    >>> list(requests({"publish_cloudwatch_metrics": "Enabled"}, [{"MetricName": "a"}]))
    []
    """
    enabled = environ.get("publish_cloudwatch_metrics") == "Enabled"
    if not enabled or not environ.get("sagemaker_monitoring_schedule_name"):
        return
    namespace = NAMESPACES.get(environ.get("analysis_type", ""), DATA)
    data = [_entry(line) for line in lines]
    for start in range(0, len(data), MOST):
        yield {"Namespace": namespace, "MetricData": data[start : start + MOST]}


def _entry(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line as PutMetricData has it: its time as epoch seconds."""
    at = line.get("Timestamp")
    return {**line, "Timestamp": datetime.fromisoformat(at).timestamp()} if isinstance(at, str) else dict(line)
