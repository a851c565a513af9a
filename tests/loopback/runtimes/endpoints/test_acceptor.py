"""HTTP on sockets, the door and the data plane's entrance: real sockets, one loop, no process."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from loopback.runtimes.endpoints.acceptor import REST_SECONDS, SAY_SECONDS, Acceptor, RepeatedWarning, listening_socket
from loopback.runtimes.endpoints.fd_receiver import DescriptorServer, Public
from loopback.runtimes.endpoints.http1 import LARGEST, Answer, Client, ConnectionLost, Reply, Request, Server, message


def echo(request: Request, reply: Reply) -> None:
    mark = b"too large" if request.oversized else request.body
    reply(Answer(200, request.path.encode() + b" " + mark, {b"X-Method": request.method}))


async def talk(protocol: Callable[[], asyncio.Protocol], *writes: bytes) -> bytes:
    """Everything that a server says to these bytes until it hangs up or falls silent."""
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().connect_accepted_socket(protocol, theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    for data in writes:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.01)
    said = b""
    with contextlib.suppress(TimeoutError):
        while data := await asyncio.wait_for(reader.read(1 << 20), 0.05):
            said += data
    writer.close()
    return said


WIRES: list[tuple[list[bytes], list[bytes]]] = [
    ([message(b"POST", "/a", {}, b"hello")], [b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n/a hello", b"X-Method: POST"]),
    ([message(b"POST", "/a", {}, b"1") + message(b"POST", "/b", {}, b"2")], [b"/a 1", b"/b 2"]),
    ([b"POST /a HTTP/1.1\r\nHost: x\r\nCont", b"ent-Length: 2\r\n\r\nh", b"i"], [b"/a hi"]),
    ([b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"], [b"/a hi"]),
    ([b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"hi"], [b"100 Continue", b"/a hi"]),
    ([b"GET /a HTTP/1.0\r\n\r\n"], [b"Connection: close", b"/a "]),
    ([b"nonsense\r\n\r\n"], [b"HTTP/1.1 400 Bad Request"]),
    ([message(b"POST", "/a", {}, b"x" * (LARGEST + 1))], [b"/a too large"]),
]


@pytest.mark.parametrize(("writes", "parts"), WIRES, ids=[str(n) for n in range(len(WIRES))])
def test_what_a_server_says(writes: list[bytes], parts: list[bytes]) -> None:
    said = asyncio.run(talk(lambda: Server(echo), *writes))
    assert [part for part in parts if part not in said] == [], said[:500]


def test_a_client_whose_server_goes_away_knows_it() -> None:
    async def story() -> None:
        ours, theirs = socket.socketpair()
        _, client = await asyncio.get_running_loop().connect_accepted_socket(Client, ours)
        waiting = client.send(message(b"GET", "/", {}, b""))
        assert not client.usable
        theirs.close()
        with pytest.raises(ConnectionLost):
            await waiting
        with pytest.raises(ConnectionLost):
            await client.send(b"")

    asyncio.run(story())


@contextlib.asynccontextmanager
async def premises(folder: Path, *, staffed: bool = True) -> AsyncIterator[int]:
    """A public port with a base that says `base` and, if staffed, a data plane that echoes; its number."""
    listener = listening_socket(0)
    port = int(listener.getsockname()[1])
    path = str(folder / "d.sock")
    entrance = DescriptorServer(path, lambda: Public(echo, set(), port)) if staffed else None
    door = Acceptor(listener, path)

    def base(request: Request, reply: Reply) -> None:
        reply(Answer(200, b"base " + request.path.encode()))

    server = await asyncio.get_running_loop().create_server(lambda: Server(base), sock=door)
    try:
        yield port
    finally:
        if entrance:
            entrance.close()
        server.close()


def story(
    folder: Path, requests: list[tuple[str, dict[bytes, bytes]]], *, staffed: bool = True
) -> list[tuple[int, bytes]]:
    """The answers to requests that are sent one after another on one connection."""

    async def run() -> list[tuple[int, bytes]]:
        async with premises(folder, staffed=staffed) as port:
            _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
            answers = []
            for path, headers in requests:
                answer = await asyncio.wait_for(client.send(message(b"POST", path, SIGNED | headers, b"!")), 5)
                answers.append((answer.status, answer.body))
            client.close()
            await asyncio.sleep(0.01)
            return answers

    return asyncio.run(run())


SIGNED = {b"Authorization": b"AWS4-HMAC-SHA256 Credential=..."}
E, S = "/endpoints/a/invocations", "/bucket/key"
STORIES: list[tuple[list[str], list[bytes]]] = [
    ([E, E], [b"/endpoints/a/invocations !"] * 2),
    ([S, E], [b"base /bucket/key", b"base /endpoints/a/invocations"]),
    ([E, S, E], [b"/endpoints/a/invocations !", b"base /bucket/key", b"base /endpoints/a/invocations"]),
]


@pytest.mark.parametrize(("paths", "bodies"), STORIES, ids=["endpoint", "base", "mixed"])
def test_the_first_request_decides_whose_a_connection_is(tmp_path: Path, paths: list[str], bodies: list[bytes]) -> None:
    assert story(tmp_path, [(path, {}) for path in paths]) == [(200, body) for body in bodies]


def test_without_a_data_plane_the_base_answers(tmp_path: Path) -> None:
    assert story(tmp_path, [(E, {})], staffed=False) == [(200, b"base /endpoints/a/invocations")]


def test_a_page_of_another_site_may_not_use_an_endpoint(tmp_path: Path) -> None:
    ((status, text),) = story(tmp_path, [(E, {b"Origin": b"http://evil.example"})])
    assert (status, b"evil.example" in text) == (403, True)


def test_first_bytes_that_come_one_by_one(tmp_path: Path) -> None:
    async def run() -> Any:
        async with premises(tmp_path) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for byte in message(b"POST", E, SIGNED, b"!"):
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            said = await asyncio.wait_for(reader.readuntil(b"!"), 5)
            writer.close()
            await asyncio.sleep(0.01)
            return said

    assert b"/endpoints/a/invocations !" in asyncio.run(run())


class Listener(socket.socket):
    """A listening socket that has no descriptors for as long as it is told to."""

    full = False
    asked = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked += 1
        if self.full:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@contextlib.asynccontextmanager
async def open_door(listener: socket.socket) -> AsyncIterator[Acceptor]:
    listener.bind(("127.0.0.1", 0))
    door = Acceptor(listener, None)
    door.listen()
    yield door
    door.close()


def test_without_descriptors_the_door_rests_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> int:
        listener = Listener()
        async with open_door(listener) as door:
            listener.full = True
            client = socket.create_connection(listener.getsockname())
            await asyncio.sleep(3 * REST_SECONDS)
            asked = listener.asked
            listener.full = False
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.sleep(2 * REST_SECONDS)
            connection, _ = door.accept()
            connection.close()
            client.close()
            return asked

    assert asyncio.run(story()) <= 5  # not thousands
    assert [record.message for record in caplog.records] == ["no connection can be accepted: Too many open files"]


def test_who_says_nothing_makes_room_for_who_asks() -> None:
    async def story() -> None:
        listener = Listener()
        async with open_door(listener) as door:
            silent = socket.create_connection(listener.getsockname())
            await asyncio.sleep(0.05)
            listener.full = True
            asking = socket.create_connection(listener.getsockname())
            asking.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.sleep(0.05)
            listener.full = False
            assert silent.recv(1) == b""
            await asyncio.sleep(2 * REST_SECONDS)
            connection, _ = door.accept()
            for end in (connection, silent, asking):
                end.close()

    asyncio.run(story())


def test_a_complaint_is_made_once_a_period() -> None:
    said: list[str] = []
    times = iter([100.0, 101.0, 100.0 + SAY_SECONDS, 101.0 + SAY_SECONDS])
    complaint = RepeatedWarning(said.append, lambda: next(times))
    for line in "abcd":
        complaint.say(line)
    assert said == ["a", "c"]
