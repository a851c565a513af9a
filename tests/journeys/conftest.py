"""Real processes: a loopback of the test's own, and boto3 as the client."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[2]
ROLE = "arn:aws:iam::000000000000:role/pipeline"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
FINAL = ("Succeeded", "Failed", "Stopped")
MILL = ("test_ship", "test_promotion", "test_fuzz_endpoints", "test_notifications")
LONGEST = (
    *("test_ship", "test_readme", "test_new_account", "test_drift_retrain", "test_tutorial", "test_iam"),
    *("test_command_line", "test_xgboost_image", "test_lifecycle", "test_monitoring", "test_launch"),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Loopback:
    """One loopback: its state folder, its port, clients of it, and the verbs of its command line."""

    state: Path
    port: int

    @property
    def secret(self) -> str:
        """The account's own, once the loopback has been up."""
        path = self.state / "account-secret"
        return path.read_text() if path.exists() else "x"

    @property
    def environ(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SAGEMAKER_"))}
        return clean | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.state / "sagemaker.yaml"),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
        }

    def command(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """`python -m loopback ...` on this state folder."""
        return python("-m", "loopback", *arguments, "--state", str(self.state), env=self.environ, **more)

    def up(self) -> subprocess.CompletedProcess[str]:
        return self.command("up", "--detach", "--port", str(self.port))

    def down(self) -> subprocess.CompletedProcess[str]:
        return self.command("down")

    @property
    def found(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads((self.state / "endpoint.json").read_text())
        return answer

    def client(self, service: str) -> Any:
        return _client(service, self.port, self.secret)

    def children(self, parent: int) -> list[int]:
        """The processes right below one."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _parent(path) == parent]

    def processes(self) -> list[int]:
        """Every process of this loopback: the supervisor and all below it."""
        found, ahead = [], [self.found["supervisor"]]
        while ahead:
            found.append(ahead.pop())
            ahead += self.children(found[-1])
        return found

    def left(self, name: str) -> list[str]:
        """What running jobs and builds have written to /tmp/<name>, which is a folder of their own."""
        places = [*self.state.glob(f"jobs/*/*/tmp/{name}"), *self.state.glob(f"codebuild/*/tmp/{name}")]
        return [place.read_text() for place in places]

    def run(self, definition: dict[str, Any], *, seconds: float = 60, **start: Any) -> "Execution":
        """Create a pipeline of this definition, start it and wait for its end."""
        return self.start(definition, **start).wait(seconds)

    def start(self, definition: dict[str, Any], **start: Any) -> "Execution":
        sagemaker, name = self.client("sagemaker"), f"p-{uuid.uuid4().hex[:8]}"
        document = {"Version": "2020-12-01", "Parameters": [], **definition}
        sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=json.dumps(document), RoleArn=ROLE)
        return Execution(self, sagemaker.start_pipeline_execution(PipelineName=name, **start)["PipelineExecutionArn"])


@dataclass(frozen=True)
class Execution:
    """One execution, as boto3 sees it."""

    loopback: Loopback
    arn: str

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.loopback.client("sagemaker").describe_pipeline_execution(
            PipelineExecutionArn=self.arn
        )
        return found

    def wait(self, seconds: float = 60) -> "Execution":
        until(lambda: self.describe()["PipelineExecutionStatus"] in FINAL, seconds, lambda: str(self.steps()))
        return self

    @property
    def status(self) -> str:
        return str(self.describe()["PipelineExecutionStatus"])

    @property
    def reason(self) -> str:
        return str(self.describe().get("FailureReason", ""))

    def steps(self) -> dict[str, dict[str, Any]]:
        listed = self.loopback.client("sagemaker").list_pipeline_execution_steps(PipelineExecutionArn=self.arn)
        return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


@cache
def _client(service: str, port: int, secret: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key=secret,
    )


def python(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    more = {"timeout": 120, "cwd": ROOT, **more}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **more)


def until(holds: Callable[[], Any], seconds: float, told: Callable[[], str] = str) -> Any:
    deadline = time.time() + seconds
    while time.time() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    pytest.fail(f"not within {seconds} s: {told()}")


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Loopback]:
    """A loopback that this test starts by itself, if at all."""
    made = Loopback(tmp_path / "state", free_port())
    yield made
    if made.state.is_dir():
        made.down()


@pytest.fixture
def loopback(stopped: Loopback) -> Loopback:
    """A loopback that only this test uses."""
    started = stopped.up()
    assert started.returncode == 0, started.stderr
    return stopped


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """A loopback for the tests that do it no harm; it has the bucket `bucket`."""
    made = Loopback(tmp_path_factory.mktemp("shared") / "state", free_port())
    started = made.up()
    assert started.returncode == 0, started.stderr
    made.client("s3").create_bucket(Bucket="bucket")
    yield made
    made.down()


@pytest.fixture(scope="session")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A project that has shipped its first version; its stories each take it on from wherever it stands."""
    from tests.journeys.launched import launched

    with launched(tmp_path_factory.mktemp("mill")) as site:
        yield site


class Stories(LoadScopeScheduling):
    """What shares processes runs in one worker: the tests of a file, and of all files of the mill."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0]).stem
        return "mill" if file in MILL else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return Stories(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest stories begin first, so that all workers end at about the same time."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def processing(name: str, code: str, **more: Any) -> dict[str, Any]:
    """A Processing step that runs Python code."""
    arguments = {
        "AppSpecification": {"ImageUri": XGBOOST, "ContainerEntrypoint": ["python3", "-c", code]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "RoleArn": ROLE,
    }
    envelope = {
        key: more.pop(key) for key in ("DependsOn", "RetryPolicies", "PropertyFiles", "CacheConfig") if key in more
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments | more, **envelope}


@pytest.fixture
def step() -> Callable[..., dict[str, Any]]:
    return processing


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return until


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    return python


@pytest.fixture
def another_port() -> int:
    return free_port()
