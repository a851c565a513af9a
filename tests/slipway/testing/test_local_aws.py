"""The environment of a test: pointed at the AWS of its own, and afterwards what it was."""

import os
from pathlib import Path

import boto3
import pytest
from botocore.session import Session

from slipway.testing.local_aws import environment, own_sts

ROOT = Path(__file__).parents[3]


def use_and_fail() -> None:
    """What a test may do that fails."""
    with environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}):
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
        assert boto3.DEFAULT_SESSION is None
        os.environ["LEFT"] = "by the test"
        raise ZeroDivisionError


def test_the_environment_and_the_default_session_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = boto3.Session(region_name="eu-west-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", mine)
    monkeypatch.setenv("AWS_PROFILE", "of-mine")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(ZeroDivisionError):
        use_and_fail()
    assert os.environ["AWS_PROFILE"] == "of-mine"
    assert {"AWS_ENDPOINT_URL", "LEFT"}.isdisjoint(os.environ)
    assert boto3.DEFAULT_SESSION is mine


def test_the_sdk_s_sts_is_this_one_s(tmp_path: Path) -> None:
    """The file that a state folder has for Python programs is what the fixture takes its change from."""
    folder = tmp_path / "python"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text((ROOT / "loopback/core/sts_address.py").read_text())
    create_client = Session.create_client
    with own_sts(tmp_path):
        assert Session.create_client is not create_client
    assert Session.create_client is create_client
