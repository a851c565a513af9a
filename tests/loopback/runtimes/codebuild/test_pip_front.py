"""When pip has nothing to do, and when only pip can tell."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from loopback.runtimes.codebuild.pip_front import files_of, installed, nothing_to_do, pins, satisfied


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ("install -r a.txt", ["a.txt"]),
        ("install -q -r a.txt --requirement b.txt", ["a.txt", "b.txt"]),
        ("install -r a.txt x", None),
        ("install --upgrade -r a.txt", None),
        ("install -r", None),
        ("install .", None),
        ("install", None),
        ("list", None),
        ("", None),
    ],
)
def test_what_is_asked_for(arguments: str, files: list[str] | None) -> None:
    assert files_of(arguments.split()) == files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# note\nA_b==1.0  # why\n\nc==2+local\n", {"a-b": "1.0", "c": "2+local"}),
        ("a>=1", None),
        ("a==1; python_version > '3'", None),
        ("a[x]==1", None),
        ("a==1 --hash=sha256:0", None),
        ("-e .", None),
        ("--index-url x\na==1", None),
        ("a==1.*", None),
    ],
)
def test_pins(text: str, expected: dict[str, str] | None) -> None:
    assert pins(text) == expected


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ({"one": "1"}, True),
        ({"one": "2"}, False),
        ({"nope": "1"}, False),
        ({"needs-one": "1"}, True),
        ({"needs-two": "1"}, False),
        ({"needs-newer": "1"}, False),
        ({"needs-extra": "1"}, False),
        ({"only-elsewhere": "1"}, True),
    ],
)
def test_satisfied(tmp_path: Path, wanted: dict[str, str], there: bool) -> None:
    needs = {
        "one": "",
        "needs_one": "one>=1",
        "needs_two": "two",
        "needs_newer": "one>1",
        "needs_extra": "one[more]",
        "only_elsewhere": "two; sys_platform == 'nowhere'",
    }
    for name, need in needs.items():
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        requires = f"Requires-Dist: {need}\n" if need else ""
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{requires}")
    assert satisfied(wanted, installed([str(tmp_path)])) is there


def test_the_whole_way(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text(f"packaging=={version('packaging')}\n")
    [line] = nothing_to_do(["install", "-r", str(lock)]) or []
    assert line.startswith(f"Requirement already satisfied: packaging=={version('packaging')} in ")
    assert line.rpartition(" in ")[2] in sys.path
    lock.write_text("packaging==0.0.1\n")
    assert nothing_to_do(["install", "-r", str(lock)]) is None
    assert nothing_to_do(["install", "-r", str(tmp_path / "nope")]) is None
