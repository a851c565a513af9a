"""What goes wrong in a user's hands ends in one clear message, the right status, and nothing half-made."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.journey

ENDLESS = "import time\nwhile True: time.sleep(0.1)"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('column day_mins is missing')", "ValueError: column day_mins is missing"),
        ("import sys; sys.exit(3)", "exit code: 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code: 137"),
        ("import os; os.abort()", "exit code: 134"),
        (
            "open('/opt/ml/output/message', 'w').write('state: 3 rows have no value'); raise SystemExit(1)",
            "state: 3 rows have no value",
        ),
    ],
    ids=["raises", "exits 3", "is killed", "aborts", "says why"],
)
def test_a_step_script_that_fails_says_how(shared: Any, step: Any, code: str, reason: str) -> None:
    execution = shared.run({"Steps": [step("Bad", code), step("Never", "pass", DependsOn=["Bad"])]})
    assert execution.status == "Failed"
    failed = execution.steps()
    assert set(failed) == {"Bad"}
    assert reason in failed["Bad"]["FailureReason"] + _exit_message(shared, failed["Bad"])
    assert "Bad" in execution.reason


def _exit_message(shared: Any, step: dict[str, Any]) -> str:
    name = step["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    return str(shared.client("sagemaker").describe_processing_job(ProcessingJobName=name).get("ExitMessage", ""))


def test_a_step_that_never_ends_is_ended(shared: Any, step: Any) -> None:
    endless = step("Endless", ENDLESS, StoppingCondition={"MaxRuntimeInSeconds": 1})
    execution = shared.run({"Steps": [endless]})
    assert execution.status == "Failed"
    assert "MaxRuntimeInSeconds" in execution.steps()["Endless"]["FailureReason"]


def test_stopping_an_execution_ends_its_processes(shared: Any, step: Any, wait_until: Any) -> None:
    code = f"import os\nopen('/tmp/stopped', 'w').write('begun')\n{ENDLESS}"
    execution = shared.start({"Steps": [step("Endless", code)]})
    wait_until(lambda: shared.left("stopped"), 20)
    shared.client("sagemaker").stop_pipeline_execution(PipelineExecutionArn=execution.arn)
    execution.wait(20)
    assert execution.status == "Stopped"
    assert execution.steps()["Endless"]["StepStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"AppSpecification": {"ImageUri": "me/private:1"}},
            ["me/private:1", "loopback.yml"],
        ),
        (
            {
                "ProcessingInputs": [
                    {
                        "InputName": "data",
                        "S3Input": {
                            "S3Uri": "s3://bucket/nowhere/",
                            "LocalPath": "/opt/ml/processing/data",
                            "S3DataType": "S3Prefix",
                            "S3InputMode": "File",
                        },
                    }
                ]
            },
            ["s3://bucket/nowhere/"],
        ),
    ],
    ids=["unknown image", "missing data"],
)
def test_what_the_job_cannot_find_is_named(shared: Any, step: Any, changes: dict[str, Any], parts: list[str]) -> None:
    execution = shared.run({"Steps": [step("Bad", "pass", **changes)]})
    assert execution.status == "Failed"
    for part in parts:
        assert part in execution.steps()["Bad"]["FailureReason"]


def test_a_corrupt_model_archive_is_named(shared: Any, wait_until: Any) -> None:
    s3, sagemaker, name = shared.client("s3"), shared.client("sagemaker"), f"corrupt-{uuid.uuid4().hex[:6]}"
    s3.put_object(Bucket="bucket", Key="corrupt/model.tar.gz", Body=b"this is no archive")
    s3.put_object(Bucket="bucket", Key="rows/rows.csv", Body=b"1,2\n")
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/pipeline",
        PrimaryContainer={"Image": image, "ModelDataUrl": "s3://bucket/corrupt/model.tar.gz"},
    )
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/rows/"}}},
        TransformOutput={"S3OutputPath": f"s3://bucket/{name}"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    job = wait_until(lambda: _ended(sagemaker.describe_transform_job(TransformJobName=name)), 30)
    assert job["TransformJobStatus"] == "Failed"
    assert "s3://bucket/corrupt/model.tar.gz" in job["FailureReason"]
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket", Prefix=name)


def _ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["TransformJobStatus"] not in ("InProgress", "Stopping") else None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "definition"),
        ({"Steps": [{"Name": "a b", "Type": "Fail", "Arguments": {}}]}, "a b"),
        ({"Steps": [{"Name": "E", "Type": "EMR", "Arguments": {}}]}, "step 'E' is of type EMR"),
        (
            {
                "Steps": [
                    {"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.Typo"}}},
                ]
            },
            "Typo",
        ),
    ],
    ids=["no JSON", "step name", "step type", "undeclared parameter"],
)
def test_a_definition_that_cannot_run_is_refused(shared: Any, document: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        shared.start(document if isinstance(document, dict) else {"Steps": document})
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_cycle_is_shown(shared: Any, step: Any) -> None:
    with pytest.raises(ClientError, match=r"A.*B.*A"):
        shared.start({"Steps": [step("A", "pass", DependsOn=["B"]), step("B", "pass", DependsOn=["A"])]})


def test_an_undefined_parameter_is_refused_at_start(shared: Any, step: Any) -> None:
    with pytest.raises(ClientError, match="Nope") as refused:
        shared.start({"Steps": [step("A", "pass")]}, PipelineParameters=[{"Name": "Nope", "Value": "1"}])
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_client_of_another_region_is_told(shared: Any) -> None:
    environ = shared.environ | {"AWS_DEFAULT_REGION": "eu-west-1"}
    code = "import boto3; boto3.client('sagemaker').list_pipelines()"
    failed = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert "This loopback serves us-east-1; the request is signed for eu-west-1" in failed.stderr


def test_a_full_disk_is_the_reason_and_nothing_is_half_made(loopback: Any, step: Any, tmp_path: Path) -> None:
    loopback.down()
    small = tmp_path / "small"
    small.mkdir()
    up = f"{sys.executable} -m loopback up --port {loopback.port} --state {small}"
    inside = f"mount -t tmpfs -o size=48m tmpfs {small} && exec {up}"
    flags = [] if os.geteuid() == 0 else ["--map-root-user"]
    process = subprocess.Popen(["unshare", "--mount", *flags, "sh", "-c", inside], env=loopback.environ)
    try:
        _until_answers(loopback)
        loopback.client("s3").create_bucket(Bucket="bucket")
        output = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
        code = "open('/opt/ml/processing/out/big', 'wb').write(bytes(60_000_000))"
        outputs = {"Outputs": [{"OutputName": "out", "S3Output": output}]}
        execution = loopback.run({"Steps": [step("Big", code, ProcessingOutputConfig=outputs)]})
        assert execution.status == "Failed"
        assert "No space left on device" in execution.steps()["Big"]["FailureReason"]
        assert loopback.client("s3").list_objects_v2(Bucket="bucket")["KeyCount"] == 0
        assert loopback.run({"Steps": [step("Small", "pass")]}).status == "Succeeded"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _until_answers(loopback: Any) -> None:
    for _ in range(200):
        try:
            loopback.client("sagemaker").list_pipelines()
        except Exception:  # noqa: BLE001 - it is not up yet, whatever the form
            time.sleep(0.1)
        else:
            return
    pytest.fail("loopback did not come up on the small disk")


def test_a_wrong_image_mapping_is_told_before_anything_starts(shared: Any, tmp_path: Path, another_port: int) -> None:
    (tmp_path / "loopback.yml").write_text("images:\n  x: hots\n")
    state = tmp_path / "state"
    other = type(shared)(state, another_port).command("up", "--detach", "--port", str(another_port), cwd=tmp_path)
    assert (other.returncode, "expected host" in other.stderr) == (2, True)
    assert not state.exists()
