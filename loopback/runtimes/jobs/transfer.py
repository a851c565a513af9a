"""Files between S3 and a job's folder: which objects an input names, where they land, what is sent back."""

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.objects import NoSuchBucket, NoSuchKey, Objects, split_uri
from loopback.runtimes.jobs.ports import JobFault

PARALLEL = 4
FEW = 8  # files; below it threads cost more than they save
SYNC_SECONDS = 1.0


@dataclass(frozen=True)
class S3Item:
    """An S3 object and its place below the input's folder."""

    bucket: str
    key: str
    path: str


@dataclass(frozen=True)
class S3Source:
    """What an input or channel names in S3, with the API's own words."""

    uri: str
    data_type: str = "S3Prefix"
    distribution: str = "FullyReplicated"


def items(objects: Objects, source: S3Source) -> list[S3Item]:
    """The objects of an input. Raises JobFault when there are none."""
    try:
        bucket, key = split_uri(source.uri)
        if source.data_type == "ManifestFile":
            return _listed_in_manifest(json.loads(objects.read(bucket, key)), source.uri)
        if source.data_type != "S3Prefix":
            raise JobFault(f"ClientError: S3DataType {source.data_type} of {source.uri} is not supported here")
        found = [
            S3Item(bucket, item.key, local_path(item.key, key))
            for item in objects.list(bucket, key)
            if not item.key.endswith("/")  # a folder marker
        ]
    except NoSuchBucket:
        raise JobFault(f"ClientError: Data download failed: the S3 bucket of {source.uri} does not exist") from None
    except NoSuchKey:
        raise JobFault(f"ClientError: Data download failed: {source.uri} does not exist") from None
    except (json.JSONDecodeError, ServiceError) as error:
        raise JobFault(f"ClientError: Data download failed: {source.uri}: {error}") from None
    if not found:
        raise JobFault(
            f'ClientError: Data download failed: No S3 objects found under S3 URL "{source.uri}" given in input data '
            f"source. Please ensure that the bucket exists, and that objects exist under that S3 prefix."
        )
    return found


def local_path(key: str, prefix: str) -> str:
    """Where an object lands: below the prefix it keeps its path, a single object keeps its base name.

    >>> local_path("p/x/y.csv", "p/"), local_path("p/y.csv", "p/y.csv"), local_path("p/ab/c.csv", "p/a")
    ('x/y.csv', 'y.csv', 'ab/c.csv')
    """
    folder = prefix if prefix.endswith("/") or not prefix else prefix + "/"
    start = len(folder) if key.startswith(folder) else prefix.rfind("/") + 1
    relative = key[start:]
    if ".." in PurePosixPath(relative).parts or relative.startswith("/"):
        raise JobFault(f"ClientError: Data download failed: the key {key!r} leads out of the input's folder")
    return relative


def _listed_in_manifest(manifest: object, uri: str) -> list[S3Item]:
    """`[{"prefix": "s3://b/p/"}, "rel/a.csv", ...]`"""
    wrong = JobFault(f'ClientError: the manifest {uri} is not [{{"prefix": "s3://..."}}, "key", ...]')
    if not isinstance(manifest, list) or not manifest or not isinstance(manifest[0], dict):
        raise wrong
    if not all(isinstance(entry, str) for entry in manifest[1:]):
        raise wrong
    bucket, prefix = split_uri(str(manifest[0].get("prefix")))
    return [S3Item(bucket, prefix + entry, local_path(prefix + entry, prefix)) for entry in manifest[1:]]


def share(found: Sequence[S3Item], distribution: str, host: int, hosts: int) -> list[S3Item]:
    """The part of the objects that host number `host` (from 0) gets."""
    if distribution == "ShardedByS3Key":
        return sorted(found, key=lambda item: item.key)[host::hosts]
    return list(found)


def download(objects: Objects, found: Sequence[S3Item], folder: Path) -> None:
    """Fetch objects into a folder. Raises JobFault."""
    folder.mkdir(parents=True, exist_ok=True)

    def fetch(item: S3Item) -> None:
        target = folder / item.path
        with blame(f"Data download failed: s3://{item.bucket}/{item.key}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            objects.fetch(item.bucket, item.key, target)

    each(fetch, found)


def files_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Regular files and their relative paths, in a fixed order. Symbolic links are left out, as AWS does."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path, path.relative_to(folder).as_posix()


def upload(objects: Objects, folder: Path, uri: str) -> int:
    """Send a folder's files to below `uri`; how many. Raises JobFault."""
    found = list(files_below(folder))
    each(lambda pair: upload_file(objects, pair[0], f"{uri.rstrip('/')}/{pair[1]}"), found)
    return len(found)


def upload_file(objects: Objects, path: Path, uri: str) -> None:
    """Send one file. Raises JobFault."""
    with blame(f"Data upload failed: {uri}"):
        bucket, key = split_uri(uri)
        objects.store(bucket, key, path)


class Sync:
    """Sends files while a job writes them: what is new or other than when it was sent, about once a second."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._sent: dict[Path, tuple[int, int]] = {}
        self._next = 0.0

    def due(self) -> bool:
        """Whether it is time again; then the next time is set."""
        if due := (now := time.monotonic()) >= self._next:
            self._next = now + SYNC_SECONDS
        return due

    def send(self, files: Iterable[tuple[Path, str]]) -> None:
        """Send each (file, address) that has changed. One that the job has taken away by now is let go.

        Raises JobFault.
        """
        for path, uri in files:
            try:
                found = path.stat()
                if self._sent.get(path) != (mark := (found.st_mtime_ns, found.st_size)):
                    upload_file(self._objects, path, uri)
                    self._sent[path] = mark
            except (FileNotFoundError, JobFault):
                if path.exists():
                    raise


def each(work: Callable[[Any], None], things: Sequence[Any]) -> None:
    """Do `work` on each thing, several at a time when there are many; the first error is raised."""
    if len(things) < FEW:
        for thing in things:
            work(thing)
        return
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in pool.map(work, things):
            pass


@contextmanager
def blame(what: str) -> Iterator[None]:
    """Turn errors of the file system and of S3 into a JobFault that begins with `what`."""
    try:
        yield
    except NoSuchBucket:
        raise JobFault(f"ClientError: {what}: the bucket does not exist") from None
    except NoSuchKey:
        raise JobFault(f"ClientError: {what}: the object does not exist") from None
    except ServiceError as error:
        raise JobFault(f"ClientError: {what}: {error}") from None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            where = f" ({error.filename})" if error.filename else ""
            raise JobFault(f"ClientError: {what}: {error.strerror}: the disk is full{where}") from None
        raise JobFault(f"InternalServerError: {what}: {error}") from None


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder's regular files. Raises JobFault."""
    with blame(f"Copying {source.name} failed"):
        for path, name in files_below(source):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / name)
