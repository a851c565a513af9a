"""Which steps an execution goes on with, and where changed files go."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from slipway.cli.resume import ChangedInput, put_input, resume, start, steps_to_run
from slipway.cli.target import UserError

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/churn/execution/abc"


def step(name: str, **arguments):
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def condition(name: str, yes=(), no=()):
    return {"Name": name, "Type": "Condition", "Arguments": {"IfSteps": list(yes), "ElseSteps": list(no)}}


GATED = {"Steps": [step("Prepare"), step("Train"), condition("Gate", [step("Register")], [step("Refuse")])]}
NESTED = {"Steps": [condition("Outer", [step("A"), condition("Inner", [step("B")])], [])]}


@pytest.mark.parametrize(
    ("definition", "done", "expected"),
    [
        (GATED, [], ["Prepare", "Train", "Gate", "Register", "Refuse"]),
        (GATED, ["Prepare"], ["Train", "Gate", "Register", "Refuse"]),
        (GATED, ["Prepare", "Train"], ["Gate", "Register", "Refuse"]),
        # The branch that was taken did not end: the condition says again which one it is.
        (GATED, ["Prepare", "Train", "Gate"], ["Gate", "Register", "Refuse"]),
        (GATED, ["Prepare", "Train", "Gate", "Register"], []),
        (GATED, ["Prepare", "Train", "Gate", "Refuse"], []),
        (NESTED, ["Outer", "A"], ["Outer", "A", "Inner", "B"]),
        (NESTED, ["Outer", "A", "Inner", "B"], []),
        ({"Steps": [condition("Gate")]}, ["Gate"], []),
    ],
)
def test_steps_without_a_result_run(definition, done, expected):
    assert steps_to_run(definition, done) == expected


NEW = {"S3Uri": "s3://b/n/", "S3DataType": "S3Prefix"}


def changed(kind: str, name: str, folder: Path = Path(), of: str = "Train") -> ChangedInput:
    return ChangedInput(of, kind, name, folder, ("train.py",))


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "expected"),
    [
        (
            "ProcessingInput",
            "code",
            {"ProcessingInputs": [{"InputName": "code", "S3Input": {"S3Uri": {"Get": "Parameters.X"}}}]},
            {"ProcessingInputs": [{"InputName": "code", "S3Input": NEW}]},
        ),
        (
            "Channel",
            "code",
            {"InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/old"}}}]},
            {"InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": NEW}}]},
        ),
        (
            "SubmitDirectory",
            "sagemaker_submit_directory",
            {"HyperParameters": {"sagemaker_submit_directory": '"s3://b/old.tar.gz"'}},
            {"HyperParameters": {"sagemaker_submit_directory": '"s3://b/n/"'}},
        ),
        (
            "SubmitDirectory",
            "sagemaker_submit_directory",
            {"Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/old.tar.gz"}},
            {"Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/n/"}},
        ),
    ],
)  # fmt: skip
def test_an_input_is_taken_from_elsewhere(kind, name, arguments, expected):
    found = step("Train", **arguments)
    put_input(found, changed(kind, name), "s3://b/n/")
    assert found["Arguments"] == expected


@pytest.mark.parametrize("kind", ["ProcessingInput", "Channel", "SubmitDirectory"])
def test_an_input_that_is_gone_is_named(kind):
    with pytest.raises(UserError, match="step Train has no code any more"):
        put_input(step("Train"), changed(kind, "code"), "s3://b/n/")


def answers(aws, definition, *, ran=None, status="Failed", done=("Prepare",)):
    steps = [
        {"StepName": name, "StartTime": 1, "StepStatus": "Succeeded" if name in done else "Failed"}
        for name in (*done, "Train")
    ]
    aws.answers |= {
        "DescribePipelineExecution": {"PipelineExecutionArn": ARN, "PipelineExecutionStatus": status},
        "DescribePipelineDefinitionForExecution": {"PipelineDefinition": json.dumps(ran or definition)},
        "DescribePipeline": {
            "PipelineName": "churn",
            "PipelineDefinition": json.dumps(definition),
            "RoleArn": "r" * 20,
        },
        "ListPipelineExecutionSteps": {"PipelineExecutionSteps": steps},
        "ListPipelineParametersForExecution": {
            "PipelineParameters": [{"Name": "Depth", "Value": "4"}, {"Name": "Gone", "Value": "1"}]
        },
        "RetryPipelineExecution": {"PipelineExecutionArn": ARN},
        "UpdatePipeline": {"PipelineArn": "p"},
        "StartPipelineExecution": {"PipelineExecutionArn": f"{ARN}2"},
        "PutObject": {},
    }
    return aws.target


PLAIN = {"Parameters": [{"Name": "Depth", "Type": "Integer"}], "Steps": [step("Prepare"), step("Train")]}


def test_what_is_as_it_was_is_retried(aws):
    said: list[str] = []
    assert start(answers(aws, PLAIN), ARN, [], said.append) == ARN
    assert aws.asked("RetryPipelineExecution")[0]["PipelineExecutionArn"] == ARN
    assert not aws.asked("StartPipelineExecution", "UpdatePipeline")


def test_a_pipeline_that_has_changed_takes_over_results(aws):
    said: list[str] = []
    target = answers(aws, PLAIN, ran={"Steps": [step("Prepare"), step("Train", old=1)]})
    assert start(target, ARN, [], said.append) == f"{ARN}2"
    (request,) = aws.asked("StartPipelineExecution")
    assert request["PipelineParameters"] == [{"Name": "Depth", "Value": "4"}]  # Gone is not declared any more
    assert request["SelectiveExecutionConfig"] == {
        "SourcePipelineExecutionArn": ARN,
        "SelectedSteps": [{"StepName": "Train"}],
    }
    assert said == ["abc2 runs Train; results taken over: Prepare"]
    assert not aws.asked("UpdatePipeline")


def test_changed_code_becomes_the_pipelines(aws, tmp_path):
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "train.pyc").write_bytes(b"")
    (tmp_path / "train.py").write_text("pass")
    code = {"sagemaker_submit_directory": '"s3://theirs/old.tar.gz"'}
    definition = {"Steps": [step("Prepare"), step("Train", HyperParameters=code)]}
    entry = changed("SubmitDirectory", "sagemaker_submit_directory", tmp_path)
    start(answers(aws, definition), ARN, [entry], lambda _text: None)
    (put,) = aws.asked("PutObject")
    assert put["Bucket"] == "theirs"
    assert put["Key"].startswith("resumed/abc/Train/sagemaker_submit_directory-")
    with tarfile.open(fileobj=io.BytesIO(put["Body"])) as archive:
        assert archive.getnames() == ["train.py"]
    (update,) = aws.asked("UpdatePipeline")
    uri = json.loads(update["PipelineDefinition"])["Steps"][1]["Arguments"]["HyperParameters"]
    assert json.loads(uri["sagemaker_submit_directory"]) == f"s3://theirs/{put['Key']}"
    assert aws.order("UpdatePipeline", "StartPipelineExecution") == ["UpdatePipeline", "StartPipelineExecution"]


def test_a_pipeline_has_its_own_files_again_where_the_start_is_refused(aws, tmp_path):
    (tmp_path / "train.py").write_text("pass")
    code = {"sagemaker_submit_directory": '"s3://theirs/old.tar.gz"'}
    definition = {"Steps": [step("Prepare"), step("Train", HyperParameters=code)]}
    target = answers(aws, definition)
    aws.answers["StartPipelineExecution"] = "ValidationException: selected steps must be connected"
    with pytest.raises(UserError, match="selected steps must be connected"):
        start(target, ARN, [changed("SubmitDirectory", "sagemaker_submit_directory", tmp_path)], lambda _text: None)
    given, taken_back = [json.loads(request["PipelineDefinition"]) for request in aws.asked("UpdatePipeline")]
    assert given != definition
    assert taken_back == definition


@pytest.mark.parametrize(
    ("status", "done", "message"),
    [
        ("Succeeded", ["Prepare"], "abc is Succeeded; what failed or was stopped can be resumed"),
        ("Executing", ["Prepare"], "abc is Executing"),
        ("Failed", ["Prepare", "Train"], "every step of churn has a result in abc"),
    ],
)
def test_what_cannot_go_on_is_refused(aws, status, done, message):
    with pytest.raises(UserError, match=message):
        resume(answers(aws, PLAIN, ran={"Steps": []}, status=status, done=done), ARN)
    assert not aws.asked("StartPipelineExecution")


def test_what_aws_refuses_is_said(aws):
    target = answers(aws, PLAIN)
    aws.answers["RetryPipelineExecution"] = "ConflictException: ended in a Fail step"
    with pytest.raises(UserError, match="abc cannot be resumed: ended in a Fail step"):
        resume(target, ARN)
