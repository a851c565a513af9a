"""One instance of a variant: a job host that serves on a Unix socket, from its folder to its end."""

import asyncio
import os
import shutil
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from loopback.runtimes.endpoints.fleet import Variant
from loopback.runtimes.endpoints.http1 import Answer, Client, ConnectionLost, message
from loopback.runtimes.jobs import isolation
from loopback.runtimes.jobs.hosts import Exit, HostCannotStart, HostProcess, Zygote
from loopback.runtimes.jobs.messages import HostSpec
from loopback.runtimes.jobs.output import Output
from loopback.runtimes.jobs.ports import LogWriter

GROUP = "/aws/sagemaker/Endpoints"
PROGRAM = "loopback.runtimes.endpoints.program:main"
PING = message(b"GET", "/ping", {}, b"")
PING_SECONDS = 2.0
STOP_SECONDS = 30.0  # between SIGTERM and SIGKILL
POLL_SECONDS = 0.005
FLUSH_SECONDS = 0.25


class NotStarted(Exception):
    """An instance did not come up; the message is AWS's FailureReason."""


@dataclass(frozen=True)
class InstanceDependencies:
    """What instances stand on. `sockets` is a folder with a path short enough for Unix sockets."""

    zygote: Zygote
    folder: Path
    sockets: Path
    logs: LogWriter


class Instance:
    """One instance. `ended` is called once when its process is gone."""

    def __init__(
        self, endpoint: str, variant: Variant, ground: InstanceDependencies, ended: Callable[["Instance"], None]
    ) -> None:
        self.id = f"i-{uuid.uuid4().hex[:17]}"
        self.variant = variant
        self.outstanding = 0
        self._endpoint, self._ground, self._ended = endpoint, ground, ended
        self._root = ground.folder / self.id
        self._socket = str(ground.sockets / self.id[2:14] / "sock")
        self._idle: list[Client] = []
        self._process: HostProcess | None = None
        self._output: Output | None = None
        self._flusher: asyncio.TimerHandle | None = None
        self.exit: Exit | None = None
        self.gone = asyncio.Event()

    async def start(self) -> None:
        """Fork it and wait until it answers a ping. Raises NotStarted."""
        try:
            self._process = await asyncio.to_thread(self._spawn)
        except (HostCannotStart, OSError) as error:
            raise NotStarted(f"Unable to provision requested ML compute capacity: {error}") from None
        loop = asyncio.get_running_loop()
        self._output = Output(self._process.output, self._ground.logs, *self._log, lambda _at, _line: None)
        loop.add_reader(self._process.output, self._read)
        loop.add_reader(self._process.report, self._report)
        self._flush()
        deadline = loop.time() + self.variant.seconds
        while not await self.ping():
            if self.exit is not None or loop.time() > deadline:
                await self.stop(signal.SIGKILL)
                raise NotStarted(self._reason())
            await asyncio.sleep(POLL_SECONDS)

    def _spawn(self) -> HostProcess:
        for part in ("ml", "home", "tmp", isolation.ROOT):
            (self._root / part).mkdir(parents=True)
        os.makedirs(os.path.dirname(self._socket), mode=0o700)
        shutil.copytree(self.variant.model, self._root / "ml" / "model", symlinks=True)
        (self._root / "hosts").write_text(f"127.0.0.1 localhost {self.id}\n")
        own = {"HOME": str(self._root / "home"), "TMPDIR": str(self._root / "tmp"), "HOSTNAME": self.id}
        return self._ground.zygote.spawn(
            HostSpec(
                argv=("serve", self._socket),
                environ={**own, **self.variant.environ},
                folder=str(self._root / "ml"),
                hostname=self.id,
                hosts_file=str(self._root / "hosts"),
                builtin=PROGRAM,
                interpreter=self.variant.interpreter,
                isolated=self.variant.isolated,
                writable=(os.path.dirname(self._socket),),
            )
        )

    def _reason(self) -> str:
        assert self._output
        said = self._output.last[-1] if self._output.last else "the container said nothing"
        if self.exit and self.exit.fault:
            said = f"the container could not be set up: {self.exit.fault}"
        return (
            f"The primary container for production variant {self.variant.name} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. Last line: {said}"
        )

    async def ping(self) -> bool:
        """Whether GET /ping answers 200 in time."""
        try:
            return (await self.call(PING, PING_SECONDS)).status == 200
        except (ConnectionLost, TimeoutError):
            return False

    async def call(self, request: bytes, seconds: float) -> Answer:
        """Send a request, wait for the answer. Raises Lost when the instance is gone, TimeoutError."""
        self.outstanding += 1
        try:
            connection = await self._connection()
            try:
                async with asyncio.timeout(seconds):
                    answer = await connection.send(request)
            except BaseException:
                connection.close()
                raise
        finally:
            self.outstanding -= 1
        self._idle.append(connection)
        return answer

    async def stream(self, request: bytes, seconds: float) -> Answer:
        """Send a request; the answer is there with its head, and has `chunks`. Raises Lost, TimeoutError; so do they.

        `seconds` are for the whole of it. Its chunks have to be read or closed: the instance is busy until then.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        self.outstanding += 1
        connection = None
        try:
            connection = await self._connection()
            async with asyncio.timeout_at(deadline):
                answer = await connection.send(request, stream=True)
        except BaseException:
            self.outstanding -= 1
            if connection:
                connection.close()
            raise
        assert answer.chunks is not None
        answer.chunks = self._count_bytes(answer.chunks, connection, deadline)
        return answer

    async def _count_bytes(
        self, chunks: AsyncIterator[bytes], connection: Client, deadline: float
    ) -> AsyncIterator[bytes]:
        try:
            while True:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk
        finally:
            self.outstanding -= 1
            connection.close()

    async def exhaust(self, held: int, most: int) -> None:
        """It holds more memory than it has: end it, as the kernel of its machine would, and say so in its log."""
        text = f"OutOfMemory: the container held {held >> 20} MiB, and its instance has {most >> 20} MiB: it was killed"
        self._ground.logs.append(*self._log, [(int(time.time() * 1000), text)])
        await self.stop(signal.SIGKILL)

    @property
    def _log(self) -> tuple[str, str]:
        """Its log's group and stream."""
        return f"{GROUP}/{self._endpoint}", f"{self.variant.name}/{self.id}"

    @property
    def pid(self) -> int:
        """Of its first process; 0 before there is one."""
        return self._process.pid if self._process else 0

    @property
    def root(self) -> Path:
        """What is its own on disk."""
        return self._root

    async def _connection(self) -> Client:
        while self._idle:
            if (found := self._idle.pop()).usable:
                return found
        try:
            _, made = await asyncio.get_running_loop().create_unix_connection(Client, self._socket)
        except OSError:
            raise ConnectionLost(asked=False) from None
        return made

    def _read(self) -> None:
        assert self._output
        if not self._output.read():
            asyncio.get_running_loop().remove_reader(self._output.fd)

    def _flush(self) -> None:
        if self._output and self.exit is None:
            self._output.flush_if_due()
            self._flusher = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def _report(self) -> None:
        assert self._process
        assert self._output
        self.exit = self._process.wait(0)
        if self.exit is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._process.report)
        loop.remove_reader(self._process.output)
        self._output.drain()
        self._process.close()
        for connection in self._idle:
            connection.close()
        loop.run_in_executor(None, self._remove)
        self.gone.set()
        self._ended(self)

    def _remove(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)
        shutil.rmtree(os.path.dirname(self._socket), ignore_errors=True)

    async def retire(self, seconds: float) -> None:
        """Let it finish what it was asked, then end it."""
        for _ in range(int(seconds / POLL_SECONDS)):
            if not self.outstanding:
                break
            await asyncio.sleep(POLL_SECONDS)
        await self.stop(signal.SIGTERM)

    async def stop(self, number: int) -> None:
        """Signal it and wait until it is gone."""
        if self._process is None or self.exit is not None:
            return
        self._process.signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.gone.wait()
        except TimeoutError:
            self._process.signal(signal.SIGKILL)
            await self.gone.wait()
