"""The built wheel in an environment and a folder of its own: `slipway[local]` runs somebody else's pipeline there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import ROOT, free_port

pytestmark = pytest.mark.journey

UV = Path(sys.executable).with_name("uv")
SOMEBODY = """
import json, os, time, boto3
role, sagemaker = os.environ["SAGEMAKER_PIPELINE_ROLE_ARN"], boto3.client("sagemaker")
image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
step = {"Name": "Count", "Type": "Processing", "Arguments": {
    "RoleArn": role,
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["python3", "-c", "import xgboost, pandas"]},
}}
sagemaker.create_pipeline(PipelineName="theirs", ClientRequestToken="t" * 32, RoleArn=role,
    PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [step]}))
arn = sagemaker.start_pipeline_execution(PipelineName="theirs", ClientRequestToken="s" * 32)["PipelineExecutionArn"]
for _ in range(600):
    status = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
    if status not in ("Executing",):
        break
    time.sleep(0.1)
print(status)
"""


def run(*command: str | Path, where: Path, **more: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_", "PYTHON"))}
    ended = subprocess.run(
        [str(part) for part in command], cwd=where, env=kept | more, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Path]:
    """The Python of an environment that has the wheel with its extra, at the versions of the lock."""
    source, environment = tmp_path / "source", tmp_path / "environment"
    run("git", "clone", "-q", ROOT, source, where=tmp_path)
    run(UV, "build", "-q", "--wheel", "--out-dir", tmp_path, source, where=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    run(UV, "venv", "-q", "--python", sys.executable, environment, where=tmp_path)
    python = environment / "bin" / "python"
    pins = ("--constraints", str(ROOT / "requirements.lock"))
    run(UV, "pip", "install", "-q", "--python", python, *pins, f"{wheel}[local]", where=tmp_path)
    return python


def test_an_empty_folder_runs_a_pipeline_from_the_wheel(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    slipway = python.with_name("slipway")
    run(slipway, "local", "up", "--detach", "--port", str(free_port()), where=folder)
    try:
        lines = run(slipway, "local", "env", where=folder).splitlines()
        variables = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
        clean = {name: value.strip("'\"") for name, value in variables.items()}
        assert run(python, "-c", SOMEBODY, where=folder, **clean).strip() == "Succeeded"
    finally:
        run(slipway, "local", "down", where=folder)
    assert sorted(path.name for path in folder.iterdir()) == [".slipway"]
