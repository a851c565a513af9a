"""An answer leaves when what it says is on disk: the base's application, with the writing of its state between."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from loopback.ministack.records import Uses
from loopback.ministack.row_file import NotWritten
from loopback.ministack.state import SavedState

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

READING = re.compile(
    r"(Batch)?(Describe|Detect|Estimate|Filter|Get|Head|List|Lookup|Preview|Query|Scan|Search|Select|Simulate|Test|"
    r"Validate|View)(?=[A-Z]|$)"
)
MAKING = {"GetSessionToken", "GetFederationToken"}  # named like reading; each makes credentials
ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


class Acknowledged:
    """An ASGI application around that of the base."""

    def __init__(self, application: Application, state: SavedState) -> None:
        self._application, self._state = application, state

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer, once what the request has changed is on disk; with an error when it cannot be written."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._application(scope, receive, send)
            return
        uses, body = Uses(), bytearray()
        refused = False

        async def receive_body() -> Message:
            message = await receive()
            if len(body) < 1 << 12:
                body.extend(message.get("body", b"")[: 1 << 12])
            return message

        async def answer(message: Message) -> None:
            """Hold the answer back until its changes are on disk; an error where they cannot be written."""
            nonlocal refused
            if message["type"] == "http.response.start" and not reads(operation(scope, bytes(body))):
                try:
                    await self._state.wait_until_saved(uses)
                except NotWritten as fault:
                    refused = True
                    for part in refusal(scope, f"What this request changed could not be written to disk: {fault}"):
                        await send(part)
            if not refused:
                await send(message)

        with self._state.note_uses(uses):
            await self._application(scope, receive_body, answer)


def operation(scope: dict[str, Any], body: bytes) -> str:
    """The operation's name as the request gives it; empty where a method and a path stand for it."""
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
    target = headers.get(b"x-amz-target", b"").decode("latin-1")
    if target:
        return target.rpartition(".")[2]
    if named := re.match(r"/service/[^/]+/operation/(\w+)", str(scope["path"])):  # Smithy's RPC v2
        return named[1]
    query: str = scope.get("query_string", b"").decode("latin-1")
    if asked := parse_qs(query).get("Action"):
        return asked[0]
    found = ACTION.search(body) if b"form-urlencoded" in headers.get(b"content-type", b"") else None
    return found[1].decode() if found else ""


def reads(name: str) -> bool:
    """Whether an operation of this name changes nothing. One without a name counts as changing something."""
    return READING.match(name) is not None and name not in MAKING


def refusal(scope: dict[str, Any], message: str) -> tuple[Message, Message]:
    """An internal error in the words of the protocol that the request is in."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    kind = headers.get(b"content-type", "")
    if "json" in kind or b"x-amz-target" in headers:
        content, body = "application/json", json.dumps({"__type": "InternalFailure", "message": message})
    elif "form-urlencoded" in kind:
        content = "text/xml"
        inner = f"<Type>Receiver</Type><Code>InternalFailure</Code><Message>{escape(message)}</Message>"
        body = f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>"
    else:
        content = "application/xml"
        body = f"<Error><Code>InternalError</Code><Message>{escape(message)}</Message></Error>"
    names = [(b"content-type", content.encode()), (b"x-amzn-errortype", b"InternalFailure")]
    start = {"type": "http.response.start", "status": 500, "headers": names}
    return start, {"type": "http.response.body", "body": body.encode(), "more_body": False}
