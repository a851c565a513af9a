"""Serverless pools, queued requests and their answers, event streams, sides: without processes."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from loopback.core.kinds import ENDPOINT
from loopback.rows.endpoints import EndpointResult, FleetSpec, VariantSpec
from loopback.rows.row import changes
from loopback.runtimes.endpoints import serverless, stream
from loopback.runtimes.endpoints.async_inference import AsyncInference, AsyncOutputs
from loopback.runtimes.endpoints.async_spool import Tickets, ticket_of
from loopback.runtimes.endpoints.blue_green import FleetSide, LiveEndpoint
from loopback.runtimes.endpoints.fleet import Fleet, Variant
from loopback.runtimes.endpoints.http1 import ConnectionLost, Request
from loopback.runtimes.endpoints.link import Unreachable
from loopback.runtimes.endpoints.metrics import Metrics
from loopback.runtimes.endpoints.program import worker_count
from loopback.runtimes.endpoints.refusals import Refusal
from loopback.runtimes.endpoints.serverless import Sandboxes, Throttled


class Sandbox:
    """An instance that starts at once."""

    def __init__(self, *_: Any) -> None:
        self.exit, self.retired = None, False

    async def start(self) -> None:
        await asyncio.sleep(0)

    async def retire(self, _seconds: float) -> None:
        self.retired = True


def test_serverless_from_zero_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopback.runtimes.endpoints.pools.Instance", Sandbox)
    now = [0.0]

    async def story() -> None:
        pool = Sandboxes("e", Variant("a", 1.0, 0, "/m", {}, concurrency=2), None, lambda: now[0])  # type: ignore[arg-type]
        pool.adopt(pool.variant, ())
        first, setup = await pool.take()
        second, _ = await pool.take()
        assert (setup > 0, first is not second) == (True, True)
        with pytest.raises(Throttled):
            await pool.take()
        pool.give(first)
        again, setup = await pool.take()
        assert (again is first, setup) == (True, 0.0)
        pool.give(first)
        now[0] = serverless.IDLE_SECONDS
        assert pool.remove_expired() == [first]
        assert pool.running() == [second]
        assert pool.release() == []
        pool.give(second)
        await asyncio.sleep(0)
        assert second.retired  # type: ignore[attr-defined]

    asyncio.run(story())


def side(config: str, share: float, *names: str) -> FleetSide:
    variants = tuple(Variant(name, 1.0, 1, "/m", {}) for name in names)
    pools: Any = {name: f"{config} {name}" for name in names}
    return FleetSide(Fleet("Ep", config, variants, config=config, share=share), pools)


def test_traffic_follows_the_shares_and_targets_are_found() -> None:
    blue, green = side("c1", 0.75, "a"), side("c2", 0.25, "b")
    both = LiveEndpoint((blue, green))
    found = [both.choose(None) for _ in range(2000)]
    assert 380 < sum(chosen is not None and chosen[0] is green for chosen in found) < 620  # six standard deviations
    assert all(both.choose("b") == (green, "c2 b") for _ in range(20))
    assert both.choose("x") is None
    shifted = LiveEndpoint((side("c1", 0.0, "a"), side("c2", 1.0, "b")))
    assert all(shifted.choose(None) == (shifted.sides[1], "c2 b") for _ in range(99))


QUEUE = {"OutputConfig": {"S3OutputPath": "s3://bucket/o/", "S3FailurePath": "s3://bucket/f"}}
FLEET = Fleet("Ep", "g", (), queue=QUEUE)


def asked(body: bytes = b"", **headers: str) -> Request:
    named = {f"x-amzn-sagemaker-{name}".replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request(b"POST", "/endpoints/Ep/async-invocations", named, body)


def test_a_ticket_says_where_the_answer_goes() -> None:
    found = ticket_of(FLEET, asked(inputlocation="s3://bucket/in", inference_id="i"), 10.0, "u")
    assert (found["output"], found["failure"]) == ("s3://bucket/o/u.out", "s3://bucket/f/u-error.out")
    assert (found["inference_id"], found["ends"], found["seconds"]) == ("i", 21610.0, 900)
    named = ticket_of(
        FLEET, asked(inputlocation="s3://bucket/in", filename="x.csv", s3outputpathextension="a/b"), 0.0, "u"
    )
    assert named["output"] == "s3://bucket/o/a/b/x.csv"


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({}, b"", "either InputLocation"),
        ({"inputlocation": "s3://bucket/in"}, b"x", "either InputLocation"),
        ({"inputlocation": "bucket/in"}, b"", "is not an S3 URI"),
        ({}, b"x" * 128_001, "at most 128000 bytes"),
        ({"inputlocation": "s3://bucket/in", "requestttlseconds": "59"}, b"", "RequestTTLSeconds 59 must be between"),
        ({"inputlocation": "s3://bucket/in", "invocationtimeoutseconds": "x"}, b"", "InvocationTimeoutSeconds x"),
        ({"inputlocation": "s3://bucket/in", "filename": "../x"}, b"", "Filename ../x"),
        ({"inputlocation": "s3://bucket/in", "s3outputpathextension": ".."}, b"", "S3OutputPathExtension .."),
    ],
)
def test_requests_that_are_not_queued(headers: dict[str, str], body: bytes, message: str) -> None:
    with pytest.raises(Refusal, match=message):
        ticket_of(FLEET, asked(body, **headers), 0.0, "u")


class World:
    """A queue on a folder, with a model that is a function of the body."""

    def __init__(self, folder: Path, store: Any, objects: Any) -> None:
        self.tickets, self.objects, self.told, self.metrics = Tickets(folder), objects, [], []
        self.model = lambda body: (200, {"content-type": "text/csv"}, body.upper())
        link: Any = SimpleNamespace(ask=lambda _key, _headers, body, _seconds: self.model(body))
        ends = AsyncOutputs(
            objects, lambda topic, text: self.told.append((topic, text)), self.metrics.append, "us-east-1"
        )
        self.queue = AsyncInference(folder, store, link, ends)
        store.create(ENDPOINT, "ep", {"EndpointName": "Ep"})
        variants = {"a": VariantSpec(count=1, weight=1.0, container={}, given={})}
        serving = FleetSpec(generation="g", config="c", variants=variants, queue=QUEUE)
        store.fire(ENDPOINT, "ep", "serve", changes(EndpointResult, serving=serving))

    def keep(self, body: bytes = b"abc", topic: str | None = None) -> dict[str, Any]:
        config = {"OutputConfig": QUEUE["OutputConfig"] | {"NotificationConfig": {"SuccessTopic": topic}}}
        answer = self.tickets.keep(Fleet("Ep", "g", (), queue=config), asked(body))
        return {name.decode().rpartition("-")[2]: value.decode()[12:] for name, value in answer.headers.items()}

    def work(self) -> None:
        self.queue.begin()
        self.queue._pool.shutdown(wait=True)

    @property
    def waiting(self) -> int:
        return sum(len(paths) for _, paths in self.tickets.waiting_tickets())


@pytest.fixture
def world(tmp_path: Path, store: Any, objects: Any) -> World:
    return World(tmp_path, store, objects)


def test_an_answer_is_written_told_and_its_ticket_removed(world: World) -> None:
    where = world.keep(topic="arn:topic")
    world.work()
    bucket = world.objects.buckets["bucket"]
    assert (bucket[where["OutputLocation"]], world.waiting) == (b"ABC", 0)
    ((topic, text),) = world.told
    told = json.loads(text)
    assert (topic, told["invocationStatus"], told["eventName"]) == ("arn:topic", "Completed", "InferenceResult")


def test_a_models_error_and_a_dead_data_plane(world: World) -> None:
    where = world.keep()
    calls = []

    def model(_body: bytes) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise Unreachable("gone")
        return 424, {}, b'{"Message": "a bad model"}'

    world.model = model
    world.queue.begin()
    while world.queue._going:
        pass
    assert world.waiting == 1
    world.work()
    assert world.objects.buckets["bucket"][where["FailureLocation"]] == b"a bad model"
    assert world.waiting == 0


def test_no_more_at_a_time_than_instances_take(world: World) -> None:
    for _ in range(9):
        world.keep()
    most: list[int] = []

    def model(body: bytes) -> Any:
        most.append(len(world.queue._going))
        return 200, {}, body

    world.model = model
    world.work()
    assert (max(most), world.waiting) == (4, 5)
    world.queue.measure()
    values = {datum["MetricName"]: datum["Value"] for datum in world.metrics[0]["MetricData"]}
    assert values == {
        "ApproximateBacklogSize": 5.0,
        "ApproximateBacklogSizePerInstance": 5.0,
        "HasBacklogWithoutCapacity": 0.0,
    }


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        (None, ("event", "PayloadPart", b"b")),
        (ConnectionLost(), ("exception", "ModelStreamError", b"StreamBroken")),
        (TimeoutError(), ("exception", "ModelStreamError", b"ModelInvocationTimeExceeded")),
    ],
)
def test_event_streams_as_botocore_reads_them(fault: Exception | None, last: tuple[str, str, bytes]) -> None:
    ended: list[bool] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        if fault:
            raise fault

    async def gathered() -> bytes:
        return b"".join([part async for part in stream.encode_events(chunks(), ended.append)])

    buffer = EventStreamBuffer()
    buffer.add_data(asyncio.run(gathered()))
    events = list(buffer)
    assert [event.payload for event in events[:2]] == [b"a", b"b"]
    headers = events[-1].headers
    assert (headers[":message-type"], headers[f":{last[0]}-type"]) == last[:2]
    assert last[2] in events[-1].payload
    assert ended == [fault is None]


def test_metrics_during_a_deployment_have_a_third_dimension() -> None:
    metrics = Metrics()
    metrics.see(("e", "v"), 0, 200, (0.001, 0.0, 0.5))
    metrics.see(("e", "v", "c"), 2, 200, (0.001, 0.0))
    data = metrics.take(1.0)
    names = {(datum["MetricName"], len(datum["Dimensions"])) for datum in data}
    assert {("Invocations", 2), ("Invocations", 3), ("ModelSetupTime", 2), ("InvocationsPerInstance", 3)} <= names
    assert ("InvocationsPerInstance", 2) not in names
    assert data[-1]["Dimensions"][2] == {"Name": "EndpointConfigName", "Value": "c"}


@pytest.mark.parametrize(("environ", "count"), [({"SAGEMAKER_MODEL_SERVER_WORKERS": "3"}, 3), ({"X": ""}, None)])
def test_workers(environ: dict[str, str], count: int | None) -> None:
    assert worker_count(environ) == (count or min(2, os.cpu_count() or 1))
