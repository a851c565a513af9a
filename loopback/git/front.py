"""Git over HTTP on the public port: an ASGI application around `git http-backend`, which runs as a CGI program.

Nothing is buffered: a push of any size passes through. A repository behind a connection is there when it is asked for.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from loopback.core.errors import ServiceError
from loopback.core.repositories import checked
from loopback.git.bare import ENVIRON, Bare

PREFIXES = ("/git-http/", "/git/", "/v1/repos/")
CHUNK = 1 << 16
SERVICES = frozenset({"git-upload-pack", "git-receive-pack"})
PATHS = frozenset({"info/refs", "git-upload-pack", "git-receive-pack"})  # the smart protocol; there is no dumb one
_CONNECTION = re.compile(r"/git-http/(\d{12})/([a-z0-9-]+)/([0-9a-f-]{36})/(.+)")
_OWNED = re.compile(r"([^/]+/[^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
_PLAIN = re.compile(r"([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
Admitted = Callable[[str, str, str], bool]  # account, region, connection id
Known = Callable[[str], bool]  # a repository of CodeCommit
Told = Callable[[str], None]  # a repository's refs may have moved


class Front:
    """`admitted`: does a connection exist? `known`: does CodeCommit have a repository? `told` runs on a thread."""

    def __init__(self, bare: Bare, admitted: Admitted, known: Known, told: Told) -> None:
        self._bare, self._admitted, self._known, self._told = bare, admitted, known, told

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        try:
            path = unquote(scope["raw_path"].decode("latin-1"))
            name, rest = self._addressed(path)
            makes = _service(scope, rest) == "git-receive-pack" or path.startswith("/git-http/")
            await asyncio.to_thread(self._open, name, makes=makes)
        except LookupError as fault:
            await _answer(send, 404, str(fault))
        except ServiceError as fault:
            await _answer(send, 400, str(fault))
        else:
            await self._serve(name, rest, scope, receive, send)

    def _addressed(self, path: str) -> tuple[str, str]:
        """The repository and the path below it."""
        if path.startswith("/v1/repos/"):
            found = _PLAIN.fullmatch(path.removeprefix("/v1/repos/"))
        elif path.startswith("/git/"):
            found = _OWNED.fullmatch(path.removeprefix("/git/"))
        else:
            connection = _CONNECTION.fullmatch(path)
            if connection is None or not self._admitted(*connection.groups()[:3]):
                raise LookupError("There is no such connection")
            found = _OWNED.fullmatch(connection[4])
        if found is None:
            raise LookupError("Expected <owner>/<repository>.git and git's smart protocol")
        return checked(found[1]), found[2]

    def _open(self, name: str, *, makes: bool) -> None:
        """What a provider's web page makes, an empty repository, is here made by the first who asks for it."""
        if makes if "/" in name else self._known(name):
            self._bare.ensure(name)
        if not self._bare.exists(name) or ("/" not in name and not self._known(name)):
            raise LookupError(f"There is no repository {name}; a first push makes it")

    async def _serve(self, name: str, rest: str, scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = self._bare.path(name)
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env=_environ(scope, str(path.parent), f"/{path.name}/{rest}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=CHUNK,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        fed = asyncio.create_task(_feed(receive, process.stdin))
        try:
            await _head(process.stdout, send)
            while chunk := await process.stdout.read(CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await process.wait()
            if rest == "git-receive-pack":  # whoever pushed finds the execution started
                await asyncio.to_thread(self._told, name)
            await send({"type": "http.response.body", "body": b""})
        finally:
            fed.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()


def _service(scope: dict[str, Any], rest: str) -> str:
    if rest in SERVICES:
        if scope["method"] != "POST":
            raise LookupError(f"{rest} is a POST")
        return rest
    query: str = scope["query_string"].decode("latin-1")
    service = query.removeprefix("service=")
    if scope["method"] != "GET" or service not in SERVICES:
        raise LookupError("Only git's smart protocol is spoken: info/refs?service=git-upload-pack")
    return service


def _environ(scope: dict[str, Any], root: str, path: str) -> dict[str, str]:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    environ = {
        **ENVIRON,
        "GIT_PROJECT_ROOT": root,
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "REQUEST_METHOD": scope["method"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "CONTENT_TYPE": headers.get("content-type", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": "loopback",
    }
    for header, name in (
        ("content-length", "CONTENT_LENGTH"),  # absent where the body is chunked: it then ends with the pipe
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "HTTP_GIT_PROTOCOL"),
    ):
        if header in headers:
            environ[name] = headers[header]
    return environ


async def _feed(receive: Any, stdin: asyncio.StreamWriter) -> None:
    more = True
    with contextlib.suppress(ConnectionError):
        while more:
            event = await receive()
            if event["type"] != "http.request":
                break
            more = event.get("more_body", False)
            stdin.write(event.get("body", b""))
            await stdin.drain()
    stdin.close()


async def _head(stdout: asyncio.StreamReader, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Pass the CGI program's header lines on."""
    status, headers = 200, []
    while line := (await stdout.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.strip().lower(), value.strip()))
    if not headers:
        status, headers = 500, [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _answer(send: Callable[[dict[str, Any]], Awaitable[None]], status: int, text: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode() + b"\n"})
