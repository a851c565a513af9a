"""Names of monitors' jobs: AWS's prefixes, and a name that CreateProcessingJob and DescribeProcessingJob take."""

import pytest

from loopback.rows.monitoring import MonitoringExecutionRow
from loopback.services.sagemaker.monitoring.progress import ANALYSIS_PREFIXES, _job_name
from loopback.wire import model

NOON = 1714564800.0  # 2024-05-01T12:00Z


@pytest.mark.parametrize("kind", ANALYSIS_PREFIXES)
@pytest.mark.parametrize("stage", ["merge", "analysis"])
def test_every_kind_has_a_name_that_the_service_model_takes(kind: str, stage: str) -> None:
    row = MonitoringExecutionRow(scheduled=NOON, endpoint="e", type=kind)
    name = _job_name(row, stage, "0123456789abcdef01234567")
    assert "202405011200-0123456789abcdef" in name
    model.check({"ProcessingJobName": name}, model.operation("sagemaker", "DescribeProcessingJob").input_shape)
