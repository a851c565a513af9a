"""What came of each code, kept as JSON and shown as a page."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

from slipway.cli.activity import Activity
from third_party.codes import NOTEBOOKS, Code

COLOUR = re.compile("\x1b\\[[0-9;]*m")
ERROR = re.compile(r"(\w+\.)*\w*(Error|Exception|NotFound)\b")
GOOD = (
    "Succeeded",
    "Completed",
    "InService",
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "Approved",
    "PendingManualApproval",
)
CELL = "nbclient.exceptions.CellExecutionError"
NOTHING, WHOLE = "nothing started", "its end"
PAGE = Path(__file__).with_name("page.md")


@dataclass(frozen=True)
class Outcome:
    """How far a code went, how long it took in seconds, and what stopped it, "" where nothing did."""

    reached: str
    seconds: float
    stopped: str = ""
    good: int = 0

    @classmethod
    def of(cls, said: str, errors: str, seconds: float) -> "Outcome":
        """From what `slipway local exec --json` and the program have printed."""
        start = said.rfind("\n{\n") + 1 if "\n{\n" in said else said.find("{")
        try:
            told = json.loads(said[start:])
        except ValueError:
            return cls(NOTHING, seconds, _last(errors) or _last(said))
        made = [Activity(**one) for one in told["activities"]]
        good = [one for one in made if one.status in GOOD]
        stopped = _reason(told["exit_code"], made, errors, said[:start])
        return cls(_count(good) or (NOTHING if stopped else WHOLE), seconds, stopped, len(good))

    def is_worse_than(self, other: "Outcome") -> bool:
        """Whether it was stopped where the other was not, or fewer things came to a good end."""
        return bool(self.stopped) > bool(other.stopped) or self.good < other.good


def _count(made: Iterable[Activity]) -> str:
    """`2 pipeline execution Succeeded, 1 endpoint InService`."""
    found: dict[str, int] = {}
    for one in made:
        key = f"{one.kind} {one.status}"
        found[key] = found.get(key, 0) + 1
    return ", ".join(f"{number} {key}" for key, number in found.items())


def _reason(code: int, made: Iterable[Activity], errors: str, said: str) -> str:
    failed = next((f"{one.kind} {one.name}: {one.reason}" for one in made if one.has_failed), "")
    return failed or (_last(errors) or _last(said) if code else "")


def _last(text: str) -> str:
    """The last line that names an error, else the last line, of what a program printed."""
    lines = [line.strip() for line in COLOUR.sub("", text).splitlines() if line.strip()]
    errors = [line for line in lines if ERROR.match(line)]
    if errors and errors[-1].startswith(CELL):  # Jupyter tells the cell, and not always the error
        after = lines[lines.index(errors[-1]) + 2 :]
        code = after[: next((at for at, line in enumerate(after) if line.startswith("-----")), len(after))]
        return f"the cell `{'; '.join(code)[:200]}`"
    return next(iter([*errors[-1:], *lines[-1:]]), "")[:300]


def read_outcomes(path: Path) -> dict[str, Outcome]:
    """Those that were kept; none where there is no file."""
    kept = json.loads(path.read_text()) if path.is_file() else {}
    return {name: Outcome(**entry) for name, entry in kept.items()}


def write_outcomes(path: Path, outcomes: Mapping[str, Outcome]) -> None:
    """Keep them, in the order of their names."""
    path.write_text(json.dumps({name: asdict(outcomes[name]) for name in sorted(outcomes)}, indent=1) + "\n")


def write_page(path: Path, codes: Iterable[Code], outcomes: Mapping[str, Outcome], when: date) -> None:
    """Write the page: for each code what was run, with what, how far it went, what stopped it and what it needed."""
    rows = [_row(code, outcomes[code.name]) for code in codes if code.name in outcomes]
    path.write_text(
        PAGE.read_text().format(rows="\n".join(rows), when=when, whole=sum(not o.stopped for o in outcomes.values()))
    )


def _row(code: Code, outcome: Outcome) -> str:
    where = f"https://github.com/{code.repository}/tree/{code.commit}/{quote(code.folder)}"
    ran = code.notebook or "its `run_pipeline`, as its buildspec calls it"
    python = f"Python {code.python}, " if code.python else ""
    needed = f"{python}{', '.join(f'`{package}`' for package in code.packages if package not in NOTEBOOKS)}"
    stopped = outcome.stopped.replace("|", "/") or "-"
    return (
        f"| [{code.name}]({where}) | {code.repository} `{code.commit[:7]}` | {ran} | {needed} "
        f"| {outcome.reached} | {stopped} | {outcome.seconds:.0f} s |"
    )
