"""The data plane: one process that owns the instances of all endpoints and answers InvokeEndpoint.

`python -m loopback.runtimes.endpoints.plane FOLDER SOCKETS PARENT PORT ACCOUNT REGION`. On the sockets in SOCKETS it
gets public connections (`door.sock`, see `fd_receiver`) and HTTP (`plane.sock`): `/endpoints/...` for callers, `PUT`
and `DELETE /fleets/NAME` and `POST /drain` for the control plane, whose death it survives. It ends with PARENT, the
supervisor. FOLDER has what it needs to come back after its own death.
"""

import asyncio
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from loopback.core.arn import Place
from loopback.core.settings import Settings
from loopback.runtimes.endpoints import fleet as fleets
from loopback.runtimes.endpoints import outbox, usage
from loopback.runtimes.endpoints.async_spool import Tickets
from loopback.runtimes.endpoints.blue_green import FleetSide, LiveEndpoint, deploy, resume
from loopback.runtimes.endpoints.capture import QUIET_SECONDS, Recorder
from loopback.runtimes.endpoints.fd_receiver import DescriptorServer, Public
from loopback.runtimes.endpoints.fleet import Setup
from loopback.runtimes.endpoints.http1 import Answer, Reply, Request, Server
from loopback.runtimes.endpoints.instances import Instance, InstanceDependencies, NotStarted
from loopback.runtimes.endpoints.invoke import RequestTimes, ask_model, invoke
from loopback.runtimes.endpoints.link import ENTRANCE, SECONDS, SOCKET
from loopback.runtimes.endpoints.metrics import Metrics, Who
from loopback.runtimes.endpoints.pools import DRAIN_SECONDS, Pool
from loopback.runtimes.endpoints.refusals import Refusal, error
from loopback.runtimes.endpoints.serverless import Sandboxes
from loopback.runtimes.jobs.hosts import WARM_SERVERS, Zygote

LOOK_EVERY, METRICS_EVERY, USAGE_EVERY = 0.5, 2.0, 10.0  # seconds
DRAIN_AT_END = 2.0  # seconds for requests that are being answered when loopback goes down
MOST_COPIES = 200  # of requests on their way to shadows; one that is slower loses some
log = logging.getLogger("loopback.runtimes.endpoints")


class OutboxLogs:
    """CloudWatch Logs by way of the outbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        """Send these events: (milliseconds since the epoch, line)."""
        content = "".join(json.dumps(event) + "\n" for event in events)
        outbox.put(self._folder, {"kind": "logs", "group": group, "stream": stream}, content.encode())


class DataPlane:
    """The endpoints of this process, by their name in lower case."""

    def __init__(self, folder: Path, sockets: Path, place: Place) -> None:
        self.place = place
        self.endpoints: dict[str, LiveEndpoint] = {}
        self.connections: set[Server] = set()
        self.ending = asyncio.Event()
        self._fleets, self._outbox = folder / "fleets", folder / "outbox"
        for path in (self._fleets, self._outbox):
            path.mkdir(parents=True, exist_ok=True)
        settings = Settings(folder.parent)
        self.zygote = Zygote(1, 0, state=settings.state, readable=(str(settings.sdk_config),), modules=WARM_SERVERS)
        self._ground = InstanceDependencies(self.zygote, folder / "instances", sockets, OutboxLogs(self._outbox))
        self._recorders: dict[str, Recorder] = {}
        self._sealing: set[str] = set()  # the endpoints whose captured records have a timer
        self._metrics = Metrics()
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._copies: set[asyncio.Task[None]] = set()
        self._tickets = Tickets(folder / "queue")
        self._usage = usage.Usage()

    def resume(self) -> None:
        """Take up what an earlier process of this folder served."""
        outbox.recover(self._outbox)
        shutil.rmtree(self._ground.folder, ignore_errors=True)
        for path in self._ground.sockets.glob("*/sock"):
            shutil.rmtree(path.parent)
        for path in sorted(self._fleets.glob("*.json")):
            found = fleets.load_all(json.loads(path.read_text()))
            self._use(path.stem, resume(found, self._ground))

    def serve(self, request: Request, reply: Reply) -> None:
        """Answer one request, on a task of its own."""
        task = asyncio.get_running_loop().create_task(self._answer(request, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request, reply: Reply) -> None:
        try:
            if request.path.startswith("/endpoints/"):
                answer = await invoke(request, self)
            else:
                answer = await self._order(request)
        except Exception:
            log.exception("%s", request.path)
            answer = Answer(500, b'{"Message": "loopback failed; its log has the details"}')
            answer.headers[b"x-amzn-ErrorType"] = b"InternalFailure"
        reply(answer)

    def record_invocation(
        self, side: FleetSide, pool: Pool, request: Request, answer: Answer, spent: RequestTimes
    ) -> None:
        """Count an invocation and, if its turn comes, write it down."""
        fleet, variant = side.fleet, pool.variant
        overhead = max(0.0, time.perf_counter() - request.began - spent.container - spent.setup)
        if fleet.capture and 200 <= answer.status < 300 and fleet.key in self._recorders:
            self._recorders[fleet.key].see(fleet.capture, variant.name, request, answer)
            self._seal_later(fleet.key)
        seconds = (spent.container, overhead, spent.setup) if spent.setup else (spent.container, overhead)
        count = 0 if isinstance(pool, Sandboxes) else variant.count
        self._metrics.see((fleet.name, variant.name), count, answer.status, seconds)
        endpoint = self.endpoints.get(fleet.key)
        if endpoint and endpoint.shifting:
            self._metrics.see((fleet.name, variant.name, fleet.config), count, answer.status, seconds)

    def _seal_later(self, key: str) -> None:
        """Hand over an endpoint's captured records when they are due; one timer each, while there are any."""
        if key not in self._sealing:
            self._sealing.add(key)
            asyncio.get_running_loop().call_later(QUIET_SECONDS, self._seal, key)

    def _seal(self, key: str) -> None:
        self._sealing.discard(key)
        if key in self._recorders and self._recorders[key].seal():
            self._seal_later(key)

    def copy(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background, unless too much is being done there."""
        if len(self._copies) >= MOST_COPIES:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    def queue(self, endpoint: LiveEndpoint, request: Request) -> Answer:
        """Keep a request for later. Raises Refusal."""
        return self._tickets.keep(endpoint.sides[0].fleet, request)

    async def _order(self, request: Request) -> Answer:
        """What the control plane wants."""
        _, kind, *rest = request.path.split("/")
        if (request.method, kind) == (b"POST", "drain"):
            self.ending.set()
            return Answer(200)
        if (request.method, kind) == (b"POST", "queued") and len(rest) == 1:
            return await self._answer_queued_request(rest[0], request)
        if kind != "fleets" or len(rest) != 1:
            return Answer(404)
        async with self._locks.setdefault(rest[0], asyncio.Lock()):
            if request.method == b"DELETE":
                self._delete(rest[0])
                return Answer(200)
            try:
                await self._apply(rest[0], fleets.load_all(json.loads(request.body)))
            except NotStarted as fault:
                return Answer(409, str(fault).encode())
            return Answer(200)

    async def _answer_queued_request(self, name: str, request: Request) -> Answer:
        """A request from the queue of an asynchronous endpoint: it may take longer."""
        try:
            return await ask_model(name, request, self, float(request.headers[SECONDS]))
        except Refusal as refusal:
            return error(refusal)

    async def _apply(self, key: str, setup: Setup) -> None:
        endpoint, surplus = await deploy(setup, self.endpoints.get(key), self._ground)
        path = self._fleets / f"{key}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(fleets.dump_all(setup)))
        part.replace(path)
        self._use(key, endpoint)
        for instance in surplus:
            self._later(instance.retire(DRAIN_SECONDS))

    def _use(self, key: str, endpoint: LiveEndpoint) -> None:
        self.endpoints[key] = endpoint
        self._recorders.setdefault(key, Recorder(endpoint.name, self._outbox))

    def _delete(self, key: str) -> None:
        (self._fleets / f"{key}.json").unlink(missing_ok=True)
        if (endpoint := self.endpoints.pop(key, None)) is None:
            return
        self._recorders.pop(key).seal(everything=True)
        self._tickets.forget(key)
        for pool in _pools(endpoint):
            for instance in pool.release():
                self._later(instance.retire(DRAIN_SECONDS))

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def post(self) -> None:
        """Hand over metrics, again and again and at the end of each period, and look at the instances' memory."""
        since = time.time()
        while True:
            await asyncio.sleep(min(LOOK_EVERY, USAGE_EVERY - time.time() % USAGE_EVERY))
            self._watch_memory()
            now = time.time()
            period_over = now // USAGE_EVERY > since // USAGE_EVERY
            if now - since > METRICS_EVERY or period_over:
                self.send_metrics(since)
                if period_over:
                    self._later(self._send_usage(since))
                since = now

    def send_metrics(self, at: float) -> None:
        """Hand over what was counted since the last time, `at`."""
        self._put({"kind": "metrics"}, self._metrics.take(at))

    def _watch_memory(self) -> None:
        """A model that leaks takes its own instance down, not this machine."""
        running = [i for endpoint in self.endpoints.values() for pool in _pools(endpoint) for i in pool.running()]
        for instance in running:
            most = usage.memory(instance.variant)
            if instance.exit is None and (held := usage.memory_bytes(instance.pid)) > most:
                self._later(instance.exhaust(held, most))

    async def _send_usage(self, at: float) -> None:
        pools = [pool for endpoint in self.endpoints.values() for pool in _pools(endpoint)]
        running: dict[Who, list[Instance]] = {
            (pool.endpoint, pool.variant.name): pool.running() for pool in pools if pool.running()
        }
        data = await asyncio.to_thread(self._usage.take, running, at)
        self._put({"kind": "metrics", "namespace": "/aws/sagemaker/Endpoints"}, data)

    def _put(self, head: dict[str, str], data: list[dict[str, Any]]) -> None:
        if data:
            outbox.put(self._outbox, head, "".join(json.dumps(datum) + "\n" for datum in data).encode())

    async def close(self) -> None:
        """Finish what is being answered, hand everything over, end the instances."""
        for _ in range(int(DRAIN_AT_END / 0.01)):
            if not any(connection.busy for connection in self.connections):
                break
            await asyncio.sleep(0.01)
        for recorder in self._recorders.values():
            recorder.seal(everything=True)
        self.send_metrics(time.time())
        for endpoint in self.endpoints.values():
            for pool in _pools(endpoint):
                pool.release()
        await asyncio.to_thread(self.zygote.close)


def _pools(endpoint: LiveEndpoint) -> list[Pool]:
    return [pool for side in endpoint.sides for pool in side.pools.values()]


async def _run(folder: Path, sockets: Path, family: tuple[int, int], place: Place) -> None:
    parent, port = family
    plane = DataPlane(folder, sockets, place)
    plane.zygote.start()
    plane.resume()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, plane.ending.set)
    path = str(sockets / SOCKET)
    part = f"{path}.part"
    Path(part).unlink(missing_ok=True)
    server = await loop.create_unix_server(lambda: Server(plane.serve, plane.connections), part)
    os.rename(part, path)
    entrance = DescriptorServer(str(sockets / ENTRANCE), lambda: Public(plane.serve, plane.connections, port))
    posting = loop.create_task(plane.post())
    _end_with(parent, plane.ending)
    await plane.ending.wait()
    server.close()
    entrance.close()
    posting.cancel()
    await plane.close()


def _end_with(parent: int, ending: asyncio.Event) -> None:
    """Set `ending` when the supervisor is gone: at once on Linux, a second later elsewhere."""
    loop = asyncio.get_running_loop()
    try:
        if hasattr(os, "pidfd_open"):
            loop.add_reader(os.pidfd_open(parent), ending.set)
        else:
            os.kill(parent, 0)
            loop.call_later(1.0, _end_with, parent, ending)
    except ProcessLookupError:
        ending.set()


def main() -> int:
    """Be the data plane of a folder; there is never a second one."""
    folder, sockets, place = Path(sys.argv[1]), Path(sys.argv[2]), Place(sys.argv[5], sys.argv[6])
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s data plane: %(message)s")
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        uvloop.run(_run(folder, sockets, (int(sys.argv[3]), int(sys.argv[4])), place))
    return 0


if __name__ == "__main__":
    sys.exit(main())
