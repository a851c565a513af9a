"""What is refused, in AWS's words (boto3#2808; moto's tests of DescribeTrainingJob; Kenza-AI/sagify#111)."""

import pytest

from loopback.core.errors import ResourceNotFound, ServiceError, ValidationException
from loopback.services import registry
from loopback.services.sagemaker import jobs


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


@pytest.mark.parametrize(
    ("spot", "condition", "told"),
    [
        (False, {"MaxWaitTimeInSeconds": 100}, "It is only supported when EnableManagedSpotTraining is set to true"),
        (True, {"MaxRuntimeInSeconds": 100}, "It must be present and be greater than or equal to MaxRuntimeInSeconds"),
        (True, {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 99}, "It must be present and be greater"),
        (True, {"MaxWaitTimeInSeconds": 3600}, "It must be present"),  # a job may run for a day where nothing is said
    ],
)
def test_waits_for_spot_instances_that_do_not_agree(spot: bool, condition: dict[str, int], told: str) -> None:
    with pytest.raises(ValidationException, match=f"Invalid MaxWaitTimeInSeconds. {told}"):
        jobs.require_agreeing_waits({"EnableManagedSpotTraining": spot, "StoppingCondition": condition})


def test_waits_that_agree() -> None:
    jobs.require_agreeing_waits({})
    condition = {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 100}
    jobs.require_agreeing_waits({"EnableManagedSpotTraining": True, "StoppingCondition": condition})
