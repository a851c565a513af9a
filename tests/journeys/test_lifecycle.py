"""Start, stop, crash, start again: what a person at the terminal sees, and what is still there."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey


def test_up_status_env_down_reset(loopback: Any, wait_until: Any) -> None:
    again = loopback.up()
    assert (again.returncode, "already running at" in again.stdout) == (0, True)
    status = loopback.command("status")
    assert (status.returncode, f":{loopback.port}" in status.stdout) == (0, True)
    assert f"AWS_ENDPOINT_URL=http://127.0.0.1:{loopback.port}" in loopback.command("env").stdout
    refused = loopback.command("reset")
    assert (refused.returncode, "run `down` first" in refused.stderr) == (1, True)
    pids = loopback.processes()
    assert len(pids) >= 2
    assert "loopback is down" in loopback.down().stdout
    wait_until(lambda: not [pid for pid in pids if os.path.exists(f"/proc/{pid}")], 5)
    assert loopback.command("status").returncode == 3
    assert "no loopback is running" in loopback.command("env").stderr
    assert loopback.command("reset").returncode == 0
    assert not loopback.state.exists()


def test_a_port_in_use_is_named(stopped: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stopped.port))
        taken.listen()
        other = stopped.up()
    assert other.returncode == 1
    assert f"Port {stopped.port} on 127.0.0.1 cannot be used" in other.stderr
    assert "--port" in other.stderr
    assert "Traceback" not in other.stderr


def test_up_after_a_killed_supervisor_waits_for_its_control_plane(loopback: Any) -> None:
    before = loopback.found
    os.kill(before["supervisor"], signal.SIGKILL)
    up = loopback.up()
    assert (up.returncode, up.stdout.count("loopback is up at"), up.stderr) == (0, 1, "")
    assert loopback.found["pid"] != before["pid"]
    assert not _runs(before["pid"])
    assert loopback.client("sqs").list_queues()


def test_two_that_start_at_once_are_one(stopped: Any) -> None:
    with ThreadPoolExecutor(3) as pool:
        ups = [begun.result() for begun in [pool.submit(stopped.up) for _ in range(3)]]
    assert [(up.returncode, up.stderr) for up in ups] == [(0, "")] * 3
    assert sorted("loopback is up at" in up.stdout for up in ups) == [False, False, True]
    assert all(len(up.stdout.splitlines()) == 1 for up in ups)


@pytest.mark.parametrize("name", ["loopback.db", "base.db"])
def test_a_damaged_state_is_not_started_from_until_its_loss_is_accepted(loopback: Any, name: str) -> None:
    loopback.client("sqs").create_queue(QueueName="kept")
    loopback.client("sagemaker").create_model_package_group(ModelPackageGroupName="kept")
    loopback.down()
    damaged = (loopback.state / name).read_bytes()[:1000]
    (loopback.state / name).write_bytes(damaged)
    for _ in range(2):
        up = loopback.up()
        assert (up.returncode, len(up.stderr.splitlines()), "Traceback" in up.stderr) == (1, 1, False)
        assert f"{name} is damaged" in up.stderr
        assert (loopback.state / name).read_bytes() == damaged
    assert loopback.command("up", "--detach", "--port", str(loopback.port), "--accept-loss").returncode == 0
    assert (loopback.state / f"{name}.damaged").read_bytes() == damaged
    assert not (loopback.state / f"{name}.damaged.2").exists()


def test_a_state_path_that_is_a_file_is_refused_in_one_line(stopped: Any) -> None:
    stopped.state.write_text("mine")
    up = stopped.up()
    assert (up.returncode, len(up.stderr.splitlines())) == (1, 1)
    assert "it is a file" in up.stderr


def test_few_descriptors_are_said_and_idle_connections_stop_nobody(stopped: Any) -> None:
    script = 'ulimit -n 64; exec "$0" -m loopback up --detach --port "$1" --state "$2"'
    subprocess.run(
        ["sh", "-c", script, sys.executable, str(stopped.port), str(stopped.state)],
        env=stopped.environ,
        check=True,
        capture_output=True,
    )
    idle = [socket.create_connection(("127.0.0.1", stopped.port)) for _ in range(84)]
    assert stopped.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    log = (stopped.state / "loopback.log").read_text()
    assert "64 files and connections" in log
    assert len(log) < 5000
    for connection in idle:
        connection.close()


def test_a_folder_that_is_no_state_folder_is_not_deleted(stopped: Any) -> None:
    stopped.state.mkdir()
    (stopped.state / "thesis.tex").write_text("")
    refused = stopped.command("reset")
    assert (refused.returncode, "nothing was deleted" in refused.stderr) == (1, True)
    assert (stopped.state / "thesis.tex").exists()


def test_what_was_there_is_there_after_kill_9_of_everything(loopback: Any, wait_until: Any) -> None:
    s3, sagemaker, sqs = (loopback.client(name) for name in ("s3", "sagemaker", "sqs"))
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a/b", Body=b"data")
    sqs.create_queue(QueueName="kept")
    sagemaker.create_model_package_group(ModelPackageGroupName="kept")
    for pid in loopback.processes():
        os.kill(pid, signal.SIGKILL)
    assert loopback.up().returncode == 0
    assert s3.get_object(Bucket="kept", Key="a/b")["Body"].read() == b"data"
    assert sqs.get_queue_url(QueueName="kept")["QueueUrl"]
    assert (
        sagemaker.describe_model_package_group(ModelPackageGroupName="kept")["ModelPackageGroupStatus"] == "Completed"
    )


RETRIED = [
    {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 3}
]
SLOW = "import time; open('/tmp/begun', 'w').close(); time.sleep(2)"


@pytest.mark.parametrize("victim", ["control plane", "warm process"])
def test_an_execution_survives_the_loss_of_a_process(loopback: Any, step: Any, wait_until: Any, victim: str) -> None:
    slow = step("Slow", SLOW, RetryPolicies=RETRIED)
    execution = loopback.start({"Steps": [slow, step("Next", "pass", DependsOn=["Slow"])]})
    wait_until(lambda: loopback.left("begun"), 20)
    control = loopback.found["pid"]
    zygote = next(pid for pid in loopback.children(control) if "zygote" in _command(pid))
    os.kill(control if victim == "control plane" else zygote, signal.SIGKILL)
    if victim == "control plane":
        wait_until(lambda: loopback.found["pid"] != control and _answers(loopback.port), 20)
    execution.wait(40)
    assert execution.status == "Succeeded"
    assert execution.steps()["Slow"]["AttemptCount"] == 2


def test_without_a_retry_policy_the_loss_is_the_reason(loopback: Any, step: Any, wait_until: Any) -> None:
    execution = loopback.start({"Steps": [step("Slow", SLOW)]})
    wait_until(lambda: loopback.left("begun"), 20)
    killed = loopback.found["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: loopback.found["pid"] != killed and _answers(loopback.port), 60)
    execution.wait(20)
    assert execution.status == "Failed"
    assert "InternalServerError" in execution.steps()["Slow"]["FailureReason"]


def _runs(pid: int) -> bool:
    """Whether a process is there; one that has ended may wait for a PID 1 that takes note of nobody's end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_environment_of_the_caller_reaches_no_process(stopped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    assert stopped.up().returncode == 0
    told = [Path(f"/proc/{pid}/environ").read_bytes() for pid in stopped.children(stopped.found["supervisor"])]
    told += [Path(f"/proc/{pid}/environ").read_bytes() for pid in stopped.children(stopped.found["pid"])]
    assert len(told) >= 2
    assert not any(b"hunter2" in environ for environ in told)


def test_a_chain_gets_through_though_the_control_plane_is_killed_again_and_again(
    loopback: Any, step: Any, wait_until: Any
) -> None:
    names = [f"S{n}" for n in range(6)]
    patient = [RETRIED[0] | {"MaxAttempts": 20}]
    code = "import time; time.sleep(0.2)"
    steps = [step(name, code, RetryPolicies=patient, DependsOn=names[n - 1 : n]) for n, name in enumerate(names)]
    execution = loopback.start({"Steps": steps})
    for pause in (0.05, 0.4, 0.13, 0.6):
        time.sleep(pause)
        control = loopback.found["pid"]
        os.kill(control, signal.SIGKILL)
        wait_until(lambda gone=control: loopback.found["pid"] != gone and _answers(loopback.port), 20)
    execution.wait(60)
    assert execution.status == "Succeeded", execution.steps()
    shown = execution.steps()
    assert sorted(shown, key=lambda name: shown[name]["StartTime"]) == names
    assert {entry["StepStatus"] for entry in shown.values()} == {"Succeeded"}
