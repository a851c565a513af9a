"""What a run trains on, where it puts what it brings along, and under which names it runs."""

import json
from pathlib import Path

import boto3
import pytest

from slipway.build import run_pipeline
from slipway.build.compiled import Compiled
from slipway.build.project import Project
from slipway.cli import run
from slipway.cli.checkout import Checkout
from slipway.cli.run import Wish
from slipway.cli.target import WrongUsage

EXECUTION = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/demo-churn/execution/abc"


@pytest.fixture
def started(aws, monkeypatch, tmp_path):
    """Start a run of churn; what it was started with, and the project that it ran in."""
    calls = {}
    uploads = []

    def upsert(module, given, root):
        project = Project.from_arguments(given)
        parameter = {
            "Name": "InputDataUrl",
            "DefaultValue": calls.get("trained_on", f"s3://{project.bucket}/data/churn/"),
        }
        calls["project"] = project
        text = json.dumps({"Parameters": [parameter]})
        return Compiled(f"{project.name}-churn", text, bucket=project.bucket), "created"

    def start(made, region, root, values):
        calls["values"] = values
        return EXECUTION

    monkeypatch.setattr(run_pipeline, "upsert", upsert)
    monkeypatch.setattr(run_pipeline, "start", start)
    monkeypatch.setattr(boto3, "client", lambda service, **_: aws.client(service))
    monkeypatch.setattr(run.local, "prepare", lambda target: calls.setdefault("prepared", target))
    monkeypatch.setattr(aws.client("s3"), "upload_file", lambda path, *place: uploads.append(place))
    for name, value in {
        "ARTIFACT_BUCKET": "own-bucket",
        "SAGEMAKER_PIPELINE_ROLE_ARN": "role",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    aws.answers["DescribeProject"] = "ValidationException: no such project"
    aws.answers["ListObjectsV2"] = {"KeyCount": 0}
    calls["uploads"] = uploads

    def begin(**wish):
        run.start(aws.target, Checkout(tmp_path), Wish("churn", **wish))
        return calls

    begin.calls = calls
    begin.rows = tmp_path / "rows.csv"
    begin.rows.write_text("a,b\n1,2\n")
    return begin


def launch(aws) -> None:
    aws.answers["DescribeProject"] = {
        "ProjectName": "demo",
        "ProjectId": "p-1",
        "ProjectStatus": "CreateCompleted",
        "TemplateProviderDetails": [{"CfnTemplateProviderDetail": {"StackDetail": {"Id": "stack"}}}],
    }
    outputs = {"ArtifactBucketName": "project-bucket", "PipelineExecutionRoleArn": "project-role"}
    aws.answers["DescribeStacks"] = {
        "Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]}]
    }


def test_a_file_lies_in_a_folder_of_its_own_outside_of_the_data(started) -> None:
    first = started(data=started.rows)
    [(bucket, key)] = first["uploads"]
    url = first["values"]["InputDataUrl"]
    assert f"s3://{bucket}/{key}" == f"{url}rows.csv"
    assert url.startswith("s3://own-bucket/run-data/churn/")
    other = started.rows.with_name("others.csv")
    other.write_text(started.rows.read_text())
    assert started(data=other)["values"]["InputDataUrl"] != url  # else both would be trained on


def test_a_projects_data_are_taken_where_there_are_some(started, aws, capsys) -> None:
    aws.answers["ListObjectsV2"] = {"KeyCount": 1}
    done = started()
    assert (done["values"], done["uploads"]) == ({}, [])
    assert "data s3://own-bucket/data/churn/ (what the project trains on)" in capsys.readouterr().out


def test_made_up_rows_only_where_there_are_none(started, capsys) -> None:
    done = started()
    assert [key for _, key in done["uploads"]] == ["sample-data/churn/5000-rows/rows.csv"]
    assert done["values"] == {"InputDataUrl": "s3://own-bucket/sample-data/churn/5000-rows/"}
    assert "5000 made-up rows: there are no data in s3://own-bucket/data/churn/ yet" in capsys.readouterr().out


@pytest.mark.parametrize("trained_on", ["s3://own-bucket/", "s3://own-bucket/run", "s3://own-bucket/run-data/churn/"])
def test_nothing_is_brought_to_where_the_project_trains(trained_on, started) -> None:
    started.calls["trained_on"] = trained_on
    with pytest.raises(WrongUsage, match="would be trained on, too"):
        started(data=started.rows)
    assert started.calls["uploads"] == []


def test_names_of_its_own_until_the_project_is_launched(started, aws) -> None:
    project = started()["project"]
    assert (project.name, project.bucket, project.role) == ("demo-run", "own-bucket", "role")
    launch(aws)
    project = started()["project"]
    assert (project.name, project.bucket, project.role, project.project_id) == (
        "demo",
        "project-bucket",
        "project-role",
        "p-1",
    )


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"data": Path("nope.csv")}, "There is no data file nope.csv"),
        ({"data": Path("empty.csv")}, "is empty"),
        ({"data": Path("rows.csv"), "parameters": {"InputDataUrl": "s3://b/"}}, "give one of them"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_first(wish, message, started, aws, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.csv").touch()
    here = Checkout(Path(run.__file__).resolve().parents[2])
    with pytest.raises(WrongUsage, match=message):
        run.run(aws.target, here, Wish("churn", **wish))
    assert "project" not in started.calls
