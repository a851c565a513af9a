"""The SDK's STS clients: where they go, and when they are left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loopback.core.settings import Settings

HERE = "http://127.0.0.1:1"
AWS = "https://sts.us-east-1.amazonaws.com"
PROGRAM = """
import sys, boto3
service, endpoint = sys.argv[1:3]
print(boto3.Session(region_name="us-east-1").client(service, endpoint_url=endpoint or None).meta.endpoint_url)
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    settings = Settings(tmp_path)
    settings.prepare_clients()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "sitecustomize.py").write_text("print('mine')")
    path = os.pathsep.join([str(settings.python_path), str(mine)])
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return clean | {"PYTHONPATH": path, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


@pytest.mark.parametrize(
    ("service", "given", "variables", "expected"),
    [
        ("sts", AWS, {"AWS_ENDPOINT_URL": HERE}, HERE),  # as the SDK's `sts_regional_endpoint` gives it
        ("sts", "https://sts.cn-north-1.amazonaws.com.cn", {"AWS_ENDPOINT_URL": HERE}, HERE),
        ("sts", AWS, {"AWS_ENDPOINT_URL": HERE, "AWS_ENDPOINT_URL_STS": f"{HERE}2"}, f"{HERE}2"),
        ("sts", AWS, {}, AWS),
        ("sts", "http://127.0.0.1:2", {"AWS_ENDPOINT_URL": HERE}, "http://127.0.0.1:2"),
        ("s3", "https://s3.us-east-1.amazonaws.com", {"AWS_ENDPOINT_URL": HERE}, "https://s3.us-east-1.amazonaws.com"),
    ],
)
def test_a_client_with_the_address_of_awss_sts_asks_this_one(
    environ: dict[str, str], service: str, given: str, variables: dict[str, str], expected: str
) -> None:
    arguments = [sys.executable, "-c", PROGRAM, service, given]
    done = subprocess.run(arguments, env=environ | variables, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["mine", expected], done.stderr
