"""A build's output on its way to CloudWatch Logs: whole lines, in AWS's format, with secrets masked."""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from loopback.runtimes.jobs.ports import LogWriter

BATCH_SECONDS = 0.2
BATCH_BYTES = 1 << 19
LONGEST_LINE = 256 * 1024 - 26  # bytes of one CloudWatch event, less its overhead
REMEMBERED = 1 << 20  # characters of a phase's output in which RETRY looks for its expression
MASK = "***"
_own = logging.getLogger("loopback")


class Log:
    """One stream. `path` gets the same lines as a file; `clock` returns epoch seconds."""

    def __init__(self, logs: LogWriter, target: tuple[str, str] | None, path: Path, clock: Callable[[], float]) -> None:
        self._logs, self._target, self._clock = logs, target, clock
        self._file = path.open("a", encoding="utf-8", errors="replace")
        self._masks: tuple[str, ...] = ()
        self._part = b""
        self._events: list[tuple[int, str]] = []
        self._held = 0
        self._due = 0.0
        self._recent: list[str] = []
        self._recent_size = 0

    def mask(self, values: Iterable[str]) -> None:
        """Hide these values, wherever they stand in a line."""
        lines = {line for value in values for line in value.splitlines() if line}
        self._masks = tuple(sorted({*self._masks, *lines}, key=len, reverse=True))

    def hide_secrets(self, text: str) -> str:
        """Text without the values to hide."""
        for mask in self._masks:
            text = text.replace(mask, MASK)
        return text

    def say(self, text: str) -> None:
        """A line of the build machine's own."""
        self._end_line()
        now = self._clock()
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}"
        for line in f"[Container] {stamp} {text}".split("\n"):
            self._add(line, recent=False)

    def feed(self, data: bytes) -> None:
        """What a command has written."""
        *lines, self._part = (self._part + data).split(b"\n")
        for line in lines:
            self._add(line.decode(errors="replace").rstrip("\r"))
        if len(self._part) > LONGEST_LINE:
            self._end_line()
        if self._held > BATCH_BYTES:
            self.flush()

    def forget(self) -> None:
        """A new attempt begins: `recent` starts over."""
        self._recent, self._recent_size = [], 0

    @property
    def recent(self) -> str:
        """What commands have written since `forget`, at most REMEMBERED characters of it."""
        return "\n".join(self._recent)

    def flush_if_due(self) -> None:
        """Hand over lines that have waited long enough."""
        if self._events and time.monotonic() > self._due:
            self.flush()

    def flush(self) -> None:
        """Hand the batch over. A log that cannot be written is no reason to fail a build."""
        events, self._events, self._held = self._events, [], 0
        self._due = time.monotonic() + BATCH_SECONDS
        self._file.flush()
        if not events or self._target is None:
            return
        try:
            self._logs.append(*self._target, events)
        except Exception:  # noqa: BLE001
            _own.warning("log stream %s of a build cannot be written", self._target[1], exc_info=True)
            self._target = None

    def close(self) -> None:
        """The last lines."""
        self._end_line()
        self.flush()
        self._file.close()

    def _end_line(self) -> None:
        if self._part:
            line, self._part = self._part, b""
            self._add(line.decode(errors="replace"))

    def _add(self, line: str, *, recent: bool = True) -> None:
        line = self.hide_secrets(line)
        now = int(self._clock() * 1000)
        for start in range(0, len(line) or 1, LONGEST_LINE):
            self._events.append((now, line[start : start + LONGEST_LINE]))
        self._held += len(line) + 64
        self._file.write(line + "\n")
        if recent and self._recent_size < REMEMBERED:
            self._recent.append(line)
            self._recent_size += len(line)
