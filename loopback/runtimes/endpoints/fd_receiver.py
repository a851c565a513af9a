"""The data plane's end of the door: public connections arrive as descriptors, each with a request for an endpoint.

A connection that goes on to ask for something else, as clients with one pool for all services do, is joined to the
public port and left alone from then on.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from loopback.core.callers import refusal
from loopback.runtimes.endpoints.acceptor import MARK
from loopback.runtimes.endpoints.http1 import Answer, Reply, Request, Server

Serve = Callable[[Request, Reply], None]
MOST_AT_ONCE = 16
UNSIGNED = Answer(
    403,
    b'{"message": "Missing Authentication Token"}',
    {b"Content-Type": b"application/json", b"x-amzn-ErrorType": b"MissingAuthenticationTokenException"},
)


class Public(Server):
    """One connection of a client on the public port."""

    def __init__(self, serve: Serve, gathered: set[Server], port: int) -> None:
        super().__init__(self._check_and_answer, gathered)
        self._port, self._inner = port, serve
        self._far: asyncio.Transport | None = None
        self._early: list[bytes] | None = None
        self._joining: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """The transport's callback. Clients write a request's first bytes when they have the last answer."""
        if self._far is not None:
            self._far.write(data)
        elif self._early is not None:
            self._early.append(data)
        elif self.busy or self.within or MARK.startswith(data[: len(MARK)]):
            super().data_received(data)
        else:
            self._early = [data]
            self._joining = asyncio.get_running_loop().create_task(self._join())

    def connection_lost(self, error: Exception | None) -> None:
        """The transport's callback."""
        super().connection_lost(error)
        if self._far:
            self._far.close()

    def _check_and_answer(self, request: Request, reply: Reply) -> None:
        host, origin, site = (_text(request, name) for name in (b"host", b"origin", b"sec-fetch-site"))
        if why := refusal(host or "", origin, site, self._port):
            reply(Answer(403, why.encode(), {b"Content-Type": b"text/plain"}))
        elif not request.headers.get(b"authorization"):
            reply(UNSIGNED)
        elif request.path.startswith("/endpoints/"):
            self._inner(request, reply)
        else:
            reply(Answer(421, b"Requests for endpoints are not mixed with others in one go", {}))

    async def _join(self) -> None:
        try:
            far, _ = await asyncio.get_running_loop().create_connection(
                lambda: _Far(self.transport), "127.0.0.1", self._port
            )
        except OSError:
            self.transport.abort()
            return
        self._far = far
        for data in self._early or ():
            far.write(data)


def _text(request: Request, name: bytes) -> str | None:
    value = request.headers.get(name)
    return None if value is None else value.decode("latin-1")


class _Far(asyncio.Protocol):
    """What the public port answers, on its way to the client."""

    def __init__(self, near: asyncio.Transport) -> None:
        self._near = near

    def data_received(self, data: bytes) -> None:
        """The transport's callback."""
        self._near.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        """The transport's callback."""
        self._near.close()


class DescriptorServer:
    """Takes descriptors on a Unix socket at `path` and serves what is on them."""

    def __init__(self, path: str, make: Callable[[], Public]) -> None:
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.setblocking(False)
        part = f"{path}.part"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
        self._socket.bind(part)
        self._socket.listen()
        os.rename(part, path)
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        line, _ = self._socket.accept()
        line.setblocking(False)
        self._loop.add_reader(line, self._receive, line)

    def _receive(self, line: socket.socket) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(line, MOST_AT_ONCE, MOST_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            connection.setblocking(False)
            task = self._loop.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not data:
            self._loop.remove_reader(line)
            line.close()

    async def _serve(self, connection: socket.socket) -> None:
        await self._loop.connect_accepted_socket(self._make, connection)
