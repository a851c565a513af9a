"""Large S3 uploads go from the connection into a file, and their checksums are computed beside the loop."""

import asyncio
import contextvars
import importlib
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loopback.ministack.file_body import BLOCK, LARGE, FileBody, Staging, write_all

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": (
        "_read_request_body",
        "_decode_aws_chunked_body",
        "_incomplete_request_body_response",
        "_IncompleteRequestBody",
        "AUTH",
    ),
    "ministack.core.iam_evaluator": ("pin_signed_body",),
    "ministack.services.s3": ("_multipart_uploads", "_error"),
}
Receive = Callable[[], Awaitable[dict[str, Any]]]
SCOPE = re.compile(
    r"Credential=[^,]*/s3/aws4_request|X-Amz-Credential=[^&]*(/|%2F)s3(/|%2F)aws4_request", re.IGNORECASE
)
ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
UPLOAD = re.compile(r"(?:^|&)uploadId=([^&]+)")
_upload: contextvars.ContextVar["_Upload | None"] = contextvars.ContextVar("loopback_upload", default=None)


class Uploads:
    """An ASGI application around the base's. Made once, before the base serves."""

    def __init__(self, application: Callable[..., Awaitable[None]], staging: Staging) -> None:
        self._application, self._staging = application, staging
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._app, self._evaluator, self._s3 = modules
        self._read = self._app._read_request_body
        self._app._read_request_body = self._body
        self._refuse = self._app._incomplete_request_body_response
        self._app._incomplete_request_body_response = self._refuse_body

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Any) -> None:
        """Answer a request."""
        upload = _Upload(scope.get("query_string", b"").decode("latin-1"))
        token = _upload.set(upload)
        try:
            await self._application(scope, receive, send)
        finally:
            _upload.reset(token)
            if upload.body is not None:
                upload.body.release()

    async def _body(self, receive: Receive, method: str, headers: dict[str, str]) -> Any:
        """In place of the base's function, which returns the body as bytes."""
        upload = _upload.get() or _Upload("")
        if not is_large_upload(method, headers, upload.query, checked=bool(self._app.AUTH)):
            return await self._read(receive, method, headers)
        chunked = "x-amz-decoded-content-length" in headers or "aws-chunked" in headers.get("content-encoding", "")
        decoder = Chunked(self._app._IncompleteRequestBody) if chunked else None
        try:
            body, received = await self._receive_body(receive, decoder)
        except _Gone:
            return await self._read(receive, method, headers)  # it finds that the client is gone
        except OSError as fault:
            upload.fault = fault
            raise self._app._IncompleteRequestBody(str(fault)) from None
        upload.body = body
        if headers.get("content-length", str(received)).strip() != str(received):
            raise self._app._IncompleteRequestBody("Content-Length does not match request body")
        if decoder:
            self._check(decoder, headers, body)
        await asyncio.to_thread(prepare, body, self._algorithms(headers, upload.query))
        self._evaluator.pin_signed_body(b"")  # its hash is in a header, which is signed
        return body

    def _refuse_body(self, method: str, path: str, *rest: Any) -> Any:
        """In place of the base's function, the answer to a body that is not whole."""
        upload = _upload.get()
        if upload is None or upload.fault is None:
            return self._refuse(method, path, *rest)
        free = shutil.disk_usage(self._staging.folder.parent).free
        why = f"The upload could not be written: {upload.fault.strerror}; {free} bytes are free on disk"
        return self._s3._error("InternalError", why, 500, path)

    async def _receive_body(self, receive: Receive, decoder: "Chunked | None") -> tuple[FileBody, int]:
        """The body in a file, and how many bytes came. A client hears of a fault when it has said all."""
        descriptor, path = self._staging.new()
        body, received, block = FileBody.stage(path), 0, bytearray()
        fault: OSError | None = None
        try:
            more = True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise _Gone
                data, more = message.get("body", b""), message.get("more_body", False)
                received += len(data)
                block += decoder.feed(data) if decoder else data
                if len(block) >= BLOCK or not more:
                    fault = fault or await asyncio.to_thread(_fault_of_writing, descriptor, bytes(block))
                    block.clear()
            body.size = path.stat().st_size
        finally:
            os.close(descriptor)
        if fault is not None:
            raise fault
        return body, received

    def _check(self, decoder: "Chunked", headers: dict[str, str], body: FileBody) -> None:
        """Let the base read the trailer, and compare the length."""
        length = headers.get("x-amz-decoded-content-length")
        if length is not None and length.strip() != str(len(body)):
            raise self._app._IncompleteRequestBody("Decoded aws-chunked length mismatch")
        if length is not None:
            headers["x-amz-decoded-content-length"] = "0"
        self._app._decode_aws_chunked_body(b"0\r\n" + decoder.trailer(), headers)
        if length is not None:
            headers["x-amz-decoded-content-length"] = length

    def _algorithms(self, headers: Mapping[str, str], query: str) -> list[str]:
        """The checksums that the base is going to ask for."""
        asked = {name for name in ALGORITHMS if f"x-amz-checksum-{name.lower()}" in headers}
        asked.add(headers.get("x-amz-sdk-checksum-algorithm", "").upper().replace("_", ""))
        if found := UPLOAD.search(query):
            asked.add((self._s3._multipart_uploads.get(found[1]) or {}).get("checksum_algorithm") or "")
        return [name for name in ALGORITHMS if name in asked]


@dataclass
class _Upload:
    """A request: its query, and its body if that is in a file."""

    query: str
    body: FileBody | None = None
    fault: OSError | None = None  # why it could not be written


class _Gone(Exception):
    """The client hung up."""


def _fault_of_writing(descriptor: int, data: bytes) -> OSError | None:
    try:
        write_all(descriptor, data)
    except OSError as fault:
        return fault
    return None


def is_large_upload(method: str, headers: Mapping[str, str], query: str, *, checked: bool) -> bool:
    """Whether a request brings an object, or a part of one, that is better kept in a file.

    Where signatures are checked, the base needs the bytes themselves if their hash is not in a header.
    """
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    authorization = headers.get("authorization", "")
    if method != "PUT" or form or "x-amz-copy-source" in headers:
        return False
    if not (SCOPE.search(authorization) or SCOPE.search(query) or authorization.startswith("AWS ")):
        return False
    content_hash = headers.get("x-amz-content-sha256", "")
    if checked and authorization and (not content_hash or content_hash.startswith("STREAMING-AWS4")):
        return False
    length = headers.get("content-length", "").strip()
    return int(length) >= LARGE if length.isdigit() else "transfer-encoding" in headers


def prepare(body: FileBody, algorithms: list[str]) -> None:
    """Compute what is going to be asked for."""
    for name in ("MD5", *algorithms):
        body.digest(name)


class Chunked:
    """Takes the framing of `aws-chunked` off, piece by piece. `fault` is what a malformed one raises."""

    def __init__(self, fault: type[Exception]) -> None:
        self._fault = fault
        self._pending = bytearray()
        self._left = 0  # of the chunk that is being read, with the line end behind it
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body that are in there."""
        self._pending += data
        found = bytearray()
        while not self._ended:
            if self._left:
                if not self._take(found):
                    break
            elif not self._open():
                break
        return bytes(found)

    def trailer(self) -> bytes:
        """What followed the last chunk. Raises when there was none."""
        if not self._ended:
            raise self._fault("Missing aws-chunked terminating frame")
        return bytes(self._pending)

    def _open(self) -> bool:
        """Read the line in front of a chunk, if it is here."""
        line, end, rest = self._pending.partition(b"\r\n")
        if not end:
            if len(self._pending) > 1 << 12:
                raise self._fault("Truncated aws-chunked frame header")
            return False
        size = line.split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
            raise self._fault("Invalid aws-chunked frame size")
        self._pending = rest
        self._left = int(size, 16) + 2
        self._ended = self._left == 2  # an empty chunk is the last; no line end of its own follows
        return True

    def _take(self, found: bytearray) -> bool:
        """Read what is here of a chunk."""
        data = min(max(self._left - 2, 0), len(self._pending))
        found += self._pending[:data]
        del self._pending[:data]
        self._left -= data
        if self._left > 2 or len(self._pending) < self._left:
            return False
        if self._left == 2 and bytes(self._pending[:2]) != b"\r\n":
            raise self._fault("Truncated aws-chunked frame data")
        del self._pending[:2]
        self._left = 0
        return True
