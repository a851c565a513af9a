"""Drift in production, from live requests to the version that has learned it; nobody acts but those who approve.

Before it, on staging: a group that is treated worse, and predictions that come from other features.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slipway.build import sample_data
from slipway.build.config import load

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("pipelines", "deploy", "codebuild", "seed_code", "slipway", "buildspec.yml", "pyproject.toml")
# Production without the waits of its shift: they are the shift's story, not this one's.
PROD = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor: {data_quality: hourly, retrain: true}
"""
STAGING = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor: {bias: hourly, explainability: hourly, ground_truth: labels/, labels_after_hours: 1}
tests: {requests: 20, warm_up: 0}
"""
CHECKED = """
bias: {facets: {intl_plan: ["yes"]}}
explainability: {rows: 40, num_samples: 64}
"""
SCHEDULE = "plant-prod-data-quality"
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
        (folder / "deploy/stages/staging.yml").write_text(STAGING)
        config = folder / "pipelines/churn/config.yml"
        config.write_text(config.read_text() + CHECKED)
        names = ("s3", "sagemaker", "sagemaker-runtime", "cloudwatch", "codepipeline", "lambda", "cloudformation")
        self.s3, self.sagemaker, self.runtime, self.cloudwatch, self.pipelines, self.functions, self.stacks = (
            loopback.client(name) for name in names
        )
        self("publish", "--roles")
        project = self("launch", "plant", "--parameter", "DataPrefix=")
        self.outputs, self.id = project["outputs"], project["id"]
        self.bucket = self.outputs["ArtifactBucketName"]
        self("ship", "churn", "--approve", "auto")

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        """The command line; its answer as JSON."""
        environ = {**os.environ, **self.loopback.environ, "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}"}
        environ |= {"SAGEMAKER_PROJECT_NAME": "plant"}
        command = [sys.executable, "-m", "slipway", *arguments, "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def builds(self) -> list[str]:
        """How the executions of modelbuild stand, the newest first."""
        listed = self.pipelines.list_pipeline_executions(pipelineName=self.outputs["ModelBuildPipelineName"])
        return [execution["status"] for execution in listed["pipelineExecutionSummaries"]]

    def executions(self, schedule: str = SCHEDULE) -> list[dict[str, Any]]:
        listed = self.sagemaker.list_monitoring_executions(MonitoringScheduleName=schedule, SortOrder="Descending")
        return list(listed["MonitoringExecutionSummaries"])

    def look(self, *schedules: str) -> dict[str, Any]:
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
        return execution

    def read(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return str(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())

    def violations(self, execution: dict[str, Any]) -> set[tuple[str, str]]:
        hour = f"{execution['ScheduledTime'].astimezone(UTC):%Y/%m/%d/%H}"
        key = f"monitoring/prod/plant-prod/{SCHEDULE}/{hour}/constraint_violations.json"
        found = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return {(entry["feature_name"], entry["constraint_check_type"]) for entry in found["violations"]}

    def ask(self, rows: list[dict[str, Any]], at_once: int = 10) -> None:
        """Requests of a few rows each, as callers send them."""

        def send(start: int) -> None:
            body = json.dumps({"instances": rows[start : start + at_once]}).encode()
            self.runtime.invoke_endpoint(EndpointName="plant-prod", ContentType="application/json", Body=body)

        with ThreadPoolExecutor(4) as senders:
            list(senders.map(send, range(0, len(rows), at_once)))

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


@pytest.fixture(scope="module")
def plant(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    from .conftest import until

    return Mill(shared, tmp_path_factory.mktemp("plant"), until)


def unlike(plant: Mill) -> dict[str, str]:
    """Values of the features that count most, with which they count nothing: those that SHAP compares with."""
    package = plant("version", "1")["package"]
    uri = package["DriftCheckBaselines"]["Explainability"]["Constraints"]["S3Uri"]
    counted = json.loads(plant.read(uri))["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    (row,) = csv.reader(plant.read(f"{uri.rpartition('/')[0]}/explanations_shap/baseline.csv").splitlines())
    usual = dict(zip(counted, row, strict=True))
    return {name: usual[name] for name in sorted(counted, key=counted.__getitem__)[-4:] if name != "intl_plan"}


def test_a_group_that_is_treated_worse_and_other_reasons_are_found(plant: Mill) -> None:
    """On staging, whose file names the monitors; the truth about the group is the opposite of each answer."""
    same, labels = unlike(plant), []
    asked = customers(500, 15, 0.0)
    lines = [",".join(str(value) for value in (customer | same).values()) for customer in asked]
    plain = {"EndpointName": "plant-staging", "ContentType": "text/csv"}
    plant.runtime.invoke_endpoint(**plain, Body="\n".join(lines[120:]))  # nobody will know what became of these
    for number, customer in enumerate(asked[:120]):
        answer = plant.runtime.invoke_endpoint(**plain, Body=lines[number], InferenceId=f"c-{number}")
        leaves = float(answer["Body"].read()) > 0.5
        truth = str(int(leaves != (customer["intl_plan"] == "yes")))
        known = {"groundTruthData": {"data": truth, "encoding": "CSV"}, "eventMetadata": {"eventId": f"c-{number}"}}
        labels.append(json.dumps(known | {"eventVersion": "0"}))
    key = f"labels/{datetime.now(UTC):%Y/%m/%d/%H}/labels.jsonl"
    plant.s3.put_object(Bucket=plant.bucket, Key=key, Body="\n".join(labels[:110]).encode())
    plant.look("plant-staging-bias", "plant-staging-attribution")
    found = {monitor["type"]: monitor for monitor in plant("drift", "staging", code=1)["monitors"]}
    bias, reasons = found["ModelBias"], found["ModelExplainability"]
    assert {one["check"] for one in bias["violations"]} == {"bias_drift_check"}, bias
    assert "AD of intl_plan = yes" in {one["subject"] for one in bias["violations"]}
    assert bias["labels"].startswith("merged 110 of "), bias["labels"]
    assert bias["labels"].endswith(" have none (yet).")
    assert [one["subject"] for one in reasons["violations"]] == ["attributions of label0"], reasons
    assert plant.sagemaker.list_endpoints(NameContains="sm-clarify")["Endpoints"] == []


def test_drift_becomes_one_build_and_a_version_that_knows_it(plant: Mill, tmp_path: Path) -> None:
    before, champion = plant.builds(), plant.in_production()
    labelled = tmp_path / "labelled.csv"
    sample_data.write("churn", 5000, 11, 1.0, labelled)
    plant.s3.upload_file(str(labelled), plant.bucket, "data/churn/2026-10.csv")  # what has become of drifted customers

    plant.ask(customers(3000, 12, 0.0))
    execution = plant.look()
    assert execution["MonitoringExecutionStatus"] == "Completed", plant.violations(execution)
    plant.ask(customers(12_000, 13, 1.0))
    execution = plant.look()
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    assert plant.violations(execution) >= {
        (name, "baseline_drift_check") for name in ("day_mins", "eve_mins", "night_mins", "intl_mins")
    }
    plant.wait(lambda: plant.alarm() == "ALARM", 30)
    plant.wait(lambda: len(plant.builds()) > len(before), 20)
    execution = plant.look()  # drift lasts
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    answer = plant.functions.invoke(FunctionName="plant-prod-retrain", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"started": None}
    plant.wait(lambda: plant.builds()[0] == "Succeeded", 60, lambda: str(plant.builds()))
    assert len(plant.builds()) == len(before) + 1

    newest = plant.versions()[0]
    assert newest != champion
    lineage = plant("version", str(newest))["package"]["CustomerMetadataProperties"]
    assert lineage["InputDataUrl"] == f"s3://{plant.bucket}/data/churn/"
    assert lineage["ChampionModelPackageArn"].endswith(f"/{champion}")
    plant("approve", str(newest))
    plant.wait(plant.waits_for_approval, 60)
    plant("release")
    assert plant.in_production() == newest
    execution = plant.look()  # the same requests, by the baseline of the version that has learned them
    assert execution["MonitoringExecutionStatus"] == "Completed", plant.violations(execution)
    assert len(plant.builds()) == len(before) + 1


def test_a_caller_that_breaks_the_schema_is_told_by_column_and_check(plant: Mill) -> None:
    broken = customers(500, 14, 1.0)
    for row in broken:
        row["day_mins"] = None
        row["state"] = "XX"
    plant.ask(broken)
    execution = plant.look()
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    assert plant.violations(execution) >= {("day_mins", "completeness_check"), ("state", "categorical_values_check")}


def test_monitors_that_are_switched_off_leave_a_stack_that_costs_nothing(plant: Mill) -> None:
    for stage, text in (("prod", PROD), ("staging", STAGING)):
        off = text.replace("hourly, retrain: true", "off").replace("hourly", "off")
        (plant.folder / f"deploy/stages/{stage}.yml").write_text(off)
    plant("ship", "churn", "--approve", "auto")
    stack = f"sagemaker-plant-{plant.id}-monitor-prod"
    left = plant.stacks.describe_stack_resources(StackName=stack)["StackResources"]
    assert [resource["ResourceType"] for resource in left] == ["AWS::SSM::Parameter"]
    assert plant.sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []
    ended = plant("destroy", "plant", "--yes")["done"]
    stacks = [line.rpartition("-monitor-")[2] for line in ended if "-monitor-" in line]
    assert stacks == ["prod", "staging"]
