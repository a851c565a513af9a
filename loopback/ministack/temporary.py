"""The base's temporary folders, in one that belongs to the state folder, so that those of a killed process can go."""

import hashlib
import importlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.core.lambda_runtime": ("tempfile",),
    "ministack.services.lambda_svc": ("tempfile", "_PROVIDED_CODE_CACHE", "_DOCKER_EXTRACT_CACHE"),
}
CACHES = ("_PROVIDED_CODE_CACHE", "_DOCKER_EXTRACT_CACHE")


class _Below:
    """The module `tempfile` as the base uses it, below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def mkdtemp(self, **options: Any) -> str:
        return tempfile.mkdtemp(**{"dir": self.gettempdir()} | options)

    def TemporaryDirectory(self, **options: Any) -> "tempfile.TemporaryDirectory[str]":  # noqa: N802  # its name
        return tempfile.TemporaryDirectory(**{"dir": self.gettempdir()} | options)

    def gettempdir(self) -> str:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        return self._folder


def folder_of(state: Path) -> Path:
    """The folder below the system's own; a path in the state folder could be too long for a socket."""
    return Path(tempfile.gettempdir()) / f"loopback-{hashlib.sha256(str(state).encode()).hexdigest()[:16]}"


def install(state: Path) -> None:
    """Delete what an earlier process has left, and let the base make its folders there."""
    folder = folder_of(state)
    clear(state)
    for name in HOOKS:
        module: Any = importlib.import_module(name)
        module.tempfile = _Below(folder)
        for cache in CACHES:
            if hasattr(module, cache):
                setattr(module, cache, str(folder / getattr(module, cache).rpartition("/")[2]))


def clear(state: Path) -> None:
    """Delete the folder at the end."""
    shutil.rmtree(folder_of(state), ignore_errors=True)
