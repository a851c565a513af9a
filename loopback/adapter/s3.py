"""S3 objects of the base as files: what the workers and our services put and fetch does not pass through HTTP."""

import contextlib
import hashlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from loopback.adapter.state import State
from loopback.core.errors import ServiceError
from loopback.core.objects import NoSuchBucket, NoSuchKey, StoredObject

STAGED = "s3-staged"
STAGED_BYTES = 1 << 20  # larger files are not read into memory, nor written on the loop
HOOKS = {
    "ministack.services.s3": (
        "_buckets",
        "_put_object",
        "_read_body",
        "_object_disk_path",
        "_delete_object",
        "_record_object_version",
        "_object_versions",
        "_atomic_write",
        "md5_hash",
    ),
}


class S3:
    """The `core.objects.Objects` of this process. `folder` is loopback's own state, on the disk of the objects."""

    def __init__(self, module: Any, folder: Path, state: State) -> None:
        self._s3, self._folder, self._state = module, folder, state
        shutil.rmtree(folder / STAGED, ignore_errors=True)  # uploads that a kill has cut off
        module.md5_hash = _hash_of(module.md5_hash)
        module._atomic_write = _write_of(module._atomic_write)
        self._record_version = module._record_object_version
        module._record_object_version = self._record_object_version

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """The objects whose key starts with `prefix`, in the order of their keys. Raises NoSuchBucket."""

        def listing() -> list[StoredObject]:
            objects = self._bucket(bucket)["objects"]
            return [
                StoredObject(key, record["size"], record["etag"].strip('"'))
                for key, record in sorted(objects.items())
                if key.startswith(prefix)
            ]

        return self._state.on_loop(listing)

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """Copy an object to a file, in the kernel when it is on disk. Raises NoSuchBucket, NoSuchKey."""
        body, path = self._state.on_loop(lambda: self._locate(bucket, key))
        if body is None:
            shutil.copyfile(path, target)
        else:
            target.write_bytes(body)

    def read(self, bucket: str, key: str) -> bytes:
        """The bytes of an object. Raises NoSuchBucket, NoSuchKey."""
        body, path = self._state.on_loop(lambda: self._locate(bucket, key))
        return Path(path).read_bytes() if body is None else body

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, as DeleteObject would. Raises NoSuchBucket."""

        def remove() -> None:
            self._bucket(bucket)
            self._s3._delete_object(bucket, key)

        self._state.on_loop(remove)

    def store(self, bucket: str, key: str, source: Path) -> None:
        """Put a file, as PutObject would: versions, notifications and events included. Raises NoSuchBucket."""
        size = source.stat().st_size
        with self._staged(source) if size >= STAGED_BYTES else contextlib.nullcontext(source.read_bytes()) as body:

            def put() -> tuple[int, dict[str, str], bytes]:
                self._bucket(bucket)
                answer: tuple[int, dict[str, str], bytes] = self._s3._put_object(bucket, key, body, {})
                return answer

            status, _, answer = self._state.on_loop(put)
        if status >= 400:
            raise ServiceError(f"s3://{bucket}/{key} could not be written: {answer.decode(errors='replace')}")
        self._written(bucket, key, size)

    @contextlib.contextmanager
    def _staged(self, source: Path) -> Iterator["_Staged"]:
        """A copy of a large file on the disk of the objects, with its hash: what is left for the loop is a rename."""
        folder = self._folder / STAGED
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
            path = Path(copy.name)
        try:
            shutil.copyfile(source, path)
            with path.open("rb") as file:
                staged = _Staged(file.fileno(), 0, access=mmap.ACCESS_READ)
            staged.path, staged.md5 = path, hashlib.md5(staged, usedforsecurity=False).hexdigest()
            with staged:
                yield staged
        finally:
            path.unlink(missing_ok=True)

    def _bucket(self, bucket: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._s3._buckets.get(bucket)
        if found is None:
            raise NoSuchBucket(f"s3://{bucket}: the bucket does not exist")
        return found

    def _locate(self, bucket: str, key: str) -> tuple[bytes | None, str]:
        record = self._bucket(bucket)["objects"].get(key)
        if record is None:
            raise NoSuchKey(f"s3://{bucket}/{key}: the object does not exist")
        return record.get("body"), self._s3._object_disk_path(bucket, key) or ""

    def _written(self, bucket: str, key: str, size: int) -> None:
        """The base logs a failed write and answers 200; a file that is not whole on disk is an error here."""
        body, path = self._state.on_loop(lambda: self._locate(bucket, key))
        if body is None and os.path.getsize(path) == size:
            return
        free = shutil.disk_usage(self._folder).free
        raise ServiceError(f"s3://{bucket}/{key}: {size} bytes could not be written; {free} bytes are free on disk")

    def _record_object_version(self, bucket: str, key: str, *rest: Any) -> Any:
        """The base keeps the bytes of every version in memory beside those on disk; the ones on disk are enough."""
        answer = self._record_version(bucket, key, *rest)
        for version in self._s3._object_versions.get((bucket, key), ()):
            version["data"] = None
        return answer


class _Staged(mmap.mmap):
    """The bytes of a file that is where it has to be but for its name."""

    path: Path
    md5: str


def _hash_of(original: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda data: data.md5 if isinstance(data, _Staged) else original(data)


def _write_of(original: Callable[..., None]) -> Callable[..., None]:
    def write(path: str, data: Any, **options: Any) -> None:
        if isinstance(data, _Staged):
            data.path.replace(path)
        else:
            original(path, data, **options)

    return write
