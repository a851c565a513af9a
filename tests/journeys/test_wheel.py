"""The built wheel in an environment and a folder of its own: somebody else's pipeline runs there, with their boto3."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.journeys.conftest import ROOT, free_port

pytestmark = pytest.mark.journey

MOST_BYTES = 300_000_000  # of the control plane's environment, with what Python has compiled
UV = Path(sys.executable).with_name("uv")
SOMEBODY = """
import json, os, time, boto3
role, sagemaker = os.environ["SAGEMAKER_PIPELINE_ROLE_ARN"], boto3.client("sagemaker")
image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
step = {"Name": "Count", "Type": "Processing", "Arguments": {
    "RoleArn": role,
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["python3", "-c", "import xgboost, pandas, mlflow"]},
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


def run(*command: str | Path, where: Path, code: int = 0, **more: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_", "PYTHON"))}
    ended = subprocess.run(
        [str(part) for part in command], cwd=where, env=kept | more, capture_output=True, text=True, check=False
    )
    assert ended.returncode == code, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


LOCK = ROOT / "requirements.lock"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of what is committed."""
    folder = tmp_path_factory.mktemp("wheel")
    run("git", "clone", "-q", ROOT, folder / "source", where=folder)
    run(UV, "build", "-q", "--wheel", "--out-dir", folder, folder / "source", where=folder)
    (made,) = folder.glob("*.whl")
    return made


def installed(folder: Path, lock: Path, *needs: str) -> Path:
    """The Python of a new environment with these needs, at the versions of a lock."""
    run(UV, "venv", "-q", "--python", sys.executable, folder / "environment", where=folder)
    python = folder / "environment" / "bin" / "python"
    run(UV, "pip", "install", "-q", "--python", python, "--constraints", lock, *needs, where=folder)
    return python


def test_an_empty_folder_runs_a_pipeline_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    runs_a_pipeline(installed(tmp_path, LOCK, f"{wheel}[local]"), tmp_path / "empty")


def test_beside_another_boto3_the_local_aws_has_environments_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """ministack needs one botocore, and this environment has an older one; the second start is without a network.

    The control plane's environment is small; the packages of jobs are in another one.
    """
    pins = LOCK.read_text()
    (pinned,) = re.findall(r"^boto3==(\S+)", pins, re.MULTILINE)
    lock = tmp_path / "lock"
    lock.write_text(
        re.sub(r"^(boto3|botocore|s3transfer|aiobotocore)==[^\n]*(\n    [^\n]*)*\n", "", pins, flags=re.MULTILINE)
    )
    python = installed(tmp_path, lock, str(wheel), f"boto3<{pinned}")
    assert run(python, "-c", "import boto3; print(boto3.__version__)", where=tmp_path).strip() != pinned
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "UV_CONSTRAINT": str(LOCK)}
    uv_cache = run(UV, "cache", "dir", where=tmp_path).strip()
    runs_a_pipeline(python, tmp_path / "empty", UV_CACHE_DIR=uv_cache, **cache)
    made = sorted((tmp_path / "cache/slipway/local").glob("*/.ready"))
    assert [path.parent.name.partition("-")[0] for path in made] == ["code", "control", "jobs"]
    files = [path for path in made[1].parent.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    up = ("local", "up", "--detach", "--port", str(free_port()))
    run(python.with_name("slipway"), *up, where=tmp_path, UV_CACHE_DIR="/dev/null", UV_OFFLINE="1", **cache)
    run(python.with_name("slipway"), "local", "down", where=tmp_path)


OWN = {
    "SAGEMAKER_PROJECT_NAME": "mill",
    "SAGEMAKER_PIPELINE_ROLE_ARN": "arn:aws:iam::111122223333:role/mill",
    "ARTIFACT_BUCKET": "mill",
    "AWS_REGION": "eu-west-1",
}
FIRST_FILES = """
import sys, boto3
s3 = boto3.client("s3")
(bucket,) = [found["Name"] for found in s3.list_buckets()["Buckets"] if "project-mill" in found["Name"]]
s3.download_file(bucket, "source/project.zip", sys.argv[1])
"""


def git(folder: Path, *words: str) -> str:
    return run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words, where=folder)


def changed(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the next version: other settings, a file more, one less, and another library."""
    folder = tmp_path_factory.mktemp("newer")
    source = folder / "source"
    run("git", "clone", "-q", ROOT, source, where=folder)
    for name, old, new in (
        ("pyproject.toml", 'version = "', 'version = "99.'),
        ("pipelines/churn/config.yml", "num_round: ", "num_round: 9"),
        ("deploy/stages/staging.yml", "\n", "\n# of the next version\n"),
        ("slipway/__init__.py", '"""', '"""The next version. '),
    ):
        (source / name).write_text(changed((source / name).read_text(), old, new))
    (source / "codebuild" / "more.yml").write_text("version: 0.2\n")
    (source / "pipelines" / "abalone" / "prepare.py").unlink()
    run(UV, "build", "-q", "--wheel", "--out-dir", folder, source, where=folder)
    (made,) = folder.glob("*.whl")
    return made


def test_a_project_from_a_wheel_goes_on_with_the_next_wheel(wheel: Path, newer: Path, tmp_path: Path) -> None:
    """No checkout of the template anywhere: published, launched, given a pipeline, and brought to another version."""
    python = installed(tmp_path, LOCK, f"{wheel}[local]")
    slipway, folder = python.with_name("slipway"), tmp_path / "empty"
    folder.mkdir()
    run(slipway, "local", "up", "--detach", "--port", str(free_port()), where=folder)
    try:
        assert "as it is installed" in run(slipway, "publish", "--roles", where=folder)
        run(slipway, "launch", "mill", "--source", "s3", "--parameter", "DataPrefix=", where=folder)
        run(slipway, "local", "exec", python, "-c", FIRST_FILES, tmp_path / "project.zip", where=folder)
    finally:
        run(slipway, "local", "down", where=folder)
    clone = tmp_path / "clone"
    with zipfile.ZipFile(tmp_path / "project.zip") as archive:
        archive.extractall(clone)
    git(clone, "init", "-q", "-b", "main")
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "seed")
    (clone / "rows.csv").write_text(
        "a,b,left\n" + "".join(f"{i},{i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(300))
    )
    (clone / "rows.csv").rename(tmp_path / "rows.csv")
    run(slipway, "new", "rows", "--data", tmp_path / "rows.csv", "--label", "left", where=clone)
    config = clone / "pipelines" / "churn" / "config.yml"
    ours = changed(config.read_text(), "num_round: ", "num_round: 7")
    config.write_text(ours)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "ours")

    told = run(slipway, "upgrade", "--to", newer, where=clone, code=1)
    assert re.search(r"^library (\S+) -> 99\.\1?", told, re.MULTILINE), told
    assert "yours, left as it is: pipelines/churn/config.yml" in told
    assert config.read_text() == ours
    assert "# of the next version" in (clone / "deploy/stages/staging.yml").read_text()
    assert (clone / "codebuild/more.yml").is_file()
    assert not (clone / "pipelines/abalone/prepare.py").exists()
    assert (clone / "pipelines/rows/config.yml").is_file()
    (library,) = (clone / "vendor").glob("*.whl")
    assert library.name.startswith("slipway-99.")
    with zipfile.ZipFile(library) as archive:  # it is the project's own wheel, and has no template and no loopback
        assert {name.partition("/")[0] for name in archive.namelist()} == {
            "slipway",
            f"{library.name.split('-py3')[0]}.dist-info",
        }
        assert [name for name in archive.namelist() if name.startswith("slipway/template/")] == []
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "the next version")
    again = run(slipway, "upgrade", "--to", newer, where=clone, code=0)
    assert "nothing to change" in again
    run(UV, "pip", "install", "-q", "--python", python, "--no-deps", "-r", "requirements.txt", where=clone)
    told = run(
        python, "-m", "slipway.build.get_pipeline_definition", "-n", "pipelines.churn.pipeline", where=clone, **OWN
    )
    assert '"num_round": "7' in told


def runs_a_pipeline(python: Path, folder: Path, **more: str) -> None:
    folder.mkdir()
    slipway = python.with_name("slipway")
    run(slipway, "local", "up", "--detach", "--port", str(free_port()), where=folder, **more)
    try:
        lines = run(slipway, "local", "env", where=folder).splitlines()
        variables = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
        clean = {name: value.strip("'\"") for name, value in variables.items()}
        assert run(python, "-c", SOMEBODY, where=folder, **clean).strip() == "Succeeded"
    finally:
        run(slipway, "local", "down", where=folder)
    assert sorted(path.name for path in folder.iterdir()) == [".slipway"]
