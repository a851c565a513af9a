"""The outbox and the courier: nothing that was written is lost, whatever dies or is missing meanwhile."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.runtimes.endpoints import outbox
from loopback.runtimes.endpoints.capture import QUIET_SECONDS, SEAL_SECONDS, Recorder
from loopback.runtimes.endpoints.fleet import Capture
from loopback.runtimes.endpoints.http1 import Answer, Request
from loopback.runtimes.endpoints.outbox import OutboxFile
from loopback.runtimes.endpoints.outbox_relay import OutboxRelay

CAPTURE = Capture(50, "s3://bucket/c", frozenset({"Input"}), frozenset({"text/csv"}))
ASKED = Request(b"POST", "/", {b"content-type": b"text/csv"}, b"1,2")


class Ends:
    """Logs and CloudWatch as lists."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.data: list[Any] = []
        self.down = False

    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        self.lines += [(group, stream, *event) for event in events]

    def put(self, request: Any) -> None:
        if self.down:
            raise ServiceError("not there")
        self.data += request["MetricData"]


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def courier(tmp_path: Path, objects: Any, ends: Ends) -> OutboxRelay:
    return OutboxRelay(tmp_path, objects, ends, ends.put, threading.Event())


def test_captured_requests_reach_their_key(tmp_path: Path, objects: Any, courier: OutboxRelay) -> None:
    chances = iter([0.49, 0.5, 0.1])
    recorder = Recorder("ep", tmp_path, lambda: next(chances))
    for _ in range(3):
        recorder.see(CAPTURE, "a", ASKED, Answer(200))
    recorder.seal()
    courier.deliver()
    assert objects.buckets["bucket"] == {}  # too young
    recorder.seal(everything=True)
    courier.deliver()
    ((key, body),) = objects.buckets["bucket"].items()
    assert key.startswith("c/ep/a/")
    assert key.endswith(".jsonl")
    assert len(body.splitlines()) == 2  # half of the requests: the middle one had bad luck
    assert json.loads(body.splitlines()[0])["captureData"]["endpointInput"]["data"] == "1,2"
    assert list(tmp_path.iterdir()) == []


def test_a_capture_file_is_handed_over_when_it_is_quiet_or_old(tmp_path: Path) -> None:
    now = [1000.0]
    recorder = Recorder("ep", tmp_path, lambda: 0.0, lambda: now[0])
    assert not recorder.seal()
    for _ in range(20):  # a request every 0.05 s: never quiet, and one file a second
        recorder.see(CAPTURE, "a", ASKED, Answer(200))
        assert recorder.seal() == (now[0] <= 1000 + SEAL_SECONDS)
        now[0] += QUIET_SECONDS / 2
    assert outbox.parcels(tmp_path) == []
    recorder.see(CAPTURE, "b", ASKED, Answer(200))
    now[0] += QUIET_SECONDS
    assert not recorder.seal()  # both are quiet
    assert len(outbox.parcels(tmp_path)) == 2


def test_what_a_dead_process_left_is_delivered_without_its_torn_line(
    tmp_path: Path, objects: Any, courier: OutboxRelay
) -> None:
    OutboxFile(tmp_path, {"kind": "capture", "uri": "s3://bucket/k"}).write(b'{"whole": 1}\n{"to')
    courier.deliver()
    assert objects.buckets["bucket"] == {}
    outbox.recover(tmp_path)
    courier.deliver()
    assert objects.buckets["bucket"] == {"k": b'{"whole": 1}\n'}


def test_logs_and_metrics(tmp_path: Path, ends: Ends, courier: OutboxRelay) -> None:
    outbox.put(tmp_path, {"kind": "logs", "group": "g", "stream": "s"}, b'[1, "a"]\n[2, "b"]\n')
    outbox.put(tmp_path, {"kind": "metrics"}, b'{"MetricName": "Invocations"}\n')
    ends.down = True
    courier.deliver()
    assert (ends.lines, ends.data) == ([("g", "s", 1, "a"), ("g", "s", 2, "b")], [])
    ends.down = False
    courier.deliver()
    assert ends.data == [{"MetricName": "Invocations"}]
    assert outbox.parcels(tmp_path) == []


def test_a_bucket_that_is_gone_holds_nothing_else_up(
    tmp_path: Path, ends: Ends, courier: OutboxRelay, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.put(tmp_path, {"kind": "capture", "uri": "s3://gone/k"}, b"{}\n")
    outbox.put(tmp_path, {"kind": "metrics"}, b"{}\n")
    courier.deliver()
    assert (ends.data, outbox.parcels(tmp_path)) == ([{}], [])
    assert "s3://gone" in caplog.text
