"""The table on the screen, a line as soon as it is measured, and results.json. Pure but for the file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import Row

Document = dict[str, Any]
COLUMNS = (("name", 58), ("ours", 10), ("floor", 10), ("peer", 8), ("ratio", 7), ("goal", 18), ("met", 4))


def header() -> str:
    """The names of the columns."""
    return _align([name for name, _ in COLUMNS])


def line(row: Row) -> str:
    """One row, and its details below it; what was not measured is a dash."""
    figures = [_figure(value) for value in (row.ours, row.floor, row.peer, row.ratio)]
    told = _align([f"{row.name}, {row.unit}", *figures, row.goal.text(row.unit), "yes" if row.met else "NO"])
    return "\n".join([told, *(f"    {detail}" for detail in row.details)])


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _align(cells: Sequence[str]) -> str:
    first, *rest = zip(cells, (width for _, width in COLUMNS), strict=True)
    return "  ".join([f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in rest)])


def summary(rows: Sequence[Row]) -> str:
    """How many goals are kept."""
    return f"{sum(row.met for row in rows)} of {len(rows)} goals met"


def read(path: Path) -> list[Document]:
    """The rows of results.json; none where there is no such file."""
    found: list[Document] = json.loads(path.read_text()) if path.is_file() else []
    return found


def write(path: Path, rows: Sequence[Row], day: str, older: Sequence[Document] = ()) -> None:
    """results.json: a list of objects, one a row, with the day when it was measured.

    A row takes the place of the older one of its name; what is not among the older ones comes after them.
    """
    measured = {row.name: {**row.document(), "measured": day} for row in rows}
    kept = [measured.pop(str(row["name"]), row) for row in older]
    path.write_text(json.dumps([*kept, *measured.values()], indent=1) + "\n")
