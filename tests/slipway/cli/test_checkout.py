"""The verbs use the files of the working folder's project, and no others."""

import subprocess
import sys
from pathlib import Path

import pytest

from slipway.cli import checkout
from slipway.cli.checkout import Checkout
from slipway.cli.target import WrongUsage

ROOT = Path(__file__).resolve().parents[3]


def make(root: Path, *pipelines: str) -> Path:
    for name in pipelines:
        (root / "pipelines" / name).mkdir(parents=True)
        (root / "pipelines" / name / "pipeline.py").write_text(f"NAME = {name!r}\n")
    (root / "pipelines" / "__init__.py").write_text("")
    return root


def test_this_checkout_is_the_template(imports_restored) -> None:
    here = checkout.enter(ROOT / "tests" / "slipway")
    assert (here.root, here.is_template) == (ROOT, True)
    assert {"abalone", "churn"} <= set(here.pipelines)


def test_another_ones_code_is_what_is_imported(tmp_path) -> None:
    root = make(tmp_path, "fraud")
    code = (
        "import pipelines.churn; from slipway.cli import checkout\n"
        "found = checkout.enter()\n"
        "from pipelines.fraud import pipeline\n"
        "print(found.root, found.is_template, found.pipelines, pipeline.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "pipelines" / "fraud",
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{root} False ['fraud'] {root / 'pipelines/fraud/pipeline.py'}"


def test_outside_of_any_it_is_refused(tmp_path) -> None:
    with pytest.raises(WrongUsage, match=rf"working folder: there is no project in {tmp_path} or above"):
        checkout.enter(tmp_path)


def test_a_pipeline_that_is_not_there(tmp_path) -> None:
    here = Checkout(make(tmp_path, "fraud", "churn"))
    here.need("fraud")
    with pytest.raises(WrongUsage, match=r"no pipeline nope in .*; there is: churn, fraud"):
        here.need("nope")
    with pytest.raises(WrongUsage, match=r"Which pipeline\? .* has: churn, fraud"):
        here.only_pipeline()


def test_one_that_stands_alone_needs_no_name(tmp_path) -> None:
    assert Checkout(make(tmp_path, "fraud")).only_pipeline() == "fraud"
