"""Somebody's repository under `slipway local exec`: a boto3 script of its own, in a subfolder, twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import ROOT, XGBOOST

pytestmark = pytest.mark.journey

SCRIPT = f"""
import json, os, sys
import boto3

role = os.environ["SAGEMAKER_PIPELINE_ROLE_ARN"]
step = {{
    "Name": "Hello",
    "Type": "Processing",
    "Arguments": {{
        "AppSpecification": {{"ImageUri": "{XGBOOST}", "ContainerEntrypoint": ["python3", "-c", sys.argv[1]]}},
        "ProcessingResources": {{
            "ClusterConfig": {{"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}
        }},
        "RoleArn": role,
    }},
}}
definition = json.dumps({{"Version": "2020-12-01", "Parameters": [], "Steps": [step]}})
client, name = boto3.client("sagemaker"), sys.argv[2]
client.create_pipeline(PipelineName=name, PipelineDefinition=definition, RoleArn=role)
client.start_pipeline_execution(PipelineName=name)
client.create_model_package_group(ModelPackageGroupName=name)
raise SystemExit(int(sys.argv[3]))
"""


def slipway(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line of a user who has no AWS."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SAGEMAKER_"))}
    return subprocess.run(
        [sys.executable, "-m", "slipway", *arguments],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_repository_that_knows_nothing_of_it(tmp_path: Path, another_port: int) -> None:
    theirs = tmp_path / "their repository"
    below = theirs / "ml"
    below.mkdir(parents=True)
    (below / "run.py").write_text(SCRIPT)
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=theirs, check=True)
    start = ("local", "exec", "--port", str(another_port))

    def run(folder: Path, *options: str, code: str, name: str, exit_code: int) -> subprocess.CompletedProcess[str]:
        script = os.path.relpath(below / "run.py", folder)
        return slipway(folder, *start, *options, "--", sys.executable, script, code, name, str(exit_code))

    try:
        good = run(theirs, code="print('hello')", name="good", exit_code=0)
        assert good.returncode == 0, good.stderr
        assert "pipeline execution   good   Succeeded" in good.stdout
        assert "ml.m5.large for processing job usage" in good.stdout
        assert good.stdout.endswith("ended with exit code 0; 1 started or changed, none failed\n")

        told = run(below, "--json", code="raise SystemExit('no column age')", name="bad", exit_code=3)
        assert told.returncode == 3, told.stderr  # the command's own, though what it started failed by itself
        (failed,) = json.loads(told.stdout)["activities"]
        (warned,) = json.loads(told.stdout)["warnings"]
        assert (warned["kind"], warned["subject"]) == ("quota", "ml.m5.large for processing job usage")
        assert (failed["name"], failed["status"]) == ("bad", "Failed")
        assert failed["reason"] == "Hello: AlgorithmError: no column age, exit code: 1"
        assert "no column age" in slipway(below, *failed["look"].split()[1:]).stdout

        assert not _status(theirs)
    finally:
        down = slipway(below, "local", "down")
    assert down.returncode == 0, down.stderr


def _status(repository: Path) -> str:
    """What git sees that was not there."""
    command = ["git", "status", "--short"]
    found = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    return "\n".join(line for line in found.stdout.splitlines() if not line.startswith("A "))
