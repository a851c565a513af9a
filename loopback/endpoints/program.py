"""The program of an instance: load the model, answer /ping and /invocations on a Unix socket. Runs in a job host.

One request at a time, in one thread: an instance's model is never called from two threads.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from loopback.endpoints.http1 import Answer, Reply, Request, Server
from loopback.serving.answers import Handler, ModelNotLoaded
from loopback.serving.models import load_model


def main(environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM; the exit code. The argument is the path of the socket."""
    model = Path(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"
    try:
        handler = load_model(model, environ)
    except ModelNotLoaded as error:
        print(error, file=sys.stderr)
        return 1
    asyncio.run(_serve(handler, sys.argv[1]))
    return 0


async def _serve(handler: Handler, path: str) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    part = f"{path}.part"
    server = await loop.create_unix_server(lambda: Server(lambda request, reply: answer(handler, request, reply)), part)
    os.rename(part, path)  # whoever sees the socket can connect to it
    async with server:
        await stop.wait()


def answer(handler: Handler, request: Request, reply: Reply) -> None:
    """The container's contract: GET /ping and POST /invocations."""
    if (request.method, request.path) == (b"GET", "/ping"):
        reply(Answer(200))
    elif (request.method, request.path) == (b"POST", "/invocations"):
        found = handler.invoke(request.body, _text(request, b"content-type"), _text(request, b"accept"))
        reply(Answer(found.status, found.body, {b"Content-Type": found.content_type.encode("latin-1")}))
    else:
        reply(Answer(404, b"Not Found", {b"Content-Type": b"text/plain"}))


def _text(request: Request, header: bytes) -> str | None:
    found = request.headers.get(header)
    return None if found is None else found.decode("latin-1")
