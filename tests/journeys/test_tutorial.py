"""docs/tutorial.md, run as written: its files are written, its commands executed, in a copy of the tree."""

import re
from pathlib import Path

import pytest

from tests.journeys.test_readme import ROOT, Checkout

pytestmark = pytest.mark.journey

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w/.]+\.py)`:\s*$")  # what stands before the block of a file


def test_the_tutorial_goes_to_its_end(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    page = (ROOT / "docs/tutorial.md").read_text()
    said: dict[str, str] = {}
    try:
        for block in BLOCK.finditer(page):
            language, text = block.groups()
            if language == "python":
                (name,) = FILE.findall(page[: block.start()])
                (tmp_path / name).write_text(text)
                continue
            for command in text.splitlines():
                said[command] = checkout.run(command.replace("local up", f"local up --port {checkout.environ['PORT']}"))
    finally:
        checkout.run("slipway local down")
    assert "'malignant' is yes" in said["slipway new tumours --data tumours.csv"]
    assert re.search(r"auc +0\.9\d+ ", said["slipway run tumours --data tumours.csv"])
    assert "prod answers" in said["slipway ship tumours --data tumours.csv --approve auto"]
    assert re.search(r"worse by low +\S+ +<= 0\.0100 +pass", said["slipway run tumours"])
    assert (tmp_path / ".slipway/pictures").is_dir()
