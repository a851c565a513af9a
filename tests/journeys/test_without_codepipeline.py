"""docs/delivery.md: from training to production with nothing but the page's commands, as a CI of one's own does."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from slipway.testing.local_aws import LocalAws

pytestmark = pytest.mark.journey
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/delivery.md").read_text()


def commands() -> list[str]:
    """The page's shell block."""
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [re.sub(r"\s+# .*$", "", line) for line in block.splitlines() if line.strip() and not line.startswith("#")]


def test_the_commands_of_the_page_take_a_version_to_production(sagemaker_local: LocalAws, tmp_path: Path) -> None:
    for folder in ("pipelines", "deploy"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    stage = tmp_path / "deploy/stages/prod.yml"
    stage.write_text(stage.read_text().partition("monitor:")[0])
    environment = {
        **os.environ,
        "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        "SAGEMAKER_PROJECT_NAME": "plant",
        "SAGEMAKER_PROJECT_ID": "p-plant",
        "ARTIFACT_BUCKET": sagemaker_local.bucket,
        "SAGEMAKER_PIPELINE_ROLE_ARN": sagemaker_local.role,
        "MODEL_EXECUTION_ROLE_ARN": sagemaker_local.role,
        "SOURCE_MODEL_PACKAGE_GROUP_NAME": "plant-churn",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-x", "-c", "\n".join(commands())],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    sagemaker = sagemaker_local.client("sagemaker")
    for stage in ("staging", "prod"):
        assert sagemaker.describe_endpoint(EndpointName=f"plant-{stage}")["EndpointStatus"] == "InService"
    golden = json.loads((tmp_path / "staging-tests/results.json").read_text())
    assert {check["status"] for check in golden["checks"]} <= {"passed", "skipped"}
    (version,) = sagemaker.list_model_packages(ModelPackageGroupName="plant-churn")["ModelPackageSummaryList"]
    package = sagemaker.describe_model_package(ModelPackageName=version["ModelPackageArn"])
    assert package["ModelLifeCycle"]["Stage"] == "Production"
