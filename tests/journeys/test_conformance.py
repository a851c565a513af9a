"""`slipway conformance` against the AWS of this machine: its answers are the assumed ones, and it leaves nothing."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway.cli.conformance.probes import PROBES
from tests.journeys.conftest import ROOT, Loopback, python, until

pytestmark = pytest.mark.journey
SLIPWAY = ("-m", "slipway", "conformance", "--yes", "--json")


def everything(loopback: Loopback) -> dict[str, Any]:
    """The names of all that the questions make, apart from keys, which KMS keeps for seven days, and a job's record."""
    sagemaker, iam = loopback.client("sagemaker"), loopback.client("iam")
    return {
        "roles": [role["RoleName"] for role in iam.list_roles()["Roles"]],
        "buckets": [bucket["Name"] for bucket in loopback.client("s3").list_buckets()["Buckets"]],
        "stacks": [
            stack["StackName"]
            for stack in loopback.client("cloudformation").describe_stacks()["Stacks"]
            if stack["StackName"].startswith("slipway-conformance")
        ],
        "repositories": loopback.client("codecommit").list_repositories()["repositories"],
        "pipelines": sagemaker.list_pipelines()["PipelineSummaries"],
        "models": sagemaker.list_models()["Models"],
        "configurations": sagemaker.list_endpoint_configs()["EndpointConfigs"],
        "components": [
            component
            for component in sagemaker.list_trial_components()["TrialComponentSummaries"]
            if component["TrialComponentName"].startswith("slipway-conformance")
        ],
        "definitions": sagemaker.list_data_quality_job_definitions()["JobDefinitionSummaries"],
    }


def test_every_question_is_answered_and_nothing_is_left(loopback: Loopback, tmp_path: Path) -> None:
    published = python("-m", "slipway", "publish", "--roles", env=loopback.environ)
    assert published.returncode == 0, published.stderr
    before = everything(loopback)
    asked = python(*SLIPWAY, env=loopback.environ, cwd=tmp_path)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    told = json.loads(asked.stdout)
    verdicts = {row["name"]: row["verdict"] for row in told["answers"]}
    assert verdicts == {probe.name: "as assumed" if probe.assumed else "recorded" for probe in PROBES}
    assert everything(loopback) == before
    page = (tmp_path / told["report"]).read_text()
    assert all(probe.question in page for probe in PROBES)
    assert "000000000000" not in page
    assert str(ROOT) not in page


def _listen_to_ctrl_c() -> None:
    """A shell lets what it starts in the background ignore it, the tests and so their children, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_nothing(shared: Loopback, tmp_path: Path) -> None:
    before = everything(shared)
    began = [sys.executable, *SLIPWAY, "--only", "start-time-of-an-execution"]
    running = subprocess.Popen(
        began,
        cwd=tmp_path,
        env=shared.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_listen_to_ctrl_c,  # noqa: PLW1509 - it starts no thread and takes no lock
    )
    journals = tmp_path / ".slipway/conformance"  # it notes what it makes before it makes that: most is to come
    until(lambda: [*journals.glob("*.json")], 30)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert everything(shared) == before
    assert list(journals.glob("*.json")) == [], said
