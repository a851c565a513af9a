"""A pipeline of CodePipeline's with a clone that it watches: what its journeys make, push and look at."""

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

ROLE = "arn:aws:iam::000000000000:role/pipeline"
FINAL = ("Succeeded", "Failed", "Stopped", "Superseded")


def action(name: str, kind: str, configuration: dict[str, str], inputs=(), outputs=(), **more: Any) -> dict[str, Any]:
    category, provider = kind.split("/")
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": [{"name": each} for each in inputs],
        "outputArtifacts": [{"name": each} for each in outputs],
        **more,
    }


def approval(name: str = "Approve") -> dict[str, Any]:
    return action(name, "Approval/Manual", {"CustomData": "look at it"})


@dataclass
class Delivery:
    """A pipeline of its own on a loopback, and a clone that it watches."""

    loopback: Any
    clone: Path
    wait_until: Callable[..., Any]
    name: str
    connection: str

    @property
    def client(self) -> Any:
        return self.loopback.client("codepipeline")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", "-C", str(self.clone), *who, *arguments], capture_output=True, text=True, check=False, env=environ
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self, files: dict[str, str], branch: str = "main") -> str:
        for path, text in files.items():
            (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / path).write_text(text)
        self.git("add", ".")
        self.git("commit", "-m", f"change {', '.join(files)}")
        self.git("push", "origin", f"HEAD:{branch}")
        return self.git("rev-parse", "HEAD")

    def source(self, **more: str) -> dict[str, Any]:
        configuration = {
            "ConnectionArn": self.connection,
            "FullRepositoryId": f"team/{self.name}",
            "BranchName": "main",
        }
        return action(
            "Src", "Source/CodeStarSourceConnection", configuration | more, (), ("Code",), namespace="SourceVariables"
        )

    def create(self, *stages: tuple[str, list[dict[str, Any]]], **more: Any) -> None:
        declared = {
            "name": self.name,
            "roleArn": ROLE,
            "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": "bucket"},
            "stages": [
                {"name": "Source", "actions": [self.source()]},
                *({"name": name, "actions": actions} for name, actions in stages),
            ],
        }
        self.client.create_pipeline(pipeline=declared | more)

    def executions(self) -> list[dict[str, Any]]:
        return self.client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]

    def latest(self, name: str) -> dict[str, Any]:
        stages = self.client.get_pipeline_state(name=self.name)["stageStates"]
        states = [each for stage in stages for each in stage["actionStates"] if each["actionName"] == name]
        return states[0].get("latestExecution", {})

    def details(self, name: str) -> dict[str, Any]:
        found = self.client.list_action_executions(pipelineName=self.name)["actionExecutionDetails"]
        return next(each for each in found if each["actionName"] == name)

    def token(self, name: str = "Approve") -> str:
        return self.wait_until(lambda: self.latest(name).get("token"), 10)

    def approve(self, status: str = "Approved") -> None:
        self.client.put_approval_result(
            pipelineName=self.name,
            stageName=next(
                stage["stageName"]
                for stage in self.client.get_pipeline_state(name=self.name)["stageStates"]
                for each in stage["actionStates"]
                if each["actionName"] == "Approve"
            ),
            actionName="Approve",
            token=self.token(),
            result={"summary": "fine", "status": status},
        )

    def ended(self, seconds: float = 15) -> dict[str, Any]:
        """The newest execution, once it is over."""
        self.wait_until(
            lambda: self.executions()[0]["status"] in FINAL,
            seconds,
            lambda: json.dumps(self.client.get_pipeline_state(name=self.name)["stageStates"], default=str),
        )
        return self.executions()[0]


def clone(loopback: Any, folder: Path, wait_until: Callable[..., Any]) -> Delivery:
    name = f"p-{uuid.uuid4().hex[:8]}"
    made = loopback.client("codeconnections").create_connection(ConnectionName="code", ProviderType="GitHub")
    connection = made["ConnectionArn"]
    folder.mkdir()
    delivery = Delivery(loopback, folder, wait_until, name, connection)
    delivery.git("init", "--quiet", "--initial-branch=main")
    address = f"http://127.0.0.1:{loopback.port}/git-http/000000000000/us-east-1/{connection.rpartition('/')[2]}"
    delivery.git("remote", "add", "origin", f"{address}/team/{name}.git")
    return delivery


def kill_the_control_plane(loopback: Any, wait_until: Callable[..., Any]) -> None:
    pid = loopback.found["pid"]
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        try:
            return loopback.found["pid"] != pid and bool(loopback.client("sts").get_caller_identity())
        except (OSError, KeyError, ValueError, BotoCoreError, ClientError):
            return False

    wait_until(back, 20)
