"""Tests of somebody else's SageMaker code, with the fixtures that the installed package brings to pytest."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.journey

ACTION = Path(__file__).parents[2] / ".github/actions/local-aws/action.yml"
TESTS = '''
import time

import boto3
import botocore.exceptions
import pytest

GROUP = "models"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


def start_job(aws, name, script="import time; time.sleep(300)"):
    """A processing job of one Python line."""
    boto3.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        RoleArn=aws.role,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", script]},
        ProcessingResources={"ClusterConfig": {
            "InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}},
    )


def end_of(name):
    client = boto3.client("sagemaker")
    while (found := client.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] == "InProgress":
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("turn", [1, 2])
def test_each_finds_an_empty_account(sagemaker_local, turn):
    """What one makes is gone for the next, what runs included."""
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    assert [found["Name"] for found in s3.list_buckets()["Buckets"]] == [sagemaker_local.bucket]
    assert "Contents" not in s3.list_objects_v2(Bucket=sagemaker_local.bucket)
    s3.put_object(Bucket=sagemaker_local.bucket, Key="left", Body=b"1")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    boto3.client("sqs").create_queue(QueueName="left")
    boto3.client("events").put_rule(Name="left", EventPattern='{"source": ["aws.sagemaker"]}')
    start_job(sagemaker_local, "the-same-name")


def test_a_job_runs(sagemaker_local):
    start_job(sagemaker_local, "job", "print('worked')")
    assert end_of("job")["ProcessingJobStatus"] == "Completed"


def test_a_job_fails_for_a_reason(sagemaker_local):
    sagemaker_local.refuse_capacity("ProcessingJob", name="big-*")
    start_job(sagemaker_local, "small-1", "print(1)")
    start_job(sagemaker_local, "big-1", "print(1)")
    found = end_of("big-1")
    assert found["ProcessingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("CapacityError")
    assert end_of("small-1")["ProcessingJobStatus"] == "Completed"


def test_throttling_is_repeated_by_boto3(sagemaker_local):
    sagemaker_local.throttle("sagemaker:ListModels", times=2)
    answer = boto3.client("sagemaker").list_models()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


@pytest.mark.parametrize(("service", "operation", "call"), [
    ("s3", "s3:GetObject", lambda client: client.get_object(Bucket="b", Key="k")),
    ("sqs", "sqs:ListQueues", lambda client: client.list_queues()),
    ("iam", "iam:GetRole", lambda client: client.get_role(RoleName="r")),
    ("lambda", "lambda:GetFunction", lambda client: client.get_function(FunctionName="f")),
    ("sagemaker-runtime", "sagemaker:InvokeEndpoint",
     lambda client: client.invoke_endpoint(EndpointName="e", Body=b"1")),
    ("cloudformation", "cloudformation:*", lambda client: client.describe_stacks()),
])
def test_a_call_ends_with_an_error_of_the_tests(sagemaker_local, service, operation, call):
    sagemaker_local.fail_calls(operation, "OfMyOwn", "said by the test", status=418)
    client = boto3.client(service)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(client)
    assert caught.value.response["Error"]["Code"] == "OfMyOwn"
    assert caught.value.response["Error"]["Message"] == "said by the test"
    with pytest.raises(Exception) as again:
        call(client)
        raise RuntimeError("no error any more")
    assert "OfMyOwn" not in str(again.value)


def test_wrong_faults_are_refused(sagemaker_local):
    with pytest.raises(Exception, match="expected service:Operation"):
        sagemaker_local.fail_calls("CreateBucket", "X")
    with pytest.raises(Exception, match="expected one of ProcessingJob"):
        sagemaker_local.fail_jobs("Job", "because")


def test_an_empty_account_in_the_middle(sagemaker_local):
    boto3.client("sqs").create_queue(QueueName="first")
    sagemaker_local.reset()
    assert not boto3.client("sqs").list_queues().get("QueueUrls")


def test_the_sdk_finds_role_and_bucket(sagemaker_local):
    from sagemaker.core.helper.session_helper import Session, get_execution_role

    sagemaker_local.reset()
    assert get_execution_role(Session()) == sagemaker_local.role
'''


def run_tests(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A pytest of its own in a folder of its own, with nothing of this one's environment but the path."""
    (folder / "test_theirs.py").write_text(TESTS)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_fixtures_of_the_package(tmp_path: Path) -> None:
    """One after the other, each with an empty account; nothing is left running."""
    ran = run_tests(tmp_path, f"--basetemp={tmp_path / 'run'}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "14 passed" in ran.stdout
    assert processes_on(tmp_path) == []


def test_each_worker_of_xdist_has_its_own(tmp_path: Path) -> None:
    """Two workers, two accounts."""
    ran = run_tests(tmp_path, "-n", "2", f"--basetemp={tmp_path / 'run'}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "14 passed" in ran.stdout
    assert len(list((tmp_path / "run").glob("popen-gw*/sagemaker-local0/state"))) == 2
    assert processes_on(tmp_path) == []


def processes_on(folder: Path) -> list[str]:
    """The command lines of processes that name a folder."""
    found = subprocess.run(["pgrep", "-fa", f"loopback .*{folder}"], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


def test_the_action_points_later_steps_at_it(tmp_path: Path) -> None:
    """The shell of the GitHub action's last step, in a folder of its own; the first installs with pip."""
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    variables = {"PYTHON": sys.executable, "RUNNER_TEMP": str(tmp_path), "GITHUB_ENV": str(tmp_path / "env")}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables
    script = steps[1]["run"].replace("up --detach", f"up --detach --port {free_port()}")
    try:
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=kept, check=True, timeout=120)
        found = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
        asked = subprocess.run(
            [sys.executable, "-c", "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"],
            env=kept | found,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        subprocess.run([sys.executable, "-m", "slipway", "local", "down"], cwd=tmp_path, env=kept, check=True)
    assert asked.stdout.strip() == found["ARTIFACT_BUCKET"]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
