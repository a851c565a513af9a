"""A host's output on its way to the log group: whole lines, in batches, with a bound on what is held."""

import os
import time
from collections import deque
from collections.abc import Callable

from loopback.runtimes.jobs.ports import LogWriter

BATCH_SECONDS = 0.25
BATCH_BYTES = 1 << 19
LONGEST_LINE = 256 * 1024 - 26  # bytes of one CloudWatch event, less its overhead
CHUNK = 1 << 16


class Output:
    """Reads one host's pipe. `watch` sees each line with its time; `last` keeps the newest lines."""

    def __init__(self, fd: int, logs: LogWriter, group: str, stream: str, watch: Callable[[int, str], None]) -> None:
        os.set_blocking(fd, False)
        self.fd, self.logs, self.group, self.stream, self.watch = fd, logs, group, stream, watch
        self.last: deque[str] = deque(maxlen=40)
        self._part = b""
        self._events: list[tuple[int, str]] = []
        self._held = 0
        self._due = 0.0

    def read(self) -> bool:
        """Take what the pipe holds now. False at its end."""
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return True
        if not data:
            return False
        *lines, self._part = (self._part + data).split(b"\n")
        for line in lines:
            self._add(line)
        if len(self._part) > LONGEST_LINE:
            self._add(self._part)
            self._part = b""
        if self._held > BATCH_BYTES or time.monotonic() > self._due:
            self.flush()
        return True

    def drain(self) -> None:
        """Take what is left after the host's end, and the last line even without its newline."""
        while True:
            try:
                if not (data := os.read(self.fd, CHUNK)):
                    break
            except BlockingIOError:
                break
            *lines, self._part = (self._part + data).split(b"\n")
            for line in lines:
                self._add(line)
            if self._held > BATCH_BYTES:
                self.flush()
        if self._part:
            self._add(self._part)
            self._part = b""
        self.flush()

    def flush(self) -> None:
        """Hand the batch to the log group."""
        if self._events:
            self.logs.append(self.group, self.stream, self._events)
        self._events, self._held = [], 0
        self._due = time.monotonic() + BATCH_SECONDS

    def flush_if_due(self) -> None:
        """Hand over lines that have waited long enough."""
        if self._events and time.monotonic() > self._due:
            self.flush()

    def _add(self, line: bytes) -> None:
        now = time.time_ns() // 1_000_000
        for start in range(0, len(line) or 1, LONGEST_LINE):
            text = line[start : start + LONGEST_LINE].decode(errors="replace").rstrip("\r")
            self._events.append((now, text))
            self._held += len(text) + 64
            if text:
                self.last.append(text[:1024])
            self.watch(now, text)
