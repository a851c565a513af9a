"""Objects of the base's S3 that stay in their files while they are written, read, copied and joined.

The base holds every body as bytes, and goes on when one cannot be written. Here a large body is a `FileBody`, parts of
uploads are files, and a write that fails is undone and refused.
"""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from loopback.ministack.file_body import BLOCK, LARGE, FileBody, Staging, checksum

Answer = tuple[int, dict[str, str], Any]
HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.s3": (
        "_buckets",
        "_object_versions",
        "_multipart_uploads",
        "_completed_multipart_uploads",
        "_object_retention",
        "_object_legal_hold",
        "_PERSISTED_BUCKET_DICTS",
        "_dispatch",
        "_read_body",
        "_version_body",
        "_version_disk_path",
        "_version_file_exists",
        "_object_disk_path",
        "_other_key_disk_path",
        "_remove_key_files",
        "_object_meta_from_record",
        "_key_history_meta",
        "_persist_object",
        "_atomic_write",
        "_maybe_replicate",
        "_record_object_version",
        "_complete_multipart_upload",
        "_compute_s3_checksum",
        "_error",
        "md5_hash",
        "get_state",
        "load_persisted_state",
        "DATA_DIR",
    ),
    "ministack.core.responses": ("StreamingResponse", "AccountScopedDict", "get_account_id"),
}
UPLOADS, STAGED = "multipart_uploads", "staged"
log = logging.getLogger("loopback")


class ObjectFiles:
    """Made once, before the base serves. `staging` is on the disk of the objects."""

    def __init__(self, s3: Any, responses: Any, staging: Staging) -> None:
        self._s3, self._responses, self._staging = s3, responses, staging
        self._asked = threading.local()  # of the request that a thread answers: it does so in one go
        self._original = SimpleNamespace(**{name: getattr(s3, name) for name in HOOKS["ministack.services.s3"]})
        for name in ("_read_body", "_version_body", "_atomic_write", "_maybe_replicate", "_persist_object"):
            setattr(s3, name, getattr(self, name))
        for name in ("_record_object_version", "_complete_multipart_upload", "_compute_s3_checksum", "_dispatch"):
            setattr(s3, name, getattr(self, name))
        for name in ("md5_hash", "get_state", "load_persisted_state"):
            setattr(s3, name, getattr(self, name))
        s3.hashlib = _Hashlib()
        s3._PERSISTED_BUCKET_DICTS |= {
            "object_retention": s3._object_retention,
            "object_legal_hold": s3._object_legal_hold,
            "completed_multipart_uploads": s3._completed_multipart_uploads,
        }

    def _dispatch(
        self, method: str, bucket: str, key: str, headers: dict[str, str], body: Any, query: dict[str, Any]
    ) -> Answer:
        def answer() -> Answer:
            """Answer, and keep or release the parts of an upload."""
            upload = self._s3._multipart_uploads.get(first(query, "uploadId")) if "uploadId" in query else None
            before = dict(upload["parts"]) if upload else {}
            found: Answer = self._original._dispatch(method, bucket, key, headers, body, query)
            if upload is not None:
                if method == "PUT":
                    self._keep_part(upload, first(query, "partNumber"))
                self._release(first(query, "uploadId"), before)
            return found

        if method in ("GET", "HEAD"):
            with self._lazily():
                return self._stream(answer())
        try:
            return self.write_object(bucket, key, answer)
        except OSError as fault:
            said: Answer = self._s3._error("InternalError", self.reason(bucket, key, fault), 500, f"/{bucket}/{key}")
            return said

    def write_object(self, bucket: str, key: str, act: Callable[[], Answer]) -> Answer:
        """Carry out what writes an object. Raises OSError when it could not be written; then it is as before."""
        before = self._copy_records(bucket, key)
        with self._lazily():
            try:
                answer = act()
                if self._asked.faults:
                    raise self._asked.faults[0]
            except OSError:
                self._restore(bucket, key, before)
                raise
        return answer

    def reason(self, bucket: str, key: str, fault: OSError) -> str:
        """Why an object could not be written."""
        free = shutil.disk_usage(self._staging.folder.parent).free
        return f"s3://{bucket}/{key} could not be written: {fault.strerror or fault}; {free} bytes are free on disk"

    @contextlib.contextmanager
    def _lazily(self) -> Iterator[None]:
        """Leave bodies in their files in here, and note what cannot be written: the base would pass over it."""
        self._asked.lazily, self._asked.faults = True, []
        try:
            yield
        finally:
            self._asked.lazily = False

    def _copy_records(self, bucket: str, key: str) -> tuple[Any, Any]:
        objects = (self._s3._buckets.get(bucket) or {}).get("objects", {})
        versions = self._s3._object_versions.get((bucket, key))
        kept = None if versions is None else [dict(version) for version in versions]
        return dict(objects[key]) if key in objects else None, kept

    def _restore(self, bucket: str, key: str, before: tuple[Any, Any]) -> None:
        record, versions = before
        objects = (self._s3._buckets.get(bucket) or {}).get("objects", {})
        for store, name, value in (
            (objects, key, record),
            (self._s3._object_versions, (bucket, key), versions),
        ):
            if value is None:
                store.pop(name, None)
            else:
                store[name] = value

    def _stream(self, answer: Answer) -> Answer:
        status, headers, body = answer
        if not isinstance(body, FileBody):
            return answer
        return status, headers, self._responses.StreamingResponse(sender(body))

    def _read_body(self, bucket: str, key: str, record: dict[str, Any]) -> Any:
        body = record.get("body")
        if isinstance(body, FileBody):
            return body if self._is_lazy else b"".join(body.blocks())
        if body is None and self._is_lazy and (found := self._file(self._s3._object_disk_path(bucket, key))):
            return found
        return self._original._read_body(bucket, key, record)

    def _version_body(self, bucket: dict[str, Any], name: str, key: str, version: dict[str, Any]) -> Any:
        if (
            self._is_lazy
            and version.get("data") is None
            and self._s3._version_file_exists(name, key, version["version_id"])
        ):
            found = self._file(self._s3._version_disk_path(name, key, version["version_id"]))
            if found is not None:
                return found
        return self._original._version_body(bucket, name, key, version)

    @property
    def _is_lazy(self) -> bool:
        return getattr(self._asked, "lazily", False)

    def _file(self, path: str | None) -> FileBody | None:
        """A large file; what is small is read."""
        if path is None or not os.path.isfile(path) or os.path.getsize(path) < LARGE:
            return None
        return FileBody.of(Path(path))

    def _atomic_write(self, path: str, data: Any, *, text: bool = False) -> None:
        """As the base's, which leaves nothing half-written."""
        try:
            self._prepare(path, data, text)
            os.replace(f"{path}.tmp", path)
        except OSError as fault:
            getattr(self._asked, "faults", []).append(fault)
            raise

    def _prepare(self, path: str, data: Any, text: bool) -> None:
        part = Path(f"{path}.tmp")
        try:
            if isinstance(data, FileBody):
                data.write_to(part)
                return
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w" if text else "wb") as file:
                file.write(data)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _persist_object(self, bucket: str, key: str, record: Any) -> None:
        """As the base's, but for the order: both files are written before either takes its place. Raises OSError."""
        path = self._s3._object_disk_path(bucket, key) if isinstance(record, dict) else None
        if path is None:
            self._original._persist_object(bucket, key, record)
            return
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        meta = {**self._s3._object_meta_from_record(record), **self._s3._key_history_meta(bucket, key), "key": key}
        beside = f"{path}.meta.json"
        self._prepare(beside, json.dumps(meta), True)
        try:
            if record.get("body") is not None:
                self._prepare(path, record["body"], False)
                os.replace(f"{path}.tmp", path)
        except BaseException:
            Path(f"{beside}.tmp").unlink(missing_ok=True)
            raise
        os.replace(f"{beside}.tmp", beside)
        record["body"] = None
        root = os.path.join(self._s3.DATA_DIR, self._responses.get_account_id(), bucket)
        self._s3._remove_key_files(self._s3._other_key_disk_path(root, key, path))

    def _maybe_replicate(self, bucket: str, key: str, record: dict[str, Any], data: Any, *rest: Any) -> None:
        """The base has just joined the parts of an upload, of which it had the lengths only: join their files."""
        parts = getattr(self._asked, "parts", None)
        if parts is not None and record.get("parts") is not None:
            data = self._staging.join(parts[part["PartNumber"]]["body"] for part in record["parts"])
            record["body"], record["size"] = data, len(data)
        self._original._maybe_replicate(bucket, key, record, data, *rest)

    def _record_object_version(self, bucket: str, key: str, *rest: Any) -> Any:
        """The base keeps the bytes of every version in memory beside those on disk; the ones on disk are enough."""
        answer = self._original._record_object_version(bucket, key, *rest)
        for version in self._s3._object_versions.get((bucket, key), ()):
            version["data"] = None
        if faults := getattr(self._asked, "faults", None):
            raise faults[0]  # what it displaces would be lost
        return answer

    def _complete_multipart_upload(
        self, bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Answer:
        upload = self._s3._multipart_uploads.get(first(query, "uploadId"))
        if upload is None:
            answer: Answer = self._original._complete_multipart_upload(bucket, key, body, query, headers)
            return answer
        parts = upload["parts"]
        upload["parts"] = {number: part | {"body": _Length(part)} for number, part in parts.items()}
        self._asked.parts = parts
        try:
            answer = self._original._complete_multipart_upload(bucket, key, body, query, headers)
        except OSError:
            self._s3._multipart_uploads[first(query, "uploadId")] = upload
            raise
        finally:
            upload["parts"], self._asked.parts = parts, None
        return answer

    def _keep_part(self, upload: dict[str, Any], number: str) -> None:
        """A part that was answered is a file. Raises OSError."""
        part = upload["parts"].get(int(number)) if number.isdigit() else None
        if part is None:
            return
        try:
            if not isinstance(part["body"], FileBody) or part["body"].path.parent != self._staging.folder:
                part["body"] = self._staging.join([part["body"]])
        except OSError:
            del upload["parts"][int(number)]
            raise
        part["body"].is_kept = True

    def _release(self, identity: str, before: dict[int, dict[str, Any]]) -> None:
        """The files of parts that the upload has no more go: it has ended, or others have taken their place."""
        upload = self._s3._multipart_uploads.get(identity)
        kept = {id(part["body"]) for part in upload["parts"].values()} if upload else set()
        for part in before.values():
            if isinstance(part["body"], FileBody) and id(part["body"]) not in kept:
                part["body"].is_kept = False
                part["body"].release()

    def _compute_s3_checksum(self, algorithm: str, body: Any) -> str | None:
        name = (algorithm or "").upper().replace("_", "")
        if isinstance(body, FileBody) and self._original._compute_s3_checksum(name, b"") is not None:
            return checksum(name, body)
        found: str | None = self._original._compute_s3_checksum(algorithm, body)
        return found

    def md5_hash(self, data: Any) -> str:
        """The base's function for ETags."""
        if isinstance(data, FileBody):
            return data.digest("MD5").hex()
        found: str = self._original.md5_hash(data)
        return found

    def get_state(self) -> dict[str, Any]:
        """The base's state of S3 with the uploads that have begun."""
        uploads = self._responses.AccountScopedDict()
        for key, upload in self._s3._multipart_uploads._data.items():
            parts = {str(number): _part_record(part) for number, part in upload["parts"].items()}
            uploads._data[key] = upload | {"parts": parts}
        state: dict[str, Any] = self._original.get_state()
        return state | {UPLOADS: uploads}

    def load_persisted_state(self, data: dict[str, Any]) -> None:
        """As the base's. A part whose file is gone was not answered, or its upload has ended."""
        uploads = data.pop(UPLOADS, None)
        self._original.load_persisted_state(data)
        for key, upload in (uploads._data if uploads else {}).items():
            parts = {}
            for number, part in upload["parts"].items():
                path = self._staging.folder / part.pop(STAGED)
                if path.is_file():
                    parts[int(number)] = part | {"body": FileBody.stage(path)}
            self._s3._multipart_uploads._data[key] = upload | {"parts": parts}

    def clear(self) -> None:
        """Delete the files of an earlier process that belong to no upload. Once the state is loaded."""
        uploads = self._s3._multipart_uploads._data.values()
        self._staging.clear(part["body"].path for upload in uploads for part in upload["parts"].values())


class _Length(bytes):
    """Stands in for the body of a part while the base puts an upload together: its length and its MD5."""

    size: int
    md5: bytes

    def __new__(cls, part: dict[str, Any]) -> Self:
        made = super().__new__(cls)
        made.size, made.md5 = part["size"], bytes.fromhex(part["etag"].strip('"'))
        return made

    def __len__(self) -> int:
        return self.size


class _Hashlib:
    """The module `hashlib` as the base's S3 uses it, for bodies that are not in memory."""

    def __getattr__(self, name: str) -> Any:
        import hashlib

        return getattr(hashlib, name)

    def md5(self, data: Any = b"", **options: Any) -> Any:
        """As hashlib's."""
        import hashlib

        if isinstance(data, FileBody):
            return SimpleNamespace(digest=lambda: data.digest("MD5"))
        if isinstance(data, _Length):
            return SimpleNamespace(digest=lambda: data.md5)
        return hashlib.md5(data, **options)  # noqa: S324  # an ETag is one


def sender(body: FileBody) -> Callable[[Any, Any], Any]:
    """What sends a file as an answer. It is opened now: its name may belong to another object soon."""
    file = body.path.open("rb", buffering=0)
    file.seek(body.start)

    async def send_all(send: Any, _receive: Any) -> None:
        """Send a file in blocks. Raises OSError where it has become shorter."""
        left = body.size
        with file:
            while left:
                block = await asyncio.to_thread(file.read, min(BLOCK, left))
                if not block:
                    raise OSError(f"{body.path} has become shorter")
                left -= len(block)
                await send({"type": "http.response.body", "body": block, "more_body": left > 0})

    return send_all


def first(query: dict[str, Any], name: str) -> str:
    """A parameter of a query."""
    value = query.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def _part_record(part: dict[str, Any]) -> dict[str, Any]:
    body = part["body"]
    kept = {name: value for name, value in part.items() if name != "body"}
    return kept | {STAGED: body.path.name if isinstance(body, FileBody) else ""}
