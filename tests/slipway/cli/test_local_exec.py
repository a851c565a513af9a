"""What is shown of what a command has started, and when to stop looking."""

import socket
import sys
from datetime import UTC, datetime, timedelta

import pytest

from slipway.cli import local, local_exec
from slipway.cli.activity import Activity
from slipway.cli.target import state_folder

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def made(status: str, name: str = "p", seconds: float | None = None, **more: str) -> Activity:
    ended = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Activity("pipeline execution", name, status, NOW, ended, **more)


@pytest.mark.parametrize(
    ("status", "stands"),
    [
        ("Executing", "is_running"),
        ("CREATE_IN_PROGRESS", "is_running"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "is_running"),
        ("RollingBack", "is_running"),
        ("Failed", "has_failed"),
        ("CREATE_FAILED", "has_failed"),
        ("ROLLBACK_COMPLETE", "has_failed"),
        ("UPDATE_ROLLBACK_COMPLETE", "has_failed"),
        ("FAULT", "has_failed"),
        ("Waiting", "waits"),
        ("PendingManualApproval", "waits"),
        ("Succeeded", ""),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "is_running"),
        ("InService", ""),
        ("Stopped", ""),
    ],
)
def test_a_status_means_one_thing(status, stands):
    """CloudFormation's, CodePipeline's, CodeBuild's and SageMaker's words (botocore's enumerations)."""
    one = made(status)
    assert [name for name in ("is_running", "has_failed", "waits") if getattr(one, name)] == (
        [stands] if stands else []
    )


class Time:
    """A clock that moves when somebody pauses."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds


def watched(*told):
    """The looks at an account that tells these, the last one for ever."""
    time, left = Time(), list(told)
    looks = local_exec.looks(lambda: left.pop(0) if len(left) > 1 else left[0], time, time.pause)
    return list(looks), time.now


def test_where_nothing_was_started_there_is_no_waiting():
    assert watched([]) == ([], 0.0)


def test_it_looks_until_nothing_runs_and_no_event_begins_more():
    ended = [made("Succeeded", seconds=3)]
    looks, seconds = watched([made("Executing")], [made("Executing")], ended, [*ended, made("Executing", "q")], ended)
    assert looks[-1] == ended
    assert seconds >= local_exec.QUIET_SECONDS


def test_what_waits_for_a_person_is_not_waited_for():
    looks, _ = watched([made("Waiting")])
    assert looks[-1] == [made("Waiting")]


def test_each_change_is_one_line():
    lines: list[str] = []
    show = local_exec.changes(lines.append)
    for status in ("Executing", "Executing", "Stopping", "Stopped", "Stopped"):
        show([made(status), made("PendingManualApproval", "v")])
    assert lines == [f"pipeline execution p: {status}" for status in ("Executing", "Stopping", "Stopped")]


@pytest.mark.parametrize(
    ("found", "figures"),
    [
        ([], "it started nothing on the AWS of this machine"),
        ([made("Succeeded")], "1 started or changed, none failed"),
        ([made("Failed"), made("Succeeded")], "2 started or changed, 1 failed"),
        (
            [made("Waiting"), made("PendingManualApproval"), made("Executing")],
            "3 started or changed, none failed, 2 wait for a person, 1 still runs",
        ),
    ],
)
def test_the_figures_of_the_end(found, figures):
    assert local_exec.figures(found) == figures


def test_a_failure_says_why_and_where_to_look(capsys):
    failed = made("Failed", seconds=3, reason="Train: exit code: 1", look="slipway logs Train -e abc -p p")
    local_exec.tell([failed, made("Succeeded", "q", 61)], "python", 1)
    told = capsys.readouterr().out
    assert "pipeline execution p failed\n  Train: exit code: 1\n  slipway logs Train -e abc -p p\n" in told
    assert "1 min 01 s" in told
    assert told.endswith("python ended with exit code 1; 2 started or changed, 1 failed\n")


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_exit_code_is_the_commands(code, exit_code):
    assert local_exec.run([sys.executable, "-c", code], {}) == exit_code


def test_the_command_answers_an_interrupt_itself():
    code = "import signal; raise SystemExit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)"
    assert local_exec.run([sys.executable, "-c", code], {}) == 0


def test_a_command_that_is_not_there_starts_nothing(tmp_path, capsys):
    assert local_exec.execute(["no-such-command"], tmp_path / "state", None) == 127
    assert capsys.readouterr().err == "slipway: there is no command no-such-command that may be executed\n"
    assert not (tmp_path / "state").exists()


def test_what_cannot_be_executed_says_why(tmp_path, capsys):
    (tmp_path / "script").write_text("print()")
    (tmp_path / "script").chmod(0o755)
    assert local_exec.run([str(tmp_path / "script")], {}) == 126
    assert capsys.readouterr().err.endswith("cannot be executed: Exec format error\n")


@pytest.mark.parametrize(
    ("made", "start", "found"),
    [
        ([], "", ".slipway/local"),
        ([".slipway/local"], "sub", ".slipway/local"),
        ([".slipway/local", "sub/.slipway/local"], "sub", "sub/.slipway/local"),
        ([".slipway/local", "sub/.git"], "sub/deep", "sub/deep/.slipway/local"),
    ],
)
def test_the_state_folder_is_found_upwards_within_a_repository(made, start, found, tmp_path):
    for folder in [*made, start]:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    assert state_folder(tmp_path / start) == tmp_path / found


@pytest.mark.parametrize(("state", "ignored"), [(".slipway/local", True), ("elsewhere", False)])
def test_git_does_not_see_a_state_folder_that_is_made(state, ignored, tmp_path):
    local.keep_out_of_git(tmp_path / state)
    assert (tmp_path / ".slipway/.gitignore").exists() == ignored


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / ".slipway").mkdir()
    local.keep_out_of_git(tmp_path / ".slipway/local")
    assert list((tmp_path / ".slipway").iterdir()) == []


def test_a_port_that_is_taken_is_not_given():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert local.free_port(taken) not in (taken, 0)
