from pathlib import Path

import pytest

from benchmarks import lead_time, model_server
from benchmarks.lead_time import Trip
from benchmarks.loads import Load
from benchmarks.local_aws import Failed
from benchmarks.served import http
from slipway.deploy import stage


def span(name: str, at: float, seconds: float, *, depth: int = 0, waiting: bool = False) -> dict:
    return {"name": name, "depth": depth, "at": at, "seconds": seconds, "waiting": waiting}


SPANS = [
    span("Build (build)", 1, 8),
    span("Train", 3, 2, depth=1),
    span("ApproveVersion", 9, 1, waiting=True),
    span("DeployStaging", 10, 3),
    span("TestStaging", 13, 4),
    span("ApproveProd", 17, 5, waiting=True),
    span("DeployProd", 22, 6),
]


def test_approvals_do_not_count():
    trip = Trip.of({"spans": SPANS, "lead_seconds": 28.0, "approval_seconds": 6.0})
    assert (trip.staging, trip.production) == (16.0, 22.0)


def test_a_way_without_a_test_of_staging_is_not_measured():
    with pytest.raises(Failed, match=r"no action Test\.\.\.: DeployProd"):
        Trip.of({"spans": SPANS[-1:], "lead_seconds": 28.0, "approval_seconds": 0.0})


def test_the_bars_are_on_one_scale():
    lines = lead_time.draw_spans([span("first", 0, 2), span("part", 1, 1, depth=1), span("last", 2, 2)])
    assert [line.split()[0] for line in lines] == ["first", "part", "last"]
    bars = [line.partition(" s  ")[2] for line in lines]
    half, quarter = lead_time.CELLS // 2, lead_time.CELLS // 4
    assert [(len(bar) - len(bar.lstrip()), len(bar.strip())) for bar in bars] == [
        (0, half),
        (quarter, quarter),
        (half, half),
    ]


def test_one_line_is_changed(tmp_path: Path):
    path = tmp_path / "config.yml"
    path.write_text("hyperparameters:\n  num_round: 400\n  eta: 0.1\n")
    lead_time.set_line(path, "  num_round: 40", "2")
    assert path.read_text() == "hyperparameters:\n  num_round: 402\n  eta: 0.1\n"
    path.write_text("nothing\n")
    with pytest.raises(Failed, match="has 0 lines that begin with 'num_round: 40'"):
        lead_time.set_line(path, "  num_round: 40", "2")


def test_the_line_is_in_the_template():
    found = (lead_time.ROOT / lead_time.FILE).read_text().splitlines()
    assert found.count(lead_time.LINE) == 1


def test_the_stage_without_its_waits_is_a_stage(tmp_path: Path):
    path = tmp_path / "prod.yml"
    path.write_bytes((lead_time.ROOT / lead_time.STAGE).read_bytes())
    for start, value in lead_time.CHOSEN.items():
        lead_time.set_line(path, start, value)
    traffic = stage.load(path).traffic
    assert (traffic.shift, traffic.wait_seconds, traffic.termination_wait_seconds) == ("canary", 0, 0)


def test_a_row_names_its_peers_and_those_that_are_absent():
    found = {"one process": Load(9, 5200.0, 0.003, 0.004), "multi-model-server": Load(9, 1300.0, 0.01, 0.02)}
    row = model_server._row("it", found, 5000.0, {"MLflow": "no such thing"}, Load(9, 80000.0, 0.0001, 0.001))
    assert row.met
    assert row.peer == 1300.0
    assert "ours is 4 x" in row.details[1]
    assert row.details[2].endswith("not installed: no such thing")
    assert "80000" in row.details[3]


def test_a_request_on_the_wire():
    assert http("/ping", b"1,2", {"Host": "h"}) == b"POST /ping HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n1,2"
