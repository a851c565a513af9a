"""What the data plane has to say to other services, as files: the control plane delivers them when it is there.

A file's first line is JSON (`kind` and where it goes), the rest is the content. It is `.part` while it is written to.
What was written is safe from the death of either process.
"""

import json
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

READY, PART = ".ready", ".part"


class OutboxFile:
    """One file on its way. `size` counts the bytes of its content."""

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{time.time_ns():020}-{uuid.uuid4().hex[:8]}{PART}"
        self._fd = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.write(self._fd, json.dumps(head).encode() + b"\n")
        self.size = 0

    def write(self, content: bytes) -> None:
        """Add to it; when this returns, the operating system has it."""
        while content:
            written = os.write(self._fd, content)
            self.size += written
            content = content[written:]

    def seal(self) -> None:
        """Hand it over."""
        os.close(self._fd)
        self._path.rename(self._path.with_suffix(READY))


def put(folder: Path, head: Mapping[str, Any], content: bytes) -> None:
    """A whole parcel at once."""
    parcel = OutboxFile(folder, head)
    parcel.write(content)
    parcel.seal()


def recover(folder: Path) -> None:
    """Hand over what a process that is gone was still writing to."""
    for path in folder.glob(f"*{PART}"):
        path.rename(path.with_suffix(READY))


def parcels(folder: Path) -> list[Path]:
    """The parcels that can be delivered, oldest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names) if name.endswith(READY)]


def open_parcel(path: Path) -> tuple[dict[str, Any], bytes]:
    """Where a parcel goes, and its content without a last line that was cut off."""
    head, _, content = path.read_bytes().partition(b"\n")
    return json.loads(head or b"{}"), content[: content.rfind(b"\n") + 1]
