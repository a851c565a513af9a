"""The Pythons of AWS on this machine: each made once, whole or not at all, and anew for other files or needs."""

import os
import sys
from pathlib import Path

import pytest

from slipway.cli import local_python
from slipway.cli.local_python import CONTROL, JOBS
from slipway.cli.target import UserError

DECLARED = [
    "boto3>=1.43",
    'slipway[local-control,local-jobs]; extra == "local"',
    'ministack==1 ; extra == "local-control"',
    "pandas==2; extra == 'local-jobs'",
    "shap>=1; extra == 'clarify'",
]


class Uv:
    """uv, which fails at a command, or makes an environment with nothing in it."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.calls = fails, []

    def __call__(self, command) -> int:
        self.calls.append(command[1:])
        if command[1] == "venv":
            (Path(command[-1]) / "bin").mkdir()
            (Path(command[-1]) / "bin" / "python").touch()
        return int(command[1] == self.fails)


@pytest.fixture
def packages(tmp_path) -> dict[str, Path]:
    source = tmp_path / "installed" / "loopback"
    (source / "__pycache__").mkdir(parents=True)
    (source / "app.py").write_text("X = 1\n")
    return {"loopback": source}


@pytest.fixture
def uv(monkeypatch, tmp_path) -> Uv:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", "theirs")
    monkeypatch.delenv(local_python.JOB_PYTHON, raising=False)
    monkeypatch.setattr(local_python.metadata, "requires", lambda _name: DECLARED)
    found = Uv()
    monkeypatch.setattr(local_python, "_execute", found)
    return found


def test_this_python_where_it_has_what_is_needed() -> None:
    assert local_python.find() == local_python.Pythons(sys.executable)


@pytest.mark.parametrize(
    ("lacks", "control", "jobs"),
    [({"ministack"}, "made", "own"), ({"pandas"}, "own", "made"), ({"uvloop"}, "made", "made")],
)
def test_a_python_is_made_for_what_is_lacking(lacks, control, jobs, uv, tmp_path) -> None:
    found = local_python.find(lambda name: name not in lacks)
    folder = tmp_path / "slipway" / "local"
    for purpose, python, wanted in (
        ("control", found.control, control),
        ("jobs", found.variables["LOOPBACK_JOB_PYTHON"], jobs),
    ):
        assert python == sys.executable if wanted == "own" else python.startswith(f"{folder}/{purpose}-")
    code, theirs = found.variables["PYTHONPATH"].split(os.pathsep)
    assert sorted(os.listdir(code)) == [".ready", "loopback", "slipway"]
    assert theirs == "theirs"


def test_the_python_of_jobs_may_be_chosen(uv, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("LOOPBACK_JOB_PYTHON", "/opt/theirs/bin/python")
    found = local_python.find(lambda _name: False)
    assert found.variables["LOOPBACK_JOB_PYTHON"] == "/opt/theirs/bin/python"
    assert [command[-1] for command in uv.calls if command[0] == "pip"] == ["ministack==1"]


def test_it_is_made_once(tmp_path, capsys) -> None:
    uv = Uv()
    python = Path(local_python.prepare(tmp_path / "cache", CONTROL, ["ministack==1"], uv))
    assert [command[0] for command in uv.calls] == ["venv", "pip"]
    assert uv.calls[1][-1] == "ministack==1"
    assert f"the control plane, once: {python.parents[1]}" in capsys.readouterr().err
    assert local_python.prepare(tmp_path / "cache", CONTROL, ["ministack==1"], uv) == str(python)
    assert len(uv.calls) == 2
    assert capsys.readouterr().err == ""


def test_programs_get_pip(tmp_path) -> None:
    for purpose, seeded in ((CONTROL, False), (JOBS, True)):
        local_python.prepare(tmp_path, purpose, [], uv := Uv())
        assert ("--seed" in uv.calls[0]) is seeded


def test_other_needs_have_another_environment_and_other_files_another_copy(tmp_path, packages) -> None:
    pythons = [local_python.prepare(tmp_path, CONTROL, [need], Uv()) for need in ("a", "b", "a")]
    assert len(set(pythons)) == 2
    first = local_python.copy_code(tmp_path, packages)
    assert local_python.copy_code(tmp_path, packages) == first
    assert [path.name for path in (first / "loopback").iterdir()] == ["app.py"]
    (packages["loopback"] / "app.py").write_text("X = 2\n")
    assert local_python.copy_code(tmp_path, packages) != first


def test_one_whose_python_has_gone_is_made_again(tmp_path) -> None:
    python = Path(local_python.prepare(tmp_path, JOBS, [], Uv()))
    python.unlink()
    assert local_python.prepare(tmp_path, JOBS, [], Uv()) == str(python)
    assert python.exists()


@pytest.mark.parametrize("fails", ["venv", "pip"])
def test_nothing_is_left_of_one_that_cannot_be_made(fails, tmp_path) -> None:
    with pytest.raises(UserError, match="uv says why above"):
        local_python.prepare(tmp_path / "cache", JOBS, [], Uv(fails))
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("purpose", "needs"), [(CONTROL, ["ministack==1"]), (JOBS, ["boto3>=1.43", "pandas==2"])], ids=["control", "jobs"]
)
def test_what_each_is_made_of(purpose, needs) -> None:
    assert local_python.requirements(DECLARED, purpose) == needs
