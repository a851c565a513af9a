"""Drift in production, from live requests to the version that has learned it; nobody acts but those who approve."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from pipelines import sample_data
from pipelines.config import load

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("pipelines", "deploy", "codebuild", "seed_code", "slipway", "buildspec.yml")
# Production without the waits of its shift: they are the shift's story, not this one's.
PROD = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor: {data_quality: hourly, retrain: true}
"""
SCHEDULE = "mill-prod-data-quality"
ENDED = ("Completed", "CompletedWithViolations", "Failed", "Stopped")
NOW = {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"}


class Mill:
    """A project with version 1 in production, whose data are collected without building at each arrival."""

    def __init__(self, loopback: Any, folder: Path, wait: Callable[..., Any]) -> None:
        self.loopback, self.folder, self.wait = loopback, folder, wait
        for part in PARTS:
            copied = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copied(ROOT / part, folder / part)
        (folder / "deploy/stages/prod.yml").write_text(PROD)
        names = ("s3", "sagemaker", "sagemaker-runtime", "cloudwatch", "codepipeline", "lambda", "cloudformation")
        self.s3, self.sagemaker, self.runtime, self.cloudwatch, self.pipelines, self.functions, self.stacks = (
            loopback.client(name) for name in names
        )
        self("publish", "--roles")
        project = self("launch", "mill", "--parameter", "DataPrefix=")
        self.outputs, self.id = project["outputs"], project["id"]
        self.bucket = self.outputs["ArtifactBucketName"]
        self("ship", "churn", "--approve", "auto")

    def __call__(self, *arguments: str) -> Any:
        """The command line; its answer as JSON."""
        environ = {**os.environ, **self.loopback.environ, "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}"}
        environ |= {"SAGEMAKER_PROJECT_NAME": "mill"}
        command = [sys.executable, "-m", "slipway", *arguments, "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False, timeout=90
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def builds(self) -> list[str]:
        """How the executions of modelbuild stand, the newest first."""
        listed = self.pipelines.list_pipeline_executions(pipelineName=self.outputs["ModelBuildPipelineName"])
        return [execution["status"] for execution in listed["pipelineExecutionSummaries"]]

    def executions(self) -> list[dict[str, Any]]:
        listed = self.sagemaker.list_monitoring_executions(MonitoringScheduleName=SCHEDULE, SortOrder="Descending")
        return list(listed["MonitoringExecutionSummaries"])

    def look(self) -> dict[str, Any]:
        """Run the stage's own monitor at once instead of at the next full hour; the execution, when it has ended."""
        known = len(self.executions())
        found = self.sagemaker.describe_monitoring_schedule(MonitoringScheduleName=SCHEDULE)
        config = found["MonitoringScheduleConfig"]
        self.sagemaker.update_monitoring_schedule(
            MonitoringScheduleName=SCHEDULE, MonitoringScheduleConfig=config | {"ScheduleConfig": NOW}
        )

        def latest() -> dict[str, Any] | None:
            listed = self.executions()
            ended = len(listed) > known and listed[0]["MonitoringExecutionStatus"] in ENDED
            return listed[0] if ended else None

        execution: dict[str, Any] = self.wait(latest, 40, lambda: str(self.executions()))
        return execution

    def violations(self, execution: dict[str, Any]) -> set[tuple[str, str]]:
        hour = f"{execution['ScheduledTime'].astimezone(UTC):%Y/%m/%d/%H}"
        key = f"monitoring/prod/mill-prod/{SCHEDULE}/{hour}/constraint_violations.json"
        found = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return {(entry["feature_name"], entry["constraint_check_type"]) for entry in found["violations"]}

    def ask(self, rows: list[dict[str, Any]], at_once: int = 10) -> None:
        """Requests of a few rows each, as callers send them."""

        def send(start: int) -> None:
            body = json.dumps({"instances": rows[start : start + at_once]}).encode()
            self.runtime.invoke_endpoint(EndpointName="mill-prod", ContentType="application/json", Body=body)

        with ThreadPoolExecutor(4) as senders:
            list(senders.map(send, range(0, len(rows), at_once)))

    def versions(self) -> list[int]:
        """The newest first."""
        listed = self.sagemaker.list_model_packages(ModelPackageGroupName="mill-churn", SortOrder="Descending")
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
        found = self.cloudwatch.describe_alarms(AlarmNames=["mill-prod-monitor-violations"])["MetricAlarms"]
        return str(found[0]["StateValue"])


def customers(rows: int, seed: int, drift: float) -> list[dict[str, Any]]:
    """Requests with the names of the configuration."""
    columns = load(ROOT / "pipelines/churn/config.yml").data.columns
    batch = next(sample_data.tables("churn", rows, seed, drift)).rename_columns(list(columns))
    asked = [name for name, kind in columns.items() if kind in ("number", "category")]
    return [{name: row[name] for name in asked} for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def mill(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    from .conftest import until

    return Mill(shared, tmp_path_factory.mktemp("mill"), until)


def test_drift_becomes_one_build_and_a_version_that_knows_it(mill: Mill, tmp_path: Path) -> None:
    before, champion = mill.builds(), mill.in_production()
    labelled = tmp_path / "labelled.csv"
    sample_data.write("churn", 5000, 11, 1.0, labelled)
    mill.s3.upload_file(str(labelled), mill.bucket, "data/churn/2026-10.csv")  # what has become of drifted customers

    mill.ask(customers(3000, 12, 0.0))
    execution = mill.look()
    assert execution["MonitoringExecutionStatus"] == "Completed", mill.violations(execution)
    mill.ask(customers(12_000, 13, 1.0))
    execution = mill.look()
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    assert mill.violations(execution) >= {
        (name, "baseline_drift_check") for name in ("day_mins", "eve_mins", "night_mins", "intl_mins")
    }
    mill.wait(lambda: mill.alarm() == "ALARM", 30)
    mill.wait(lambda: len(mill.builds()) > len(before), 20)
    execution = mill.look()  # drift lasts
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    answer = mill.functions.invoke(FunctionName="mill-prod-retrain", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"started": None}
    mill.wait(lambda: mill.builds()[0] == "Succeeded", 60, lambda: str(mill.builds()))
    assert len(mill.builds()) == len(before) + 1

    newest = mill.versions()[0]
    assert newest != champion
    lineage = mill("version", str(newest))["package"]["CustomerMetadataProperties"]
    assert lineage["InputDataUrl"] == f"s3://{mill.bucket}/data/churn/"
    assert lineage["ChampionModelPackageArn"].endswith(f"/{champion}")
    mill("approve", str(newest))
    mill.wait(mill.waits_for_approval, 60)
    mill("release")
    assert mill.in_production() == newest
    execution = mill.look()  # the same requests, by the baseline of the version that has learned them
    assert execution["MonitoringExecutionStatus"] == "Completed", mill.violations(execution)
    assert len(mill.builds()) == len(before) + 1


def test_a_caller_that_breaks_the_schema_is_told_by_column_and_check(mill: Mill) -> None:
    broken = customers(500, 14, 1.0)
    for row in broken:
        row["day_mins"] = None
        row["state"] = "XX"
    mill.ask(broken)
    execution = mill.look()
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    assert mill.violations(execution) >= {("day_mins", "completeness_check"), ("state", "categorical_values_check")}


def test_monitors_that_are_switched_off_leave_a_stack_that_costs_nothing(mill: Mill) -> None:
    off = PROD.replace("hourly, retrain: true", "off")
    (mill.folder / "deploy/stages/prod.yml").write_text(off)
    mill("ship", "churn", "--approve", "auto")
    stack = f"sagemaker-mill-{mill.id}-monitor-prod"
    left = mill.stacks.describe_stack_resources(StackName=stack)["StackResources"]
    assert [resource["ResourceType"] for resource in left] == ["AWS::SSM::Parameter"]
    assert mill.sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []
    ended = mill("destroy", "mill", "--yes")["done"]
    stacks = [line.rpartition("-monitor-")[2] for line in ended if "-monitor-" in line]
    assert stacks == ["prod", "staging"]
