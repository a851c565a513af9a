"""The environment of AWS on this machine: made once, whole or not at all, and anew for other files or needs."""

import sys
from pathlib import Path

import pytest

from slipway.cli import local_python
from slipway.cli.target import UserError


class Uv:
    """uv, which fails at a command, or makes an environment with nothing in it."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.calls = fails, []

    def __call__(self, command) -> int:
        self.calls.append(command[1:])
        if command[1] == "venv":
            place = Path(command[-1])
            (place / "bin").mkdir()
            (place / "bin" / "python").touch()
            (place / "lib" / "python3" / "site-packages").mkdir(parents=True)
        return int(command[1] == self.fails)


@pytest.fixture
def packages(tmp_path) -> dict[str, Path]:
    source = tmp_path / "installed" / "loopback"
    (source / "__pycache__").mkdir(parents=True)
    (source / "app.py").write_text("X = 1\n")
    return {"loopback": source}


def test_this_python_where_it_has_what_is_needed() -> None:
    assert local_python.find() == sys.executable


def test_it_is_made_once(tmp_path, packages, capsys) -> None:
    uv = Uv()
    python = Path(local_python.prepare(tmp_path / "cache", packages, ["ministack==1"], uv))
    assert [command[0] for command in uv.calls] == ["venv", "pip"]
    assert uv.calls[1][-1] == "ministack==1"
    site = python.parents[1] / "lib" / "python3" / "site-packages"
    assert [path.name for path in (site / "loopback").iterdir()] == ["app.py"]
    assert str(python.parents[1]) in capsys.readouterr().err
    assert local_python.prepare(tmp_path / "cache", packages, ["ministack==1"], uv) == str(python)
    assert len(uv.calls) == 2
    assert capsys.readouterr().err == ""


def test_other_files_and_other_needs_have_another_one(tmp_path, packages) -> None:
    found = [local_python.prepare(tmp_path, packages, [need], Uv()) for need in ("a", "b")]
    (packages["loopback"] / "app.py").write_text("X = 2\n")
    found.append(local_python.prepare(tmp_path, packages, ["a"], Uv()))
    assert len(set(found)) == 3


@pytest.mark.parametrize("fails", ["venv", "pip"])
def test_nothing_is_left_of_one_that_cannot_be_made(fails, tmp_path, packages) -> None:
    with pytest.raises(UserError, match="uv says why above"):
        local_python.prepare(tmp_path / "cache", packages, [], Uv(fails))
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_what_local_declares() -> None:
    declared = ["boto3>=1.43", 'ministack==1 ; extra == "local"', "shap>=1; extra == 'clarify'"]
    assert local_python.requirements(declared) == ["boto3>=1.43", "ministack==1"]
