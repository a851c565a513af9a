import json
import re
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.rows import Goal, Row

ROWS = [
    Row("five steps, 5,000 rows", "s", 0.35, Goal("ratio", 1.2), 1.08),
    Row("idle: memory", "MB", 312.4, Goal("ours", 250, below=True)),
]


def test_lines_are_as_wide_as_the_header():
    assert {len(table.line(row)) for row in ROWS} == {len(table.header())}


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (ROWS[0], ["five steps, 5,000 rows, s", "0.35", "1.08", "-", "0.324", "ratio <= 1.2", "yes"]),
        (ROWS[1], ["idle: memory, MB", "312", "-", "-", "-", "< 250 MB", "NO"]),
    ],
)
def test_a_line_shows_every_column_and_a_dash_for_what_was_not_measured(row: Row, cells: list[str]):
    assert re.split(r"\s{2,}", table.line(row)) == cells


def test_columns_line_up_under_their_names():
    end = table.header().index("floor") + len("floor")
    assert table.line(ROWS[0])[:end].endswith(" 1.08")


def test_summary_counts_goals():
    assert table.summary(ROWS) == "1 of 2 goals met"


def test_the_file_is_a_list_of_rows_in_order(tmp_path: Path):
    path = tmp_path / "results.json"
    table.write(path, ROWS, "2026-11-28")
    found = json.loads(path.read_text())
    assert [row["name"] for row in found] == ["five steps, 5,000 rows", "idle: memory"]
    assert {"name", "unit", "ours", "floor", "peer", "ratio", "goal", "met"} <= set(found[0])
    assert found[1]["ratio"] is None
    assert {row["measured"] for row in found} == {"2026-11-28"}


def test_rows_take_the_place_of_older_ones_of_their_name(tmp_path: Path):
    path = tmp_path / "results.json"
    assert table.read(path) == []
    table.write(path, ROWS[1:], "2026-11-27", older=[{"name": "kept"}])
    table.write(path, ROWS, "2026-11-28", older=table.read(path))
    found = [(row["name"], row.get("measured")) for row in table.read(path)]
    assert found == [("kept", None), ("idle: memory", "2026-11-28"), ("five steps, 5,000 rows", "2026-11-28")]
