"""The library as a wheel: pip installs it without an index and checks its hash; another content is another name."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from seed_code import wheel
from seed_code.seed import ROOT


@pytest.fixture(scope="module")
def made() -> wheel.Wheel:
    return wheel.build(ROOT)


def test_the_same_files_are_the_same_bytes_and_others_have_another_name(made, tmp_path) -> None:
    assert wheel.build(ROOT) == made
    for name in ("slipway/__init__.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    first = wheel.build(tmp_path)
    (tmp_path / "slipway/__pycache__").mkdir()
    (tmp_path / "slipway/__pycache__/x.pyc").write_bytes(b"x")
    assert wheel.build(tmp_path) == first
    (tmp_path / "slipway/more.py").write_text("X = 1\n")
    assert wheel.build(tmp_path).name != first.name


def test_it_is_no_larger_than_a_repository_likes(made) -> None:
    assert len(made.content) < 600_000


def test_it_has_the_library_and_nothing_else(made, tmp_path) -> None:
    (tmp_path / "x.whl").write_bytes(made.content)
    names = zipfile.ZipFile(tmp_path / "x.whl").namelist()
    assert {name.partition("/")[0] for name in names} == {"slipway", f"slipway-{made.version}.dist-info"}
    assert {"slipway/py.typed", "slipway/cli/new/test.py.txt", "slipway/tabular/serving.py"} <= set(names)


def test_pip_installs_it_without_an_index(made, tmp_path) -> None:
    """pip is the judge: metadata, RECORD and hash are its to check."""
    project, environment = tmp_path / "project", tmp_path / "environment"
    (project / made.name).parent.mkdir(parents=True)
    (project / made.name).write_bytes(made.content)
    (project / "requirements.txt").write_text(made.requirement + "\n")
    venv.create(environment)
    python = environment / "bin/python"
    install = [sys.executable, "-m", "pip", f"--python={python}", "install", "-q", "--disable-pip-version-check"]
    install += ["--no-index", "--no-deps", "-r", "requirements.txt"]
    subprocess.run(install, cwd=project, check=True)
    code = "import importlib.metadata as m, slipway.deploy; print(m.version('slipway'), slipway.deploy.__file__)"
    shown = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    version, place = shown.stdout.split()
    assert (version, Path(place).is_relative_to(environment)) == (made.version, True)
    assert {"slipway", "run-pipeline", "get-pipeline-definition"} <= {p.name for p in (environment / "bin").iterdir()}
    (project / made.name).write_bytes(made.content + b"x")
    refused = subprocess.run([*install, "--force-reinstall"], cwd=project, capture_output=True, text=True, check=False)
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_the_modules_of_a_job_are_the_same_bytes_wherever_they_are_installed(made, tmp_path) -> None:
    (tmp_path / "x.whl").write_bytes(made.content)
    zipfile.ZipFile(tmp_path / "x.whl").extractall(tmp_path / "installed")
    code = (
        "import sys; from pathlib import Path; from slipway.build import bundles;"
        "print(bundles.LIBRARY, bundles.training(Path(sys.argv[1])).digest)"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code, ROOT / "pipelines/churn"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(place)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for place in (ROOT, tmp_path / "installed")
    ]
    assert [place for place, _ in told] == [str(ROOT), str(tmp_path / "installed")]
    assert told[0][1] == told[1][1]
