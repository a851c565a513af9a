"""A project whose production is asked by customers that drift, and what its monitors make of it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from slipway.build import sample_data
from slipway.build.config import load

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("pipelines", "deploy", "codebuild", "seed_code", "slipway", "buildspec.yml", "pyproject.toml")
SCHEDULE = "plant-prod-data-quality"
ENDED = ("Completed", "CompletedWithViolations", "Failed", "Stopped")
NOW = {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"}


@dataclass(frozen=True)
class Look:
    """How a monitor's execution ended, and where its documents are in the artifact bucket."""

    status: str
    folder: str


class Mill:
    """A project with version 1 in production, whose data are collected without building at each arrival."""

    pipeline = "churn"

    def __init__(
        self, loopback: Any, folder: Path, wait: Callable[..., Any], stages: Mapping[str, str], config: str = ""
    ) -> None:
        self.loopback, self.folder, self.wait = loopback, folder, wait
        for part in PARTS:
            copied = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copied(ROOT / part, folder / part)
        for stage, text in stages.items():
            (folder / f"deploy/stages/{stage}.yml").write_text(text)
        self.write_pipeline(config)
        names = ("s3", "sagemaker", "sagemaker-runtime", "cloudwatch", "codepipeline", "lambda", "cloudformation")
        self.s3, self.sagemaker, self.runtime, self.cloudwatch, self.pipelines, self.functions, self.stacks = (
            loopback.client(name) for name in names
        )
        self.scheduler = loopback.client("scheduler")
        self("publish", "--roles")
        project = self("launch", "plant", "--pipeline", self.pipeline, "--parameter", "DataPrefix=")
        self.outputs, self.id = project["outputs"], project["id"]
        self.bucket = self.outputs["ArtifactBucketName"]
        self.bring_data()
        self("ship", self.pipeline, "--approve", "auto")

    def write_pipeline(self, config: str) -> None:
        """Add to the pipeline's config.yml."""
        configured = self.folder / "pipelines/churn/config.yml"
        configured.write_text(configured.read_text() + config)

    def bring_data(self) -> None:
        """Put what is trained on into the bucket; without any it is made up."""

    def __call__(self, *arguments: str, code: int | None = 0) -> Any:
        """The command line; its answer as JSON. `code` None: whether it found violations does not matter."""
        environ = {**os.environ, **self.loopback.environ, "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}"}
        environ |= {"SAGEMAKER_PROJECT_NAME": "plant"}
        command = [sys.executable, "-m", "slipway", *arguments, "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode in ((0, 1) if code is None else (code,)), done.stdout + done.stderr
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def builds(self) -> list[str]:
        """How the executions of modelbuild stand, the newest first."""
        listed = self.pipelines.list_pipeline_executions(pipelineName=self.outputs["ModelBuildPipelineName"])
        return [execution["status"] for execution in listed["pipelineExecutionSummaries"]]

    def executions(self, schedule: str = SCHEDULE) -> list[dict[str, Any]]:
        listed = self.sagemaker.list_monitoring_executions(MonitoringScheduleName=schedule, SortOrder="Descending")
        return list(listed["MonitoringExecutionSummaries"])

    def look(self, *schedules: str) -> Look:
        """Run a stage's own monitors at once instead of at the next full hour; the last one's execution at its end."""
        schedules = schedules or (SCHEDULE,)
        known = {schedule: len(self.executions(schedule)) for schedule in schedules}
        for schedule in schedules:
            found = self.sagemaker.describe_monitoring_schedule(MonitoringScheduleName=schedule)
            config = found["MonitoringScheduleConfig"] | {"ScheduleConfig": NOW}
            self.sagemaker.update_monitoring_schedule(MonitoringScheduleName=schedule, MonitoringScheduleConfig=config)

        def latest(schedule: str) -> dict[str, Any] | None:
            listed = self.executions(schedule)
            ended = len(listed) > known[schedule] and listed[0]["MonitoringExecutionStatus"] in ENDED
            return listed[0] if ended else None

        for schedule in schedules:
            execution: dict[str, Any] = self.wait(
                partial(latest, schedule), 60, partial(str, self.executions(schedule))
            )
        hour = f"{execution['ScheduledTime'].astimezone(UTC):%Y/%m/%d/%H}"
        stage = schedules[-1].split("-")[1]
        folder = f"monitoring/{stage}/plant-{stage}/{schedules[-1]}/{hour}"
        return Look(execution["MonitoringExecutionStatus"], folder)

    def look_by_ourselves(self, name: str = SCHEDULE, later: int = 0) -> Look:
        """Have the schedule of a monitor of our own begin now, as if it were so many hours later; its end.

        It looks at two hours, so that an hour that ends meanwhile leaves no request out.
        """
        known = len(self.own_executions(name))
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1 + later)
        values = {"Until": f"{hour:%Y-%m-%dT%H:%M:%SZ}", "Hours": "2"}
        found = self.scheduler.get_schedule(Name=name)
        kept = {key: found[key] for key in ("Name", "FlexibleTimeWindow", "Description")}
        parameters = {"PipelineParameterList": [{"Name": key, "Value": value} for key, value in values.items()]}
        target = found["Target"] | {"SageMakerPipelineParameters": parameters}
        self.scheduler.update_schedule(**kept, Target=target, ScheduleExpression="at(2024-05-01T08:00:00)")

        def ended() -> dict[str, Any] | None:
            listed = self.own_executions(name)
            done = len(listed) > known and listed[0]["PipelineExecutionStatus"] in ("Succeeded", "Failed", "Stopped")
            return listed[0] if done else None

        execution = self.wait(ended, 90, lambda: str(self.own_executions(name)))
        steps = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution["PipelineExecutionArn"])
        job = steps["PipelineExecutionSteps"][0]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
        message = self.sagemaker.describe_processing_job(ProcessingJobName=job).get("ExitMessage", str(steps))
        stage = name.split("-")[1]
        return Look(message.partition(":")[0], f"monitoring/{stage}/plant-{stage}/{name}/{hour:%Y/%m/%d/%H}")

    def own_executions(self, name: str) -> list[dict[str, Any]]:
        listed = self.sagemaker.list_pipeline_executions(
            PipelineName=name, SortBy="CreationTime", SortOrder="Descending"
        )
        return list(listed["PipelineExecutionSummaries"])

    def read(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return str(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())

    def violations(self, look: Look) -> set[tuple[str, str]]:
        found = json.loads(self.read(f"s3://{self.bucket}/{look.folder}/constraint_violations.json"))
        return {(entry["feature_name"], entry["constraint_check_type"]) for entry in found["violations"]}

    def ask(self, rows: list[dict[str, Any]], at_once: int = 10) -> None:
        """Requests of a few rows each, as callers send them."""

        def send(start: int) -> None:
            body = json.dumps({"instances": rows[start : start + at_once]}).encode()
            self.runtime.invoke_endpoint(EndpointName="plant-prod", ContentType="application/json", Body=body)

        with ThreadPoolExecutor(4) as senders:
            list(senders.map(send, range(0, len(rows), at_once)))

    def captured(self, stage: str, about: str = "") -> int:
        """How many requests to a stage have arrived in the bucket, some seconds after their answers.

        `about` is a text that their records have.
        """
        prefix = f"datacapture-{stage}/plant-{stage}/"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return sum(about in line for key in keys for line in self.read(f"s3://{self.bucket}/{key}").splitlines())

    def versions(self) -> list[int]:
        """The newest first."""
        listed = self.sagemaker.list_model_packages(ModelPackageGroupName="plant-churn", SortOrder="Descending")
        return [package["ModelPackageVersion"] for package in listed["ModelPackageSummaryList"]]

    def in_production(self) -> int:
        return next(int(stage["version"]) for stage in self("stages") if stage["stage"] == "prod")

    def waits_for_approval(self) -> bool:
        name = self.outputs["ModelDeployPipelineName"]
        states = self.pipelines.get_pipeline_state(name=name)["stageStates"]
        return any(
            state["stageName"] == "ApproveProd" and state.get("latestExecution", {}).get("status") == "InProgress"
            for state in states
        )

    def alarm(self) -> str:
        found = self.cloudwatch.describe_alarms(AlarmNames=["plant-prod-monitor-violations"])["MetricAlarms"]
        return str(found[0]["StateValue"])


def customers(rows: int, seed: int, drift: float) -> list[dict[str, Any]]:
    """Requests with the names of the configuration."""
    columns = load(ROOT / "pipelines/churn/config.yml").data.columns
    batch = next(sample_data.tables("churn", rows, seed, drift)).rename_columns(list(columns))
    asked = [name for name, kind in columns.items() if kind in ("number", "category")]
    return [{name: row[name] for name in asked} for row in batch.to_pylist()]
