"""A project in an account that came after AWS had closed Model Monitor and Clarify: its own jobs watch production.

From drift over the alarm and one build to the version that has learned it; nobody acts but those who approve.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slipway.build import sample_data

from .conftest import Loopback, free_port, until
from .drifting import SCHEDULE, Mill, customers

pytestmark = pytest.mark.journey

PROD = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor: {data_quality: hourly, retrain: true}
"""
STAGING = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor: {model_quality: hourly, bias: hourly, explainability: hourly, ground_truth: labels/, labels_after_hours: 1}
tests: {requests: 20, warm_up: 0}
"""
CHECKED = """
bias: {facets: {intl_plan: ["yes"]}}
explainability: {rows: 200}
"""
GRANTED = """
quotas: {"ml.m5.*": 8, "Number of instances across *": 20, "Maximum number of instances per endpoint": 8}
"""
QUALITY, BIAS, REASONS = (f"plant-staging-{name}" for name in ("model-quality", "bias", "attribution"))


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPBACK_ACCOUNT", "new")
        loopback = Loopback(tmp_path_factory.mktemp("new") / "state", free_port())
        loopback.state.mkdir()
        (loopback.state / "loopback.yml").write_text(GRANTED)
        started = loopback.up()
        assert started.returncode == 0, started.stderr
        yield Mill(loopback, tmp_path_factory.mktemp("plant"), until, {"prod": PROD, "staging": STAGING}, CHECKED)
        loopback.down()


def test_the_release_is_watched_without_a_closed_service(plant: Mill) -> None:
    assert plant.in_production() in plant.versions()
    assert plant.sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []
    with pytest.raises(ClientError, match="no longer open to new customers"):
        plant.sagemaker.create_monitoring_schedule(
            MonitoringScheduleName="closed", MonitoringScheduleConfig={"MonitoringJobDefinitionName": "x"}
        )
    schedule = plant.scheduler.get_schedule(Name=SCHEDULE)
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("ENABLED", "cron(15 * ? * * *)")
    state = plant("monitor", "status")
    shown = {row["schedule"]: (row["type"], row["status"], row["message"]) for row in state["monitors"]}
    assert shown == {
        SCHEDULE: ("DataQuality", "Scheduled", "no execution yet"),
        QUALITY: ("ModelQuality", "Scheduled", "no execution yet"),
        BIAS: ("ModelBias", "Scheduled", "no execution yet"),
        REASONS: ("ModelExplainability", "Scheduled", "no execution yet"),
    }


def test_no_step_of_the_build_is_a_check_of_a_closed_service(plant: Mill) -> None:
    package = plant("version", "1")["package"]
    execution = package["CustomerMetadataProperties"]["PipelineExecutionArn"]
    steps = plant.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    assert {step["StepName"] for step in steps} >= {"Baseline", "Bias", "Explain"}
    assert not [step for step in steps if {"QualityCheck", "ClarifyCheck"} & step.get("Metadata", {}).keys()]
    assert package["DriftCheckBaselines"].keys() == {"ModelDataQuality", "ModelQuality", "Bias", "Explainability"}


def test_an_hour_without_requests_is_no_verdict(plant: Mill) -> None:
    look = plant.look_by_ourselves(later=5)
    assert look.status == "NoData"
    facts = json.loads(plant.read(f"s3://{plant.bucket}/{look.folder}/execution.json"))
    assert facts["message"].startswith("NoData: plant-prod captured nothing from ")


def test_drift_becomes_one_build_and_a_version_that_knows_it(plant: Mill, tmp_path: Path) -> None:
    before, champion = plant.builds(), plant.in_production()
    labelled = tmp_path / "labelled.csv"
    sample_data.write("churn", 5000, 11, 1.0, labelled)
    plant.s3.upload_file(str(labelled), plant.bucket, "data/churn/2026-10.csv")  # what has become of drifted customers

    plant.ask(customers(3000, 12, 0.0))
    plant.wait(lambda: plant.captured("prod") >= 300, 120, lambda: f"{plant.captured('prod')} captured")
    look = plant.look_by_ourselves()
    assert look.status == "Completed", plant.violations(look)
    assert plant("drift", "prod")["violations"] == 0
    plant.ask(customers(12_000, 13, 1.0))
    plant.wait(lambda: plant.captured("prod") >= 1500, 120, lambda: f"{plant.captured('prod')} captured")
    look = plant.look_by_ourselves()
    assert look.status == "CompletedWithViolations", look
    assert plant.violations(look) >= {
        (name, "baseline_drift_check") for name in ("day_mins", "eve_mins", "night_mins", "intl_mins")
    }
    plant.wait(lambda: plant.alarm() == "ALARM", 30)
    plant.wait(lambda: len(plant.builds()) > len(before), 20)
    look = plant.look_by_ourselves()  # drift lasts, and the same hour once more
    assert look.status == "CompletedWithViolations", look
    answer = plant.functions.invoke(FunctionName="plant-prod-retrain", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"started": None}
    found = plant("drift", "prod", code=1)
    assert found["monitors"][0]["schedule"] == SCHEDULE
    assert {one["subject"] for one in found["monitors"][0]["violations"]} >= {"day_mins", "eve_mins"}
    asked = plant("monitor", "run", "prod", code=1)
    assert "/asked/" in asked["monitors"][0]["execution"]["folder"]
    plant.wait(lambda: plant.builds()[0] == "Succeeded", 60, lambda: str(plant.builds()))
    assert len(plant.builds()) == len(before) + 1

    newest = plant.versions()[0]
    assert newest != champion
    plant("approve", str(newest))
    plant.wait(plant.waits_for_approval, 60)
    plant("release")
    assert plant.in_production() == newest
    look = plant.look_by_ourselves()  # the same requests, by the baseline of the version that has learned them
    assert look.status == "Completed", plant.violations(look)
    assert len(plant.builds()) == len(before) + 1


def test_labels_that_come_late_are_joined_with_their_requests(plant: Mill) -> None:
    plain = {"EndpointName": "plant-staging", "ContentType": "text/csv"}
    labels = []
    for number, customer in enumerate(customers(120, 15, 0.0)):
        line = ",".join(str(value) for value in customer.values())
        answer = plant.runtime.invoke_endpoint(**plain, Body=line, InferenceId=f"c-{number}")
        truth = str(int(float(answer["Body"].read()) > 0.5))
        known = {"groundTruthData": {"data": truth, "encoding": "CSV"}, "eventMetadata": {"eventId": f"c-{number}"}}
        labels.append(json.dumps(known | {"eventVersion": "0"}))
    now = datetime.now(UTC)
    key = f"labels/{now:%Y/%m/%d/%H}/labels.jsonl"
    plant.s3.put_object(Bucket=plant.bucket, Key=key, Body="\n".join(labels[:110]).encode())
    plant.wait(lambda: plant.captured("staging", '"c-') >= 120, 120)
    look = plant.look_by_ourselves(QUALITY, later=1)
    assert look.status.startswith("Completed"), look
    figures = json.loads(plant.read(f"s3://{plant.bucket}/{look.folder}/statistics.json"))
    assert figures["dataset"]["item_count"] == 110
    for name in (BIAS, REASONS):
        look = plant.look_by_ourselves(name, later=int(name == BIAS))
        assert look.status.startswith("Completed"), look
        assert plant.read(f"s3://{plant.bucket}/{look.folder}/analysis.json").startswith('{"version": "1.0"')
    found = {one["type"]: one for one in plant("drift", "staging", code=None)["monitors"]}
    assert found.keys() == {"ModelQuality", "ModelBias", "ModelExplainability"}
    assert found["ModelQuality"]["labels"].startswith("merged 110 of ")
    assert found["ModelBias"]["labels"].startswith("merged 110 of ")
    assert {"DPPL", "AD"} <= {figure["name"] for figure in found["ModelBias"]["figures"]}
    assert all(figure["baseline"] is not None for figure in found["ModelExplainability"]["figures"])


def metrics(plant: Mill) -> dict[str, Any]:
    listed = plant.cloudwatch.list_metrics(Namespace="aws/sagemaker/Endpoints/data-metrics")["Metrics"]
    return {metric["MetricName"]: {d["Name"]: d["Value"] for d in metric["Dimensions"]} for metric in listed}


def test_cloudwatch_has_model_monitor_s_metrics(plant: Mill) -> None:
    found = metrics(plant)
    assert {"feature_baseline_drift_day_mins", "feature_non_null_day_mins", "feature_data_day_mins"} <= found.keys()
    assert found["feature_baseline_drift_day_mins"] == {"Endpoint": "plant-prod", "MonitoringSchedule": SCHEDULE}


def test_monitors_that_are_switched_off_leave_a_stack_that_costs_nothing(plant: Mill) -> None:
    for stage, text in (("prod", PROD), ("staging", STAGING)):
        off = text.replace("hourly, retrain: true", "off").replace("hourly", "off")
        (plant.folder / f"deploy/stages/{stage}.yml").write_text(off)
    plant("ship", "churn", "--approve", "auto")
    stack = f"sagemaker-plant-{plant.id}-monitor-prod"
    left = plant.stacks.describe_stack_resources(StackName=stack)["StackResources"]
    assert [resource["ResourceType"] for resource in left] == ["AWS::SSM::Parameter"]
    assert plant.scheduler.list_schedules(NamePrefix="plant-")["Schedules"] == []
    assert plant.sagemaker.list_pipelines(PipelineNamePrefix="plant-prod")["PipelineSummaries"] == []
    ended = plant("destroy", "plant", "--yes")["done"]
    stacks = [line.rpartition("-monitor-")[2] for line in ended if "-monitor-" in line]
    assert stacks == ["prod", "staging"]
