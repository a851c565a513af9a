"""A project that has been launched from a copy of the tracked files and has shipped its first version."""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slipway.cli.projects import Project, require
from slipway.cli.target import Target
from tests.journeys.conftest import ROOT, Loopback, free_port, until

NAME = "mill"
# The template's canary takes ten minutes of watching; these stories are about what it leads to.
QUICK = ("wait_seconds: 300 ", "wait_seconds: 1\n  rollback: false ")
TERMINATION = ("termination_wait_seconds: 120", "termination_wait_seconds: 0")
FINAL = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")


@dataclass(frozen=True)
class Arrived:
    """What the first ship has left: the versions that serve staging and prod, version 1's stage, the deployments."""

    serving: tuple[int, int]
    life_cycle: dict[str, str]
    deployments: list[str]


class Launched:
    """The copy, its loopback, the command line, and what AWS says of the project."""

    def __init__(self, folder: Path, loopback: Loopback) -> None:
        self.folder, self.loopback = folder, loopback
        copy_of_the_tree(folder)
        for old, new in (QUICK, TERMINATION):
            self.edit("deploy/stages/prod.yml", old, new)
        self.environ = loopback.environ | {"PYTHONPATH": str(folder), "SAGEMAKER_PROJECT_NAME": NAME}
        self.first = self.slipway("ship", "churn", "--approve", "auto")
        self.project: Project = require(Target(self.environ, local=True, project=NAME))
        self.arrived = Arrived(
            (self.serves("staging"), self.serves("prod")),
            self.package(1)["ModelLifeCycle"],
            [execution["status"] for execution in self.deployments()],
        )

    def client(self, service: str) -> Any:
        return self.loopback.client(service)

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new, 1))

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """`slipway ...`, on its way."""
        return subprocess.Popen(
            [sys.executable, "-m", "slipway", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def end(self, running: "subprocess.Popen[str]", code: int = 0) -> "Said":
        try:
            out, err = running.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            running.kill()
            out, err = running.communicate()
            pytest.fail(f"slipway has not ended within 300 s\n{out}{err}")
        assert running.returncode == code, f"exit {running.returncode}\n{out}{err}"
        assert "Traceback" not in out + err
        return Said(out, err)

    def slipway(self, *arguments: str, code: int = 0) -> "Said":
        return self.end(self.begin(*arguments), code)

    def slipway_push(self, message: str) -> None:
        """The copy's files as one commit of the project's repository, with nobody who follows it."""
        code = (
            "import sys; from slipway.cli import checkout, projects, push; from slipway.cli.target import Target; "
            "target, here = Target.find(), checkout.enter(); "
            "print(push.push(push.Push(target, projects.require(target), here, sys.argv[1])))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, message],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def versions(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = self.client("sagemaker").list_model_packages(
            ModelPackageGroupName=f"{NAME}-churn", SortBy="CreationTime", SortOrder="Descending"
        )["ModelPackageSummaryList"]
        return found

    def package(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.client("sagemaker").describe_model_package(ModelPackageName=self.arn(number))
        return found

    def arn(self, number: int) -> str:
        return next(v["ModelPackageArn"] for v in self.versions() if v["ModelPackageVersion"] == number)

    def registered(self, like: int = 1, **more: Any) -> int:
        """Another version of the same model, waiting for approval, without a build."""
        package = self.package(like)
        containers = [
            {key: value for key, value in container.items() if key in ("Image", "ModelDataUrl", "Environment")}
            for container in package["InferenceSpecification"]["Containers"]
        ]
        specification = {**package["InferenceSpecification"], "Containers": containers}
        lineage = package["CustomerMetadataProperties"]
        kept = {key: lineage[key] for key in ("GoldenRequests", "EvaluationReport", "CommitId") if key in lineage}
        request = {
            "ModelPackageGroupName": f"{NAME}-churn",
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": specification,
            **{key: package[key] for key in ("ModelMetrics", "DriftCheckBaselines") if key in package},
            "CustomerMetadataProperties": kept,
        }
        made = self.client("sagemaker").create_model_package(**{**request, **more})["ModelPackageArn"]
        return int(made.rpartition("/")[2])

    def approve(self, number: int) -> None:
        self.decide(number, "Approved")

    def decide(self, number: int, status: str) -> None:
        self.client("sagemaker").update_model_package(
            ModelPackageArn=self.arn(number), ModelApprovalStatus=status, ApprovalDescription="by the story"
        )

    def deployments(self) -> list[dict[str, Any]]:
        """The executions of modeldeploy, the newest first."""
        client = self.client("codepipeline")
        found: list[dict[str, Any]] = client.list_pipeline_executions(pipelineName=self.project.deploy)[
            "pipelineExecutionSummaries"
        ]
        return found

    def carried(self, execution: str) -> str:
        """What an execution was started with: an ARN, or in-production."""
        found = self.client("codepipeline").get_pipeline_execution(
            pipelineName=self.project.deploy, pipelineExecutionId=execution
        )["pipelineExecution"]
        return str({v["name"]: v["resolvedValue"] for v in found["variables"]}["ModelPackageArn"])

    def deployment_of(self, number: int, after: int = 0) -> str:
        """The execution that carries a version, once it has begun; `after` skips that many older ones."""
        arn = self.arn(number)

        def found() -> list[str]:
            ids = [e["pipelineExecutionId"] for e in self.deployments()]
            return [i for i in reversed(ids) if self.carried(i) == arn][after:]

        return str(until(found, 30, lambda: f"version {number}: {self.deployments()}")[0])

    def status(self, execution: str) -> str:
        return str(
            self.client("codepipeline").get_pipeline_execution(
                pipelineName=self.project.deploy, pipelineExecutionId=execution
            )["pipelineExecution"]["status"]
        )

    def actions(self, execution: str) -> dict[str, dict[str, Any]]:
        details = self.client("codepipeline").list_action_executions(
            pipelineName=self.project.deploy, filter={"pipelineExecutionId": execution}
        )["actionExecutionDetails"]
        return {detail["actionName"]: detail for detail in details}

    def at(self, execution: str, action: str, *statuses: str, seconds: float = 60) -> None:
        """Wait until an action of the execution has one of these states."""
        until(
            lambda: self.actions(execution).get(action, {}).get("status") in statuses,
            seconds,
            lambda: f"{action}: {self.status(execution)} {self.summary(execution)}",
        )

    def ended(self, execution: str, seconds: float = 60) -> str:
        until(lambda: self.status(execution) in FINAL, seconds, lambda: str(self.summary(execution)))
        return self.status(execution)

    def summary(self, execution: str) -> dict[str, str]:
        return {name: action["status"] for name, action in self.actions(execution).items()}

    def answer(self, execution: str, verdict: str = "Approved") -> None:
        """The approval for production, as soon as it is asked for."""
        self.at(execution, "ApproveProd", "InProgress")
        client = self.client("codepipeline")
        state = client.get_pipeline_state(name=self.project.deploy)
        stage = next(stage for stage in state["stageStates"] if stage["stageName"] == "ApproveProd")
        assert stage["latestExecution"]["pipelineExecutionId"] == execution
        client.put_approval_result(
            pipelineName=self.project.deploy,
            stageName="ApproveProd",
            actionName="ApproveProd",
            token=stage["actionStates"][0]["latestExecution"]["token"],
            result={"summary": "by the story", "status": verdict},
        )

    def serves(self, stage: str) -> int:
        """The version that the endpoint's model was made from: its configuration, followed to the registry."""
        sagemaker = self.client("sagemaker")
        endpoint = sagemaker.describe_endpoint(EndpointName=self.project.endpoint(stage))
        config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        container = model.get("PrimaryContainer") or model["Containers"][0]
        return int(container["ModelPackageName"].rpartition("/")[2])

    def crash(self) -> None:
        """kill -9 of the control plane; back when the supervisor has started another."""
        import os
        import signal

        gone = self.loopback.found["pid"]
        os.kill(gone, signal.SIGKILL)
        until(lambda: self.loopback.found["pid"] != gone, 30)

    @contextlib.contextmanager
    def steady_traffic(self, stage: str) -> Iterator[Counter[str]]:
        """Requests one after the other from two senders, counted by outcome."""
        counts: Counter[str] = Counter()
        stop, body = threading.Event(), self.row()

        def send() -> None:
            from botocore.config import Config
            from botocore.session import Session

            client = Session().create_client(
                "sagemaker-runtime",
                "us-east-1",
                endpoint_url=f"http://127.0.0.1:{self.loopback.port}",
                aws_access_key_id="000000000000",
                aws_secret_access_key=self.loopback.secret,
                config=Config(retries={"total_max_attempts": 1}),
            )
            while not stop.is_set():
                try:
                    client.invoke_endpoint(
                        EndpointName=self.project.endpoint(stage), ContentType="application/json", Body=body
                    )["Body"].read()
                    counts["answered"] += 1
                except Exception as fault:  # noqa: BLE001 - every way to fail counts
                    counts[str(fault)] += 1
                time.sleep(0.02)

        senders = [threading.Thread(target=send) for _ in range(2)]
        for sender in senders:
            sender.start()
        try:
            yield counts
        finally:
            stop.set()
            for sender in senders:
                sender.join()

    def row(self) -> bytes:
        """A request that the build had set aside."""
        uri = self.package(1)["CustomerMetadataProperties"]["GoldenRequests"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        key = key if key.endswith(".json") else f"{key.rstrip('/')}/golden.json"
        document = json.loads(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        return json.dumps([document["rows"][0]["instance"]]).encode()


class Said:
    """What a command printed."""

    def __init__(self, out: str, err: str) -> None:
        self.out, self.err = out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def copy_of_the_tree(folder: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


@contextlib.contextmanager
def launched(folder: Path) -> Iterator[Launched]:
    """A loopback of its own with the project on it."""
    loopback = Loopback(folder / "state", free_port())
    started = loopback.up()
    assert started.returncode == 0, started.stderr
    (folder / "checkout").mkdir()
    try:
        yield Launched(folder / "checkout", loopback)
    finally:
        loopback.down()
