"""S3 objects of the base as files: what the workers and our services put and fetch does not pass through HTTP."""

import shutil
from pathlib import Path
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.objects import NoSuchBucket, NoSuchKey, StoredObject
from loopback.ministack.file_body import LARGE, FileBody, Staging
from loopback.ministack.object_files import ObjectFiles
from loopback.ministack.state import SavedState

HOOKS = {
    "ministack.services.s3": ("_buckets", "_put_object", "_object_disk_path", "_delete_object"),
}


class S3:
    """The `core.objects.Objects` of this process."""

    def __init__(self, module: Any, files: ObjectFiles, staging: Staging, state: SavedState) -> None:
        self._s3, self._files, self._staging, self._state = module, files, staging, state

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
        try:
            body = self._staging.take(source) if source.stat().st_size >= LARGE else source.read_bytes()
            if isinstance(body, FileBody):
                body.digest("MD5")  # what is left for the loop is a name
            status, _, answer = self._state.on_loop(lambda: self._put(bucket, key, body))
        except OSError as fault:
            raise ServiceError(self._files.reason(bucket, key, fault)) from None
        if status >= 400:
            raise ServiceError(f"s3://{bucket}/{key} could not be written: {answer.decode(errors='replace')}")

    def _put(self, bucket: str, key: str, body: "FileBody | bytes") -> tuple[int, dict[str, str], bytes]:
        self._bucket(bucket)
        return self._files.write_object(bucket, key, lambda: self._s3._put_object(bucket, key, body, {}))

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
