"""What the page of other people's code says of a run."""

import json
from datetime import date
from pathlib import Path

import pytest

from third_party.codes import CODES, Code
from third_party.report import Outcome, read_outcomes, write_outcomes, write_page

BEGAN = "2026-12-01T10:00:00+00:00"


def said(exit_code: int, *made: dict, before: str = "") -> str:
    return before + json.dumps({"exit_code": exit_code, "activities": list(made), "warnings": []}, indent=2)


def one(status: str, kind: str = "pipeline execution", reason: str = "") -> dict:
    return {"kind": kind, "name": "churn", "status": status, "began": BEGAN, "reason": reason}


@pytest.mark.parametrize(
    ("output", "errors", "reached", "stopped"),
    [
        (said(0, one("Succeeded")), "", "1 pipeline execution Succeeded", ""),
        (
            said(0, one("Succeeded"), one("Succeeded"), one("InService", "endpoint"), before="{'a': 1}\n"),
            "",
            "2 pipeline execution Succeeded, 1 endpoint InService",
            "",
        ),
        (said(0), "", "its end", ""),
        (said(0, one("Failed", reason="no column")), "", "nothing started", "pipeline execution churn: no column"),
        (said(1), "Traceback\n\x1b[31mKeyError\x1b[0m: 'x'\n-----\n", "nothing started", "KeyError: 'x'"),
        (
            said(1),
            "nbclient.exceptions.CellExecutionError: An error occurred:\n------\nimport x\n\nx.y()\n------\n\n",
            "nothing started",
            "the cell `import x; x.y()`",
        ),
        (said(3), "no error at all\n", "nothing started", "no error at all"),
        ("killed", "", "nothing started", "killed"),
    ],
)  # fmt: skip
def test_how_far_a_code_went(output: str, errors: str, reached: str, stopped: str) -> None:
    outcome = Outcome.of(output, errors, 1.0)
    assert (outcome.reached, outcome.stopped) == (reached, stopped)


@pytest.mark.parametrize(
    ("now", "before", "worse"),
    [
        (Outcome("2", 1, "", 2), Outcome("2", 9, "", 2), False),
        (Outcome("1", 1, "", 1), Outcome("2", 9, "", 2), True),
        (Outcome("2", 1, "why", 2), Outcome("2", 9, "", 2), True),
        (Outcome("2", 1, "", 2), Outcome("1", 9, "why", 1), False),
    ],
)
def test_less_than_the_last_time_is_told(now: Outcome, before: Outcome, worse: bool) -> None:
    assert now.is_worse_than(before) is worse


def test_outcomes_are_kept_and_shown(tmp_path: Path) -> None:
    codes = [Code("a b", "who/what", "0123456789", "  x y", notebook="n.ipynb", packages=("sagemaker<3", "nbclient"))]
    outcomes = {"a b": Outcome("1 endpoint InService", 12.4, "because | of", 1)}
    write_outcomes(tmp_path / "o.json", outcomes)
    assert read_outcomes(tmp_path / "o.json") == outcomes
    assert read_outcomes(tmp_path / "none.json") == {}
    write_page(tmp_path / "p.md", codes, outcomes, date(2026, 12, 1))
    (row,) = [line for line in (tmp_path / "p.md").read_text().splitlines() if line.startswith("| [a b]")]
    assert "tree/0123456789/%20%20x%20y" in row
    assert "| n.ipynb | `sagemaker<3` | 1 endpoint InService | because / of | 12 s |" in row


def test_the_codes_can_be_told_apart_and_are_pinned() -> None:
    assert len({code.name for code in CODES}) == len(CODES)
    assert all(len(code.commit) == 40 for code in CODES)
    assert all(bool(code.run) != bool(code.notebook) for code in CODES)
