"""Drift in production, from live requests to the version that has learned it; nobody acts but those who approve.

Here Model Monitor and Clarify watch. Before it, on staging: a group that is treated worse, and predictions that come
from other features. Monitors of the project's own have the same story in test_new_account.py.
"""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slipway.build import sample_data

from .conftest import until
from .drifting import Mill, customers

pytestmark = pytest.mark.journey

# Production without the waits of its shift: they are the shift's story, not this one's.
PROD = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor: {engine: sagemaker, data_quality: hourly, retrain: true}
"""
STAGING = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor: {engine: sagemaker, bias: hourly, explainability: hourly, ground_truth: labels/, labels_after_hours: 1}
tests: {requests: 20, warm_up: 0}
"""
CHECKED = """
bias: {facets: {intl_plan: ["yes"]}}
explainability: {rows: 40, num_samples: 64}
monitoring: {engine: sagemaker}
"""


@pytest.fixture(scope="module")
def plant(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Mill:
    return Mill(shared, tmp_path_factory.mktemp("plant"), until, {"prod": PROD, "staging": STAGING}, CHECKED)


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
    look = plant.look()
    assert look.status == "Completed", plant.violations(look)
    plant.ask(customers(12_000, 13, 1.0))
    look = plant.look()
    assert look.status == "CompletedWithViolations", look
    assert plant.violations(look) >= {
        (name, "baseline_drift_check") for name in ("day_mins", "eve_mins", "night_mins", "intl_mins")
    }
    plant.wait(lambda: plant.alarm() == "ALARM", 30)
    plant.wait(lambda: len(plant.builds()) > len(before), 20)
    look = plant.look()  # drift lasts
    assert look.status == "CompletedWithViolations", look
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
    look = plant.look()  # the same requests, by the baseline of the version that has learned them
    assert look.status == "Completed", plant.violations(look)
    assert len(plant.builds()) == len(before) + 1


def test_a_caller_that_breaks_the_schema_is_told_by_column_and_check(plant: Mill) -> None:
    broken = customers(500, 14, 1.0)
    for row in broken:
        row["day_mins"] = None
        row["state"] = "XX"
    plant.ask(broken)
    look = plant.look()
    assert look.status == "CompletedWithViolations", look
    assert plant.violations(look) >= {("day_mins", "completeness_check"), ("state", "categorical_values_check")}


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
