"""Captured records joined with ground truth that came later.

Source: AWS, model-monitor-model-quality-merge.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.analysis import datasets
from slipway.analysis.errors import BadInput

HOUR_PARTS = 5  # <variant>/yyyy/mm/dd/HH, the folders right above a captured file


@dataclass
class Tally:
    """How many captured records and labels there are, and how many of each found a partner."""

    captured: int = 0
    merged: int = 0
    labels: int = 0
    used: int = 0

    @property
    def message(self) -> str:
        """The exit message."""
        told = f"Completed: merged {self.merged} of {self.captured} captured records with ground truth."
        if missing := self.captured - self.merged:
            told += f" {missing} have none (yet)."
        if unused := self.labels - self.used:
            told += f" {unused} labels belong to no captured record of the window."
        return told


def merge(captured: Path, labels: Path, output: Path) -> Tally:
    """Write one file an hour and variant, named by its hour so that a later run replaces it; raises BadInput."""
    truths, tally, used = _labels(labels), Tally(), set()
    tally.labels = len(truths)
    for folder, paths in _hours(captured).items():
        lines = []
        for identity, record in _captured_records(paths):
            tally.captured += 1
            if identity in truths:
                used.add(identity)
                lines.append(json.dumps({**record, "groundTruthData": truths[identity]}))
        tally.merged += len(lines)
        if lines:
            target = output / folder / f"part-00000-{uuid.uuid5(uuid.NAMESPACE_URL, folder)}.c000.jsonl"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tally.used = len(used)
    if not tally.merged:
        raise BadInput(f"none of the {tally.captured} captured records has ground truth among {tally.labels} labels")
    return tally


def _labels(source: Path) -> dict[str, Any]:
    """The `groundTruthData` by the id it is for; of two for one id the later file's holds."""
    found: dict[str, Any] = {}
    for path in datasets.files(source):
        for number, record in datasets.json_lines(path):
            try:
                found[str(record["eventMetadata"]["eventId"])] = record["groundTruthData"]
            except (KeyError, TypeError):
                where = f"{path.name}, line {number}"
                raise BadInput(f"{where}: ground truth needs groundTruthData and eventMetadata.eventId") from None
    return found


def _hours(source: Path) -> dict[str, list[Path]]:
    """Captured files by `<variant>/yyyy/mm/dd/HH`."""
    found: dict[str, list[Path]] = {}
    for path in datasets.files(source):
        folder = "/".join(path.relative_to(source).parts[:-1][-HOUR_PARTS:])
        found.setdefault(folder, []).append(path)
    return found


def _captured_records(paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, record): the caller's inferenceId where there is one, else the eventId."""
    for path in paths:
        for _, record in datasets.json_lines(path):
            about = record.get("eventMetadata") or {}
            yield str(about.get("inferenceId") or about.get("eventId")), record
