"""Prepare as a whole on small tables: repeated rows, groups, and parts that are no use."""

import json
import random

import pytest

from slipway.tabular.job import JobError
from slipway.tabular.parts import pq
from slipway.tabular.preparing import prepare

DATA = {
    "header": True,
    "columns": {"id": "identifier", "a": "number", "b": "category", "y": "label"},
    "label": {"positive": ["1"], "negative": ["0"]},
    "minimum_rows": 10,
}
SPLIT = {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 3}
HEADER = "id,a,b,y"


def rows(count, seed=1):
    chance = random.Random(seed)
    return [f"c{n},{chance.random():.6f},{chance.choice('xyz')},{chance.randint(0, 1)}" for n in range(count)]


def prepared(folder, files, data=DATA, **split):
    (folder / "in").mkdir(parents=True)
    for name, lines in files.items():
        (folder / "in" / name).write_text("\n".join([HEADER, *lines]) + "\n")
    prepare(folder / "in", folder / "out", {"data": data, "split": {**SPLIT, **split}}, lambda batch: batch)
    tables = {part: pq.read_table(folder / "out" / part) for part in ("train", "validation", "test")}
    return {part: set(map(tuple, (row.values() for row in table.to_pylist()))) for part, table in tables.items()}


def document(folder):
    return json.loads((folder / "out/encoder/split.json").read_text())


def test_repeated_rows_share_a_part_and_are_counted(tmp_path, capsys):
    lines = rows(600)
    parts = prepared(tmp_path, {"may.csv": lines[:500], "june.csv": lines})
    assert not parts["train"] & parts["test"]
    assert document(tmp_path)["repeated"] == 500
    assert "500 rows repeat an earlier one" in capsys.readouterr().out


def test_a_customer_stays_in_one_part_when_other_cells_change(tmp_path):
    lines = rows(500)
    later = [line.replace(",0.", ",1.") for line in lines]
    parts = prepared(tmp_path, {"may.csv": lines, "june.csv": later})
    before = {part: {round(a, 4) for a, *_ in found if a < 1} for part, found in parts.items()}
    after = {part: {round(a - 1, 4) for a, *_ in found if a >= 1} for part, found in parts.items()}
    assert before == after


def test_a_number_of_the_row_is_no_identifier(tmp_path, capsys):
    lines = rows(600)
    again = [f"r{n},{line.partition(',')[2]}" for n, line in enumerate(lines)]
    parts = prepared(tmp_path, {"a.csv": lines, "b.csv": again})
    assert not parts["train"] & parts["test"]
    assert document(tmp_path)["split"]["by"] == ""
    assert "column 'id' does not identify the rows: 600 rows are equal" in capsys.readouterr().out


def test_a_column_that_is_asked_for_is_taken(tmp_path):
    prepared(
        tmp_path, {"a.csv": [f"{n % 40},{line.partition(',')[2]}" for n, line in enumerate(rows(800))]}, group="id"
    )
    assert document(tmp_path)["split"]["by"] == "id"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"{n},1,x,{n % 2}" for n in range(60)], "0 rows are left for"),
        ([f"{line[:-1]}{int(n == 0)}" for n, line in enumerate(rows(300))], "has a positive label"),
        ([f"{line[:-1]}{int(n > 0)}" for n, line in enumerate(rows(300))], "has a negative label"),
    ],
    ids=["all rows are equal", "one positive", "one negative"],
)
def test_a_part_that_is_no_use_is_refused(tmp_path, lines, message):
    with pytest.raises(JobError, match=message) as raised:
        prepared(tmp_path, {"a.csv": lines})
    assert "split.group" in str(raised.value)
    assert not (tmp_path / "out/encoder").exists()


def test_few_rows_are_warned_of_or_refused_where_config_yml_says_how_many(tmp_path, capsys):
    features = {"id": "identifier", "y": "label"} | {f"a{n}": "number" for n in range(20)}
    chance = random.Random(5)
    lines = [",".join([f"c{n}", str(n % 2), *(f"{chance.random():.4f}" for _ in range(20))]) for n in range(150)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("\n".join([",".join(features), *lines]) + "\n")
    config = {"data": DATA | {"columns": features, "minimum_rows": None}, "split": SPLIT}
    prepare(tmp_path / "in", tmp_path / "out", config, lambda batch: batch)
    assert "150 rows are few for 20 features: 200 or more" in capsys.readouterr().out
    config["data"]["minimum_rows"] = 151
    with pytest.raises(JobError, match=r"150 rows are too few: data\.minimum_rows"):
        prepare(tmp_path / "in", tmp_path / "out", config, lambda batch: batch)


def test_few_groups_are_warned_of(tmp_path, capsys):
    lines = [f"{n % 8},{line.partition(',')[2]}" for n, line in enumerate(rows(800))]
    prepared(tmp_path, {"a.csv": lines}, group="id", seed=7)
    assert "warning: " in capsys.readouterr().out
