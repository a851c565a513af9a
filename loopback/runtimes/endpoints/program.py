"""The program of an instance: load the model, answer /ping and /invocations on a Unix socket. Runs in a job host.

As in the images, some workers share the socket: processes that load the model each for itself, and answer one request
at a time. They end together.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import uvloop

from loopback.images.serving.answers import Handler, ModelNotLoaded, Response, as_json
from loopback.images.serving.models import load_model
from loopback.runtimes.endpoints.http1 import STREAMED, Answer, Reply, Request, Server

WORKERS = "SAGEMAKER_MODEL_SERVER_WORKERS"
MOST_WORKERS = 2  # where the model does not say: the vCPUs of the smallest instance types
BACKLOG = 1024
LOOK_SECONDS = 0.2  # between two looks whether a worker has gone
LOADED, NOT_LOADED = b"+", b"-"


def main(environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM; the exit code. The argument is the path of the socket."""
    path = sys.argv[1]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.part")
    listener.listen(BACKLOG)
    life, held = os.pipe()  # readable for the others when the first worker is gone
    loaded, tell = os.pipe()
    others = []
    for _ in range(worker_count(environ) - 1):
        others.append(os.fork())
        if others[-1] == 0:
            os.close(held)
            code = _worker(environ, listener, life, tell)
            sys.stdout.flush()
            os._exit(code)
    os.close(tell)
    handler = _load_model(environ)
    if isinstance(handler, str):
        print(handler, file=sys.stderr)
        return 1
    for _ in others:
        if os.read(loaded, 1) != LOADED:
            print("a worker of the model server could not load the model", file=sys.stderr)
            return 1
    gc.freeze()  # what is loaded stays: looking through all of it would hold up a request for tens of milliseconds
    os.rename(f"{path}.part", path)  # whoever sees the socket can connect to it
    uvloop.run(_serve(handler, listener, others=others))
    return 0


def worker_count(environ: Mapping[str, str]) -> int:
    """As the images count: SAGEMAKER_MODEL_SERVER_WORKERS, else one for each core, up to two here."""
    given = environ.get(WORKERS, "")
    return max(1, int(given)) if given.isdigit() else min(MOST_WORKERS, os.cpu_count() or 1)


def _load_model(environ: Mapping[str, str]) -> Handler | str:
    """The model, or why it cannot be served."""
    try:
        return load_model(Path(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model", environ)
    except ModelNotLoaded as error:
        return str(error)


def _worker(environ: Mapping[str, str], listener: socket.socket, life: int, tell: int) -> int:
    """What each worker but the first does. The first one says what went wrong."""
    try:
        handler = _load_model(environ)
        os.write(tell, NOT_LOADED if isinstance(handler, str) else LOADED)
        os.close(tell)
        if not isinstance(handler, str):
            gc.freeze()
            uvloop.run(_serve(handler, listener, life))
    except BaseException:  # noqa: BLE001 - this process is a copy: nothing above may run
        traceback.print_exc()
        return 1
    return 0


async def _serve(
    handler: Handler, listener: socket.socket, life: int | None = None, others: Sequence[int] = ()
) -> None:
    """Until SIGTERM, or until another worker is gone: the first one sees its children, the others the pipe `life`."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if life is not None:
        loop.add_reader(life, stop.set)

    def look() -> None:  # uvloop keeps SIGCHLD for itself
        if any(os.waitpid(pid, os.WNOHANG)[0] for pid in others):
            stop.set()
        else:
            loop.call_later(LOOK_SECONDS, look)

    if others:
        look()
    server = await loop.create_unix_server(
        lambda: Server(lambda request, reply: answer(handler, request, reply)), sock=listener
    )
    async with server:
        await stop.wait()


def answer(handler: Handler, request: Request, reply: Reply) -> None:
    """The container's contract: GET /ping and POST /invocations."""
    if (request.method, request.path) == (b"GET", "/ping"):
        reply(Answer(200))
    elif (request.method, request.path) == (b"POST", "/invocations"):
        found = handler.invoke(request.body, _text(request, b"content-type"), _text(request, b"accept"))
        if found.chunks is not None and STREAMED not in request.headers:
            found = _gather_chunks(found)
        chunks = None if found.chunks is None else _parts(found.chunks)
        reply(Answer(found.status, found.body, {b"Content-Type": found.content_type.encode("latin-1")}, chunks))
    else:
        reply(Answer(404, b"Not Found", {b"Content-Type": b"text/plain"}))


def _gather_chunks(found: Response) -> Response:
    try:
        return Response(found.status, found.whole(), found.content_type)
    except Exception as error:  # noqa: BLE001 - the user's generator
        return as_json(500, error)


async def _parts(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        for chunk in chunks:
            yield chunk
            await asyncio.sleep(0)
    except Exception:
        traceback.print_exc()  # the connection breaks off: what has been said cannot be taken back
        raise


def _text(request: Request, header: bytes) -> str | None:
    found = request.headers.get(header)
    return None if found is None else found.decode("latin-1")
