"""InvokeEndpoint on the data plane: headers in, an instance's answer or an AWS error out.

Source: AWS, API_runtime_InvokeEndpoint.
"""

import asyncio
import random
import re
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

from loopback.core.arn import Place
from loopback.runtimes.endpoints import stream
from loopback.runtimes.endpoints.blue_green import FleetSide, LiveEndpoint
from loopback.runtimes.endpoints.capture import ATTRIBUTES
from loopback.runtimes.endpoints.http1 import LARGEST, STREAMED, Answer, ConnectionLost, Headers, Request, message
from loopback.runtimes.endpoints.instances import Instance, NotStarted
from loopback.runtimes.endpoints.pools import Pool
from loopback.runtimes.endpoints.refusals import Refusal, error, model_error, no_endpoint
from loopback.runtimes.endpoints.serverless import Sandboxes, Throttled

TARGET_VARIANT, STREAM_ACCEPT = b"x-amzn-sagemaker-target-variant", b"x-amzn-sagemaker-accept"
REFUSED: tuple[bytes, ...] = (
    b"X-Amzn-SageMaker-Target-Model",
    b"X-Amzn-SageMaker-Target-Container-Hostname",
    b"X-Amzn-SageMaker-Enable-Explanations",
    b"X-Amzn-SageMaker-Inference-Component",
    b"X-Amzn-SageMaker-Session-Id",
    b"X-Amzn-SageMaker-Prefix-Aware-Id",
)
_REFUSED = {name.lower(): name.decode() for name in REFUSED}
_PATH = re.compile(r"/endpoints/([^/?]+)/([a-z-]+)$")
PLAIN, STREAM, ASYNC = "invocations", "invocations-response-stream", "async-invocations"
LONGEST_HEADER = 1024
PASSED = ((b"content-type", b"Content-Type"), (b"accept", b"Accept"), (ATTRIBUTES, ATTRIBUTES))
CONTAINER_SECONDS, STREAM_SECONDS = 60.0, 480.0
MOST_DEATHS = 3  # of instances with one request
WAIT_SECONDS = 30.0  # for an instance, while all of a variant are being replaced


@dataclass(slots=True)
class RequestTimes:
    """Seconds of one request: in the container, and before that for a serverless variant's instance to come up."""

    container: float = 0.0
    setup: float = 0.0


class Plane(Protocol):
    """What an invocation needs of the data plane."""

    place: Place
    endpoints: dict[str, LiveEndpoint]

    def record_invocation(
        self, side: FleetSide, pool: Pool, request: Request, answer: Answer, spent: RequestTimes
    ) -> None:
        """An instance has answered."""

    def copy(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background, unless too much is being done there."""

    def queue(self, endpoint: LiveEndpoint, request: Request) -> Answer:
        """Keep a request for later. Raises Refusal."""


Chosen = tuple[FleetSide, Pool]
Outcome = tuple[FleetSide, Pool, Instance, Answer, RequestTimes]
Call = Callable[[Instance], Awaitable[Answer]]


async def invoke(request: Request, plane: Plane) -> Answer:
    """The whole of one request."""
    try:
        answer = await _carried_out(request, plane)
    except Refusal as refusal:
        answer = error(refusal)
    answer.headers[b"x-amzn-RequestId"] = str(uuid.uuid4()).encode()
    return answer


async def _carried_out(request: Request, plane: Plane) -> Answer:
    found = _PATH.match(request.path)
    if found is None or request.method != b"POST" or found[2] not in (PLAIN, STREAM, ASYNC):
        raise Refusal(404, "UnknownOperationException", f"{request.method.decode()} {request.path} is no operation")
    name = unquote(found[1])
    endpoint = endpoint_of(name, plane)
    queued = endpoint.sides[0].fleet.queue is not None
    if queued != (found[2] == ASYNC):
        what = "InvokeEndpointAsync only" if queued else "InvokeEndpoint, not InvokeEndpointAsync"
        raise Refusal(400, "ValidationError", f"Endpoint {name} supports {what}.")
    check(request)
    if queued:
        return plane.queue(endpoint, request)
    if found[2] == STREAM and STREAM_ACCEPT in request.headers:
        request.headers[b"accept"] = request.headers[STREAM_ACCEPT]
    return await ask_model(name, request, plane, CONTAINER_SECONDS, streamed=found[2] == STREAM)


async def ask_model(name: str, request: Request, plane: Plane, seconds: float, *, streamed: bool = False) -> Answer:
    """What a model of this endpoint says within so many seconds. Raises Refusal."""
    endpoint = endpoint_of(name, plane)
    wanted = request.headers.get(TARGET_VARIANT)
    variant = None if wanted is None else wanted.decode("latin-1")
    chosen = _choose_variant(endpoint, variant)
    forwarded: Headers = {theirs: request.headers[ours] for ours, theirs in PASSED if ours in request.headers}
    if streamed:
        forwarded[STREAMED] = b"1"
    content = message(b"POST", "/invocations", forwarded, request.body)
    if chosen[0].fleet.shadows:
        _copy(chosen[0], chosen[1], content, request, plane)

    def again() -> Chosen:
        return _choose_variant(endpoint_of(name, plane), variant)

    if streamed:
        return await _stream_answer(again, chosen, content, request, plane)
    side, pool, instance, answer, spent = await _ask_instance(again, chosen, lambda i: i.call(content, seconds))
    plane.record_invocation(side, pool, request, answer, spent)
    if not 200 <= answer.status < 300:
        raise model_error(answer, endpoint.name, f"{pool.variant.name}/{instance.id}", plane.place)
    headers = _headers(pool, answer)
    headers[b"Content-Type"] = answer.headers.get(b"content-type", b"application/octet-stream")
    return Answer(200, answer.body, headers)


def _choose_variant(endpoint: LiveEndpoint, variant: str | None) -> Chosen:
    if (found := endpoint.choose(variant)) is not None:
        return found
    raise Refusal(400, "ValidationError", f"Variant {variant} not found for Endpoint {endpoint.name}")


def _headers(pool: Pool, answer: Answer) -> Headers:
    headers: Headers = {b"x-Amzn-Invoked-Production-Variant": pool.variant.name.encode()}
    if ATTRIBUTES in answer.headers:
        headers[b"X-Amzn-SageMaker-Custom-Attributes"] = answer.headers[ATTRIBUTES]
    return headers


def endpoint_of(name: str, plane: Plane) -> LiveEndpoint:
    """Raises Refusal."""
    endpoint = plane.endpoints.get(name.lower())
    if endpoint is None:
        raise no_endpoint(name, plane.place)
    return endpoint


def check(request: Request) -> None:
    """Raises Refusal for what is too long, and what loopback does not carry out."""
    if request.oversized:
        raise Refusal(400, "ValidationError", f"The body must have length less than or equal to {LARGEST} bytes")
    for name, value in request.headers.items():
        if name in _REFUSED:
            raise Refusal(400, "ValidationError", f"loopback does not carry out {_REFUSED[name]}")
        if len(value) > LONGEST_HEADER and name in (b"content-type", b"accept", ATTRIBUTES):
            raise Refusal(400, "ValidationError", f"{name.decode()} must have at most {LONGEST_HEADER} characters")


async def _ask_instance(again: Callable[[], Chosen], chosen: Chosen, call: Call) -> Outcome:
    """The first answer that an instance gives. One that is lost meanwhile is replaced by the next.

    A request that instances die of ends as the model's error: it must not go round and end them all. `again` chooses
    anew, for a request whose pool was released before it found an instance. Raises Refusal.
    """
    tried: list[Instance] = []
    died = 0
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        side, pool = chosen
        setup = 0.0
        if isinstance(pool, Sandboxes):
            instance, setup = await _take_sandbox(side, pool)
        elif (found := pool.choose(tried)) is not None:
            instance = found
        else:
            tried.clear()
            if not await _some(pool, deadline):
                chosen = again()
            continue
        began = time.perf_counter()
        try:
            answer = await call(instance)
        except ConnectionLost as lost:
            tried.append(instance)
            died += lost.asked
            if died < MOST_DEATHS:
                await asyncio.sleep(0)  # its end is being reported
                continue
            answer = Answer(0, b"The container died while it answered.")
        except TimeoutError:
            asyncio.get_running_loop().create_task(instance.stop(signal.SIGKILL))
            text = f"Your invocation timed out while waiting for a response from container {pool.variant.name}."
            answer = Answer(0, text.encode())
        finally:
            if isinstance(pool, Sandboxes):
                pool.give(instance)
        return side, pool, instance, answer, RequestTimes(time.perf_counter() - began, setup)


async def _take_sandbox(side: FleetSide, pool: Sandboxes) -> tuple[Instance, float]:
    try:
        return await pool.take()
    except Throttled:
        most = pool.variant.concurrency
        text = f"Rate exceeded: {most} requests, the MaxConcurrency of {pool.variant.name}, are being answered"
        raise Refusal(429, "ThrottlingException", text) from None
    except NotStarted as fault:
        text = f"Received server error (500) from model: {fault}"
        more = f"{text} ({side.fleet.name})"
        raise Refusal(424, "ModelError", more, OriginalStatusCode=500, OriginalMessage=str(fault)) from None


async def _some(pool: Pool, deadline: float) -> bool:
    """Wait until a pool has an instance; False when it is released meanwhile. Raises Refusal."""
    while not pool.released and time.monotonic() < deadline:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await pool.some.wait()
        except TimeoutError:
            break
        if pool.ready:
            return True
        await asyncio.sleep(0.01)
    if pool.released and time.monotonic() < deadline:
        return False
    raise Refusal(503, "ServiceUnavailable", f"No instance of variant {pool.variant.name} is healthy")


async def _stream_answer(
    again: Callable[[], Chosen], chosen: Chosen, content: bytes, request: Request, plane: Plane
) -> Answer:
    """An answer whose chunks are on their way."""
    if isinstance(chosen[1], Sandboxes):
        raise Refusal(400, "ValidationError", "Serverless variants do not stream; use InvokeEndpoint")
    began = time.perf_counter()
    side, pool, instance, answer, spent = await _ask_instance(
        again, chosen, lambda i: i.stream(content, STREAM_SECONDS)
    )
    if answer.chunks is None or not 200 <= answer.status < 300:
        body = b"".join([chunk async for chunk in answer.chunks]) if answer.chunks else answer.body
        answer = Answer(answer.status, body, answer.headers)
        plane.record_invocation(side, pool, request, answer, spent)
        raise model_error(answer, side.fleet.name, f"{pool.variant.name}/{instance.id}", plane.place)

    def on_end(whole: bool) -> None:
        spent.container = time.perf_counter() - began
        plane.record_invocation(side, pool, request, Answer(200 if whole else 0, b"", answer.headers), spent)

    headers = _headers(pool, answer)
    headers[b"Content-Type"] = stream.CONTENT_TYPE
    kind = answer.headers.get(b"content-type", b"application/octet-stream")
    headers[b"X-Amzn-SageMaker-Content-Type"] = kind
    return Answer(200, b"", headers, stream.encode_events(answer.chunks, on_end))


def _copy(side: FleetSide, pool: Pool, content: bytes, request: Request, plane: Plane) -> None:
    """Give a sampled copy of a request to the shadow: its weight among that of the production variant, at most 1."""
    shadow = side.fleet.shadows[0]
    if random.random() * pool.variant.weight < shadow.weight:
        plane.copy(_ask_shadow((side, side.pools[shadow.name]), content, request, plane))


async def _ask_shadow(chosen: Chosen, content: bytes, request: Request, plane: Plane) -> None:
    """What the shadow says is written down and counted; nobody waits for it."""
    side, pool = chosen

    def again() -> Chosen:
        raise Refusal(503, "ServiceUnavailable", "The shadow is gone")

    try:
        _, _, _, answer, spent = await _ask_instance(again, chosen, lambda i: i.call(content, CONTAINER_SECONDS))
    except Refusal:
        return
    plane.record_invocation(side, pool, request, answer, spent)
