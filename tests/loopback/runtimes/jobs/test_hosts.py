"""What a host is and how it ends: real processes."""

import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from loopback.runtimes.jobs import job_dir
from loopback.runtimes.jobs.hosts import Zygote
from loopback.runtimes.jobs.ports import CAPACITY, INTERNAL, LIMIT, Outcome
from tests.loopback.runtimes.jobs.conftest import Bench, processing


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def running(mark: str) -> list[int]:
    """The processes of this machine with `mark` in their command line: a job knows them by other numbers."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (path / "cmdline").read_text() and int(path.name) != os.getpid():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def wait_for_line(bench: Bench, text: str) -> str:
    for _ in range(1500):
        if text in bench.logs.text():
            return bench.logs.text()
        time.sleep(0.02)
    raise AssertionError(f"{text!r} not in {bench.logs.text()!r}")


def in_thread(bench: Bench, *argv: str, **request) -> tuple[threading.Thread, list[Outcome]]:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(bench.process(*argv, **request)))
    thread.start()
    return thread, outcomes


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (
            ("python3", "-c", "import sys; sys.exit(3)"),
            "AlgorithmError: See job logs for more information, exit code: 3",
        ),
        (("python3", "-c", "raise ValueError('bad label')"), "AlgorithmError: ValueError: bad label, exit code: 1"),
        (("python3", "-c", "import sys; sys.exit('no data')"), "AlgorithmError: no data, exit code: 1"),
        (("python3", "-m", "no_such_module"), "No module named no_such_module, exit code: 1"),
        (("python3", "/opt/ml/missing.py"), "No such file or directory, exit code: 2"),
        (("python3", "-c", "import os; os.abort()"), "(ended by signal 6), exit code: 134"),
        (
            ("python3", "-c", "import os; os.kill(os.getpid(), 9)"),
            "signal 9 (SIGKILL); memory had not run out, exit code: 137",
        ),
        (("python3", "-c", "x = bytearray(1 << 60)"), "AlgorithmError: MemoryError, exit code: 1"),
        (("/bin/sh", "-c", "echo sorry >&2; exit 7"), "AlgorithmError: sorry, exit code: 7"),
        (("no-such-command",), "executable file not found in $PATH, exit code: 127"),
    ],
)
def test_the_exit_decides_and_the_reason_says_why(bench: Bench, argv: tuple[str, ...], reason: str) -> None:
    outcome = bench.process(*argv)
    assert outcome.status == "Failed"
    assert outcome.failure_kind is None
    assert outcome.failure_reason is not None
    assert outcome.failure_reason.endswith(reason)
    assert bench.states[-1] == "Failed"


def test_a_stop_ends_a_job_that_listens_and_its_results_are_kept(bench: Bench) -> None:
    code = (
        "import signal, sys, time, pathlib\n"
        "def end(*_):\n    pathlib.Path('/opt/ml/processing/out/part.txt').write_text('half'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('ready'); time.sleep(60)"
    )
    thread, outcomes = in_thread(bench, "python3", "-c", code, outputs=[("out", "s3://b/out")])
    wait_for_line(bench, "ready")
    bench.stop.set()
    thread.join(10)
    assert (outcomes[0].status, outcomes[0].secondary) == ("Stopped", "Stopped")
    assert bench.s3.keys("out/") == ["out/part.txt"]


def test_a_stop_during_the_download_ends_the_job_before_it_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(_bucket: str, key: str, _target: object) -> None:
        fetched.append(key)
        bench.stop.set()

    monkeypatch.setattr(bench.s3, "fetch", fetch)
    for name in ("a", "b"):
        bench.s3.put(f"d/{name}", name)
    outcome = bench.process("python3", "-c", "print('ran')", inputs=[("data", "s3://b/d/")])
    assert (outcome.status, fetched, bench.logs.text()) == ("Stopped", ["d/a"], "")
    assert bench.left() == []


def test_what_jobs_of_an_earlier_process_left_is_removed(bench: Bench) -> None:
    """Among it folders that cannot be listed."""
    locked = bench.ports.folder / "job-x" / "algo-1" / "locked"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0)
    job_dir.clear(bench.ports.folder)
    assert bench.left() == []


def test_a_job_that_does_not_listen_is_killed_after_the_grace_period(bench: Bench) -> None:
    bench.ports = replace(bench.ports, grace_seconds=0.2)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60); print('woke')"
    outcome = bench.process("python3", "-c", code, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (outcome.status, outcome.secondary) == ("Stopped", "MaxRuntimeExceeded")
    assert bench.logs.text() == ""


def test_hosts_see_each_others_names_and_ports(bench: Bench) -> None:
    code = (
        "import json, socket\n"
        "me = json.load(open('/opt/ml/config/resourceconfig.json'))\n"
        "assert socket.gethostname() == me['current_host'], socket.gethostname()\n"
        "if me['current_host'] == 'algo-1':\n"
        "    server = socket.create_server(('algo-1', 7777)); peer, _ = server.accept()\n"
        "    print(peer.recv(99).decode())\n"
        "else:\n"
        "    for _ in range(200):\n"
        "        try: link = socket.create_connection(('algo-1', 7777)); break\n"
        "        except OSError: __import__('time').sleep(0.02)\n"
        "    link.sendall(b'hello from ' + me['current_host'].encode())\n"
    )
    for isolated in (False, True):
        outcome = bench.process("python3", "-c", code, hosts=2, NetworkConfig={"EnableNetworkIsolation": isolated})
        assert outcome.status == "Completed", (outcome, bench.logs.streams)
        assert bench.logs.text() == "hello from algo-2"
        bench.logs.streams.clear()


def test_one_hosts_failure_ends_the_others(bench: Bench) -> None:
    code = (
        "import socket, sys, time; sys.exit(4) if socket.gethostname() == 'algo-2' else (time.sleep(60), print('woke'))"
    )
    outcome = bench.process("python3", "-c", code, hosts=3)
    assert outcome.failure_reason == "AlgorithmError: See job logs for more information (host algo-2), exit code: 4"
    assert not any("woke" in bench.logs.text(host) for host in ("algo-1", "algo-3"))


def test_an_isolated_job_has_no_network(bench: Bench) -> None:
    code = "import socket; print(sorted(name for _, name in socket.if_nameindex()))"
    bench.process("python3", "-c", code, NetworkConfig={"EnableNetworkIsolation": True})
    assert bench.logs.text().startswith("['lo'")
    assert "eth" not in bench.logs.text()


def test_nothing_of_our_environment_reaches_a_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "leak")
    code = "import os, subprocess; print(sorted(os.environ)); print(subprocess.check_output('env', text=True))"
    bench.process("python3", "-c", code, Environment={"STAGE": "dev"})
    text = bench.logs.text()
    assert "MY_SECRET" not in text
    assert "SSH" not in text
    expected = "AWS_ACCESS_KEY_ID AWS_REGION GOMP_SPINCOUNT HOME HOSTNAME LANG MPLBACKEND"
    rest = " PATH PIP_TARGET PROCESSING_JOB_ARN PROCESSING_JOB_NAME PYTHONPATH PYTHONUNBUFFERED STAGE TMPDIR TZ"
    assert text.splitlines()[0] == str((expected + rest).split())


def test_what_a_jobs_pip_does_stays_in_the_job(bench: Bench) -> None:
    show = "import importlib.util; print(importlib.util.find_spec('threadpoolctl') is not None)"
    code = f'pip uninstall -y -q threadpoolctl; python3 -c "{show}"'
    assert bench.process("/bin/sh", "-c", code).status == "Completed", bench.logs.text()
    assert bench.logs.text().splitlines()[-1] == "False"
    bench.logs.streams.clear()
    bench.process("/bin/sh", "-c", f'python3 -c "{show}"')
    assert bench.logs.text() == "True"


def test_a_users_module_wins_over_one_of_ours(bench: Bench) -> None:
    main = "import xgboost, loopback, statistics as s, sys; print(xgboost.MINE, loopback.MINE, s.MINE); print(sys.path)"
    bench.s3.put("code/main.py", main)
    for name in ("xgboost", "loopback", "statistics"):
        bench.s3.put(f"code/{name}.py", "MINE = True")
    outcome = bench.process("python3", "/opt/ml/processing/code/main.py", inputs=[("code", "s3://b/code/")])
    assert outcome.status == "Completed", bench.logs.text()
    assert bench.logs.text().startswith("True True True\n['/opt/ml/processing/code'")


def test_loopback_itself_cannot_be_imported(bench: Bench) -> None:
    bench.process("python3", "-c", "import loopback.runtimes.jobs")
    assert "No module named 'loopback'" in bench.logs.text()


def test_random_numbers_differ_between_jobs(bench: Bench) -> None:
    for _ in range(2):
        bench.process("python3", "-c", "import numpy, random; print(numpy.random.rand(), random.random())")
    lines = bench.logs.text().splitlines()
    assert len(set(lines)) == 2


def test_exit_functions_and_threads_are_waited_for(bench: Bench) -> None:
    code = (
        "import atexit, threading, time\n"
        "atexit.register(lambda: print('last', end=''))\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\nprint('main')"
    )
    assert bench.process("python3", "-c", code).status == "Completed"
    assert bench.logs.text() == "main\nthread\nlast"


def test_children_forked_by_a_job_do_not_end_it(bench: Bench) -> None:
    code = (
        "import os, sys, multiprocessing as m\n"
        "if os.fork() == 0: sys.exit(5)\n"
        "with m.Pool(2) as pool: print(sum(pool.map(abs, [-1, -2])))"
    )
    outcome = bench.process("python3", "-c", code)
    assert outcome.status == "Completed", bench.logs.text()
    assert bench.logs.text() == "3"


def test_openmp_and_blas_work_in_a_forked_host(bench: Bench) -> None:
    code = (
        "import numpy as np, xgboost as x\n"
        "a = np.random.rand(800, 800); a @ a\n"
        "b = x.train({'nthread': 2}, x.DMatrix(a, label=a[:, 0]), 3); print(b.num_boosted_rounds())"
    )
    assert bench.process("python3", "-c", code).status == "Completed", bench.logs.text()
    assert bench.logs.text() == "3"


def test_what_a_job_left_behind_is_killed(bench: Bench) -> None:
    mark = "600.0313"
    code = (
        "import subprocess, time; quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}\n"
        f"subprocess.Popen(['sleep', '{mark}'], **quiet)\n"
        f"subprocess.Popen(['sleep', '{mark}'], start_new_session=True, **quiet); print('started'); time.sleep(0.3)"
    )
    assert bench.process("python3", "-c", code).status == "Completed"
    assert bench.logs.text() == "started"
    assert all(gone(pid) for pid in running(mark))


def test_the_zygotes_death_is_an_internal_error_and_the_next_job_runs(bench: Bench) -> None:
    zygote = Zygote(standbys=1, modules=())
    bench.ports = replace(bench.ports, zygote=zygote)
    mark = "600.0314"
    code = f"import subprocess, time; subprocess.Popen(['sleep', '{mark}']); print('started'); time.sleep(60)"
    thread, outcomes = in_thread(bench, "python3", "-c", code)
    wait_for_line(bench, "started")
    assert running(mark)
    assert zygote.pid
    os.kill(zygote.pid, signal.SIGKILL)
    thread.join(10)
    assert outcomes[0].failure_kind == INTERNAL
    assert str(outcomes[0].failure_reason).startswith("InternalServerError: We encountered an internal error.")
    assert all(gone(pid) for pid in running(mark))
    assert bench.process("python3", "-c", "pass").status == "Completed"
    zygote.close()


def may_make_namespaces() -> bool:
    """Whether this process has CAP_SYS_ADMIN."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.partition("CapEff:")[2].split()[0], 16) >> 21 & 1)


def test_a_job_that_comes_while_the_zygote_dies_runs(bench: Bench) -> None:
    """A killed process counts as running until it has given its memory back.

    Of an ordinary user the process that is killed is the parent of the one that serves, which takes an order in the
    moment before it dies, too: that job is lost, and says so.
    """
    zygote = Zygote(standbys=1, modules=())
    bench.ports = replace(bench.ports, zygote=zygote)
    allowed = {("Completed", None)} | (set() if may_make_namespaces() else {("Failed", INTERNAL)})
    for _ in range(4):
        outcome = bench.process("python3", "-c", "pass")
        assert (outcome.status, outcome.failure_kind) in allowed
        if zygote._process:  # it is forgotten with a job that is lost
            os.kill(zygote._process.pid, signal.SIGKILL)
    outcome = bench.process("python3", "-c", "pass")
    assert (outcome.status, outcome.failure_kind) in allowed
    zygote.close()


def test_a_job_is_not_given_to_a_standby_that_is_dead() -> None:
    from loopback.runtimes.jobs.zygote import ForkServer, Standby

    ours, theirs = socket.socketpair()
    forge = ForkServer(ours, 1, 0, None)  # type: ignore[arg-type]  # nothing is imported ahead
    dead, taken = socket.socketpair()
    taken.close()
    living, other = socket.socketpair()
    forge.ready = [Standby(1, dead, None), Standby(2, living, None)]
    assert forge._order_child({"isolated": False}, theirs.fileno()) == Standby(2, living, None)
    assert other.recv(1 << 16)
    assert forge.ready == []
    for end in (ours, theirs, living, other, *forge.own_line):
        end.close()
    forge.selector.close()


def test_the_end_of_the_control_plane_ends_everything(bench: Bench, tmp_path) -> None:
    script = (
        "import sys, time\nfrom loopback.runtimes.jobs.hosts import Zygote\n"
        "from loopback.runtimes.jobs.messages import HostSpec\n"
        "z = Zygote(modules=()); h = z.spawn(HostSpec(('sleep', '600'), {'PATH': '/usr/bin:/bin'}, sys.argv[1]))\n"
        "print(z.pid, h.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [bench.ports.zygote.python, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as control:
        assert control.stdout
        pids = [int(pid) for pid in control.stdout.readline().split()]
        control.kill()
    assert all(gone(pid) for pid in pids)


def test_an_idle_zygote_ends_and_comes_back(bench: Bench) -> None:
    zygote = Zygote(standbys=1, idle_seconds=0.2, modules=())
    bench.ports = replace(bench.ports, zygote=zygote)
    assert bench.process("python3", "-c", "pass").status == "Completed"
    first = zygote.pid
    assert first is None or gone(first)
    assert bench.process("python3", "-c", "pass").status == "Completed"
    zygote.close()


def test_a_zygote_that_cannot_start_is_a_capacity_error(bench: Bench) -> None:
    bench.ports = replace(bench.ports, zygote=Zygote(python="/bin/false"))
    outcome = bench.process("python3", "-c", "pass")
    assert outcome.failure_kind == CAPACITY


def test_more_hosts_than_this_machine_runs_is_a_limit(bench: Bench) -> None:
    outcome = bench.run(processing("true", hosts=21))
    assert outcome.failure_kind == LIMIT
    assert (
        outcome.failure_reason == "ResourceLimitExceeded: 21 instances requested, this loopback runs at most 20 a job"
    )


def test_a_chatty_job_is_logged_in_order_and_long_lines_are_cut(bench: Bench) -> None:
    code = "for i in range(20000): print(i)\nprint('x' * 600_000)\nprint('end', end='')"
    assert bench.process("python3", "-c", code).status == "Completed"
    lines = bench.logs.text().splitlines()
    assert lines[:20000] == [str(number) for number in range(20000)]
    assert "".join(lines[20000:-1]) == "x" * 600_000
    assert max(map(len, lines)) < 262144
    assert lines[-1] == "end"


def test_a_silent_job_has_no_log_stream(bench: Bench) -> None:
    bench.process("python3", "-c", "pass")
    assert bench.logs.streams == {}


def test_nothing_remains_of_a_job_that_locks_its_folders(bench: Bench) -> None:
    code = "import os; os.chdir('/opt/ml/output'); os.makedirs('a/b'); open('a/b/c', 'w'); os.chmod('a', 0)"
    bench.process("python3", "-c", code)
    assert bench.left() == []


ANYWHERE = """
import os, pathlib, sys
assert os.getcwd() == "/", os.getcwd()
pathlib.Path("model.bin").write_text("1")
pathlib.Path("/absolute.bin").write_text("2")
os.mkdir("/data")
print(sorted(os.listdir("/")), pathlib.Path("opt/ml/processing/in/a.csv").read_text())
try:
    pathlib.Path("/usr/new").touch()
except OSError as error:
    print("refused", error.strerror)
"""


def test_a_job_writes_beside_the_machines_folders(bench: Bench) -> None:
    """As in a container, where / can be written to: AWS's own evaluation scripts unpack the model to `.`."""
    before = sorted(os.listdir("/"))
    bench.s3.put("d/a.csv", "seen")
    outcome = bench.process("python3", "-c", ANYWHERE, inputs=[("in", "s3://b/d/")])
    assert outcome.status == "Completed", outcome
    listed, refused = bench.logs.text().splitlines()
    assert {"model.bin", "absolute.bin", "data", "opt", "usr"} <= set(listed.split("'"))
    assert listed.endswith("seen")
    assert refused == "refused Read-only file system"
    assert sorted(os.listdir("/")) == before
    assert not bench.left()


def test_what_a_job_writes_to_its_root_no_other_sees(bench: Bench) -> None:
    for expected in ("False", "False"):
        code = "import os, pathlib; print(os.path.exists('/mark')); pathlib.Path('/mark').touch()"
        assert bench.process("python3", "-c", code).status == "Completed"
        assert set(bench.logs.text().split()) == {expected}
