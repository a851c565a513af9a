"""InvokeEndpoint on the data plane: headers in, an instance's answer or an AWS error out. contracts 3.3."""

import asyncio
import json
import re
import signal
import time
import uuid
from typing import Protocol
from urllib.parse import unquote

from loopback.core.arn import Place
from loopback.endpoints.capture import ATTRIBUTES
from loopback.endpoints.http1 import LARGEST, Answer, Headers, Lost, Request, message
from loopback.endpoints.instances import GROUP, Instance
from loopback.endpoints.pools import Endpoint, Pool

TARGET_VARIANT = b"x-amzn-sagemaker-target-variant"
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
LONGEST_HEADER = 1024
PASSED = ((b"content-type", b"Content-Type"), (b"accept", b"Accept"), (ATTRIBUTES, ATTRIBUTES))
CONTAINER_SECONDS = 60.0
MOST_DEATHS = 3  # of instances with one request
WAIT_SECONDS = 30.0  # for an instance, while all of a variant are being replaced


class Refusal(Exception):
    """An AWS error of the runtime: status, code, message and further members of the body."""

    def __init__(self, status: int, code: str, text: str, **members: str | int) -> None:
        super().__init__(text)
        self.status, self.code, self.members = status, code, members


class Plane(Protocol):
    """What an invocation needs of the data plane."""

    place: Place
    endpoints: dict[str, Endpoint]

    def seen(self, endpoint: Endpoint, variant: str, request: Request, answer: Answer, seconds: float) -> None:
        """An instance has answered after so many seconds."""


async def invoke(request: Request, plane: Plane) -> Answer:
    """The whole of one request."""
    try:
        answer = await _carried_out(request, plane)
    except Refusal as refusal:
        answer = _error(refusal)
    answer.headers[b"x-amzn-RequestId"] = str(uuid.uuid4()).encode()
    return answer


async def _carried_out(request: Request, plane: Plane) -> Answer:
    endpoint = _endpoint(request, plane)
    _check(request)
    pool = _pool(endpoint, request)
    forwarded: Headers = {theirs: request.headers[ours] for ours, theirs in PASSED if ours in request.headers}
    instance, answer, seconds = await _answered(pool, message(b"POST", "/invocations", forwarded, request.body))
    variant = pool.variant.name
    plane.seen(endpoint, variant, request, answer, seconds)
    if not 200 <= answer.status < 300:
        raise _model_error(answer, endpoint.fleet.name, f"{variant}/{instance.id}", plane.place)
    headers: Headers = {b"x-Amzn-Invoked-Production-Variant": variant.encode()}
    headers[b"Content-Type"] = answer.headers.get(b"content-type", b"application/octet-stream")
    if ATTRIBUTES in answer.headers:
        headers[b"X-Amzn-SageMaker-Custom-Attributes"] = answer.headers[ATTRIBUTES]
    return Answer(200, answer.body, headers)


def _endpoint(request: Request, plane: Plane) -> Endpoint:
    found = _PATH.match(request.path)
    if found is None or request.method != b"POST":
        raise Refusal(404, "UnknownOperationException", f"{request.method.decode()} {request.path} is no operation")
    if found[2] != "invocations":
        raise Refusal(400, "ValidationError", f"loopback does not carry out {found[2]}; use invocations")
    name = unquote(found[1])
    endpoint = plane.endpoints.get(name.lower())
    if endpoint is None:
        raise Refusal(400, "ValidationError", f"Endpoint {name} of account {plane.place.account} not found.")
    return endpoint


def _check(request: Request) -> None:
    if request.oversized:
        raise Refusal(400, "ValidationError", f"The body must have length less than or equal to {LARGEST} bytes")
    for name, value in request.headers.items():
        if name in _REFUSED:
            raise Refusal(400, "ValidationError", f"loopback does not carry out {_REFUSED[name]}")
        if len(value) > LONGEST_HEADER and name in (b"content-type", b"accept", ATTRIBUTES):
            raise Refusal(400, "ValidationError", f"{name.decode()} must have at most {LONGEST_HEADER} characters")


def _pool(endpoint: Endpoint, request: Request) -> Pool:
    wanted = request.headers.get(TARGET_VARIANT)
    if wanted is None:
        return endpoint.choose()
    pool = endpoint.pools.get(wanted.decode("latin-1"))
    if pool is None:
        text = f"Variant {wanted.decode('latin-1')} not found for Endpoint {endpoint.fleet.name}"
        raise Refusal(400, "ValidationError", text)
    return pool


async def _answered(pool: Pool, forwarded: bytes) -> tuple[Instance, Answer, float]:
    """The first answer that an instance gives. One that is lost meanwhile is replaced by the next.

    A request that instances die of ends as the model's error: it must not go round and end them all.
    """
    tried: list[Instance] = []
    died = 0
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        instance = pool.choose(tried)
        if instance is None:
            tried.clear()
            instance = await _awaited(pool, deadline)
        began = time.perf_counter()
        try:
            return instance, await instance.call(forwarded, CONTAINER_SECONDS), time.perf_counter() - began
        except Lost as lost:
            tried.append(instance)
            died += lost.asked
            if died == MOST_DEATHS:
                return instance, Answer(0, b"The container died while it answered."), time.perf_counter() - began
            await asyncio.sleep(0)  # its end is being reported
        except TimeoutError:
            asyncio.get_running_loop().create_task(instance.stop(signal.SIGKILL))
            text = f"Your invocation timed out while waiting for a response from container {pool.variant.name}."
            return instance, Answer(0, text.encode()), time.perf_counter() - began


async def _awaited(pool: Pool, deadline: float) -> Instance:
    while time.monotonic() < deadline:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await pool.some.wait()
        except TimeoutError:
            break
        if instance := pool.choose(()):
            return instance
        await asyncio.sleep(0.01)
    raise Refusal(503, "ServiceUnavailable", f"No instance of variant {pool.variant.name} is healthy")


def _model_error(answer: Answer, endpoint: str, stream: str, place: Place) -> Refusal:
    original = answer.body.decode(errors="replace")
    group = f"{GROUP}/{endpoint}"
    side = "client" if 400 <= answer.status < 500 else "server"
    console = f"https://{place.region}.console.aws.amazon.com/cloudwatch/home?region={place.region}#logEventViewer:group={group}"
    text = (
        f'Received {side} error ({answer.status}) from primary with message "{original}". '
        f"See {console} in account {place.account} for more information."
    )
    arn = place.arn(f"log-group:{group}:log-stream:{stream}", "logs")
    return Refusal(
        424, "ModelError", text, OriginalStatusCode=answer.status, OriginalMessage=original, LogStreamArn=arn
    )


def _error(refusal: Refusal) -> Answer:
    body = json.dumps({"Message": str(refusal), **refusal.members}).encode()
    return Answer(
        refusal.status, body, {b"Content-Type": b"application/json", b"x-amzn-ErrorType": refusal.code.encode()}
    )
