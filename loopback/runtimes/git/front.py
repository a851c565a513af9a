"""Git over HTTP on the public port: an ASGI application around `git http-backend`, which runs as a CGI program.

Nothing is buffered: a push of any size passes through. What a provider's web page makes, an empty repository, is here
made by the first push, that is by a POST that only git sends; who only asks is answered as by an empty one.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from loopback.core.errors import ServiceError
from loopback.core.repositories import check_name
from loopback.runtimes.git.bare import ENVIRON, BareRepositories

CHUNK = 1 << 16
SERVICES = frozenset({"git-upload-pack", "git-receive-pack"})
PATHS = frozenset({"info/refs", "git-upload-pack", "git-receive-pack"})  # the smart protocol; there is no dumb one
_CONNECTION = re.compile(r"/git-http/(\d{12})/([a-z0-9-]+)/([0-9a-f-]{36})/(.+)")
_OWNED = re.compile(r"([^/]+/[^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
_PLAIN = re.compile(r"([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
Admitted = Callable[[str, str, str], bool]  # account, region, connection id
Known = Callable[[str], bool]  # a repository of CodeCommit
# (request, the path of the repository's address, its name, git's service) -> the answer to who may not: status, text
Guard = Callable[[dict[str, Any], str, str, str], tuple[int, str] | None]
Told = Callable[[str], None]  # a repository's refs may have moved


class GitServer:
    """`admitted`: does a connection exist? `known`: does CodeCommit have a repository? `told` runs on a thread.

    `guard`, where IAM is enforced, says who is refused.
    """

    def __init__(
        self, bare: BareRepositories, admitted: Admitted, known: Known, told: Told, guard: Guard | None = None
    ) -> None:
        self._bare, self._admitted, self._known, self._told, self._guard = bare, admitted, known, told, guard

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        try:
            path = unquote(scope["raw_path"].decode("latin-1"))
            name, rest = self._parse_address(path)
            service = _service(scope, rest)
            if self._guard and (refused := self._guard(scope, path.removesuffix(f"/{rest}"), name, service)):
                await _answer(send, *refused)
                return
            there = await asyncio.to_thread(self._is_there, name, pushes=rest == "git-receive-pack")
            if there:
                await self._serve(self._bare.path(name), name, rest, scope, receive, send)
            elif service == "git-receive-pack" or path.startswith("/git-http/") or "/" not in name:
                await self._serve_empty(name, rest, scope, receive, send)
            else:
                raise LookupError(f"There is no repository {name}; a first push makes it")
        except LookupError as fault:
            await _answer(send, 404, str(fault))
        except ServiceError as fault:
            await _answer(send, 400, str(fault))

    def _parse_address(self, path: str) -> tuple[str, str]:
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
        return check_name(found[1]), found[2]

    def _is_there(self, name: str, *, pushes: bool) -> bool:
        """Whether there is something to serve; a push makes it."""
        if "/" not in name and not self._known(name):
            raise LookupError(f"There is no repository {name}; `aws codecommit create-repository` makes it")
        if pushes:
            self._bare.ensure(name)
        return self._bare.exists(name)

    async def _serve_empty(self, name: str, rest: str, scope: dict[str, Any], receive: Any, send: Any) -> None:
        with contextlib.ExitStack() as stack:
            path = await asyncio.to_thread(stack.enter_context, self._bare.empty())
            await self._serve(path, name, rest, scope, receive, send)

    async def _serve(self, path: Path, name: str, rest: str, scope: dict[str, Any], receive: Any, send: Any) -> None:
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
    headers = [(b"content-type", b"text/plain")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="loopback"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode() + b"\n"})
