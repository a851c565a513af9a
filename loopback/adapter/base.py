"""What every other module needs of ministack 1.5.33, the base: every private hook of it, checked at start-up.

What it adds to the base: our own services on the same port, S3 objects as files for the job workers, calls into
the base's services from our threads, events and event targets of our services, state that is saved while
running and not only at shutdown, and a check that only this machine's own clients may use it. Of the control
plane, only this and what sits on the public port is `async`, because the base is one asyncio loop.
"""

import asyncio
import contextlib
import hashlib
import importlib
import json
import logging
import mmap
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import types
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from loopback.adapter import (
    aliases,
    conditions,
    log_filter,
    object_events,
    permissions,
    stack_recovery,
    stack_roles,
    stacks,
    update_policies,
)
from loopback.adapter.asked import Asked
from loopback.core.callers import refusal
from loopback.core.errors import ServiceError
from loopback.core.objects import NoSuchBucket, NoSuchKey, StoredObject
from loopback.core.permissions import Check
from loopback.core.settings import Settings

T = TypeVar("T")
Answer = tuple[int, dict[str, str], bytes]
Serve = Callable[[Mapping[str, str], bytes], Answer]  # (headers, in lower case; body) -> answer
Scope = dict[str, Any]
OpenDoor = Callable[[], socket.socket]
Front = Callable[[Scope, Any, Any], Awaitable[None]]  # an ASGI application
Asks = Callable[[str, str], Check | None]  # (method, path) -> what a front's caller must be allowed
log = logging.getLogger("loopback")

THREADS = 64  # requests at a time: some ask this same port while they are answered
STAGED = "s3-staged"
STAGED_BYTES = 1 << 20  # larger files are not read into memory, nor written on the loop

# Module of the base -> the names in it that this adapter calls, replaces or fills.
HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": (
        "app",
        "SERVICE_REGISTRY",
        "SERVICE_HANDLERS",
        "_loaded_modules",
        "_build_persistence_save_dict",
        "call_service_handler_sync",
    ),
    "ministack.core.router": ("SERVICE_PATTERNS",),
    "ministack.core.iam_actions": ("SERVICE_TO_IAM_NAMESPACE",),
    "ministack.core.persistence": ("save_all",),
    "ministack.services.s3": (
        "_buckets",
        "_put_object",
        "_read_body",
        "_object_disk_path",
        "_delete_object",
        "_record_object_version",
        "_object_versions",
        "_atomic_write",
        "md5_hash",
    ),
    "ministack.services.eventbridge": ("_invoke_target", "_put_events", "_pattern_event_view", "_rules", "_archives"),
}


class BrokenBase(Exception):
    """The installed ministack is not the one that this adapter was written for."""


class Base:
    """The base emulator in this process. Make one, before anything else imports ministack."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed = threading.Event()
        self._saving = threading.Lock()  # the base writes each file by one temporary name
        self._modules = _load(settings)
        shutil.rmtree(settings.state / STAGED, ignore_errors=True)  # uploads that a kill has cut off
        self._app = self._modules["ministack.app"]
        self._s3 = self._modules["ministack.services.s3"]
        self._events = self._modules["ministack.services.eventbridge"]
        self._s3.md5_hash = _hash_of(self._s3.md5_hash)
        self._s3._atomic_write = _write_of(self._s3._atomic_write)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._touched: Callable[[], None] = lambda: None
        self._targets: dict[str, Callable[[dict[str, Any], str], None]] = {}
        self._fronts: dict[str, Front] = {}
        self._services: list[str] = []
        conditions.install()
        aliases.install()
        object_events.install()
        log_filter.install()
        self.permissions: permissions.Permissions | None = None
        if settings.enforce_iam:
            self.permissions = permissions.Permissions(settings.place, self._services, Asked(settings.asked))
            stack_roles.StackRoles(self.permissions)
        self._recovery = stack_recovery.Recovery()
        self._deliver = self._events._invoke_target
        self._events._invoke_target = self._invoke_target
        self._record_version = self._s3._record_object_version
        self._s3._record_object_version = self._record_object_version

    def add_service(self, name: str, target_prefix: str, serve: Serve) -> None:
        """Answer requests for `name` with `serve`, which runs on a thread of its own.

        `name` is the credential scope and the IAM namespace, for example `sagemaker`; `target_prefix` is what
        X-Amz-Target starts with, for example `SageMaker.`.
        """

        async def handle(_method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any) -> Answer:
            if self.permissions and (refused := self.permissions.refused(name, headers, body)):
                return refused
            return await asyncio.to_thread(serve, headers, body)

        module = types.ModuleType(f"ministack.services.{name}")
        module.__dict__.update(handle_request=handle, get_state=lambda: None, reset=lambda: None)
        sys.modules[module.__name__] = module
        self._app.SERVICE_REGISTRY[name] = {"module": name}
        self._app.SERVICE_HANDLERS[name] = handle
        self._app._loaded_modules[name] = module
        self._modules["ministack.core.router"].SERVICE_PATTERNS[name] = {"target_prefixes": [target_prefix]}
        self._modules["ministack.core.iam_actions"].SERVICE_TO_IAM_NAMESPACE[name] = name
        self._services.append(name)

    def add_front(self, prefix: str, front: Front, asks: Asks | None = None) -> None:
        """Let an ASGI application answer every path that begins with `prefix`, before the base looks at it.

        With IAM enforced and `asks`, only requests that are signed, by a caller who may do what it says, get there.
        """
        self._fronts[prefix] = front
        if asks is not None and self.permissions:
            self._fronts[prefix] = self.permissions.guarded(front, asks)

    def call(self, service: str, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call a JSON operation of the base, for example `logs`, `Logs_20140328.PutLogEvents`.

        Raises ServiceError with the base's message when it answers with an error. Not for the loop's thread.
        """
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
        status, _, body = self.http(service, "POST", "/", headers, json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(body or b"{}")
        if status >= 400:
            message = answer.get("message") or answer.get("Message") or body.decode(errors="replace")
            raise ServiceError(f"{target}: {answer.get('__type', status)}: {message}")
        return answer

    def call_unless_there(self, service: str, target: str, request: Mapping[str, Any]) -> None:
        """Call a Create operation; that the thing exists already is no error."""
        try:
            self.call(service, target, request)
        except ServiceError as fault:
            if "AlreadyExists" not in str(fault):
                raise

    def invoke(self, function: str, payload: Any) -> Any:
        """Call a Lambda function, by name or ARN, and return what it returns. Raises ServiceError when it fails."""
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        status, headers, body = self.http("lambda", "POST", path, {}, json.dumps(payload).encode())
        answer = json.loads(body or b"null")
        failed = {name.lower(): value for name, value in headers.items()}.get("x-amz-function-error")
        if status >= 400 or failed:
            raise ServiceError(str(answer.get("errorMessage") or answer.get("message") or answer))
        return answer

    def has_rules(self) -> bool:
        """Whether any EventBridge rule could match an event; without one, events go nowhere."""
        return bool(self._events._rules) or bool(self._events._archives)

    def http(self, service: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Call the base's handler of a service as its HTTP front would."""
        self._changed.set()
        handler = self._app.SERVICE_HANDLERS[service]
        status, answer_headers, answer = self._app.call_service_handler_sync(handler, method, path, headers, body, {})
        return status, answer_headers, answer.encode() if isinstance(answer, str) else answer

    def put_event(self, detail_type: str, resources: list[str], detail: Mapping[str, Any], source: str) -> None:
        """Publish an event of an AWS service on the default bus."""
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Resources": resources,
            "Detail": json.dumps(detail),
        }
        self._on_loop(lambda: self._events._put_events({"Entries": [entry]}, allow_aws_source=True))
        self._changed.set()

    def add_target(self, service: str, deliver: Callable[[dict[str, Any], str], None]) -> None:
        """Deliver events whose target ARN is of `service`, which the base accepts and would drop.

        `deliver` gets the target and the event as JSON text, on a thread.
        """
        self._targets[service] = deliver

    def _invoke_target(self, target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> Any:
        deliver = self._targets.get((target.get("Arn", "").split(":") + [""] * 3)[2])
        if self.permissions and (refusal := self.permissions.of_target(target, rule)):
            log.warning("event target %s: %s", target.get("Arn"), refusal)
            return None
        if deliver is None:
            return self._deliver(target, event, rule, view)
        if view is None:
            view = self._events._pattern_event_view(event)
        text = json.dumps(view.event_with_detail())
        threading.Thread(target=_logged(deliver), args=(target, text), daemon=True).start()
        return None

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """The objects whose key starts with `prefix`, in the order of their keys. Raises NoSuchBucket."""

        def listing() -> list[StoredObject]:
            objects = self._bucket(bucket)["objects"]
            return [
                StoredObject(key, record["size"], record["etag"].strip('"'))
                for key, record in sorted(objects.items())
                if key.startswith(prefix)
            ]

        return self._on_loop(listing)

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """Copy an object to a file, in the kernel when it is on disk. Raises NoSuchBucket, NoSuchKey."""
        body, path = self._on_loop(lambda: self._locate(bucket, key))
        if body is None:
            shutil.copyfile(path, target)
        else:
            target.write_bytes(body)

    def read(self, bucket: str, key: str) -> bytes:
        """The bytes of an object. Raises NoSuchBucket, NoSuchKey."""
        body, path = self._on_loop(lambda: self._locate(bucket, key))
        return Path(path).read_bytes() if body is None else body

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, as DeleteObject would. Raises NoSuchBucket."""

        def remove() -> None:
            self._bucket(bucket)
            self._s3._delete_object(bucket, key)

        self._on_loop(remove)
        self._changed.set()

    def store(self, bucket: str, key: str, source: Path) -> None:
        """Put a file, as PutObject would: versions, notifications and events included. Raises NoSuchBucket."""
        size = source.stat().st_size
        with self._staged(source) if size >= STAGED_BYTES else contextlib.nullcontext(source.read_bytes()) as body:

            def put() -> Answer:
                self._bucket(bucket)
                answer: Answer = self._s3._put_object(bucket, key, body, {})
                return answer

            status, _, answer = self._on_loop(put)
        self._changed.set()
        if status >= 400:
            raise ServiceError(f"s3://{bucket}/{key} could not be written: {answer.decode(errors='replace')}")
        self._written(bucket, key, size)

    @contextlib.contextmanager
    def _staged(self, source: Path) -> Iterator["_Staged"]:
        """A copy of a large file on the disk of the objects, with its hash: what is left for the loop is a rename."""
        folder = self._settings.state / STAGED
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
            path = Path(copy.name)
        try:
            shutil.copyfile(source, path)
            with path.open("rb") as file:
                staged = _Staged(file.fileno(), 0, access=mmap.ACCESS_READ)
            staged.path, staged.md5 = path, hashlib.md5(staged, usedforsecurity=False).hexdigest()
            with staged:
                yield staged
        finally:
            path.unlink(missing_ok=True)

    def _bucket(self, bucket: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._s3._buckets.get(bucket)
        if found is None:
            raise NoSuchBucket(f"s3://{bucket}: the bucket does not exist")
        return found

    def _locate(self, bucket: str, key: str) -> tuple[bytes | None, str]:
        record = self._bucket(bucket)["objects"].get(key)
        if record is None:
            raise NoSuchKey(f"s3://{bucket}/{key}: the object does not exist")
        return record.get("body"), self._s3._object_disk_path(bucket, key) or ""

    def _written(self, bucket: str, key: str, size: int) -> None:
        """The base logs a failed write and answers 200; a file that is not whole on disk is an error here."""
        body, path = self._on_loop(lambda: self._locate(bucket, key))
        if body is None and os.path.getsize(path) == size:
            return
        free = shutil.disk_usage(self._settings.state).free
        raise ServiceError(f"s3://{bucket}/{key}: {size} bytes could not be written; {free} bytes are free on disk")

    def _record_object_version(self, bucket: str, key: str, *rest: Any) -> Any:
        """The base keeps the bytes of every version in memory beside those on disk; the ones on disk are enough."""
        answer = self._record_version(bucket, key, *rest)
        for version in self._s3._object_versions.get((bucket, key), ()):
            version["data"] = None
        return answer

    def _on_loop(self, function: Callable[[], T]) -> T:
        """Run a short function on the base's loop, whose state is not made for other threads."""

        async def run() -> T:
            return function()

        if self._loop is None:
            return function()
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def serve(self, open_door: OpenDoor, started: Callable[[], None], touched: Callable[[], None]) -> None:
        """Serve what comes in through the door until SIGTERM or SIGINT.

        `open_door` makes the listening socket, `started` is called once the port answers, `touched` with every request.
        """
        asyncio.run(self._serve(open_door, started, touched))

    async def _serve(self, open_door: OpenDoor, started: Callable[[], None], touched: Callable[[], None]) -> None:
        import signal

        from hypercorn.asyncio import serve, tcp_server
        from hypercorn.config import Config, Sockets

        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="request"))
        tcp_server.TCPServer._read_data = _to_the_end(tcp_server.TCPServer._read_data)
        config = Config()
        config.loglevel, config.keep_alive_timeout, config.graceful_timeout = "WARNING", 75, 1
        sockets = Sockets([], [open_door()], [])
        config.create_sockets = lambda: sockets
        stop = asyncio.Event()
        self._touched = touched
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, stop.set)
        autosave = threading.Thread(target=self._autosave, name="autosave", daemon=True)
        autosave.start()
        server = asyncio.create_task(serve(self._application, config, shutdown_trigger=stop.wait))
        await self._until_open(server)
        if not server.done():
            await asyncio.to_thread(started)
            await self._recovery.resume()
        await server
        self._loop = None  # what is called from now on runs on the caller's thread

    async def _until_open(self, server: "asyncio.Task[None]") -> None:
        while not server.done():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._settings.port)
                writer.close()
                return
            await asyncio.sleep(0.005)

    async def _application(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            if refusal := refuse(scope, self._settings.port):
                await _plain_answer(send, 403, refusal)
                return
            self._touched()
            for prefix, front in self._fronts.items():
                if scope["path"].startswith(prefix):
                    await front(scope, receive, send)
                    return
            if scope.get("method") not in ("GET", "HEAD"):
                self._changed.set()
        await self._app.app(scope, receive, send)

    def save(self) -> None:
        """Write the base's state now."""
        with self._saving:
            states = self._app._build_persistence_save_dict()
            self._modules["ministack.core.persistence"].save_all({name: _steady(get) for name, get in states.items()})

    def _autosave(self) -> None:
        """The base saves at a clean shutdown only; this also saves a moment after every change.

        A large state takes longer to write; the pause grows with it, so that saving stays below a tenth of the time.
        """
        pause = self._settings.autosave_seconds
        while True:
            self._changed.wait()
            time.sleep(pause)
            self._changed.clear()
            began = time.perf_counter()
            self.save()
            pause = max(self._settings.autosave_seconds, 10 * (time.perf_counter() - began))


def _steady(get_state: Callable[[], Any], tries: int = 20) -> Callable[[], Any]:
    """The base copies dictionaries that its loop may change meanwhile; the copy is then made again."""

    def copied() -> Any:
        for _ in range(tries - 1):
            try:
                return get_state()
            except RuntimeError:  # "dictionary changed size during iteration"
                time.sleep(0.01)
        return get_state()

    return copied


def refuse(scope: Scope, port: int) -> str | None:
    """Why a request does not come from a client of this machine's own, or None: see `core.callers`."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    return refusal(headers.get("host", ""), headers.get("origin"), port)


async def _plain_answer(send: Callable[[dict[str, Any]], Awaitable[None]], status: int, text: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


def _to_the_end(read: Callable[[Any], Awaitable[None]]) -> Any:
    """Hypercorn keeps the socket of a client that has hung up until the keep-alive ends; here it goes at once."""

    async def read_data(server: Any) -> None:
        await read(server)
        await server.idle_task.stop()

    return read_data


class _Staged(mmap.mmap):
    """The bytes of a file that is where it has to be but for its name."""

    path: Path
    md5: str


def _hash_of(original: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda data: data.md5 if isinstance(data, _Staged) else original(data)


def _write_of(original: Callable[..., None]) -> Callable[..., None]:
    def write(path: str, data: Any, **options: Any) -> None:
        if isinstance(data, _Staged):
            data.path.replace(path)
        else:
            original(path, data, **options)

    return write


def _logged(deliver: Callable[[dict[str, Any], str], None]) -> Callable[[dict[str, Any], str], None]:
    def run(target: dict[str, Any], event: str) -> None:
        try:
            deliver(target, event)
        except ServiceError as fault:
            log.warning("event target %s: %s", target.get("Arn"), fault)

    return run


def _together(*tables: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """One table of hooks from those of every module of this package."""
    joined: dict[str, tuple[str, ...]] = {}
    for table in tables:
        for name, hooks in table.items():
            joined[name] = (*joined.get(name, ()), *hooks)
    return joined


def _load(settings: Settings) -> dict[str, Any]:
    """Import the base with its environment set: it reads that, and its own defaults are not for us."""
    os.environ.update(
        {
            "GATEWAY_PORT": str(settings.port),
            "BIND_HOST": "127.0.0.1",  # its default listens on all interfaces
            "IOT_MTLS_ENABLED": "0",  # its default opens a second port
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(settings.state / "base"),
            "S3_DATA_DIR": str(settings.state / "s3"),
            "MINISTACK_REGION": settings.place.region,
            "MINISTACK_ACCOUNT_ID": settings.place.account,
            "AUTH": str(settings.enforce_iam).lower(),
            "LOG_LEVEL": "WARNING",
        }
    )
    parts = (
        stacks,
        stack_recovery,
        stack_roles,
        permissions,
        conditions,
        aliases,
        update_policies,
        object_events,
        log_filter,
    )
    wanted = _together(HOOKS, *(part.HOOKS for part in parts))
    modules = {name: importlib.import_module(name) for name in wanted}
    missing = [f"{name}.{hook}" for name, hooks in wanted.items() for hook in hooks if not hasattr(modules[name], hook)]
    if missing:
        from importlib.metadata import version

        raise BrokenBase(f"ministack {version('ministack')} lacks {', '.join(missing)}; install ministack==1.5.33")
    return modules
