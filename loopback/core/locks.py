"""A file that one process holds: the lock ends with the process, and the file says which one it is, and how it is.

What it says is written over its first bytes, for which there is room on a full disk as well.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

STEP_SECONDS = 0.02
PID_BYTES, BYTES = 16, 4096


class AlreadyHeld(Exception):
    """Another process holds it."""


class HeldLock:
    """A lock that this process holds."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.pwrite(descriptor, str(os.getpid()).ljust(BYTES).encode(), 0)
        os.ftruncate(descriptor, BYTES)

    def complain(self, fault: str) -> None:
        """Say what is wrong with the holder; nothing is with an empty text."""
        text = fault.encode()[: BYTES - PID_BYTES]
        os.pwrite(self._descriptor, text.ljust(BYTES - PID_BYTES), PID_BYTES)


@contextlib.contextmanager
def hold(path: Path, seconds: float = 0) -> Iterator[HeldLock]:
    """Hold the lock; wait so long for the process that has it. Raises Held, OSError."""
    deadline = time.monotonic() + seconds
    path.touch(mode=0o600)
    with path.open("rb+", buffering=0) as file:
        while not _take(file.fileno()):
            if time.monotonic() >= deadline:
                raise AlreadyHeld(str(path))
            time.sleep(STEP_SECONDS)
        yield HeldLock(file.fileno())


def holder(path: Path) -> int | None:
    """The process that holds a lock, 0 while it has not said which it is; None when nobody does."""
    try:
        with path.open() as file:
            if _take(file.fileno(), fcntl.LOCK_SH):
                return None
            return int(file.read(PID_BYTES).strip() or 0)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return 0


def complaint(path: Path) -> str:
    """What the holder of a lock says is wrong with it; empty when nothing is, or nobody holds it."""
    if holder(path) is None:
        return ""
    return path.read_bytes()[PID_BYTES:].decode(errors="replace").strip()


def _take(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
