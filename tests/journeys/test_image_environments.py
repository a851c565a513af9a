"""A job in an image of AWS's that is no part of this environment: made at its first use, used as it is from then on."""

import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Loopback, free_port, until
from tests.journeys.shapes import CLUSTER, ECR, ROLE

pytestmark = pytest.mark.journey


def _is_reachable(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


def test_an_image_gets_an_environment_and_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not _is_reachable("https://pypi.org/simple/boto3/"):
        pytest.skip("PyPI is out of reach, and the environment of an image comes from there")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    loopback = Loopback(tmp_path / "state", free_port())
    started = loopback.up()
    assert started.returncode == 0, started.stderr
    try:
        digits = f"{sys.version_info[0]}{sys.version_info[1]}"
        image = f"{ECR}/sagemaker-base-python-{digits}:1.0"
        first = _run(loopback, "first", image)
        [folder] = (path for path in (tmp_path / "cache/slipway/images").iterdir() if path.is_dir())
        assert folder.name.startswith(f"sagemaker-base-python-{digits}-")
        assert f"prefix {folder}" in first
        assert "pandas False" in first
        assert "making the environment" in first
        second = _run(loopback, "second", image)
        assert f"prefix {folder}" in second
        assert "making the environment" not in second
    finally:
        loopback.down()


PROGRAM = (
    "import importlib.util, sys, boto3; print('prefix', sys.prefix); "
    "print('pandas', importlib.util.find_spec('pandas') is not None)"
)


def _run(loopback: Any, name: str, image: str) -> str:
    """The log of a processing job that looks at its Python."""
    sagemaker, logs = loopback.client("sagemaker"), loopback.client("logs")
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        ProcessingResources={"ClusterConfig": CLUSTER},
        AppSpecification={"ImageUri": image, "ContainerEntrypoint": ["python3", "-c", PROGRAM]},
    )

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
        return job if job["ProcessingJobStatus"] not in ("InProgress", "Stopping") else None

    job = until(ended, 300)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    group = {"logGroupName": "/aws/sagemaker/ProcessingJobs"}
    streams = logs.describe_log_streams(**group, logStreamNamePrefix=f"{name}/")["logStreams"]
    events = [logs.get_log_events(**group, logStreamName=each["logStreamName"])["events"] for each in streams]
    return "\n".join(event["message"] for each in events for event in each)
