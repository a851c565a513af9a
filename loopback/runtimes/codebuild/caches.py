"""What builds of a project keep for the next one: a zip of the cached paths, in S3 or on this machine."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from loopback.core.errors import ServiceError
from loopback.core.objects import Objects
from loopback.runtimes.codebuild import globs, zips
from loopback.runtimes.codebuild.environment import Folders
from loopback.runtimes.codebuild.sources import S3_ARN
from loopback.runtimes.codebuild.specification import FilePatterns

_HOMES = ("~/", "/root/")  # HOME on CodeBuild, and here


class CacheStore(Protocol):
    """Where zips are kept by their keys."""

    def load(self, key: str, target: Path) -> bool:
        """Copy a zip to a file; whether there was one."""

    def keep(self, key: str, archive: Path) -> None:
        """Take a zip."""


@dataclass(frozen=True)
class InS3:
    """Below `prefix` in a bucket."""

    objects: Objects
    bucket: str
    prefix: str

    def load(self, key: str, target: Path) -> bool:
        """See Place."""
        try:
            self.objects.fetch(self.bucket, self.prefix + _file(key), target)
        except ServiceError:
            return False
        return True

    def keep(self, key: str, archive: Path) -> None:
        """See Place."""
        self.objects.store(self.bucket, self.prefix + _file(key), archive)


@dataclass(frozen=True)
class OnDisk:
    """In a folder of this machine."""

    folder: Path

    def load(self, key: str, target: Path) -> bool:
        """See Place."""
        source = self.folder / _file(key)
        if not source.is_file():
            return False
        shutil.copyfile(source, target)
        return True

    def keep(self, key: str, archive: Path) -> None:
        """See Place."""
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f".{_file(key)}"
        shutil.copyfile(archive, beside)
        beside.replace(self.folder / _file(key))


def _file(key: str) -> str:
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.zip"


def place_of(config: dict[str, Any], project: str, objects: Objects, folder: Path) -> CacheStore | None:
    """Where a project's cache is, or None: NO_CACHE, and LOCAL without LOCAL_CUSTOM_CACHE."""
    if config.get("type") == "S3":
        bucket, _, prefix = config["location"].removeprefix(S3_ARN).partition("/")
        names = (prefix.strip("/"), config.get("cacheNamespace", "") or project)
        return InS3(objects, bucket, "".join(f"{name}/" for name in names if name))
    if config.get("type") == "LOCAL" and "LOCAL_CUSTOM_CACHE" in config.get("modes", ()):
        return OnDisk(folder / project)
    return None


def restore(place: CacheStore, keys: Sequence[str], folders: Folders) -> str | None:
    """Unpack the zip of the first key that has one; that key. Raises BadZip."""
    archive = folders.tmp / "cache.zip"
    for key in keys:
        if place.load(key, archive):
            zips.unpack(archive, folders.root, f"the cache {key!r}")
            archive.unlink()
            return key
    return None


def save(place: CacheStore, key: str, paths: Sequence[str], folders: Folders, say: Callable[[str], None]) -> None:
    """Keep what the paths name: below the source folder or HOME."""
    found: dict[str, Path] = {}
    for path in paths:
        home = next((mark for mark in (*_HOMES, f"{folders.home}/") if path.startswith(mark)), "")
        root = folders.home if home else folders.src
        try:
            chosen = globs.select(root, FilePatterns((path[len(home) :],)))
        except globs.NoSuchFiles as fault:
            say(f"Cache: {fault}")
            continue
        found |= {file.relative_to(folders.root).as_posix(): file for _, file in chosen}
    if found:
        archive = folders.root / "cache.zip"
        zips.pack(sorted(found.items()), archive)
        place.keep(key, archive)
        archive.unlink()
