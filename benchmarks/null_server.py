"""The least that an HTTP server costs: `null_server.py SOCKET` answers every request with the same few bytes."""

import asyncio
import sys
from pathlib import Path

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: text/csv\r\n\r\n0.1234567"


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport's callback."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """The transport's callback."""
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The parser's callback."""
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def serve(path: str) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_unix_server(Connection, f"{path}.part")
    Path(f"{path}.part").rename(path)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
