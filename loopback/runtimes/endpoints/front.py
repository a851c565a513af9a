"""The public port's way to the data plane: an ASGI application that passes requests on over kept connections."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from loopback.core.arn import Place
from loopback.runtimes.endpoints.http1 import LARGEST, Answer, Client, ConnectionLost, message
from loopback.runtimes.endpoints.refusals import error, no_endpoint

PATIENCE_SECONDS = 15.0  # for a data plane that is being started again
DROPPED = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"authorization"})
ABSENT = Answer(
    503,
    b'{"Message": "The data plane is not there; try again"}',
    {b"content-type": b"application/json", b"x-amzn-errortype": b"ServiceUnavailable"},
)


class DataPlaneProxy:
    """One for each loop. `path` is the data plane's socket; `is_needed` says whether any endpoint needs one."""

    def __init__(self, path: str, place: Place, is_needed: Callable[[], bool]) -> None:
        self._path, self._place, self._is_needed = path, place, is_needed
        self._idle: list[Client] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        body = await _body(receive)
        headers = {name: value for name, value in scope["headers"] if name not in DROPPED}
        request = message(scope["method"].encode(), scope["raw_path"].decode("latin-1"), headers, body)
        answer = await self._answer(request, scope["path"])
        passed = [(name, value) for name, value in answer.headers.items() if name not in DROPPED]
        passed.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": passed})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, request: bytes, path: str) -> Answer:
        connection = await self._connection()
        if connection is None:
            return ABSENT if self._is_needed() else error(no_endpoint(path.split("/")[2], self._place))
        try:
            answer = await connection.send(request)
        except ConnectionLost:
            return ABSENT
        if connection.usable:
            self._idle.append(connection)
        return answer

    async def _connection(self) -> Client | None:
        while self._idle:
            if (found := self._idle.pop()).usable:
                return found
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return (await asyncio.get_running_loop().create_unix_connection(Client, self._path))[1]
            except OSError:
                if time.monotonic() > deadline or not self._is_needed():
                    return None
                await asyncio.sleep(0.05)


async def _body(receive: Any) -> bytes:
    """What the client sent, or one byte too many of it."""
    parts, size, more = [], 0, True
    while more:
        event = await receive()
        more = event.get("more_body", False)
        if size <= LARGEST:
            parts.append(event.get("body", b""))
            size += len(parts[-1])
    return b"".join(parts)
