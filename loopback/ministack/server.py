"""The public port: an ASGI application served until a signal, for this machine's own clients only."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from loopback.core.callers import refusal

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]  # ASGI
Opened = Callable[[], Awaitable[None]]


async def serve(
    application: Application, door: socket.socket, port: int, opened: Opened, ending: Callable[[], None]
) -> None:
    """Serve what comes in through a listening socket until SIGTERM or SIGINT.

    `opened` is called once the port answers, `ending` when requests that still run have had their time.
    """
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.asyncio import tcp_server
    from hypercorn.config import Config, Sockets

    tcp_server.TCPServer._read_data = _to_the_end(tcp_server.TCPServer._read_data)
    config = Config()
    config.loglevel, config.keep_alive_timeout, config.graceful_timeout = "WARNING", 75, 1
    sockets = Sockets([], [door], [])
    config.create_sockets = lambda: sockets
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def leave() -> None:
        stop.set()
        loop.call_later(config.graceful_timeout, ending)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    server = asyncio.create_task(hypercorn(application, config, shutdown_trigger=stop.wait))
    await _until_open(server, port)
    if not server.done():
        await opened()
    await server
    ending()


async def _until_open(server: "asyncio.Task[None]", port: int) -> None:
    while not server.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.005)


def refuse(scope: Scope, port: int) -> str | None:
    """Why a request does not come from a client of this machine's own, or None: see `core.callers`."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    return refusal(headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site"), port)


async def plain_answer(send: Callable[[dict[str, Any]], Awaitable[None]], status: int, text: str) -> None:
    """Answer an ASGI request with a line of text."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


async def refuse_handshake(receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answer the handshake of a WebSocket with 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})


def _to_the_end(read: Callable[[Any], Awaitable[None]]) -> Any:
    """Hypercorn keeps the socket of a client that has hung up until the keep-alive ends; here it goes at once."""

    async def read_data(server: Any) -> None:
        await read(server)
        await server.idle_task.stop()

    return read_data
