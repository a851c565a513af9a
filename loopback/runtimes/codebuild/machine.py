"""The processes of one build: a reaper, and below it the one shell in which all commands run."""

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loopback.runtimes.codebuild.log import Log
from loopback.runtimes.jobs import processes

TICK = 0.1  # seconds; how late a stop is noticed
CHUNK = 1 << 16
DRAINED = 1 << 16  # bytes that a pipe holds: all that an ended command can have left there
ENDING = 10.0  # seconds that the reaper has to end everything
_HERE = Path(__file__).parent
_MARK = "__CODEBUILD_TEXT_ENDS__"


class Halted(Exception):
    """The build has to end: `status` is STOPPED or TIMED_OUT."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class BuildLimits:
    """When to end what does not end by itself. `deadline` is in monotonic seconds."""

    stop: threading.Event
    deadline: float

    def check(self) -> None:
        """Raises Halted."""
        if self.stop.is_set():
            raise Halted("STOPPED")
        if time.monotonic() > self.deadline:
            raise Halted("TIMED_OUT")


@dataclass(frozen=True)
class Setting:
    """Where a machine works: `folder` is its own, `start` the shell's first folder, `shell` the program and options.

    `python` runs our own program there, and sees nothing of its packages.

    `confined` makes of a command line the one that runs it away from the rest of this machine.
    """

    folder: Path
    start: Path
    shell: Sequence[str]
    environ: Mapping[str, str]
    confined: Callable[[Sequence[str]], list[str]] = list
    python: str = sys.executable


class Machine:
    """Starts with its reaper; the shell comes with the first command. Used by one thread."""

    def __init__(self, setting: Setting, log: Log) -> None:
        self._setting, self._log = setting, log
        self._count = self._begun = 0  # the numbers of the last command, and of the last that a shell has taken
        self._running = False
        self._shell = 0
        self._answered = b""
        setting.folder.mkdir(parents=True, exist_ok=True)
        self._folder = os.open(setting.folder, os.O_RDONLY | os.O_DIRECTORY)
        orders, self._orders = os.pipe()
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        self._output, output = os.pipe()
        given = (orders, requests, answers)
        driver = [*setting.shell, str(_HERE / "driver.sh"), str(setting.folder)]
        try:
            self._reaper = subprocess.Popen(
                setting.confined([setting.python, "-I", "-S", str(_HERE / "reaper.py"), *map(str, given), *driver]),
                pass_fds=given,
                cwd=setting.start,
                env=dict(setting.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            for fd in (*given, output):
                os.close(fd)
        os.set_blocking(self._output, False)
        self.pid = self._reaper.pid

    def run(self, text: str, limits: BuildLimits, *, succeeding: bool = True) -> int:
        """Run a command in the shell, whatever lines it has; its exit status. Raises Halted."""
        self._count += 1
        self._write(str(self._count), text + "\n")
        try:
            if not self._running:
                os.write(self._orders, b"+")
                self._running = True
            os.write(self._requests, f"{self._count} {int(succeeding)}\n".encode())
            return self._await(limits)
        except BrokenPipeError:  # nobody is left to read
            raise LostMachine from None

    def expand(self, text: str, limits: BuildLimits) -> str:
        """Text as the shell's double quotes would have it: $(commands) and $VARIABLES replaced. Raises Halted."""
        if "$" not in text and "`" not in text:
            return text
        target = self._setting.folder / "expanded"
        line = " ".join(text.split("\n")).replace(_MARK, "")
        self.run(f'\\command cat >|"{target}" <<{_MARK}\n{line}\n{_MARK}', limits)
        found = self._text("expanded")
        return text if found is None else found.strip()

    def environment(self, limits: BuildLimits) -> dict[str, str]:
        """The variables that the shell exports. Raises Halted."""
        target = self._setting.folder / "environment"
        self.run(f'/usr/bin/env -0 >|"{target}"', limits)
        entries = (self._text("environment") or "").split("\0")
        return dict(entry.split("=", 1) for entry in entries if "=" in entry)

    def _write(self, name: str, text: str) -> None:
        """Write a new file of the machine's folder, never through a link that the build has put there."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=self._folder), "w") as file:
            file.write(text)

    def _text(self, name: str) -> str | None:
        """What a file of the machine's folder says; None for what is no file, and for a link."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._folder)
        except OSError:
            return None
        with os.fdopen(descriptor, errors="replace") as file:
            return file.read()

    def close(self) -> None:
        """End everything that the build has started, and take what it has written."""
        os.close(self._orders)
        try:
            self._reaper.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._reaper.send_signal(signal.SIGKILL)
            self._reaper.wait()
        if self._reaper.returncode and self._shell:  # it could not end what it was there to end
            processes.signal_group(self._shell, signal.SIGKILL)
        self._drain()
        self._log.flush()
        for fd in (self._requests, self._answers, self._output, self._folder):
            os.close(fd)

    def _await(self, limits: BuildLimits) -> int:
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            selector.register(self._output, selectors.EVENT_READ)
            while True:
                limits.check()
                if self._reaper.poll() is not None:
                    raise LostMachine
                for key, _ in selector.select(TICK):
                    if key.fd == self._answers:
                        status = self._answer()
                        if status is not None:
                            self._drain()
                            return status
                    elif not self._read():
                        selector.unregister(self._output)
                self._log.flush_if_due()

    def _answer(self) -> int | None:
        data = os.read(self._answers, 4096)
        if not data:
            raise LostMachine
        self._answered += data
        *lines, self._answered = self._answered.split(b"\n")
        for line in lines:
            word, number, status = line.split()
            if word == b"shell":
                self._shell = int(status)
            elif word == b"begun":
                self._begun = int(number)
            elif word == b"exit" and self._begun < self._count:  # between commands: this one goes to another shell
                os.write(self._orders, b"+")
            elif word == b"exit":  # the command itself has ended the shell; the next one starts another
                self._running = False
                return int(status)
            elif int(number) == self._count:
                return int(status)
        return None

    def _read(self) -> bool:
        try:
            data = os.read(self._output, CHUNK)
        except BlockingIOError:
            return True
        self._log.feed(data)
        return bool(data)

    def _drain(self) -> None:
        """What was written before now. What runs on in the background may write for ever."""
        taken = 0
        while taken < DRAINED:
            try:
                data = os.read(self._output, CHUNK)
            except BlockingIOError:
                return
            if not data:
                return
            taken += len(data)
            self._log.feed(data)


class LostMachine(Exception):
    """The processes of the build were ended from outside."""


def start_time(pid: int) -> str:
    """When a process was started, as the kernel counts; empty when it is gone, or on a system without /proc.

    A process id may be given again; together with this it names one process.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def end(pid: int, when: str) -> None:
    """End a reaper of an earlier control plane, and so all below it, if it is still the one that was born then."""
    deadline = time.monotonic() + ENDING
    while when and start_time(pid) == when and _state(pid) != "Z":
        try:
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
