"""What run-pipeline asks AWS for: the service's answers are stubbed, botocore checks the questions."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from slipway.build import run_pipeline, run_values
from slipway.build.compiled import Compiled
from slipway.build.project import Project, UsageError, arguments

TEXT = json.dumps(
    {
        "Parameters": [
            {"Name": "InputDataUrl", "Type": "String", "DefaultValue": "s3://demo-bucket/data/"},
            {"Name": "DataVersion", "Type": "String", "DefaultValue": "unknown"},
            {"Name": "CommitId", "Type": "String", "DefaultValue": "unknown"},
            {"Name": "ChampionModelPackageArn", "Type": "String", "DefaultValue": "latest"},
            {"Name": "ModelApprovalStatus", "Type": "String", "EnumValues": ["Approved", "PendingManualApproval"]},
        ],
        "Steps": [{"Name": "Prepare"}, {"Name": "Train"}],
    }
)
MADE = Compiled("demo-churn", TEXT, {}, bucket="demo-bucket")
PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/demo-churn"
EXECUTION = f"{PIPELINE}/execution/abcdefghijkl"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def aws(monkeypatch):
    """Stubbed clients, which the code under test gets from boto3.client as well."""
    keys = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
    clients = {name: boto3.client(name, **keys) for name in ("sagemaker", "s3")}
    monkeypatch.setattr(boto3, "client", lambda name, **_: clients[name])
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "abc123")
    with Stubber(clients["sagemaker"]) as sagemaker, Stubber(clients["s3"]) as s3:
        yield clients["sagemaker"], sagemaker, s3
        sagemaker.assert_no_pending_responses()


def upsert(client, made=MADE, tags=(), description=""):
    return run_pipeline._upsert(client, made, "arn:aws:iam::123456789012:role/R", tags, description)


def present(stub, text=TEXT):
    stub.add_response(
        "describe_pipeline",
        {"PipelineArn": PIPELINE, "PipelineDefinition": text, "RoleArn": "arn:aws:iam::123456789012:role/R"},
        {"PipelineName": "demo-churn"},
    )


def test_a_new_pipeline_is_created_with_its_tags(aws):
    client, stub, _ = aws
    stub.add_client_error("describe_pipeline", "ResourceNotFound")
    stub.add_response("create_pipeline", {"PipelineArn": PIPELINE})
    assert upsert(client, tags=[{"Key": "team", "Value": "risk"}]) == "created"


def test_an_unchanged_pipeline_is_left_alone(aws):
    client, stub, _ = aws
    present(stub)
    assert upsert(client) == "unchanged"


def test_a_changed_pipeline_is_updated(aws):
    client, stub, _ = aws
    present(stub, "{}")
    stub.add_response("update_pipeline", {"PipelineArn": PIPELINE})
    assert upsert(client) == "updated"


def listing(stub, etag='"1"'):
    stub.add_response(
        "list_objects_v2",
        {"Contents": [{"Key": "data/a.csv", "Size": 3, "ETag": etag}], "IsTruncated": False},
        {"Bucket": "demo-bucket", "Prefix": "data/"},
    )


def test_a_run_carries_its_lineage(aws, project, monkeypatch):
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "project:b1")
    _, sagemaker, s3 = aws
    listing(s3)
    sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": []})
    version = "4b1d1ae4a1b8e0e8"
    sent = {}

    def start(**request):
        assert (
            request["PipelineExecutionDescription"] == "build project:b1"
        )  # NotifyFunction of project.yml asks for it
        sent.update({p["Name"]: p["Value"] for p in request["PipelineParameters"]})
        return {"PipelineExecutionArn": EXECUTION}

    aws[0].start_pipeline_execution = start
    assert run_pipeline.start(MADE, project.region, Path.cwd(), {"ModelApprovalStatus": "Approved"}) == EXECUTION
    assert len(sent["DataVersion"]) == len(version)
    del sent["DataVersion"]
    assert sent == {"ModelApprovalStatus": "Approved", "CommitId": "abc123", "ChampionModelPackageArn": "none"}


def test_other_data_at_the_same_address_is_another_version(aws):
    _, _, s3 = aws
    listing(s3)
    listing(s3, '"2"')
    client = boto3.client("s3")
    first, second = (run_values.data_version(client, "s3://demo-bucket/data/") for _ in range(2))
    assert first != second


def test_no_data_is_said_before_anything_starts(aws, project):
    aws[2].add_response("list_objects_v2", {"IsTruncated": False})
    with pytest.raises(UsageError, match="no object below s3://demo-bucket/data/"):
        run_pipeline.start(MADE, project.region, Path.cwd())


@pytest.mark.parametrize(
    ("parameters", "selective", "message"),
    [
        ({"MinAux": "1"}, [], "unknown parameter 'MinAux'; the pipeline has InputDataUrl"),
        ({"ModelApprovalStatus": "Maybe"}, [], "'Maybe' is not one of Approved"),
        ({"InputDataUrl": "/tmp/x"}, [], "must be an s3:// URI"),
        (
            {"DataVersion": "1", "ChampionModelPackageArn": "none", "CommitId": "c"},
            ["Trian"],
            "no step Trian; the pipeline has Prepare, Train",
        ),
    ],
)
def test_wrong_values_are_refused(aws, project, parameters, selective, message):
    with pytest.raises(UsageError, match=message):
        run_pipeline.start(MADE, project.region, Path.cwd(), parameters, selective)


def test_selected_steps_take_the_rest_from_the_latest_execution(aws, project):
    _, sagemaker, _ = aws
    summaries = [
        {"PipelineExecutionArn": f"{EXECUTION[:-1]}{n}", "PipelineExecutionStatus": status}
        for n, status in enumerate(("Executing", "Failed"))
    ]
    summaries.append({"PipelineExecutionArn": EXECUTION, "PipelineExecutionStatus": "Succeeded"})
    sagemaker.add_response("list_pipeline_executions", {"PipelineExecutionSummaries": summaries})
    values = {"CommitId": "c", "DataVersion": "1", "ChampionModelPackageArn": "none"}
    sagemaker.add_response(
        "start_pipeline_execution",
        {"PipelineExecutionArn": EXECUTION},
        {
            "PipelineName": "demo-churn",
            "PipelineParameters": [{"Name": name, "Value": value} for name, value in values.items()],
            "SelectiveExecutionConfig": {
                "SourcePipelineExecutionArn": EXECUTION,
                "SelectedSteps": [{"StepName": "Train"}],
            },
        },
    )
    assert run_pipeline.start(MADE, project.region, Path.cwd(), values, ["Train"]) == EXECUTION


def steps(stub, execution, *named):
    stub.add_response("describe_pipeline_execution", {"PipelineExecutionStatus": execution})
    found = [
        {"StepName": n, "StepStatus": s, **({"FailureReason": "AUC 0.5 (MinAuc 0.95)"} if s == "Failed" else {})}
        for n, s in named
    ]
    stub.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": found})


def test_waiting_reports_each_transition_once_and_the_reason_of_a_failure(aws):
    stub = aws[1]
    steps(stub, "Executing", ("Prepare", "Executing"))
    steps(stub, "Executing", ("Prepare", "Executing"))
    steps(stub, "Failed", ("Prepare", "Succeeded"), ("Fail", "Failed"))
    said, slept = [], []
    status, reason = run_pipeline.wait(EXECUTION, "us-east-1", said.append, slept.append)
    assert [line.split() for line in said] == [["Prepare", "Executing"], ["Prepare", "Succeeded"], ["Fail", "Failed"]]
    assert (status, reason) == ("Failed", "Fail: AUC 0.5 (MinAuc 0.95)")
    assert len(slept) == 2


def test_a_failed_job_speaks_for_itself(aws):
    client, _, _ = aws
    step = {
        "FailureReason": "AlgorithmError: , exit code: 1",
        "Metadata": {"ProcessingJob": {"Arn": "arn:aws:x/job-1"}},
    }
    client.describe_processing_job = lambda **asked: {"ExitMessage": f"{asked['ProcessingJobName']}: row 5 has 'x3'"}
    assert run_pipeline._reason(client, step) == "job-1: row 5 has 'x3'"
    client.describe_processing_job = lambda **_: {}
    assert run_pipeline._reason(client, step) == "AlgorithmError: , exit code: 1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tags", "{"], "--tags must be a JSON list"),
        (["--tags", '[{"key": "a"}]'], "--tags must be a JSON list"),
        (["--kwargs", "[1]"], "--kwargs must be a dictionary"),
    ],
)
def test_wrong_arguments_are_status_2(monkeypatch, capsys, arguments, message):
    for name, value in (
        ("SAGEMAKER_PROJECT_NAME", "demo"),
        ("SAGEMAKER_PIPELINE_ROLE_ARN", "r"),
        ("ARTIFACT_BUCKET", "b"),
        ("AWS_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    assert run_pipeline.main(["-n", "pipelines.churn.pipeline", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_pairs_need_a_value():
    assert run_pipeline._pairs(["MinAuc=0.9", "InputDataUrl=s3://b/a=b"]) == {
        "MinAuc": "0.9",
        "InputDataUrl": "s3://b/a=b",
    }
    with pytest.raises(UsageError, match="name=value, found MinAuc"):
        run_pipeline._pairs(["MinAuc"])


def test_kwargs_of_aws_s_templates_go_before_the_environment(monkeypatch):
    monkeypatch.setenv("ARTIFACT_BUCKET", "from-environment")
    given = arguments(
        '{"region": "eu-west-1", "sagemaker_project_name": "p", "default_bucket": "given", "role": "r",'
        ' "sagemaker_project_arn": "a", "base_job_prefix": "p-1", "model_package_group_name": "models"}'
    )
    project = Project.from_arguments(given)
    assert project == Project("p", "r", "given", "eu-west-1", group="models")
    assert project.pipeline_name("churn") == "p-churn"
    assert Project.from_arguments(given | {"pipeline_name": "p-p-1"}).pipeline_name("churn") == "p-p-1"


def test_a_project_without_data_takes_made_up_rows(aws, project, monkeypatch):
    _, _, s3 = aws
    uploaded = []
    monkeypatch.setattr(
        boto3.client("s3"), "upload_file", lambda path, *place: uploaded.append((Path(path).read_text(), place))
    )
    own = {"Bucket": "demo-bucket", "Prefix": "data/", "MaxKeys": 1}
    made_up = {"Bucket": project.bucket, "Prefix": "sample-data/churn/5000-rows/", "MaxKeys": 1}
    s3.add_response("list_objects_v2", {"KeyCount": 0}, own)
    s3.add_response("list_objects_v2", {"KeyCount": 0}, made_up)
    url = run_pipeline.sample_data_url(MADE, "pipelines.churn.pipeline", project.region)
    assert url == f"s3://{project.bucket}/sample-data/churn/5000-rows/"
    [(text, place)] = uploaded
    assert (text.count("\n"), place) == (5001, (project.bucket, "sample-data/churn/5000-rows/rows.csv"))
    s3.add_response("list_objects_v2", {"KeyCount": 0}, own)
    s3.add_response("list_objects_v2", {"KeyCount": 1}, made_up)
    assert run_pipeline.sample_data_url(MADE, "pipelines.churn.pipeline", project.region) == url
    assert len(uploaded) == 1


@pytest.mark.parametrize("url", ["s3://demo-bucket/", "s3://demo-bucket/sam", "s3://demo-bucket/sample-data/"])
def test_made_up_rows_never_lie_where_the_project_trains(url, aws, project):
    """An S3 prefix is a text: what begins with it would be read with the project's own data from then on."""
    _, _, s3 = aws
    s3.add_response("list_objects_v2", {"KeyCount": 0})
    made = dataclasses.replace(MADE, text=MADE.text.replace("s3://demo-bucket/data/", url))
    with pytest.raises(UsageError, match="made-up rows would be trained on"):
        run_pipeline.sample_data_url(made, "pipelines.churn.pipeline", project.region)


def test_a_project_with_data_takes_its_own(aws, project):
    _, _, s3 = aws
    s3.add_response("list_objects_v2", {"KeyCount": 1}, {"Bucket": "demo-bucket", "Prefix": "data/", "MaxKeys": 1})
    assert run_pipeline.sample_data_url(MADE, "pipelines.churn.pipeline", project.region) == ""


def test_no_rows_are_made_up_for_a_pipeline_of_ones_own(aws, project):
    assert run_pipeline.sample_data_url(MADE, "pipelines.fraud.pipeline", project.region) == ""
