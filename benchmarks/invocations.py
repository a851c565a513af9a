"""InvokeEndpoint under load for minutes: every request is captured; none may be lost, and memory may not grow.

The requests are signed by boto3 once and sent again and again: the client's own work is not measured.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import definitions, loads, local_aws, processes
from benchmarks.bench import Bench
from benchmarks.loads import CONNECTIONS, Load
from benchmarks.local_aws import Failed, LocalAws
from benchmarks.rows import Goal, Row
from benchmarks.served import CAPTURE, Served, http, prepare

NAME = "loaded"
QUICK_SECONDS, SECONDS, LONG_SECONDS = 10.0, 120.0, 600.0
WARM_SECONDS, QUICK_WARM_SECONDS = 20.0, 5.0
DELIVERY_SECONDS = 60.0
PLANE = b"loopback.runtimes.endpoints.plane"


def measure(bench: Bench) -> Iterator[Row]:
    """Rate, latency, lost captures, growth of memory; of one endpoint with one instance as it comes."""
    seconds = QUICK_SECONDS if bench.quick else LONG_SECONDS if bench.long else SECONDS
    warm = QUICK_WARM_SECONDS if bench.quick else WARM_SECONDS
    with local_aws.running() as aws:
        served = prepare(aws, bench)
        served.endpoint(NAME, DataCaptureConfig=CAPTURE)
        request, port = sign_request(aws, served), aws.url.rpartition(":")[2]
        bench.progress(f"warming up for {warm:.0f} s")
        first = loads.load(port, request, warm)
        time.sleep(1.0)
        pids = plane(aws)
        before = processes.alone_mb(pids)
        bench.progress(f"load for {seconds:.0f} s")
        found = loads.load(port, request, seconds)
        time.sleep(1.0)
        after = processes.alone_mb(plane(aws))
        bench.progress("counting what was captured")
        records, events = count_captured_records(aws, first.answers + found.answers)
    yield from _rows(found, seconds, (first.answers + found.answers, records, events), (before, after))


def _rows(found: Load, seconds: float, counts: tuple[int, int, int], memory: tuple[float, float]) -> Iterator[Row]:
    where = f"{CONNECTIONS} connections for {seconds:.0f} s, one row, all captured"
    answered, records, events = counts
    before, after = memory
    yield Row("InvokeEndpoint", "requests/s", found.rate, Goal("ours", 2500.0, least=True), note=where)
    yield Row("InvokeEndpoint, p99", "ms", found.p99 * 1e3, Goal("ours", 15.0), note=f"p50 {found.p50 * 1e3:.2f} ms")
    told = f"{answered} answers, {records} records in S3, {events} different event ids"
    yield Row(
        "InvokeEndpoint, answers not captured",
        "records",
        answered - events,
        Goal("ours", 0.0),
        note=told,
        details=[told],
    )
    told = f"{before:.0f} MB after warming up, {after:.0f} MB at the end: data plane, its warm process, instance"
    yield Row("InvokeEndpoint, memory at the end", "MB", after, Goal("ratio", 1.05), before, note=told, details=[told])


def sign_request(aws: LocalAws, served: Served) -> bytes:
    """The bytes that boto3 would send."""
    client, seen = aws.client("sagemaker-runtime"), dict[str, Any]()

    def catch(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        seen["request"] = request
        return AWSResponse(request.url, 200, {}, Nothing())

    client.meta.events.register("before-send.sagemaker-runtime.InvokeEndpoint", catch)
    client.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Accept="text/csv", Body=served.body(1))
    headers = {name: _text(value) for name, value in seen["request"].headers.items() if name != "Content-Length"}
    host = aws.url.partition("//")[2]
    return http(f"/endpoints/{NAME}/invocations", served.body(1), {"Host": host, **headers})


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class Nothing:
    """The body of the answer that boto3 is given instead of one."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """As urllib3 has it."""
        yield b""

    def read(self, *_: Any) -> bytes:
        """As a file has it."""
        return b""


def plane(aws: LocalAws) -> list[int]:
    """The data plane and what it has started. Raises Failed."""
    parents = processes.parents()
    for pid in processes.tree(aws.supervisor, parents):
        if PLANE in processes.command_line(pid):
            return processes.tree(pid, parents)
    raise Failed("loopback has no data plane")


def count_captured_records(aws: LocalAws, expected: int) -> tuple[int, int]:
    """Records and different event ids in S3, once there are as many as were answered or none come any more."""
    s3, seen, events, records = aws.client("s3"), set[str](), set[str](), 0
    deadline = time.monotonic() + DELIVERY_SECONDS
    while records < expected and time.monotonic() < deadline:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=definitions.BUCKET, Prefix="captured/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        for key in [key for key in keys if key not in seen]:
            seen.add(key)
            for line in s3.get_object(Bucket=definitions.BUCKET, Key=key)["Body"].iter_lines():
                events.add(json.loads(line)["eventMetadata"]["eventId"])
                records += 1
        time.sleep(0.5)
    return records, len(events)
