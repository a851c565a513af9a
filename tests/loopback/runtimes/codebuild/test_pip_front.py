"""When pip has nothing to do, and when only pip can tell."""

import hashlib
import py_compile
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from loopback.runtimes.codebuild import pip_front
from loopback.runtimes.codebuild.pip_front import files_of, installed_packages, is_satisfied, nothing_to_do, pins


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
        (
            f"a==1 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\nb==2 --hash=sha256:{'0' * 64}",
            {"a": "1", "b": "2"},
        ),
        (f"a==1 --hash=sha256:{'0' * 64}\nb==2\n", None),
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
    assert is_satisfied(wanted, installed_packages([str(tmp_path)])) is there


def test_the_whole_way(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text(f"packaging=={version('packaging')}\n")
    [line] = nothing_to_do(["install", "-r", str(lock)]) or []
    assert line.startswith(f"Requirement already satisfied: packaging=={version('packaging')} in ")
    assert line.rpartition(" in ")[2] in sys.path
    lock.write_text("packaging==0.0.1\n")
    assert nothing_to_do(["install", "-r", str(lock)]) is None
    assert nothing_to_do(["install", "-r", str(tmp_path / "nope")]) is None


INFO = "tool-1.2+ab.dist-info"
PARTS = {
    "tool/__init__.py": "def main():\n    print('hello')\n",
    "tool/data.txt": "x",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.2+ab\nRequires-Python: >=3.11\n",
    f"{INFO}/entry_points.txt": "[console_scripts]\nhello = tool:main\n",
    f"{INFO}/RECORD": "",
}
ALONE = ["install", "--quiet", "--no-index", "--no-deps", "-r", "requirements.txt"]


def requirement(folder: Path, parts: dict[str, str], sha256: str = "") -> None:
    """Write a wheel, and the requirement that names it."""
    path = folder / "tool-1.2+ab-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "requirements.txt").write_text(f"# why\n./{path.name} --hash=sha256:{digest}\n")


def tree(folder: Path) -> dict[str, bytes]:
    """What an environment has of the package, without what is compiled and the lists of it."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if "tool" in name and not name.endswith((".pyc", "/RECORD"))
    }


def python_of(folder: Path) -> list[str]:
    """A new environment's Python, which sees the packages that are installed here, as that of a build does."""
    venv.create(folder, symlinks=True, with_pip=False)
    [packages] = folder.glob("lib/*/site-packages")
    (packages / "_machine.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    return [str(folder / "bin/python")]


def test_a_wheel_is_installed_as_pip_does_it(tmp_path: Path) -> None:
    requirement(tmp_path, PARTS)
    by_pip, by_front = python_of(tmp_path / "pip"), python_of(tmp_path / "front")
    subprocess.run([*by_pip, "-m", "pip", *ALONE], cwd=tmp_path, check=True)
    program = str(Path(pip_front.__file__))
    subprocess.run([*by_front, program, *ALONE], cwd=tmp_path, check=True, env={"PATH": ""})
    assert tree(tmp_path / "front") == tree(tmp_path / "pip")
    told = subprocess.run([tmp_path / "front/bin/hello"], capture_output=True, text=True, check=True).stdout
    assert told == subprocess.run([tmp_path / "pip/bin/hello"], capture_output=True, text=True, check=True).stdout
    checked = [*by_front, "-m", "pip", "uninstall", "--yes", "--quiet", "tool"]  # by what RECORD lists
    subprocess.run(checked, check=True)
    assert tree(tmp_path / "front") == {}


def test_a_module_that_is_installed_compiled_is_not_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirement(tmp_path, {**PARTS, "tool/other.py": "X = 1\n", "tool/new.py": "X = 2\n"})
    installed, packages = tmp_path / "installed", tmp_path / "packages"
    (installed / "tool").mkdir(parents=True)
    (installed / "tool/__init__.py").write_text(PARTS["tool/__init__.py"])
    (installed / "tool/other.py").write_text("X = 3\n")
    for name in ("__init__", "other"):
        py_compile.compile(str(installed / f"tool/{name}.py"))
    monkeypatch.setattr(pip_front, "OURS", installed)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    wheel = pip_front.wheel_in(ALONE, packages, {})
    assert wheel is not None
    assert pip_front.unpack(wheel, packages, tmp_path / "bin")
    [link] = (packages / "tool/__pycache__").iterdir()
    assert link.resolve().parent == installed / "tool/__pycache__"
    said = [sys.executable, "-v", "-c", "import tool; from tool import new, other; print(other.X, new.X)"]
    told = subprocess.run(said, cwd=packages, capture_output=True, text=True, check=True)
    assert f"code object from '{link}'" in told.stderr  # Python finds it to be of this file
    assert told.stdout == "1 2\n"


@pytest.mark.parametrize(
    ("parts", "sha256"),
    [
        (PARTS, "0" * 64),
        ({**PARTS, f"{INFO}/WHEEL": "Root-Is-Purelib: false\n"}, ""),
        ({**PARTS, f"{INFO}/METADATA": "Requires-Python: >=3.99\n"}, ""),
        ({**PARTS, "tool-1.2+ab.data/scripts/x": ""}, ""),
        ({**PARTS, "../outside.py": ""}, ""),
        ({**PARTS, "/outside.py": ""}, ""),
    ],
)
def test_what_only_pip_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, str], sha256: str
) -> None:
    requirement(tmp_path, parts, sha256)
    monkeypatch.chdir(tmp_path)
    wheel = pip_front.wheel_in(ALONE, tmp_path / "packages", {})
    assert wheel is None or not pip_front.unpack(wheel, tmp_path / "packages", tmp_path / "bin")
    assert not (tmp_path / "packages").exists()


def test_an_earlier_version_is_for_pip_to_take_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirement(tmp_path, PARTS)
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "packages"
    assert pip_front.wheel_in(ALONE, own, {"tool": own / "tool-1.0.dist-info"}) is None
    assert pip_front.wheel_in(ALONE, own, {"tool": tmp_path / "elsewhere" / INFO}) is None
    assert pip_front.wheel_in(ALONE, own, {"tool": tmp_path / "elsewhere/tool-1.0.dist-info"}) is not None
    assert pip_front.wheel_in([*ALONE, "more"], own, {}) is None
    assert pip_front.wheel_in(["install", "-r", "requirements.txt"], own, {}) is None
