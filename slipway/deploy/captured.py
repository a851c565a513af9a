"""The capture records of requests that one has sent oneself: sent often enough, waited for, compared."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.deploy.calls import CSV, JSON, split_uri

POLL_SECONDS = (0.1, 5.0)  # the first pause and the longest: files come at once, or after minutes
CHANCE = 1e-6  # that sampling passes over all requests of one kind
MOST_REQUESTS = 500
ENCODINGS = {CSV: "CSV", JSON: "JSON"}


@dataclass(frozen=True)
class Sent:
    """A request with the answer it got."""

    content_type: str
    body: str
    answer: str


def requests_to_send(sampling_percent: float) -> int:
    """How many requests make it all but certain that one is captured; above MOST_REQUESTS one can't wait for that."""
    if sampling_percent >= 100:
        return 1
    return math.ceil(math.log(CHANCE) / math.log(1 - sampling_percent / 100))


def wait(
    s3: Any,
    folder: str,
    sent: Mapping[str, Sent],
    *,
    timeout: float,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """Records by inference id, once there is one of each content type sent, or what there is when time is up."""
    started, read, found = now(), set[tuple[str, str]](), dict[str, Any]()
    wanted = {one.content_type for one in sent.values()}
    # a file is named for the time at which it was begun, which may have been the hour before
    after = (started - timedelta(hours=1)).astimezone(UTC).strftime("%Y/%m/%d/%H")
    pause, longest = POLL_SECONDS
    while True:
        found |= {key: record for key, record in _new(s3, folder, after, read) if key in sent}
        if {sent[key].content_type for key in found} == wanted or (now() - started).total_seconds() >= timeout:
            return found
        sleep(pause)
        pause = min(pause * 1.5, longest)


def faults(record: Mapping[str, Any], sent: Sent) -> list[str]:
    """What in a record is not as it was sent and answered."""
    data = record.get("captureData", {})
    wanted = (("endpointInput", "INPUT", sent.body), ("endpointOutput", "OUTPUT", sent.answer))
    return [fault for side, mode, text in wanted for fault in _side(side, data.get(side), mode, text, sent)]


def _side(name: str, side: Mapping[str, Any] | None, mode: str, text: str, sent: Sent) -> Iterator[str]:
    if side is None:
        yield f"{name} is missing"
        return
    media = str(side.get("observedContentType")).partition(";")[0].strip()
    facts = (
        ("mode", side.get("mode"), mode),
        ("encoding", side.get("encoding"), ENCODINGS[sent.content_type]),
        ("observedContentType", media, sent.content_type),
        ("data", str(side.get("data")).strip(), text.strip()),
    )
    yield from (f"{name}.{fact} is {found!r}, expected {wanted!r}" for fact, found, wanted in facts if found != wanted)


def _new(s3: Any, folder: str, after: str, read: set[tuple[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Records with an inference id, of files that are new or have grown since the last look."""
    bucket, prefix = split_uri(folder)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{prefix}/", StartAfter=f"{prefix}/{after}"
    )
    for item in (item for page in pages for item in page.get("Contents", [])):
        if (version := (item["Key"], item["ETag"])) in read:
            continue
        read.add(version)
        for line in s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode().splitlines():
            record = json.loads(line)
            if key := record.get("eventMetadata", {}).get("inferenceId"):
                yield key, record
