"""From a changed line to production: a project of its own, pushed to as a person does, and where the time goes."""

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import local_aws
from benchmarks.bench import Bench
from benchmarks.local_aws import ROOT, Failed, LocalAws
from benchmarks.rows import Goal, Row

CHANGES, QUICK_CHANGES = 3, 1
LINE = "  num_round: 800"  # early stopping ends far below: another number trains anew, and the same model
FILE = Path("pipelines/churn/config.yml")
STAGE = Path("deploy/stages/prod.yml")
CHOSEN = {  # waits that a team chooses, as it does approvals; without them alarms would have no time to turn it back
    "  wait_seconds: ": "0",
    "  termination_wait_seconds: ": "0",
    "  timeout_seconds: ": "1800\n  rollback: false",
}
TESTED = "Test"  # what the name of the action that tests staging begins with
CELLS = 48


@dataclass(frozen=True)
class Trip:
    """What `slipway ship --json` tells of one change; seconds from the push, without the approvals."""

    staging: float
    production: float
    spans: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Trip":
        """Raises Failed when staging was not tested."""
        spans = told["spans"]
        tested = [span for span in spans if span["name"].startswith(TESTED)]
        if not tested:
            raise Failed(f"no action {TESTED}...: {', '.join(span['name'] for span in spans)}")
        end = tested[-1]["at"] + tested[-1]["seconds"]
        waited = sum(span["seconds"] for span in spans if span["waiting"] and span["at"] < end)
        return cls(end - waited, told["lead_seconds"] - told["approval_seconds"], spans)


def measure(bench: Bench) -> Iterator[Row]:
    """Launch once; then some changes of one line."""
    trips, changes = list[Trip](), QUICK_CHANGES if bench.quick else CHANGES
    checkout = bench.folder / "checkout"
    copy_tracked_files(ROOT, checkout)
    for start, value in CHOSEN.items():
        set_line(checkout / STAGE, start, value)
    with local_aws.running() as aws:
        bench.progress("launching the project, and shipping the first version")
        ship(aws, checkout)
        for number in range(1, changes + 1):
            bench.progress(f"change {number} of {changes}")
            set_line(checkout / FILE, LINE[:-1], str(number))
            trips.append(Trip.of(ship(aws, checkout)))
    name, note = "one line pushed to", f"median of {changes}; without approvals, canary waits 0, no alarm rollback"
    staging = statistics.median(trip.staging for trip in trips)
    production = statistics.median(trip.production for trip in trips)
    shown = sorted(trips, key=lambda trip: trip.production)[len(trips) // 2]
    yield Row(f"{name} staging, in service and tested", "s", staging, Goal("ours", 30.0), note=note)
    yield Row(f"{name} production", "s", production, Goal("ours", 45.0), note=note, details=draw_spans(shown.spans))


def copy_tracked_files(root: Path, folder: Path) -> None:
    """The tracked files of a checkout, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise Failed(f"git ls-files: {listed.stderr.strip()}")
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


def set_line(path: Path, start: str, value: str) -> None:
    """Another value in the one line that starts so. Raises Failed."""
    lines = path.read_text().splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if line.startswith(start)]
    if len(places) != 1:
        raise Failed(f"{path} has {len(places)} lines that begin with {start.strip()!r}; expected one")
    lines[places[0]] = f"{start}{value}\n"
    path.write_text("".join(lines))


def ship(aws: LocalAws, checkout: Path) -> dict[str, Any]:
    """Push what the checkout has, follow it to production. Raises Failed."""
    command = [sys.executable, "-m", "slipway", "ship", "churn", "--approve", "auto", "--json"]
    environ = {**aws.environ, "NO_COLOR": "1", "SAGEMAKER_PROJECT_NAME": "lead"}
    done = subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"slipway ship: {(done.stderr or done.stdout).strip()[-600:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def draw_spans(spans: Sequence[dict[str, Any]]) -> list[str]:
    """The spans as bars on one scale."""
    from slipway.cli import waterfall

    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = [
        waterfall.Span(
            span["name"],
            start + timedelta(seconds=span["at"]),
            start + timedelta(seconds=span["at"] + span["seconds"]),
            span["depth"],
        )
        for span in spans
    ]
    bars = waterfall.bars(made, CELLS)
    return [
        f"{'  ' * span.depth + span.name:<24} {span.seconds:6.2f} s  {bar}"
        for span, bar in zip(made, bars, strict=True)
    ]
