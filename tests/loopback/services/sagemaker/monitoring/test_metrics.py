"""What a monitor's container left becomes PutMetricData requests."""

from typing import Any

import pytest

from loopback.services.sagemaker.monitoring import metrics

LINE = {"MetricName": "feature_non_null_age", "Value": 1.0, "Timestamp": "2024-05-01T08:00:00Z"}
EXECUTION = {"publish_cloudwatch_metrics": "Enabled", "sagemaker_monitoring_schedule_name": "s"}


@pytest.mark.parametrize(
    ("environ", "namespace"),
    [
        (EXECUTION, "aws/sagemaker/Endpoints/data-metrics"),
        (EXECUTION | {"analysis_type": "MODEL_QUALITY"}, "aws/sagemaker/Endpoints/model-metrics"),
        (EXECUTION | {"analysis_type": "MODEL_BIAS"}, "aws/sagemaker/Endpoints/bias-metrics"),
        (EXECUTION | {"analysis_type": "MODEL_EXPLAINABILITY"}, "aws/sagemaker/Endpoints/explainability-metrics"),
    ],
)
def test_the_kind_of_monitor_is_the_namespace(environ: dict[str, str], namespace: str) -> None:
    (request,) = metrics.requests(environ, [LINE])
    assert request == {"Namespace": namespace, "MetricData": [LINE | {"Timestamp": 1714550400.0}]}


@pytest.mark.parametrize("missing", sorted(EXECUTION))
def test_baselines_and_monitors_that_do_not_publish_send_nothing(missing: str) -> None:
    environ = {key: value for key, value in EXECUTION.items() if key != missing}
    assert not list(metrics.requests(environ, [LINE]))


def test_many_lines_are_several_requests() -> None:
    sent: list[Any] = []
    metrics.put(lambda *call: sent.append(call) or {}, EXECUTION, [LINE] * 1200)
    assert [len(request["MetricData"]) for _service, _target, request in sent] == [500, 500, 200]
