"""Options on the training: spare capacity that is taken away, a run's own hyperparameter, a rejected version."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.testing.local_aws import LocalAws

pytestmark = pytest.mark.journey
ROOT = Path(__file__).parents[2]
CONFIG = {
    "  training: {type: ml.m5.xlarge, count: 1, volume_gb: 30}": "  training: {spot: true}\nparameters: [eta]",
    "  num_round: 800": "  num_round: 3000",
    "  early_stopping_rounds: 30": "  early_stopping_rounds: 0",
    "gates:": "gates:\n  register_rejected: true",
}


def test_a_training_goes_on_and_what_misses_the_gates_is_kept(sagemaker_local: LocalAws, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "pipelines/churn/config.yml"
    text = path.read_text()
    for old, new in CONFIG.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    sagemaker_local.take_spot_instances(after=2.5)
    run = [sys.executable, "-m", "slipway.build.run_pipeline", "--module-name", "pipelines.churn.pipeline"]
    given = ["--parameters", "Eta=0.05", "--parameters", "MinAuc=0.99999"]
    environment = {**os.environ, "SAGEMAKER_PROJECT_NAME": "spare", "ARTIFACT_BUCKET": sagemaker_local.bucket}
    environment["SAGEMAKER_PIPELINE_ROLE_ARN"] = sagemaker_local.role
    done = subprocess.run(
        [*run, *given, "--sample-data", "--wait"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
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
