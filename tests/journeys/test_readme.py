"""The README's commands, run as written, in a copy of the tree; and the two variables of `make run`."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.journeys.test_local_exec import SCRIPT
from tests.tables import table

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[2]
ITSELF = ("make test",)  # what runs this
FAULT = "raise SystemExit('no column age')"  # what the page's example dies of


def _copy(source: Path, target: Path) -> None:
    """A file that is there, with its time: what Python has compiled of it is good for the copy, too."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


class Checkout:
    """A copy of the tracked files with the environment that is already installed, and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, tracked.stdout.split("\0")):
            _copy(ROOT / name, folder / name)
            if name.endswith(".py"):
                _copy(*(Path(cache_from_source(str(root / name))) for root in (ROOT, folder)))
        (folder / ".venv").symlink_to(ROOT / ".venv")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SAGEMAKER_", "MAKE"))}
        path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{clean['PATH']}"
        self.environ = clean | {"PYTHONPATH": str(folder), "PATH": path, "PORT": str(port)}

    def edit(self, name: str, more: str) -> None:
        """Change a file of the copy."""
        (self.folder / name).write_text((self.folder / name).read_text() + more)

    def run(self, command: str, folder: Path | None = None) -> str:
        """Run a line as a shell would, in the copy or another folder, without asking make to install again."""
        line = command.replace("make ", "make -o .venv/installed ", 1)
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=folder or self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    made = Checkout(tmp_path_factory.mktemp("checkout"))
    yield made
    made.run("slipway local down")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language; "" for those without."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [text for named, text in found if named == language]


def commands(page: str) -> list[str]:
    lines = [line.split("  #")[0].strip() for block in blocks(page, "sh") for line in block.splitlines()]
    return [line for line in lines if line and line not in ITSELF]


THEIRS, TEMPLATE = "## Your own SageMaker repository", "## The template"


def part(page: str, begin: str, end: str) -> str:
    return page.partition(begin)[2].partition(end)[0]


def test_somebodys_repository_runs_as_the_page_says(checkout: Checkout, tmp_path: Path) -> None:
    """`pip install` of the checkout is the journey of the wheel; here its environment stands for what that makes."""
    section = part((ROOT / "README.md").read_text(), THEIRS, TEMPLATE)
    install, run = commands(section)
    assert install == "pip install '.[local]'"
    (tmp_path / "run_pipeline.py").write_text(f"import sys\nsys.argv[1:] = [{FAULT!r}, 'churn', '0']\n{SCRIPT}")
    port = f"slipway local exec --port {checkout.environ['PORT']}"
    said = checkout.run(run.replace("slipway local exec", port), tmp_path)
    checkout.run("slipway local down", tmp_path)
    (shown,) = blocks(section, "")
    assert sorted(_shape(said)) == sorted(_shape(shown))


def _shape(text: str) -> list[str]:
    """The words of what is shown, without times and ids."""
    return re.sub(r"[\d.]+ s\b|-e \w+|Train|Hello", "", text[text.index("what ") :]).split()


WORDS = ("Build ", "version 1 Approved", "DeployStaging", "TestStaging", "ApproveProd", "DeployProd", "InService")


def test_every_command_of_the_readme_works(checkout: Checkout) -> None:
    page = (ROOT / "README.md").read_text()
    listed = commands(page.partition(TEMPLATE)[2])
    assert listed[0] == "make run"
    said: dict[str, str] = {}
    for line in listed:
        if "diff" in line:
            checkout.edit("slipway/tabular/scripts/train.py", "\n# a line more\n")
            said["again"] = checkout.run("make run")
        said[line] = checkout.run(line)
    assert "prod answers" in said["make run"]
    assert "version 2" in said["again"]
    assert re.search(r"prod +1 +slipway-prod", said["slipway rollback prod"])
    # figures and ids change from run to run; steps, headings and order do not
    captured = next(block for block in blocks(page, "") if "DeployProd" in block)
    for text in (captured, said["make run"]):
        places = [text.index(word) for word in WORDS]
        assert places == sorted(places)


def test_make_run_takes_another_pipeline_and_your_data(checkout: Checkout) -> None:
    said = checkout.run(f"make run PIPELINE=abalone DATA={table('abalone')}")
    assert re.search(r"data s3://\S+/abalone\.csv", said)
    assert "prod answers" in said
