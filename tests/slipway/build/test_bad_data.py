"""Every way in which raw files can be wrong has one message that says what, where and what was expected."""

import re

import pytest

from slipway.tabular.job import JobError
from slipway.tabular.scripts import prepare
from tests.slipway.conftest import config_of
from tests.tables import table

LINES = table("churn").read_text().splitlines()[:801]


def run(tmp_path, lines, name="churn.csv", pipeline="churn"):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_text("\n".join(lines) + "\n")
    return prepare.main(folder, tmp_path / "out", config_of(pipeline))


def cell(line, place, value):
    cells = line.split(",")
    cells[place] = value
    return ",".join(cells)


def without(place):
    return [",".join(c for i, c in enumerate(line.split(",")) if i != place) for line in LINES]


HEADER, ROWS = LINES[0], LINES[1:]
CASES = {
    "a column of the wrong type": (
        [HEADER, *(cell(row, 7, "much") if n in (16, 20) else row for n, row in enumerate(ROWS))],
        r"column 'day_mins' must be a number: row 17 has 'much', row 21 has 'much' \(2 in all\)",
    ),
    "an infinite number": ([HEADER, cell(ROWS[0], 7, "inf"), *ROWS[1:]], "row 1 has 'inf'"),
    "a missing column": (without(7), r"missing column 'day_mins' \(number\)"),
    "an extra column": ([line + ",x" for line in LINES], "unknown column 'x'"),
    "two faults at once": ([line + ",x" for line in without(7)], r"(?s)unknown column 'x'.*missing column 'day_mins'"),
    "no header": (ROWS, "has the file a header"),
    "a row that is too short": ([*LINES, "CA,1,2"], "row 801: 3 cells, expected 21"),
    "an unknown label": (
        [HEADER, *ROWS[:3], cell(ROWS[3], 20, "maybe"), *ROWS[4:]],
        "row 4 has 'maybe'.*expected one of True",
    ),
    "a missing label": ([HEADER, *ROWS[:3], cell(ROWS[3], 20, ""), *ROWS[4:]], "row 4 has no value"),
    "one class only": (
        [HEADER, *(cell(row, 20, "True.") for row in ROWS)],
        "all 800 labels in column 'churn' are equal",
    ),
    "too few rows": (LINES[:101], "100 rows are too few.*asks for 500"),
    "an empty file": ([""], "the file is empty"),
    "a header alone": ([HEADER], "0 rows are too few"),
}


@pytest.mark.parametrize(("lines", "message"), CASES.values(), ids=CASES)
def test_message(tmp_path, lines, message):
    with pytest.raises(JobError) as raised:
        run(tmp_path, lines)
    assert re.search(message, str(raised.value)), raised.value


def test_no_csv_file(tmp_path):
    with pytest.raises(JobError, match=r"No CSV file in the input .*found: data.txt"):
        run(tmp_path, LINES, "data.txt")


def test_wrong_number_of_columns_without_a_header(tmp_path):
    with pytest.raises(JobError, match="2 columns, expected 9 without a header: sex, length"):
        run(tmp_path, ["1,2"], pipeline="abalone")


@pytest.mark.parametrize("spelled", [str.upper, str.lower, lambda h: h.replace(" ", "_").replace("'", "")])
def test_spelling_and_order_of_names_do_not_matter(tmp_path, spelled):
    plain = run(tmp_path, LINES)
    (tmp_path / "other").mkdir()
    reordered = [",".join(reversed(line.split(","))) for line in [spelled(HEADER), *ROWS]]
    assert run(tmp_path / "other", reordered) == plain
    for part in ("train", "test"):
        name = f"out/{part}/part-0000.parquet"
        assert (tmp_path / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


@pytest.mark.parametrize(("yes", "no"), [("True.", "False."), ("yes", "no"), ("1", "0"), ("TRUE", "false")])
def test_labels_may_be_spelled_differently(tmp_path, yes, no):
    lines = [HEADER, *(cell(row, 20, yes if row.endswith("True.") else no) for row in ROWS)]
    assert sum(run(tmp_path, lines).values()) == 800


def test_all_files_of_the_folder_are_read(tmp_path):
    folder = tmp_path / "in"
    (folder / "2026").mkdir(parents=True)
    (folder / "a.csv").write_text("\n".join(LINES[:401]))
    (folder / "2026" / "b.csv").write_text("\n".join([HEADER, *LINES[401:]]))
    assert sum(prepare.main(folder, tmp_path / "out", config_of("churn")).values()) == 800
