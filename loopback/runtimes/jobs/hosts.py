"""The control plane's end of the zygote: start it when needed, ask it for hosts, see each host end."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loopback.runtimes.jobs import messages, processes
from loopback.runtimes.jobs.messages import HostSpec
from loopback.sandbox import confine
from loopback.sandbox.environment import interpreter_folders, own_environment
from loopback.sandbox.plan import hidden_folders

PACKAGE_PARENT = str(Path(__file__).parents[3])
END_SECONDS = 5.0  # for a zygote that was hung up on
STARTS = 3  # attempts before a zygote that dies at once is given up
WARM_SERVERS = (  # what model servers import: a host has it before its program begins
    "numpy",
    "pandas",
    "scipy.sparse",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "xgboost",
    "logging.config",
    "concurrent.futures.thread",
    "multiprocessing.util",
)
WARM = (  # what jobs do, who read and draw more
    *WARM_SERVERS,
    "pyarrow.parquet",
    "pyarrow.csv",
    "matplotlib.pyplot",
    "boto3",
    "argparse",
    "tarfile",
)


class HostCannotStart(Exception):
    """No host could be started; the message says why."""


@dataclass(frozen=True)
class Exit:
    """How a host ended. `code` as a shell shows it (128 + signal), `signal` 0 if none; `fault` if it never ran."""

    code: int = 0
    signal: int = 0
    peak_kb: int = 0
    lost: bool = False
    fault: str | None = None


LOST = Exit(code=-1, lost=True)


@dataclass
class HostProcess:
    """A running host. `output` is the read end of its stdout and stderr, `report` becomes readable at its end."""

    id: int
    pid: int
    output: int
    report: int
    zygote: "Zygote"
    _exit: Exit | None = None
    _rest: bytes = field(default=b"", repr=False)

    def wait(self, timeout: float | None = None) -> Exit | None:
        """The exit, or None if the host still runs after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._exit is None:
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            report = select.poll()  # select() itself knows no descriptor above 1023
            report.register(self.report, select.POLLIN)
            if not report.poll(left):
                return None
            self._read()
        return self._exit

    def _read(self) -> None:
        data = os.read(self.report, 4096)
        self._rest += data
        line, newline, self._rest = self._rest.rpartition(b"\n")
        if newline:
            self._exit = _exit_of(json.loads(line))
        elif not data:
            self._exit = LOST
            self.zygote.end_left_overs(self.pid)

    def signal(self, number: int) -> None:
        """Signal the host's process group; a host that has ended is left alone."""
        self.zygote.order({"op": "signal", "id": self.id, "signal": number})

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self.output)
        os.close(self.report)


def _exit_of(report: Mapping[str, Any]) -> Exit:
    code = os.waitstatus_to_exitcode(report["status"])
    number = -code if code < 0 else 0
    return Exit(128 + number if number else code, number, report["peak_kb"], fault=report["fault"])


class Zygote:
    """A warm process that forks job hosts. It starts with the first spawn, and again after it died or went idle."""

    def __init__(
        self,
        standbys: int = 2,
        idle_seconds: float = 300.0,
        python: str = sys.executable,
        state: Path | None = None,
        readable: tuple[str, ...] = (),
        modules: tuple[str, ...] = WARM,
    ) -> None:
        """`state` is the folder that is hidden from hosts besides this machine's own; `readable` what is seen of it."""
        self.standbys, self.idle_seconds, self.python = standbys, idle_seconds, python
        self._hidden = hidden_folders(os.path.expanduser("~"), [])
        self._fresh = [os.path.realpath(state)] if state else []
        self._readable = (*own_environment(python), *readable)
        self._modules = modules
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    @property
    def pid(self) -> int | None:
        """Of the zygote process, while there is one."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Begin the imports now instead of with the first job. Returns at once."""
        with self._lock:
            self._ensure()

    def spawn(self, spec: HostSpec) -> HostProcess:
        """Start a host. Raises CannotStart."""
        if spec.interpreter:
            spec = replace(spec, readable=(*spec.readable, *interpreter_folders(spec.interpreter)))
        for _ in range(STARTS):
            output, output_end = os.pipe()
            report, report_end = os.pipe()
            try:
                with self._lock:
                    self._count += 1
                    number, link = self._count, self._ensure()
                    order = {"op": "spawn", "id": number, "spec": spec.dump()}
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        messages.send(link, order, (output_end, report_end))
            finally:
                os.close(output_end)
                os.close(report_end)
            answer = _first_line(report)
            if answer and "pid" in answer:
                return HostProcess(number, answer["pid"], output, report, self)
            os.close(output)
            os.close(report)
            if answer:
                raise HostCannotStart(answer["fault"])
            self._replace(link)  # it died before it took the order: the next one will take it
        raise HostCannotStart("the process that job hosts are forked from ends as soon as it starts")

    def order(self, message: dict[str, Any]) -> None:
        """Send an order that has no answer; without a zygote there is no host to reach."""
        with self._lock:
            if self._link is None:
                return
            try:
                messages.send(self._link, message)
            except (BrokenPipeError, ConnectionResetError):
                return

    def close(self) -> None:
        """End the zygote and every host of it, and wait until they are gone."""
        with self._lock:
            link, process = self._link, self._process
            self._link = self._process = None
        if link:
            link.close()
        if process:
            if not self._count:  # it has no hosts, and may be importing for seconds before it sees the end of the link
                process.kill()
            process.wait()

    def end_left_overs(self, pid: int) -> None:
        """After a zygote's death its hosts are killed by the system; what they started is killed here."""
        self._forget()
        try:
            os.killpg(pid, 9)
        except (ProcessLookupError, PermissionError):
            return

    def _ensure(self) -> socket.socket:
        if self._link is not None and self.pid is not None:
            return self._link
        self._drop()
        ours, theirs = socket.socketpair()
        command = [self.python, "-m", "loopback.runtimes.jobs.zygote", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [
                *command,
                str(self.standbys),
                str(self.idle_seconds),
                *map(json.dumps, (self._hidden, self._fresh, self._readable, confine.refusal() is None, self._modules)),
            ],
            env=_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self._link = ours
        return ours

    def _forget(self) -> None:
        with self._lock:
            if self.pid is None:
                self._drop()

    def _replace(self, link: socket.socket) -> None:
        """Wait for the end of a zygote that takes no order; for a moment after its death it still counts as running."""
        with self._lock:
            if self._link is link:
                self._drop()

    def _drop(self) -> None:
        if self._link:
            self._link.close()
        if self._process:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._link = self._process = None


def _environment() -> dict[str, str]:
    """No display, no threads on import, and this package's folder to import from."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TZ", "TMPDIR") if key in os.environ}
    return kept | {
        "PYTHONPATH": PACKAGE_PARENT,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's allocator would start one on import
        **processes.PATIENT,
    }


def _first_line(report: int) -> dict[str, Any] | None:
    """The zygote's answer to a spawn, or None if it died. It is written whole, before anything else."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(report, 1)
        if not part:
            return None
        line += part
    answer: dict[str, Any] = json.loads(line)
    return answer
