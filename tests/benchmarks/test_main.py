import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.bench import Bench
from benchmarks.local_aws import Failed
from benchmarks.rows import Goal, Row


def works(bench: Bench) -> Iterator[Row]:
    bench.progress("round 1")
    (bench.folder / "left.txt").write_text(str(bench.folder))
    yield Row("it works", "s", 1.0, Goal("ours", 2.0), 0.5)


def breaks(bench: Bench) -> Iterator[Row]:
    yield Row("half", "s", 3.0, Goal("ours", 2.0))
    raise Failed("the step Train failed")


def is_interrupted(bench: Bench) -> Iterator[Row]:
    raise KeyboardInterrupt
    yield


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmarks = {"works": works, "breaks": breaks, "is-interrupted": is_interrupted}
    monkeypatch.setattr(command, "BENCHMARKS", benchmarks)
    monkeypatch.setattr(command.processes, "busy_share", lambda: 0.5)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)


def test_rows_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "results.json"
    assert command.main(["--only", "works", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "it works, s" in said.out
    assert "1 of 1 goals met" in said.out
    assert "works: round 1" in said.err
    assert "50% of this machine busy" in said.err
    assert [row["name"] for row in json.loads(out.read_text())] == ["it works"]


def test_a_benchmark_that_fails_is_named_and_the_others_are_measured(tmp_path: Path, capsys):
    out = tmp_path / "results.json"
    assert command.main(["--only", "breaks", "works", "--out", str(out)]) == 1
    assert "benchmarks: breaks: the step Train failed" in capsys.readouterr().err
    assert [row["name"] for row in json.loads(out.read_text())] == ["half", "it works"]


def test_an_interrupt_writes_nothing(tmp_path: Path):
    out = tmp_path / "results.json"
    assert command.main(["--only", "works", "is-interrupted", "--out", str(out)]) == 130
    assert not out.exists()


def test_a_part_of_the_benchmarks_replaces_its_own_rows(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results.json")
    command.RESULTS.write_text('[{"name": "another"}, {"name": "it works", "ours": 9}]')
    assert command.main(["--only", "works"]) == 0
    another, mine = json.loads(command.RESULTS.read_text())
    assert (another, mine["name"], mine["ours"]) == ({"name": "another"}, "it works", 1.0)
    assert command.main(["--quick", "--only", "works"]) == 0
    monkeypatch.delitem(command.BENCHMARKS, "is-interrupted")
    assert command.main([]) == 1  # a whole run
    assert [row["name"] for row in json.loads(command.RESULTS.read_text())] == ["it works", "half"]


def test_an_unknown_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        command.main(["--only", "nothing"])
    assert end.value.code == 2
    assert "breaks" in capsys.readouterr().err
