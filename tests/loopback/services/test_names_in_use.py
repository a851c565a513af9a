"""A name that is in use: the codes and words that the SageMaker SDK looks for."""

from typing import Any

import pytest

from loopback.core.errors import ResourceInUse, ServiceError, ValidationException

TOKEN = "t" * 32
ROLE = "arn:aws:iam::000000000000:role/pipeline"
BODY = '{"Version": "2020-12-01", "Steps": [{"Name": "S", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}'
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
PROCESSING = {
    "ProcessingJobName": "x",
    "ProcessingResources": {"ClusterConfig": CLUSTER},
    "AppSpecification": {"ImageUri": "i"},
    "RoleArn": ROLE,
}
TRAINING = {
    "TrainingJobName": "x",
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/x"},
    "ResourceConfig": CLUSTER,
    "StoppingCondition": {"MaxRuntimeInSeconds": 1},
}
# Pipeline, experiment and package: what SDK v2 and v3 compare the message with (workflow/pipeline.py `upsert`,
# experiments/_utils.py, model_registry.py). Training: aws/amazon-sagemaker-examples, pull requests 3108 and 3109.
CASES: tuple[tuple[str, dict[str, Any], type[ServiceError], str], ...] = (
    (
        "CreatePipeline",
        {"PipelineName": "x", "PipelineDefinition": BODY, "RoleArn": ROLE, "ClientRequestToken": TOKEN},
        ValidationException,
        "Pipeline names must be unique within an AWS account and region. Pipeline with name (x) already exists.",
    ),
    (
        "CreateExperiment",
        {"ExperimentName": "x"},
        ValidationException,
        "Experiment names must be unique within an AWS account and region. Experiment with name (x) already exists.",
    ),
    (
        "CreateTrial",
        {"TrialName": "x", "ExperimentName": "e"},
        ValidationException,
        "Trial with name (x) already exists.",
    ),
    ("CreateTrialComponent", {"TrialComponentName": "x"}, ValidationException, "with name (x) already exists."),
    ("CreateModelPackage", {"ModelPackageName": "x"}, ValidationException, "ModelPackage already exists"),
    ("CreateProcessingJob", PROCESSING, ResourceInUse, "and a job with this name already exists (arn:aws:sagemaker"),
    (
        "CreateTrainingJob",
        TRAINING,
        ResourceInUse,
        "and a training job with this name already exists (arn:aws:sagemaker:us-east-1:000000000000:training-job/x)",
    ),
)


@pytest.mark.parametrize(("operation", "request_", "code", "words"), CASES)
def test_a_name_in_use_is_refused_in_the_words_that_clients_look_for(
    sagemaker: Any, operation: str, request_: dict[str, Any], code: type[ServiceError], words: str
) -> None:
    sagemaker("CreateExperiment", ExperimentName="e")
    sagemaker(operation, **request_)
    with pytest.raises(code) as refused:
        sagemaker(operation, **request_)
    assert words in str(refused.value)
