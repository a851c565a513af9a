"""A step that failed is opened, its code changed and run, and the execution goes on. boto3 looks on."""

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import ROLE, Loopback, processing, python

pytestmark = pytest.mark.journey

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
WRONG = """
import os, pathlib, socket, sys
rows = int(pathlib.Path("/opt/ml/input/data/train/rows.txt").read_text())
print("seen", sys.argv[1:], os.environ["SM_HP_DEPTH"], socket.gethostbyname("algo-1"), rows)
folds = 0
pathlib.Path("/opt/ml/model/model.txt").write_text(str(rows // folds))
"""
COPY = "import shutil; shutil.copy('/opt/ml/processing/model/model.tar.gz', '/opt/ml/processing/out/')"
FETCH = "import pathlib; pathlib.Path('/opt/ml/processing/out/rows.txt').write_text('6')"


def archive(code: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(code.encode())
        file.addfile(entry, io.BytesIO(code.encode()))
    return packed.getvalue()


def put(uri: str) -> dict[str, Any]:
    target = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": target}]}}


def steps() -> list[dict[str, Any]]:
    """Fetch -> Train, whose code divides by zero -> Publish."""
    channel = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/shell/rows/"}
    train = {
        "Name": "Train",
        "Type": "Training",
        "DependsOn": ["Fetch"],
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": SKLEARN, "TrainingInputMode": "File"},
            "HyperParameters": {
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": '"s3://bucket/shell/code/source.tar.gz"',
                "depth": "4",
            },
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": channel}}],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/shell/models"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
            "RoleArn": ROLE,
        },
    }
    model = {"S3Uri": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}, "LocalPath": "/opt/ml/processing/model"}
    taken = {"InputName": "model", "S3Input": {**model, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
    publish = processing("Publish", COPY, ProcessingInputs=[taken], **put("s3://bucket/shell/published"))
    return [processing("Fetch", FETCH, **put("s3://bucket/shell/rows")), train, publish]


def slipway(shared: Loopback, folder: Path, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    environ = {**shared.environ, "ARTIFACT_BUCKET": "bucket", "LOOPBACK_STATE": str(shared.state)}
    return python("-m", "slipway", *arguments, env=environ, cwd=folder, input=told)


def test_a_failed_step_is_opened_mended_and_resumed(shared: Loopback, tmp_path: Path) -> None:
    s3, sagemaker = shared.client("s3"), shared.client("sagemaker")
    theirs = archive(WRONG)
    s3.put_object(Bucket="bucket", Key="shell/code/source.tar.gz", Body=theirs)
    failed = shared.run({"Steps": steps()})
    assert failed.status == "Failed"
    pipeline = failed.arn.split("/")[1]
    wanted = ("Train", "-p", pipeline)

    seen = slipway(shared, tmp_path, "shell", *wanted, "--", "run-job")
    assert seen.returncode == 1, seen.stderr
    assert "seen ['--depth', '4'] 4 127." in seen.stdout
    assert "ZeroDivisionError" in seen.stderr
    debugged = slipway(shared, tmp_path, "shell", *wanted, "--pdb", told="p rows * 7\nq\n")
    assert (debugged.returncode, "(Pdb) 42" in debugged.stdout) == (1, True)
    kept = slipway(shared, tmp_path, "shell", *wanted, "--resume", "--", "run-job")
    assert "the execution is not resumed" in kept.stdout
    assert len(sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"]) == 1

    (code,) = tmp_path.glob(".slipway/shells/*/algo-1/ml/code/train.py")
    code.write_text(WRONG.replace("folds = 0", "folds = 2"))
    done = slipway(shared, tmp_path, "shell", *wanted, "--resume", "--", "run-job")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed in sagemaker_submit_directory: train.py" in done.stdout
    assert "runs Train, Publish; results taken over: Fetch" in done.stdout
    newest = sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"][0]
    assert newest["PipelineExecutionStatus"] == "Succeeded"
    published = s3.get_object(Bucket="bucket", Key="shell/published/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(published)) as file:
        assert file.extractfile("model.txt").read() == b"3"  # type: ignore[union-attr]
    # What the team had put to S3 is as it was.
    assert s3.get_object(Bucket="bucket", Key="shell/code/source.tar.gz")["Body"].read() == theirs


def test_what_is_as_it_was_goes_on_under_its_own_name(shared: Loopback, tmp_path: Path) -> None:
    """What was missing is there now: the execution that failed is the one that succeeds."""
    source = {"S3Uri": "s3://bucket/shell/late/", "LocalPath": "/opt/ml/processing/late", "S3DataType": "S3Prefix"}
    late = {"InputName": "late", "S3Input": {**source, "S3InputMode": "File"}}
    definition = {"Steps": [processing("First", "print(1)"), processing("Late", "print(2)", ProcessingInputs=[late])]}
    failed = shared.run(definition)
    assert failed.status == "Failed"
    first = failed.steps()["First"]["Metadata"]["ProcessingJob"]["Arn"]
    shared.client("s3").put_object(Bucket="bucket", Key="shell/late/a.txt", Body=b"1")
    done = slipway(shared, tmp_path, "resume", failed.arn, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["execution"], summary["status"]) == (failed.arn, "Succeeded")
    assert failed.steps()["First"]["Metadata"]["ProcessingJob"]["Arn"] == first
    again = slipway(shared, tmp_path, "resume", failed.arn)
    assert again.returncode == 1
    assert "is Succeeded; what failed or was stopped can be resumed" in again.stderr
