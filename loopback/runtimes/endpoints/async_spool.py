"""Requests of InvokeEndpointAsync on the data plane: each is a file until it is answered, whatever dies meanwhile."""

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loopback.runtimes.endpoints.fleet import Fleet
from loopback.runtimes.endpoints.http1 import Answer, Request
from loopback.runtimes.endpoints.refusals import Refusal

PREFIX = "x-amzn-sagemaker-"
TTL_SECONDS, LONGEST_TTL, SHORTEST_TTL = 21600, 21600, 60
TIMEOUT_SECONDS, LONGEST_TIMEOUT = 900, 3600
LONGEST_INLINE = 128_000
_URI = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+")
_FILENAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9.])*")
Ticket = dict[str, Any]


class Tickets:
    """One folder of tickets, with a folder for each endpoint."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, fleet: Fleet, request: Request) -> Answer:
        """Write the request down, and say where its answer will be. Raises Refusal."""
        assert fleet.queue is not None
        ticket = ticket_of(fleet, request, time.time(), str(uuid.uuid4()))
        folder = self._folder / fleet.key
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{time.time_ns():020}-{uuid.uuid4().hex[:8]}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(ticket))
        part.rename(path)
        headers = {b"Content-Type": b"application/json", b"X-Amzn-SageMaker-OutputLocation": ticket["output"].encode()}
        if ticket["failure"]:
            headers[b"X-Amzn-SageMaker-FailureLocation"] = ticket["failure"].encode()
        return Answer(202, json.dumps({"InferenceId": ticket["inference_id"]}).encode(), headers)

    def waiting_tickets(self) -> Iterator[tuple[str, list[Path]]]:
        """Endpoints' keys, and their tickets, oldest first."""
        if self._folder.is_dir():
            for folder in sorted(self._folder.iterdir()):
                yield folder.name, sorted(folder.glob("*.json"))

    def forget(self, key: str) -> None:
        """The endpoint is deleted, and its queue with it."""
        for path in (self._folder / key).glob("*"):
            path.unlink(missing_ok=True)


def ticket_of(fleet: Fleet, request: Request, now: float, unique: str) -> Ticket:
    """A request as it is kept. Raises Refusal."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
    location = headers.get(f"{PREFIX}inputlocation")
    if (location is None) == (not request.body):
        raise Refusal(400, "ValidationError", "A request has either InputLocation, an S3 URI, or a Body")
    if len(request.body) > LONGEST_INLINE:
        raise Refusal(400, "ValidationError", f"Body must have at most {LONGEST_INLINE} bytes; use InputLocation")
    if location is not None and not _URI.fullmatch(location):
        raise Refusal(400, "ValidationError", f"InputLocation {location} is not an S3 URI: s3://bucket/key")
    output = (fleet.queue or {})["OutputConfig"]
    name = headers.get(f"{PREFIX}filename") or f"{unique}.out"
    extension = (headers.get(f"{PREFIX}s3outputpathextension") or "").strip("/")
    for member, value in (("Filename", name), *(("S3OutputPathExtension", one) for one in extension.split("/") if one)):
        if not _FILENAME.fullmatch(value):
            raise Refusal(400, "ValidationError", f"{member} {value} may have letters, digits, dots and hyphens")
    folder = "/".join(part for part in (output["S3OutputPath"].rstrip("/"), extension) if part)
    failures = (output.get("S3FailurePath") or "").rstrip("/")
    notify = output.get("NotificationConfig") or {}
    return {
        "endpoint": fleet.name,
        "input": location,
        "body": None if location else base64.b64encode(request.body).decode(),
        "output": f"{folder}/{name}",
        "failure": f"{failures}/{unique}-error.out" if failures else None,
        "inference_id": headers.get(f"{PREFIX}inference-id") or str(uuid.uuid4()),
        "content_type": headers.get(f"{PREFIX}content-type"),
        "accept": headers.get(f"{PREFIX}accept"),
        "attributes": headers.get(f"{PREFIX}custom-attributes"),
        "received": now,
        "ends": now + _number(headers, "RequestTTLSeconds", (SHORTEST_TTL, LONGEST_TTL), TTL_SECONDS),
        "seconds": _number(headers, "InvocationTimeoutSeconds", (1, LONGEST_TIMEOUT), TIMEOUT_SECONDS),
        "topics": {"Completed": notify.get("SuccessTopic"), "Failed": notify.get("ErrorTopic")},
        "with_response": notify.get("IncludeInferenceResponseIn") or [],
    }


def _number(headers: Mapping[str, str], name: str, limits: tuple[int, int], default: int) -> int:
    given = headers.get(f"{PREFIX}{name.lower()}", str(default))
    if not given.isdigit() or not limits[0] <= int(given) <= limits[1]:
        raise Refusal(400, "ValidationError", f"{name} {given} must be between {limits[0]} and {limits[1]}")
    return int(given)
