"""A loopback of a benchmark's own: a free port, a temporary state folder, and nothing left of it afterwards."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIRST_POLL, POLL_SHARE = 0.01, 0.02  # seconds; then a share of the time so far: asking costs 1 ms of the control plane
LONGEST_SECONDS = 600.0
REGION = "us-east-1"
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/benchmark"


class Failed(Exception):
    """What was to be measured did not work; the message says what."""


@dataclass(frozen=True)
class LocalAws:
    """A running loopback."""

    url: str
    state: Path
    supervisor: int

    @cached_property
    def session(self) -> Any:
        """A boto3 session with credentials that open nothing anywhere else."""
        import boto3

        return boto3.Session(ACCOUNT, "benchmark", region_name=REGION)

    def client(self, service: str) -> Any:
        """A boto3 client of this loopback."""
        return self.session.client(service, endpoint_url=self.url)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of this process, pointed at this loopback."""
        return bare_environment() | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def bare_environment() -> dict[str, str]:
    """The environment of this process without any AWS settings of the person who measures."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SAGEMAKER_", "LOOPBACK_"))}


@contextlib.contextmanager
def running(state: Path | None = None) -> Iterator[LocalAws]:
    """Start a loopback, and stop it however the block ends; without a state folder it has one that is then deleted."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    state = state or folder / "state"
    try:
        _loopback("up", "--detach", "--port", str(free_port()), "--state", str(state))
        found = json.loads((state / "endpoint.json").read_text())
        yield LocalAws(found["url"], state, found["supervisor"])
    finally:
        _loopback("down", "--state", str(state))
        shutil.rmtree(folder)


def _loopback(*arguments: str) -> None:
    """Run a command of loopback to its end, whatever Ctrl-C says meanwhile: half a start could not be taken back."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loopback", *arguments],
        cwd=ROOT,
        env=bare_environment() | {"AWS_DEFAULT_REGION": REGION},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate()[0]
    except KeyboardInterrupt:
        process.communicate()
        raise
    if process.returncode:
        raise Failed(f"loopback {arguments[0]}: {said.strip()}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def free_low_port(first: int = 0) -> int:
    """The same from `first` on and below 2**15: multi-model-server takes no other."""
    for port in range(first or 21_000 + os.getpid() % 9_000, 1 << 15):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Failed("no port below 32768 is free")


def put_pipeline(sagemaker: Any, name: str, definition: dict[str, Any]) -> None:
    """Create a pipeline from its document."""
    sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition),
        RoleArn=ROLE,
        ClientRequestToken=f"{name:-<32}",
    )


def run_pipeline(sagemaker: Any, name: str, parameters: Mapping[str, str] | None = None) -> float:
    """Seconds from before StartPipelineExecution until it is seen to have succeeded. Raises Failed."""
    values = [{"Name": key, "Value": value} for key, value in (parameters or {}).items()]
    began = time.perf_counter()
    arn = sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=values)["PipelineExecutionArn"]
    return wait(sagemaker, arn, began)


def wait(sagemaker: Any, arn: str, began: float) -> float:
    """Seconds from `began` until an execution has succeeded. Raises Failed."""
    while True:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        seconds = time.perf_counter() - began
        if found["PipelineExecutionStatus"] == "Succeeded":
            return seconds
        if found["PipelineExecutionStatus"] != "Executing" or seconds > LONGEST_SECONDS:
            raise Failed(f"{arn} is {found['PipelineExecutionStatus']}: {_failures(sagemaker, arn)}")
        time.sleep(max(FIRST_POLL, POLL_SHARE * seconds))


def _failures(sagemaker: Any, arn: str) -> str:
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return "; ".join(f"{step['StepName']}: {step['FailureReason']}" for step in steps if step.get("FailureReason"))
