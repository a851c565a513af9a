"""Options on the training: spare capacity that is taken away, a run's own hyperparameter, a rejected version."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.testing.local_aws import LocalAws

Ended = subprocess.CompletedProcess[str]
pytestmark = pytest.mark.journey
ROOT = Path(__file__).parents[2]
CONFIG = {
    "  training: {type: ml.m5.xlarge, count: 1, volume_gb: 30}": "  training: {spot: true}\nparameters: [eta]",
    "  num_round: 800": "  num_round: 3000",
    "  early_stopping_rounds: 30": "  early_stopping_rounds: 0",
    "gates:": "gates:\n  register_rejected: true",
}


def run_churn(
    aws: LocalAws, folder: Path, edits: dict[str, str], **parameters: str
) -> "subprocess.CompletedProcess[str]":
    """Run the churn pipeline, its config.yml edited, on made-up rows as the project `spare`."""
    shutil.copytree(ROOT / "pipelines", folder / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "pipelines/churn/config.yml"
    text = path.read_text()
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    command = [sys.executable, "-m", "slipway.build.run_pipeline", "--module-name", "pipelines.churn.pipeline"]
    for name, value in parameters.items():
        command += ["--parameters", f"{name}={value}"]
    environment = {
        **os.environ,
        "SAGEMAKER_PROJECT_NAME": "spare",
        "ARTIFACT_BUCKET": aws.bucket,
        "SAGEMAKER_PIPELINE_ROLE_ARN": aws.role,
    }
    return subprocess.run(
        [*command, "--sample-data", "--wait"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def say(*arguments: str) -> str:
    """What a verb of the command line says."""
    command = [sys.executable, "-m", "slipway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "search",
    [
        "{jobs: 4, ranges: {eta: {from: 0.05, to: 0.3}, max_depth: {values: [1, 6]}}}",
        "{strategy: Grid, ranges: {eta: {values: [0.05, 0.3]}, max_depth: {values: [1, 6]}}}",
    ],
)
def test_the_best_model_of_a_search_is_registered(sagemaker_local: LocalAws, tmp_path: Path, search: str) -> None:
    search = f"tuning: {search}\n"
    edits = {"  num_round: 800": "  num_round: 60", "decision:": f"{search}decision:", "auc: 0.95": "auc: 0.8"}
    done = run_churn(sagemaker_local, tmp_path, edits)
    assert done.returncode == 0, done.stdout
    sagemaker = sagemaker_local.client("sagemaker")
    (tuning,) = sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    name = {"HyperParameterTuningJobName": tuning["HyperParameterTuningJobName"]}
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**name)["TrainingJobSummaries"]
    values = {job["TrainingJobName"]: job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for job in jobs}
    assert len(values) == 4
    (version,) = sagemaker.list_model_packages(ModelPackageGroupName="spare-churn")["ModelPackageSummaryList"]
    package = sagemaker.describe_model_package(ModelPackageName=version["ModelPackageArn"])
    best = package["CustomerMetadataProperties"]["TrainingJobName"]
    assert values[best] == min(values.values())
    (container,) = package["InferenceSpecification"]["Containers"]
    trained = sagemaker.describe_training_job(TrainingJobName=best)
    assert container["ModelDataUrl"] == trained["ModelArtifacts"]["S3ModelArtifacts"]
    assert "validation-logloss:" in say("logs", "Tune", "--pipeline", "spare-churn")
    page = say("version", "1", "--pipeline", "spare-churn", "--json")
    found = json.loads(page[page.index("{") :])["lineage"]
    assert found["eta (tuned)"] == trained["HyperParameters"]["eta"]


def test_a_training_goes_on_and_what_misses_the_gates_is_kept(sagemaker_local: LocalAws, tmp_path: Path) -> None:
    sagemaker_local.take_spot_instances(after=2.5)
    done = run_churn(sagemaker_local, tmp_path, CONFIG, Eta="0.05", MinAuc="0.99999")
    assert done.returncode == 1, done.stdout
    assert "MinAuc 0.99999" in done.stdout, done.stdout
    sagemaker = sagemaker_local.client("sagemaker")
    (job,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    trained = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
    assert (trained["TrainingJobStatus"], trained["EnableManagedSpotTraining"]) == ("Completed", True)
    assert trained["HyperParameters"]["eta"] == "0.05"
    passed = [each["Status"] for each in trained["SecondaryStatusTransitions"]]
    assert passed.count("Interrupted") == 1
    assert passed.count("Training") == 2
    logs, group = sagemaker_local.client("logs"), "/aws/sagemaker/TrainingJobs"
    told = [each["message"] for each in logs.filter_log_events(logGroupName=group)["events"]]
    assert any("going on after" in line for line in told)
    rounds = [int(line[1 : line.index("]")]) for line in told if line.startswith("[")]
    assert max(rounds) == 2999, "no round is left out"
    (version,) = sagemaker.list_model_packages(ModelPackageGroupName="spare-churn")["ModelPackageSummaryList"]
    kept = sagemaker.describe_model_package(ModelPackageName=version["ModelPackageArn"])
    assert kept["ModelApprovalStatus"] == "Rejected"
    assert kept["ModelPackageDescription"].startswith("Missed the gates in arn:aws:sagemaker:")
    assert kept["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].endswith("evaluation.json")
