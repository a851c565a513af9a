"""InvokeEndpoint with instances that are objects: who answers, what the caller sees, what happens when one is lost."""

import asyncio
import json
from typing import Any

import pytest

from loopback.core.arn import Place
from loopback.runtimes.endpoints import invoke as invoking
from loopback.runtimes.endpoints.blue_green import FleetSide, LiveEndpoint
from loopback.runtimes.endpoints.fleet import Fleet, Variant
from loopback.runtimes.endpoints.http1 import LARGEST, Answer, ConnectionLost, Request
from loopback.runtimes.endpoints.invoke import invoke
from loopback.runtimes.endpoints.pools import Pool


class Fake:
    """An instance that does what it is told: an answer, or an exception."""

    def __init__(self, *does: Answer | Exception) -> None:
        self.does, self.got, self.outstanding, self.id, self.exit = list(does), [], 0, "i-1", None
        self.stopped = False

    async def call(self, request: bytes, _seconds: float) -> Answer:
        self.got.append(request)
        done = self.does.pop(0) if len(self.does) > 1 else self.does[0]
        if isinstance(done, Exception):
            raise done
        return Answer(done.status, done.body, dict(done.headers))

    async def stop(self, _number: int) -> None:
        self.stopped = True


class FakePlane:
    place = Place()

    def __init__(self, **variants: list[Fake]) -> None:
        made = tuple(Variant(name, 1.0, len(instances), "/m", {}) for name, instances in variants.items())
        pools = {variant.name: Pool("Ep", variant, None) for variant in made}  # type: ignore[arg-type]
        for name, instances in variants.items():
            pools[name].ready += instances  # type: ignore[arg-type]
            pools[name].some.set()
        self.endpoints = {"ep": LiveEndpoint((FleetSide(Fleet("Ep", "g", made), pools),))}
        self.counted: list[tuple[str, int]] = []

    def record_invocation(self, _side: Any, pool: Any, _request: Any, answer: Answer, _spent: Any) -> None:
        self.counted.append((pool.variant.name, answer.status))


OK = Answer(200, b"0.5\n", {b"content-type": b"text/csv"})


def ask(plane: FakePlane, path: str = "/endpoints/Ep/invocations", body: bytes = b"1,2", **headers: str) -> Answer:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    request = Request(b"POST", path, named, body, oversized=len(body) > LARGEST)
    return asyncio.run(asyncio.wait_for(invoke(request, plane), 5))


def told(answer: Answer) -> tuple[int, str, str]:
    body = json.loads(answer.body)
    return answer.status, answer.headers[b"x-amzn-ErrorType"].decode(), body["Message"]


def test_what_the_container_gets_and_the_caller_gets_back() -> None:
    instance = Fake(Answer(200, b"x", {b"content-type": b"a/b", b"x-amzn-sagemaker-custom-attributes": b"t"}))
    plane = FakePlane(AllTraffic=[instance])
    answer = ask(
        plane, content_type="text/csv", accept="a/b", authorization="AWS4", x_amzn_sagemaker_custom_attributes="q"
    )
    head, _, body = instance.got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /invocations HTTP/1.1")
    assert (b"Content-Type: text/csv" in head, b"Accept: a/b" in head, body) == (True, True, b"1,2")
    assert b"custom-attributes: q" in head
    assert b"AWS4" not in head
    assert (answer.status, answer.body, answer.headers[b"Content-Type"]) == (200, b"x", b"a/b")
    assert answer.headers[b"x-Amzn-Invoked-Production-Variant"] == b"AllTraffic"
    assert answer.headers[b"X-Amzn-SageMaker-Custom-Attributes"] == b"t"
    assert plane.counted == [("AllTraffic", 200)]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"path": "/endpoints/nobody/invocations"}, "Endpoint nobody of account 000000000000 not found."),
    ({"path": "/endpoints/Ep/async-invocations"}, "supports InvokeEndpoint, not InvokeEndpointAsync"),
    ({"x_amzn_sagemaker_target_variant": "b"}, "Variant b not found for Endpoint Ep"),
    ({"x_amzn_sagemaker_target_model": "m"}, "X-Amzn-SageMaker-Target-Model"),
    ({"x_amzn_sagemaker_inference_component": "c"}, "X-Amzn-SageMaker-Inference-Component"),
    ({"x_amzn_sagemaker_session_id": "NEW_SESSION"}, "X-Amzn-SageMaker-Session-Id"),
    ({"accept": "x" * 1025}, "accept must have at most 1024 characters"),
    ({"body": b"x" * (LARGEST + 1)}, str(LARGEST)),
]


@pytest.mark.parametrize(("request_", "message"), REFUSED, ids=lambda value: str(value)[:50])
def test_requests_that_reach_no_instance(request_: dict[str, Any], message: str) -> None:
    plane = FakePlane(AllTraffic=[Fake(OK)])
    status, code, text = told(ask(plane, **request_))
    assert (status, code, message in text) == (400, "ValidationError", True), text
    assert plane.counted == []


@pytest.mark.parametrize(("status", "side"), [(415, "client error (415)"), (500, "server error (500)")])
def test_an_error_of_the_model(status: int, side: str) -> None:
    plane = FakePlane(AllTraffic=[Fake(Answer(status, b"bad row", {}))])
    answer = ask(plane)
    body = json.loads(answer.body)
    assert told(answer)[:2] == (424, "ModelError")
    assert f'Received {side} from primary with message "bad row"' in body["Message"]
    assert (body["OriginalStatusCode"], body["OriginalMessage"]) == (status, "bad row")
    assert body["LogStreamArn"].endswith("/aws/sagemaker/Endpoints/Ep:log-stream:AllTraffic/i-1")
    assert plane.counted == [("AllTraffic", status)]


def test_a_lost_instance_is_nobodys_error() -> None:
    dead, alive = Fake(ConnectionLost()), Fake(OK)
    for _ in range(20):
        assert ask(FakePlane(AllTraffic=[dead, alive])).status == 200
    assert dead.got  # chosen first at least once in twenty


def test_all_instances_lost_and_one_comes_back() -> None:
    assert ask(FakePlane(AllTraffic=[Fake(ConnectionLost(), ConnectionLost(), OK)])).status == 200


def test_a_request_that_kills_every_instance_is_the_models_error() -> None:
    poisoned = [Fake(ConnectionLost()) for _ in range(5)]
    answer = ask(FakePlane(AllTraffic=poisoned))
    assert (told(answer)[1], json.loads(answer.body)["OriginalStatusCode"]) == ("ModelError", 0)
    assert sum(len(instance.got) for instance in poisoned) == 3
    unasked = [Fake(ConnectionLost(asked=False)) for _ in range(8)]
    assert ask(FakePlane(AllTraffic=[*unasked, Fake(OK)])).status == 200


def test_no_instance_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoking, "WAIT_SECONDS", 0.02)
    plane = FakePlane(AllTraffic=[])
    plane.endpoints["ep"].sides[0].pools["AllTraffic"].some.clear()
    assert told(ask(plane))[:2] == (503, "ServiceUnavailable")


def test_a_model_that_takes_too_long_is_an_error_and_is_replaced() -> None:
    slow = Fake(TimeoutError())
    answer = ask(FakePlane(AllTraffic=[slow]))
    assert (told(answer)[1], json.loads(answer.body)["OriginalStatusCode"], slow.stopped) == ("ModelError", 0, True)


def test_a_target_variant_bypasses_the_weights() -> None:
    plane = FakePlane(a=[Fake(OK)], b=[Fake(OK)])
    for _ in range(10):
        ask(plane, x_amzn_sagemaker_target_variant="b")
    assert {variant for variant, _ in plane.counted} == {"b"}


def test_the_instance_with_the_least_to_do() -> None:
    busy, free = Fake(OK), Fake(OK)
    busy.outstanding = 3
    pool = Pool("e", Variant("a", 1.0, 2, "/m", {}, least_outstanding=True), None)  # type: ignore[arg-type]
    pool.ready += [busy, free]  # type: ignore[arg-type]
    assert pool.choose(()) is free
    assert pool.choose([free]) is busy  # type: ignore[list-item]
    assert pool.choose([free, busy]) is None  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("pings", "busy", "stopped"), [([False, False], 0, True), ([False, True], 0, False), ([], 1, False)]
)
def test_an_instance_that_fails_pings_is_ended(pings: list[bool], busy: int, stopped: bool) -> None:
    instance = Fake(OK)
    instance.outstanding = busy

    async def ping() -> bool:
        return pings.pop(0)

    instance.ping = ping  # type: ignore[attr-defined]
    pool = Pool("e", Variant("a", 1.0, 1, "/m", {}), None)  # type: ignore[arg-type]
    asyncio.run(pool._check(instance))  # type: ignore[arg-type]
    assert instance.stopped == stopped


def test_a_request_that_waits_in_a_released_pool_looks_elsewhere() -> None:
    plane, later = FakePlane(AllTraffic=[]), FakePlane(AllTraffic=[Fake(OK)])
    pool = plane.endpoints["ep"].sides[0].pools["AllTraffic"]
    pool.some.clear()

    async def story() -> Answer:
        request = Request(b"POST", "/endpoints/Ep/invocations", {}, b"1")
        asked = asyncio.create_task(invoke(request, plane))
        await asyncio.sleep(0.01)
        plane.endpoints = later.endpoints
        pool.release()
        return await asyncio.wait_for(asked, 5)

    assert asyncio.run(story()).status == 200


def test_a_shadow_that_fails_is_nobodys_error() -> None:
    bad = Fake(Answer(500, b"bad"))
    plane = FakePlane(AllTraffic=[Fake(OK)], shadow=[bad])
    side = plane.endpoints["ep"].sides[0]
    production, shadow = side.fleet.variants
    fleet = Fleet("Ep", "g", (production,), shadows=(shadow,))
    plane.endpoints = {"ep": LiveEndpoint((FleetSide(fleet, side.pools),))}
    copies: list[Any] = []
    plane.copy = copies.append  # type: ignore[attr-defined]
    assert ask(plane, content_type="text/csv").status == 200
    (copy,) = copies
    asyncio.run(copy)
    assert plane.counted == [("AllTraffic", 200), ("shadow", 500)]
