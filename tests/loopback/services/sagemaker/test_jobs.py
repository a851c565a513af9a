"""Jobs that are not there, in AWS's words (boto3#2808; moto's tests of DescribeTrainingJob)."""

import pytest

from loopback.core.errors import ResourceNotFound, ServiceError, ValidationException
from loopback.services import registry
from loopback.services.sagemaker import jobs  # noqa: F401  # it registers itself


@pytest.mark.parametrize(
    ("operation", "member", "error", "told"),
    [
        ("DescribeTrainingJob", "TrainingJobName", ValidationException, "Requested resource not found."),
        ("StopTrainingJob", "TrainingJobName", ValidationException, "Requested resource not found."),
        ("DescribeTransformJob", "TransformJobName", ValidationException, "Requested resource not found."),
        ("StopTransformJob", "TransformJobName", ValidationException, "Requested resource not found."),
        ("DescribeProcessingJob", "ProcessingJobName", ResourceNotFound, "none"),
    ],
)
def test_a_job_that_is_not_there(
    context: registry.Context, operation: str, member: str, error: type[ServiceError], told: str
) -> None:
    with pytest.raises(error, match=told):
        registry.call("sagemaker", operation, {member: "none"}, context)
