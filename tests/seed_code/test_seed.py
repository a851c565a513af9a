"""The zip that a project starts from."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seed_code import seed

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = """[project]
name = "slipway"
version = "1.0"
description = "-"
requires-python = ">=3.11"
dependencies = ["boto3>=1.43"]
scripts = {slipway = "slipway.__main__:main"}
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A small one."""
    names = ("pipelines/churn/config.yml", "deploy/endpoint.yml", "codebuild/build.yml", "seed_code/files/README.md")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x: 1\n")
    (tmp_path / "seed_code/files/gitignore").write_text(".venv/\n")
    (tmp_path / "buildspec.yml").write_text("version: 0.2\n")
    (tmp_path / "slipway/build").mkdir(parents=True)
    (tmp_path / "slipway/__init__.py").write_text('"""The library."""\n')
    (tmp_path / "slipway/build/steps.py").write_text("STEPS = 5\n")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


def unpacked(archive: seed.Archive) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(archive.content))


def test_the_same_files_give_the_same_bytes(checkout) -> None:
    first = seed.project(checkout)
    for path in checkout.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    assert seed.project(checkout) == first
    (checkout / "buildspec.yml").write_text("version: 0.1\n")
    assert seed.project(checkout).digest != first.digest


def test_what_is_in_it(checkout) -> None:
    (checkout / "pipelines/__pycache__").mkdir()
    (checkout / "pipelines/__pycache__/a.pyc").write_bytes(b"x")
    (checkout / "deploy/.DS_Store").write_bytes(b"x")
    found = seed.project(checkout)
    assert found.names == (
        ".gitignore",
        ".template.json",
        "README.md",
        "buildspec.yml",
        "codebuild/build.yml",
        "deploy/endpoint.yml",
        "pipelines/churn/config.yml",
        "requirements.txt",
        seed.wheel.build(checkout).name,
    )
    assert str(found).startswith("9 files, ")


def test_it_says_what_is_in_it_as_git_would(checkout, tmp_path) -> None:
    with unpacked(seed.project(checkout)) as archive:
        said = json.loads(archive.read(".template.json"))["files"]
        assert set(said) == set(archive.namelist()) - {".template.json"}
        archive.extractall(tmp_path / "unpacked")
    for name, told in said.items():
        path = tmp_path / "unpacked" / name
        made = subprocess.run(["git", "hash-object", str(path)], capture_output=True, text=True, check=True)
        assert made.stdout.strip() == told


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("deploy/.env.json", "", None),
        ("deploy/key.pem", "x", "looks like a secret"),
        ("deploy/notes.txt", "AKIA" + "A" * 16, "looks like a secret"),
        ("pipelines/churn/key.txt", "-----BEGIN RSA " + "PRIVATE KEY-----", "looks like a secret"),
        ("pipelines/churn/data.csv", "1" * 1_000_001, "has 1000001 bytes"),
    ],
)
def test_what_must_not_be_in_it(name, content, said, checkout) -> None:
    (checkout / name).write_text(content)
    if said is None:
        assert name not in seed.project(checkout).names
        return
    with pytest.raises(seed.SeedError, match=said):
        seed.project(checkout)


def test_a_link_is_not_followed(checkout) -> None:
    (checkout / "deploy/passwd").symlink_to("/etc/passwd")
    with pytest.raises(seed.SeedError, match="is a link"):
        seed.project(checkout)


def test_a_checkout_that_lacks_a_folder(checkout) -> None:
    (checkout / "codebuild/build.yml").unlink()
    (checkout / "codebuild").rmdir()
    with pytest.raises(seed.SeedError, match="whole checkout"):
        seed.project(checkout)


def test_scripts_can_be_run() -> None:
    modes = {entry.filename: entry.external_attr >> 16 for entry in unpacked(seed.checkin()).infolist()}
    assert modes == {"buildspec.yml": 0o100644, "checkin.sh": 0o100755}


def test_no_file_of_a_project_says_where_it_runs() -> None:
    with unpacked(seed.project()) as archive:
        here = re.escape(str(seed.ROOT)).encode()
        telling = [
            name for name in archive.namelist() if re.search(rb"loopback|AWS_ENDPOINT_URL|" + here, archive.read(name))
        ]
        assert len(archive.namelist()) > 20
    assert telling == []


def blocks(lock: str) -> dict[str, str]:
    """The pins of a lock by their names, each with its hashes."""
    return {block.partition("==")[0]: block for block in re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())}


def test_the_pins_are_those_that_are_tested() -> None:
    tested, pins = blocks("requirements.lock"), blocks("seed_code/files/requirements.lock")
    assert [name for name, pin in pins.items() if pin != tested.get(name)] == []
    assert {"sagemaker", "boto3", "pydantic", "pyyaml"} <= set(pins)
    assert [name for name, pin in pins.items() if "--hash=sha256:" not in pin] == []


def test_a_new_project_compiles_its_pipeline(tmp_path) -> None:
    with unpacked(seed.project()) as archive:
        archive.extractall(tmp_path)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SAGEMAKER_PROJECT_NAME": "demo",
        "SAGEMAKER_PIPELINE_ROLE_ARN": "arn:aws:iam::111122223333:role/pipeline",
        "ARTIFACT_BUCKET": "sagemaker-project-p-1",
        "AWS_REGION": "eu-west-1",
    }
    (wheel,) = tmp_path.glob("vendor/*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment["PYTHONPATH"] = str(tmp_path / "installed")
    where = "import pipelines, slipway.deploy.build; print(pipelines.__file__, slipway.deploy.build.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [
        str(tmp_path / "pipelines/__init__.py"),
        str(tmp_path / "installed/slipway/deploy/build.py"),
    ]
    command = ["-m", "slipway.build.get_pipeline_definition", "-n", "pipelines.churn.pipeline", "-f", "definition.json"]
    made = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stderr) == (0, f"project {tmp_path}\n")
    assert '"Train"' in (tmp_path / "definition.json").read_text()


def test_a_new_projects_own_tests_pass_and_decide(tmp_path) -> None:
    with unpacked(seed.project()) as archive:
        archive.extractall(tmp_path)
    (wheel,) = tmp_path.glob("vendor/*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / ".installed")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path / ".installed"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]

    def tested(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *more], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    done = tested()
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
    prod = tmp_path / "deploy/stages/prod.yml"
    prod.write_text(prod.read_text() + "nonsense: 1\n")
    (tmp_path / "pipelines/churn/features.py").write_text("def features(rows):\n    return rows.iloc[1:]\n")
    done = tested("-k", "not definition")  # compiling takes seconds, and is as it was
    assert {line.split("::")[1].split(" ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")} == {
        "test_the_endpoint_answers_what_training_has_made[churn]",
        "test_the_stages_settings_are_valid[prod.yml]",
    }


def test_what_a_team_reads_is_small() -> None:
    with unpacked(seed.project()) as archive:
        lines = sum(archive.read(name).count(b"\n") for name in archive.namelist() if name.endswith(".py"))
    assert lines <= 450
