"""Deliveries in this thread: what is put into the inbox is done when asked for, and clients are objects of the test."""

import io
import zipfile
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loopback.runtimes.git.bare import BareRepositories
from loopback.services import registry
from loopback.services.codepipeline import handlers  # noqa: F401 - registers the operations
from loopback.services.codepipeline.driver import PipelineDriver
from loopback.services.codepipeline.watch import SourceWatch

ROLE = "arn:aws:iam::000000000000:role/pipeline"


class Now(Executor):
    """Does at once what it is given."""

    def submit(self, function, /, *arguments, **named):
        done: Future[Any] = Future()
        done.set_result(function(*arguments, **named))
        return done


class S3:
    """As much of S3's client as sources and artifacts need."""

    class meta:  # noqa: N801
        endpoint_url = "http://here"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.kinds: dict[str, str] = {}

    def put_object(self, **put):
        body = put["Body"]
        self.objects[put["Bucket"], put["Key"]] = body if isinstance(body, bytes) else body.read()
        self.kinds[put["Key"]] = put.get("ContentType", "")

    def download_file(self, bucket, key, path):
        Path(path).write_bytes(self.objects[bucket, key])

    def get_object(self, **get):
        body = self.objects[get["Bucket"], get["Key"]]
        return {"ContentLength": len(body), "Body": io.BytesIO(body)}


def zipped(**files: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as made:
        for name, text in files.items():
            made.writestr(name.replace("__", "."), text)
    return body.getvalue()


class World:
    """A loopback's part that delivers."""

    def __init__(self, context: registry.Context, base: Any, tmp_path: Path, clock: Any) -> None:
        self.bare = BareRepositories(tmp_path / "state")
        self.base, self.clock = base, clock
        self.context = replace(context, on_change=self.on_change, repositories=self.bare)
        self.s3 = base.clients["s3", ROLE] = S3()
        self.driver = PipelineDriver(self.context, Now(), clock)
        self.watch = SourceWatch(self.context)
        made = self.ask("CreateConnection", service="codeconnections", ConnectionName="c", ProviderType="GitHub")
        self.connection = made["ConnectionArn"]
        (tmp_path / "state").mkdir(exist_ok=True)

    def on_change(self, kind: str, name: str) -> None:
        self.driver.on_change(kind, name)
        self.watch.on_change(kind, name)

    def ask(self, operation: str, service: str = "codepipeline", **request: Any) -> dict[str, Any]:
        return registry.call(service, operation, request, self.context)

    def settle(self) -> None:
        while not self.driver._inbox.empty():
            message = self.driver._inbox.get()
            assert message is not None
            message()

    def wait(self, seconds: float) -> None:
        """Let time go by, and what is due by then be done."""
        self.clock.now += seconds
        while self.driver._timers and self.driver._timers[0][0] <= self.clock.now:
            self.driver._next()()
            self.settle()
        self.settle()

    def again(self) -> None:
        """Another process takes over after a kill."""
        self.driver = PipelineDriver(self.context, Now(), self.clock)
        self.watch = SourceWatch(self.context)
        self.driver.recover()
        self.watch.recover()
        self.settle()

    def create(self, *stages: Any, **more: Any) -> None:
        """A pipeline `p` with a source and these stages."""
        declared = {
            "name": "p",
            "roleArn": ROLE,
            "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": [{"name": "Source", "actions": [self.source()]}, *stages],
        }
        self.ask("CreatePipeline", pipeline=declared | more)
        self.settle()

    def source(self) -> dict[str, Any]:
        where = {"ConnectionArn": self.connection, "FullRepositoryId": "team/app", "BranchName": "main"}
        return action("Src", "Source/CodeStarSourceConnection", where, (), ("Code",), namespace="Src")

    def push(self, branch: str = "main", **files: str) -> str:
        from loopback.core.repositories import Note

        self.bare.ensure("team/app")
        parent = self.bare.refs("team/app").get(f"refs/heads/{branch}", "")
        contents = {name.replace("__", "."): text.encode() for name, text in files.items()}
        commit = self.bare.write("team/app", branch, contents, Note("a change", "Ann", "a@b", parent))
        self.watch.compare("team/app")
        self.settle()
        return commit

    def statuses(self) -> list[str]:
        """Of the executions, oldest first."""
        found = self.ask("ListPipelineExecutions", pipelineName="p")["pipelineExecutionSummaries"]
        return [each["status"] for each in reversed(found)]

    def executions(self) -> list[str]:
        """Their ids, oldest first."""
        found = self.ask("ListPipelineExecutions", pipelineName="p")["pipelineExecutionSummaries"]
        return [each["pipelineExecutionId"] for each in reversed(found)]

    def latest(self, name: str) -> dict[str, Any]:
        """The latest execution of an action."""
        stages = self.ask("GetPipelineState", name="p")["stageStates"]
        found = next(each for stage in stages for each in stage["actionStates"] if each["actionName"] == name)
        return found.get("latestExecution", {})

    def answer(self, name: str = "Ask", status: str = "Approved", token: str = "", stage: str = "Two") -> None:
        token = token or self.latest(name)["token"]
        result = {"summary": "said", "status": status}
        self.ask("PutApprovalResult", pipelineName="p", stageName=stage, actionName=name, token=token, result=result)
        self.settle()


def action(name: str, kind: str, configuration=None, inputs=(), outputs=(), **more: Any) -> dict[str, Any]:
    category, provider = kind.split("/")
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration or {},
        "inputArtifacts": [{"name": each} for each in inputs],
        "outputArtifacts": [{"name": each} for each in outputs],
        **more,
    }


@pytest.fixture
def world(context: registry.Context, base: Any, tmp_path: Path, clock: Any) -> World:
    return World(context, base, tmp_path, clock)


@pytest.fixture
def act() -> Any:
    return action


@pytest.fixture
def stage() -> Any:
    """`stage("Two", action, ...)`."""
    return lambda name, *actions, **more: {"name": name, "actions": list(actions), **more}


@pytest.fixture
def ask_two(stage: Any) -> Any:
    """A stage `Two` with the approval `Ask`."""
    return stage("Two", action("Ask", "Approval/Manual"))
