"""From a table to a pipeline whose own test passes, and nothing that is there already is written over."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from slipway.build import config
from slipway.cli.checkout import Checkout
from slipway.cli.new import command, written
from slipway.cli.new.command import Wish
from slipway.cli.target import UserError, WrongUsage

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    return Checkout(tmp_path)


def rows(path: Path, label: str, *, separator: str = ",", count: int = 300) -> Path:
    chance = random.Random(1)
    lines = [separator.join(("customer id", "1stFlrSF", "Größe", "on", label))]
    for row in range(count):
        says = {"left": chance.choice(("stayed", "gone")), "price": f"{chance.gauss(5, 2):.2f}"}[label]
        lines.append(separator.join((str(row), f"{chance.random():.3f}", chance.choice(("S", "M")), "7", says)))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_tables_become_pipelines_whose_tests_pass(checkout, tmp_path, capsys) -> None:
    for name, label, separator in (("classes", "left", ";"), ("numbers", "price", ",")):
        data = rows(tmp_path / f"my {name}.csv", label, separator=separator)
        assert command.new(checkout, Wish(name, data), as_json=False) == 0
        made = config.load(tmp_path / "pipelines" / name / "config.yml")
        assert made.data.columns == {
            "customer id": "identifier",
            "1stFlrSF": "number",
            "Größe": "category",
            "on": "number",
            label: "label",
        }
        out = capsys.readouterr().out
        told = tmp_path / ".slipway" / "data" / f"{name}.csv" if separator == ";" else f"'{data}'"
        assert f"slipway run {name} --data {told}" in out
        assert "300 rows, separated by" in out
        for script in (tmp_path / "pipelines" / name).glob("*.py"):
            text = script.read_text()
            assert [word for word in ("churn", "abalone", "customer", "shell", "leaves", "rings") if word in text] == []
            compile(text, str(script), "exec")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/test_classes.py",
            "tests/test_numbers.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_what_is_there_is_not_written_over(checkout, tmp_path) -> None:
    data = rows(tmp_path / "rows.csv", "left")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_fresh.py").write_text("mine\n")
    with pytest.raises(UserError, match=r"nothing was written:\n  tests/test_fresh.py"):
        command.new(checkout, Wish("fresh", data), as_json=False)
    assert not (tmp_path / "pipelines" / "fresh").exists()
    with pytest.raises(UserError, match="churn is there already"):
        command.new(checkout, Wish("churn", data), as_json=False)


@pytest.mark.parametrize("name", ["Fresh", "my_pipeline", "my-pipeline", "1st", "../x", "", "tabular"])
def test_names_that_neither_python_nor_aws_has(name, checkout, tmp_path) -> None:
    with pytest.raises(WrongUsage, match="can't name a pipeline"):
        command.new(checkout, Wish(name, tmp_path / "nope.csv"), as_json=False)


def test_a_checkout_without_the_samples_takes_those_of_the_template(checkout, tmp_path) -> None:
    shutil.rmtree(tmp_path / "pipelines" / "churn")
    assert command.new(checkout, Wish("fresh", rows(tmp_path / "rows.csv", "left")), as_json=True) == 0


@pytest.mark.parametrize(
    "name", ["a", "day_mins", "Day Mins", "no", "Y", "null", "1st", "a: b", "# x", '"q"', "ü", "-"]
)
def test_a_name_reads_as_it_is(name) -> None:
    assert yaml.safe_load(f"{written.quote(name)}: 1") == {name: 1}
