"""The paths for tests: `POST /_loopback/testing/reset` and `POST` or `DELETE /_loopback/testing/faults`.

Each needs a signature like any request, and a loopback that was started for tests; another one refuses them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from loopback.core import faults
from loopback.core.callers import TESTING
from loopback.core.faults import Faults, WrongFault
from loopback.core.permissions import PermissionCheck
from loopback.services.testing.reset import Reset, StillWorking

LARGEST = 1 << 16  # bytes of a request
REFUSED = "This loopback was not started for tests; start one with `python -m loopback up --testing`"


class RequestsOfTests:
    """An ASGI application. Without `reset` it refuses everything."""

    def __init__(self, faults_on_demand: Faults, reset: Reset | None) -> None:
        self._faults, self._reset = faults_on_demand, reset
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request with JSON: {} or {"message": ...}."""
        body = await _body(receive)
        status, message = await self._answer(scope["method"], scope["path"].removeprefix(TESTING), body)
        text = json.dumps({"message": message} if message else {}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[int, str]:
        if self._reset is None:
            return 403, REFUSED
        if (method, path) == ("POST", "reset"):
            return await self._run(self._reset)
        if (method, path) == ("DELETE", "faults"):
            self._faults.clear()
            return 200, ""
        if (method, path) == ("POST", "faults"):
            return self._add(body)
        return 404, f"There is no {method} {path}; POST reset, POST faults and DELETE faults are there"

    async def _run(self, reset: Reset) -> tuple[int, str]:
        async with self._one_at_a_time:
            self._faults.clear()
            try:
                await asyncio.to_thread(reset.run)
            except StillWorking as fault:
                return 409, str(fault)
        return 200, ""

    def _add(self, body: bytes) -> tuple[int, str]:
        try:
            document = json.loads(body[: LARGEST + 1])
            if not isinstance(document, dict):
                raise WrongFault("expected a JSON object")
            self._faults.add(faults.from_document(document))
        except (ValueError, RecursionError) as fault:
            return 400, str(fault)
        return 200, ""


def late(front: Callable[..., Awaitable[None]], waiting: Faults, action: str) -> Callable[..., Awaitable[None]]:
    """An ASGI application whose requests meet the faults that wait for calls of an IAM action."""

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer a request late, with the error, or as it would be."""
        fault = waiting.for_call(action) if waiting else None
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        if fault is None or not fault.code:
            await front(scope, receive, send)
            return
        text = json.dumps({"Message": fault.message, "message": fault.message}).encode()
        headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", fault.code.encode())]
        headers.append((b"content-length", b"%d" % len(text)))
        await send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return answer


def permission_of(_method: str, path: str) -> PermissionCheck:
    """What a caller must be allowed where IAM is enforced; no policy of AWS's own names it but `*`."""
    return PermissionCheck(f"loopback:{path.removeprefix(TESTING).capitalize()}")


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        more = event.get("more_body", False)
        if len(body) <= LARGEST:
            body += event.get("body", b"")
    return body
