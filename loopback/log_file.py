"""loopback.log: what a detached loopback prints. It is kept short, with one file of what was before."""

import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

MOST_BYTES = 8 << 20
LOOK_SECONDS = 10.0
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tabs and line ends


def path(state: Path) -> Path:
    """Where it is."""
    return state / "loopback.log"


def harmless(text: str) -> str:
    r"""Return a text as a terminal may be given it: what it would obey is shown, as `\x1b`.

    Jobs, and what asks them, decide about some of what the log says.
    """
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def keep_short(file: Path) -> None:
    """Look at it every few seconds, on an alarm: its writers go on, and a process that forks has no second thread."""
    if not _is_output(file):
        return

    def look(_number: int, _frame: Any) -> None:
        shorten(file)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)


def shorten(file: Path, most_bytes: int = MOST_BYTES) -> bool:
    """Put what it holds into `<name>.1` once it is longer than this. Those who write append, so they go on at 0."""
    if file.stat().st_size <= most_bytes:
        return False
    shutil.copyfile(file, file.with_name(f"{file.name}.1"))
    os.truncate(file, 0)
    return True


def _is_output(file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(sys.stdout.fileno()), file.stat())
    except (OSError, ValueError):
        return False
