"""Data capture: which requests are written down, how a record looks, and the file that is being filled.

Source: AWS, model-monitor-data-capture.
"""

import base64
import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loopback.runtimes.endpoints.fleet import Capture
from loopback.runtimes.endpoints.http1 import Answer, Request
from loopback.runtimes.endpoints.outbox import OutboxFile

INFERENCE_ID, ATTRIBUTES = b"x-amzn-sagemaker-inference-id", b"x-amzn-sagemaker-custom-attributes"
SEAL_SECONDS = 1.0  # a file is handed over this long after its first record,
QUIET_SECONDS = 0.1  # or this long after its last
SEAL_BYTES = 4 << 20


def record(capture: Capture, request: Request, answer: Answer, at: float, event: str) -> dict[str, Any]:
    """One line of a capture file; `at` is epoch seconds."""
    sides: dict[str, Any] = {}
    if "Input" in capture.sides:
        sides["endpointInput"] = _side(capture, "INPUT", request.headers.get(b"content-type"), request.body)
    if "Output" in capture.sides:
        kind = answer.headers.get(b"Content-Type") or answer.headers.get(b"content-type")
        sides["endpointOutput"] = _side(capture, "OUTPUT", kind, answer.body)
    metadata: dict[str, Any] = {"eventId": event}
    if INFERENCE_ID in request.headers:
        metadata["inferenceId"] = request.headers[INFERENCE_ID].decode("latin-1")
    if ATTRIBUTES in request.headers:
        metadata["customAttributes"] = [request.headers[ATTRIBUTES].decode("latin-1")]
    metadata["inferenceTime"] = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}


def _side(capture: Capture, mode: str, content_type: bytes | None, body: bytes) -> dict[str, Any]:
    observed = content_type.decode("latin-1") if content_type else None
    kind = (observed or "").partition(";")[0].strip().lower()
    encoding = "CSV" if kind in capture.csv else "JSON" if kind in capture.json else "BASE64"
    try:
        data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
    except UnicodeDecodeError:  # what says that it is text and is not
        encoding, data = "BASE64", base64.b64encode(body).decode()
    return {"observedContentType": observed, "mode": mode, "data": data, "encoding": encoding}


def key_suffix(endpoint: str, variant: str, at: float, unique: str) -> str:
    """The part of a capture file's key below DestinationS3Uri; `at` is when the file was begun.

    >>> key_suffix("ep1", "AllTraffic", 1714548048.871, "0b7b")
    'ep1/AllTraffic/2024/05/01/07/20-48-871-0b7b.jsonl'
    """
    moment = datetime.fromtimestamp(at, UTC)
    return f"{endpoint}/{variant}/{moment:%Y/%m/%d/%H/%M-%S}-{moment.microsecond // 1000:03}-{unique}.jsonl"


class Recorder:
    """The capture files of one endpoint. What `see` has returned from is on its way to S3."""

    def __init__(
        self,
        endpoint: str,
        outbox: Path,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint, self._outbox, self._chance, self._clock = endpoint, outbox, chance, clock
        self._open: dict[str, _Filling] = {}

    def see(self, capture: Capture, variant: str, request: Request, answer: Answer) -> None:
        """Write a request and its answer down, if its turn comes."""
        if self._chance() * 100 >= capture.percentage:
            return
        now = self._clock()
        line = json.dumps(record(capture, request, answer, now, str(uuid.uuid4()))).encode() + b"\n"
        if variant not in self._open:
            uri = f"{capture.uri}/{key_suffix(self._endpoint, variant, now, str(uuid.uuid4()))}"
            self._open[variant] = _Filling(OutboxFile(self._outbox, {"kind": "capture", "uri": uri}), now)
        self._open[variant].write(line, now)

    def seal(self, *, everything: bool = False) -> bool:
        """Hand over the files that are quiet, old or large enough; whether others are left."""
        now = self._clock()
        for variant, filling in list(self._open.items()):
            if everything or filling.is_due(now):
                filling.parcel.seal()
                del self._open[variant]
        return bool(self._open)


@dataclass
class _Filling:
    """A file that records are written to; its times are epoch seconds."""

    parcel: OutboxFile
    begun: float
    last: float = 0.0

    def write(self, line: bytes, now: float) -> None:
        self.parcel.write(line)
        self.last = now

    def is_due(self, now: float) -> bool:
        quiet = now - self.last >= QUIET_SECONDS
        return quiet or now - self.begun > SEAL_SECONDS or self.parcel.size > SEAL_BYTES
