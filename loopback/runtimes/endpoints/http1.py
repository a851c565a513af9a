"""HTTP/1.1 on asyncio transports, parsed by httptools: as little as a server and its own clients need."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httptools

LARGEST = 25 * 1024 * 1024  # bytes of a request's body; AWS, API_runtime_InvokeEndpoint
STREAMED = b"x-loopback-stream"  # header of a request to an instance whose answer may come in parts
Headers = dict[bytes, bytes]
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(slots=True)
class Request:
    """One request. Header names are in lower case; `oversized` bodies were read and thrown away."""

    method: bytes
    path: str
    headers: Headers
    body: bytes
    keep_alive: bool = True
    oversized: bool = False
    began: float = field(default_factory=time.perf_counter)


@dataclass(slots=True)
class Answer:
    """One response; Content-Length is added. With `chunks` its body comes in parts, and `body` is empty."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=dict)
    chunks: AsyncIterator[bytes] | None = None


class ConnectionLost(Exception):
    """The other side went away before it had answered. `asked` tells whether it may have seen the request."""

    def __init__(self, *, asked: bool = True) -> None:
        super().__init__("the connection was lost")
        self.asked = asked


Reply = Callable[[Answer], None]


class _MessageReader(asyncio.Protocol):
    """Gathers one message at a time."""

    transport: Any = None
    within = False  # a message that has begun and not ended
    _size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport's callback."""
        self.transport = transport

    def on_message_begin(self) -> None:
        """The parser's callback."""
        self.within = True
        self.url = b""
        self.headers: Headers = {}
        self.parts: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """The parser's callback."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's callback."""
        self.headers[name.lower()] = value

    def body(self) -> bytes:
        """What has come so far."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)


class Server(_MessageReader):
    """One connection of a client. `serve(request, reply)` may reply at once or later, from the loop's thread."""

    def __init__(self, serve: Callable[[Request, Reply], None], gathered: "set[Server] | None" = None) -> None:
        self._serve = serve
        self._all = gathered if gathered is not None else set()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._streaming: asyncio.Task[None] | None = None
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport's callback."""
        super().connection_made(transport)
        self._all.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """The transport's callback."""
        self._all.discard(self)
        self._waiting.clear()
        if self._streaming:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        """The transport's callback."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._write(Answer(400, str(error).encode(), {b"Content-Type": b"text/plain"}), keep_alive=False)

    def on_headers_complete(self) -> None:
        """The parser's callback."""
        if self.headers.get(b"expect", b"").lower() == b"100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """The parser's callback."""
        self._size += len(data)
        if self._size <= LARGEST:
            self.parts.append(data)
        else:
            self.parts.clear()

    def on_message_complete(self) -> None:
        """The parser's callback."""
        self.within = False
        path = self.url.decode("latin-1")
        keep = self._parser.should_keep_alive()
        method = self._parser.get_method()
        request = Request(method, path, self.headers, self.body(), keep, self._size > LARGEST)
        if self.busy:
            self._waiting.append(request)
        else:
            self._begin(request)

    def _begin(self, request: Request) -> None:
        self.busy = True
        self._serve(request, lambda answer: self._finish(answer, request.keep_alive))

    def _finish(self, answer: Answer, keep_alive: bool) -> None:
        if answer.chunks is not None:
            self._streaming = asyncio.get_running_loop().create_task(self._stream(answer, answer.chunks))
            return
        self.busy = False
        self._write(answer, keep_alive=keep_alive)
        if self._waiting and not self.transport.is_closing():
            self._begin(self._waiting.popleft())

    async def _stream(self, answer: Answer, chunks: AsyncIterator[bytes]) -> None:
        """Chunks as they come, then hang up: that a part is missing shows in the last chunk, which is then missing."""
        self.transport.write(_head(answer) + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        try:
            async for chunk in chunks:
                if chunk and not self.transport.is_closing():
                    self.transport.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.transport.write(b"0\r\n\r\n")
        finally:
            self.busy = False
            self.transport.close()

    def _write(self, answer: Answer, *, keep_alive: bool) -> None:
        if self.transport.is_closing():
            return
        rest = b"Content-Length: %d\r\n%s\r\n" % (len(answer.body), b"" if keep_alive else b"Connection: close\r\n")
        self.transport.write(_head(answer) + rest + answer.body)
        if not keep_alive:
            self.transport.close()


def _head(answer: Answer) -> bytes:
    first = b"HTTP/1.1 %d %s\r\n" % (answer.status, _PHRASES.get(answer.status, b"Unknown"))
    return first + b"".join([b"%s: %s\r\n" % pair for pair in answer.headers.items()])


class Client(_MessageReader):
    """One connection to a server, one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._chunks: asyncio.Queue[bytes | ConnectionLost | None] | None = None

    def send(self, message: bytes, *, stream: bool = False) -> "asyncio.Future[Answer]":
        """The answer to one request, given as bytes. Raises Lost.

        With `stream` it is there as soon as its head is, and its body comes as `chunks`, which may raise Lost too.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self._chunks = asyncio.Queue() if stream else None
        if self.transport.is_closing():
            self._answer.set_exception(ConnectionLost())
        else:
            self.transport.write(message)
        return self._answer

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return not self.transport.is_closing() and (self._answer is None or self._answer.done())

    def close(self) -> None:
        """Hang up."""
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """The transport's callback."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """The parser's callback."""
        if self._chunks is not None and self._answer and not self._answer.done():
            chunks = _parts(self._chunks)
            self._answer.set_result(Answer(self._parser.get_status_code(), b"", self.headers, chunks))

    def on_body(self, data: bytes) -> None:
        """The parser's callback."""
        if self._chunks is not None:
            self._chunks.put_nowait(data)
        else:
            self.parts.append(data)

    def on_message_complete(self) -> None:
        """The parser's callback."""
        if self._chunks is not None:
            self._chunks.put_nowait(None)
            self._chunks = None
        elif self._answer and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), self.body(), self.headers))

    def connection_lost(self, _error: Exception | None) -> None:
        """The transport's callback."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionLost())
        elif self._chunks is not None:
            self._chunks.put_nowait(ConnectionLost())


async def _parts(chunks: "asyncio.Queue[bytes | ConnectionLost | None]") -> AsyncIterator[bytes]:
    while (part := await chunks.get()) is not None:
        if isinstance(part, ConnectionLost):
            raise part
        yield part


def message(method: bytes, path: str, headers: Headers, body: bytes) -> bytes:
    """A request as bytes."""
    head = [b"%s %s HTTP/1.1\r\nHost: localhost\r\n" % (method, path.encode("latin-1"))]
    head += [b"%s: %s\r\n" % pair for pair in headers.items()]
    head.append(b"Content-Length: %d\r\n\r\n" % len(body))
    return b"".join(head) + body
