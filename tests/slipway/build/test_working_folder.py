"""The conventional commands work on the project of the working folder, whatever project they were installed with."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.build import working_folder
from slipway.build.project import UsageError

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {
    "SAGEMAKER_PROJECT_NAME": "demo",
    "SAGEMAKER_PIPELINE_ROLE_ARN": "arn:aws:iam::123456789012:role/Pipelines",
    "ARTIFACT_BUCKET": "demo-bucket",
    "AWS_REGION": "us-east-1",
}
COMMAND = "import sys; from slipway.build.get_pipeline_definition import main; sys.exit(main())"


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A team's clone with settings of its own, in a folder with a space."""
    root = tmp_path_factory.mktemp("a team") / "clone"
    shutil.copytree(ROOT / "pipelines", root / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    config = root / "pipelines" / "churn" / "config.yml"
    config.write_text(re.sub(r"num_round: \d+", "num_round: 7", config.read_text()))
    (root / "notes").mkdir()
    return root


def installed(folder: Path) -> "subprocess.CompletedProcess[str]":
    """The command as it is installed with this checkout, in a folder."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "-n", "pipelines.churn.pipeline"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("below", ["", "notes", "pipelines/churn"])
def test_the_nearest_project_above(below, clone) -> None:
    assert working_folder.project_above(clone / below) == clone


def test_an_installed_command_compiles_the_clone_that_it_is_called_in(clone) -> None:
    done = installed(clone / "notes")
    assert (done.returncode, done.stderr) == (0, f"project {clone}\n")
    steps = {step["Name"]: step["Arguments"] for step in json.loads(done.stdout)["Steps"]}
    assert steps["Train"]["HyperParameters"]["num_round"] == "7"


def test_what_is_wrong_in_the_clone_is_refused(clone) -> None:
    config = clone / "pipelines" / "abalone" / "config.yml"
    config.write_text(config.read_text() + "nonsense: true\n")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        subprocess.run(
            [sys.executable, "-c", COMMAND, "-n", "pipelines.abalone.pipeline"],
            cwd=clone,
            env={"PATH": os.environ["PATH"], **ENVIRONMENT, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert refused.value.returncode == 2
    assert "unknown key 'nonsense'" in refused.value.stderr


def test_outside_of_a_project_it_is_refused(tmp_path) -> None:
    done = installed(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"there is no project in {tmp_path} or above it")
    with pytest.raises(UsageError, match="Change to a clone"):
        working_folder.require_project(tmp_path)
