"""The pipeline of a monitor. Judges: botocore's model of CreateProcessingJob, and loopback's reading of definitions."""

import json

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from loopback.engines.pipelines.definition import parse
from slipway.monitoring import settings
from slipway.monitoring.definition import MonitorJob, Resources, definition

JOB = MonitorJob(
    monitor="data_quality",
    endpoint="demo-prod",
    schedule="demo-prod-data-quality",
    image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
    role="arn:aws:iam::111122223333:role/monitoring",
    region="us-east-1",
    code="s3://b/monitoring/code/abc",
    captures="s3://b/datacapture-prod",
    report="s3://b/monitoring/prod",
    hours=1,
    baseline={"stats": "s3://b/base/statistics.json", "constraints": "s3://b/base/limits.json"},
)
VALUES = {"Execution.StartDateTime": "2026-11-30T08:15:02Z"}


def arguments(job):
    """The request of the step, with the values that a scheduled execution has."""
    document = definition(job)
    values = VALUES | {f"Parameters.{entry['Name']}": entry["DefaultValue"] for entry in document["Parameters"]}

    def resolved(node):
        if isinstance(node, dict):
            return (
                values[node["Get"]] if set(node) == {"Get"} else {key: resolved(value) for key, value in node.items()}
            )
        return [resolved(value) for value in node] if isinstance(node, list) else node

    return resolved(document["Steps"][0]["Arguments"])


@pytest.mark.parametrize(
    "job",
    [JOB, MonitorJob(**{**vars(JOB), "resources": Resources("ml.m5.xlarge", 50, "v", "o", ["subnet-1"], ["sg-1"])})],
)
def test_its_step_is_a_processing_job_that_aws_takes(job):
    parse(json.dumps(definition(job)))
    shape = get_session().get_service_model("sagemaker").operation_model("CreateProcessingJob").input_shape
    assert not ParamValidator().validate({"ProcessingJobName": "j", **arguments(job)}, shape).has_errors()


def test_a_scheduled_execution_is_told_what_its_program_needs():
    told = settings.MonitorSettings.from_environment(arguments(JOB)["Environment"])
    assert (told.folder, str(told.window)) == ("2026/11/30/08", "2026-11-30 07:00 to 2026-11-30 08:00 UTC")
    assert (told.captures, told.asked, told.region) == ("s3://b/datacapture-prod", "", "us-east-1")


def test_the_preprocessor_finds_the_constraints_whatever_they_are_called():
    folder = next(
        i["S3Input"]["LocalPath"] for i in arguments(JOB)["ProcessingInputs"] if i["InputName"] == "constraints"
    )
    assert arguments(JOB)["Environment"]["baseline_constraints"] == f"{folder}/limits.json"


def test_documents_lie_where_those_of_model_monitor_do():
    (output,) = arguments(JOB)["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == "s3://b/monitoring/prod/demo-prod/demo-prod-data-quality"


def test_keys_and_network_of_the_stage():
    job = MonitorJob(**{**vars(JOB), "resources": Resources("ml.m5.xlarge", 50, "v", "o", ["subnet-1"], ["sg-1"])})
    found = arguments(job)
    assert found["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == "v"
    assert found["ProcessingOutputConfig"]["KmsKeyId"] == "o"
    assert found["NetworkConfig"]["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert "VpcConfig" not in arguments(JOB)["NetworkConfig"]
