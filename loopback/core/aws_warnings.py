"""What works here and AWS would refuse, or would not do for everybody: one file that tells it, newest words last.

A warning is known by its kind and subject. It is kept once, with the time when its reason was met last, so that a
command can tell what it has met itself.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

QUOTA, IMAGE, CLOSED, SDK, ROLE = "quota", "image", "closed service", "SDK", "role"
MOST = 200  # kinds and subjects; what is not met any more goes first
PAUSE_SECONDS = 0.2  # in which the same words are not written again
log = logging.getLogger("loopback")


@dataclass(frozen=True)
class AwsWarning:
    """One of them: `todo` says what to do about it."""

    kind: str
    subject: str
    text: str
    todo: str


Warn = Callable[[AwsWarning], None]


def tell_nobody(_: AwsWarning) -> None:
    """For whoever has no file to keep them in."""


class WarningFile:
    """A file that is written anew with each warning; there are few. Its first one of each goes into the log, too."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path, self._now, self._lock = path, now, threading.Lock()
        self._entries: dict[tuple[str, str], dict[str, Any]] = {
            (entry["kind"], entry["subject"]): entry for entry in _read(path)
        }
        self._logged: set[tuple[str, str]] = set()

    def note(self, warning: AwsWarning) -> None:
        """Keep it; what cannot be written is in the log alone."""
        key, now = (warning.kind, warning.subject), self._now()
        with self._lock:
            earlier = self._entries.get(key)
            if earlier and earlier == {**asdict(warning), "at": earlier["at"]} and now - earlier["at"] < PAUSE_SECONDS:
                return
            if key not in self._logged:
                self._logged.add(key)
                log.warning("%s %s: %s; %s", warning.kind, warning.subject, warning.text, warning.todo)
            self._entries.pop(key, None)
            self._entries[key] = {**asdict(warning), "at": now}
            while len(self._entries) > MOST:
                self._entries.pop(next(iter(self._entries)))
            self._write()

    def _write(self) -> None:
        new = self._path.with_suffix(".new")
        try:
            new.write_text(json.dumps(list(self._entries.values()), indent=1))
            os.replace(new, self._path)
        except OSError as fault:
            log.warning("%s cannot be written: %s", self._path, fault)


def _read(path: Path) -> list[dict[str, Any]]:
    """What an earlier control plane has kept; nothing where it cannot be read."""
    try:
        found = json.loads(path.read_text())
        return [entry for entry in found if {"kind", "subject", "at"} <= entry.keys()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError) as fault:
        log.warning("%s is left out: %s", path, fault)
        return []
