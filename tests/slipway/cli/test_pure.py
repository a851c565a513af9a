"""What the command line decides and shows, without any AWS."""

import fcntl
import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.cli import screen, versions, watch
from slipway.cli.target import Target, UserError, local_environment
from slipway.cli.verdicts import at

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.b", 1), ("a['b']", 1), ("list[1].x", 2), ("a['c d'].e", 3)],
)
def test_paths_into_a_report(path: str, value: int) -> None:
    document = {"a": {"b": 1, "c d": {"e": 3}}, "list": [{"x": 0}, {"x": 2}]}
    assert at(document, path) == value


def test_a_path_that_leads_nowhere() -> None:
    with pytest.raises(LookupError):
        at({"a": {}}, "a.b.c")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (12.34, "12.3 s"), (60, "1 min 00 s"), (185, "3 min 05 s"), (None, "")]
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert screen.duration(seconds) == shown


@pytest.mark.parametrize(
    ("age", "shown"), [(5, "just now"), (300, "5 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")]
)
def test_how_long_ago(age: float, shown: str) -> None:
    assert screen.ago(NOW - timedelta(seconds=age), NOW) == shown


@pytest.mark.parametrize(
    ("step", "note"),
    [
        ({"CacheHitResult": {"SourcePipelineExecutionArn": "arn:x/execution/abc"}}, "from cache (abc)"),
        ({"FailureReason": "why"}, "why"),
        ({"Metadata": {"Condition": {"Outcome": "True"}}}, "holds"),
        ({"Metadata": {"Condition": {"Outcome": "False"}}}, "does not hold"),
        ({"Metadata": {"RegisterModel": {"Arn": "arn:x:model-package/g/7"}}}, "version 7"),
        ({"AttemptCount": 2}, "attempt 2"),
        ({"AttemptCount": 1}, ""),
    ],
)
def test_what_is_worth_knowing_about_a_step(step: dict[str, Any], note: str) -> None:
    assert watch.note(step) == note


def test_a_narrow_terminal_breaks_the_last_column_only(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [
        {
            "StepName": "Evaluate",
            "StepStatus": "Failed",
            "StartTime": NOW,
            "EndTime": NOW,
            "FailureReason": "word " * 40,
        }
    ]
    monkeypatch.setattr(screen.console, "_width", 60)
    with screen.console.capture() as captured:
        screen.console.print(watch.progress({"PipelineExecutionArn": "arn:p/execution/e"}, steps, NOW))
    lines = captured.get().splitlines()
    assert lines[1].startswith("Evaluate   Failed   0.0 s   word")
    assert max(map(len, lines)) <= 60


def test_metrics_are_the_figures_of_the_metrics_block() -> None:
    document = {"regression_metrics": {"rmse": {"value": 2.1}, "curve": {"x": [1]}}, "rows": 5}
    assert versions.metrics(document) == {"rmse": {"value": 2.1}}
    assert versions.metrics({}) == {}


@pytest.mark.parametrize(
    ("environ", "local", "title"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, True, "this machine (http://127.0.0.1:1)"),
        ({"AWS_PROFILE": "dev", "AWS_REGION": "eu-west-1"}, False, "AWS (dev, eu-west-1)"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, False, "AWS (default credentials, us-east-1)"),
    ],
)
def test_the_environment_says_which_aws(tmp_path: Path, environ: dict[str, str], local: bool, title: str) -> None:
    target = Target.find(environ, tmp_path)
    assert (target.local, target.title) == (local, title)


def test_without_any_aws_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="slipway local up --detach"):
        Target.find({}, tmp_path)


def test_the_local_aws_is_found_by_its_state_folder_while_it_answers(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        endpoint = {"port": port, "region": "eu-west-1", "url": f"http://127.0.0.1:{port}"}
        (tmp_path / "endpoint.json").write_text(json.dumps(endpoint))
        assert local_environment(tmp_path) is None
        with (tmp_path / "control.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = Target.find({}, tmp_path)
        assert local_environment(tmp_path) is None  # it was killed, and another answers on its port
        assert (found.local, found.region, found.environ["AWS_ENDPOINT_URL"]) == (True, "eu-west-1", endpoint["url"])
    assert local_environment(tmp_path) is None
