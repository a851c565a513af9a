"""What public code asks for and loopback does not do is said at once, and not left out in silence."""

import json
from typing import Any

import pytest

from loopback.core.errors import ValidationException

ROLE = "arn:aws:iam::000000000000:role/pipeline"
FAIL = {"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
MLFLOW = {"MlflowResourceArn": "arn:aws:sagemaker:us-east-1:000000000000:mlflow-app/app-1"}
TRAINING = {
    "TrainingJobName": "t",
    "AlgorithmSpecification": {"TrainingImage": "r/sagemaker-xgboost:3.2-0", "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://b"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


def pipeline(**more: Any) -> dict[str, Any]:
    text = json.dumps({"Version": "2020-12-01", "Steps": [FAIL], **more})
    return {"PipelineName": "p", "PipelineDefinition": text, "RoleArn": ROLE, "ClientRequestToken": "c" * 32}


@pytest.mark.parametrize(
    ("operation", "request_", "told"),
    [
        (
            "CreatePipeline",
            pipeline(MlflowConfig=MLFLOW),
            "MlflowConfig: loopback runs no managed MLflow; leave it out",
        ),
        (
            "StartPipelineExecution",
            {"PipelineName": "p", "ClientRequestToken": "c" * 32, "MlflowExperimentName": "e"},
            "MlflowExperimentName: loopback runs no managed MLflow",
        ),
        ("CreateTrainingJob", {**TRAINING, "MlflowConfig": MLFLOW}, "MlflowConfig: .*set MLFLOW_TRACKING_URI"),
        (
            "CreateModelPackage",  # moto's text, which is AWS's
            {"ModelPackageName": "m", "ModelPackageGroupName": "g"},
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one",
        ),
    ],
)
def test_refuses(sagemaker: Any, operation: str, request_: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationException, match=told):
        sagemaker(operation, **request_)


def test_a_pipeline_without_mlflow_is_taken_and_tells_who_made_it(sagemaker: Any) -> None:
    """The SDK writes MlflowConfig into every definition, as null; boto3's code reads CreatedBy."""
    sagemaker("CreatePipeline", **pipeline(MlflowConfig=None))
    shown = sagemaker("DescribePipeline", PipelineName="p")
    assert (shown["CreatedBy"], shown["LastModifiedBy"]) == ({}, {})
