"""The environment of a test: pointed at the AWS of its own, and afterwards what it was."""

import os

import boto3
import pytest

from slipway.testing.local_aws import environment


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
