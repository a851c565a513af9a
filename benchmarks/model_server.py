"""One instance of an endpoint, asked straight on its socket: what the model server itself can do, beside others."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import loads, local_aws, peers
from benchmarks.bench import Bench
from benchmarks.environments import NotInstalled
from benchmarks.loads import CONNECTIONS, Load
from benchmarks.peers import Peer
from benchmarks.rows import Goal, Row
from benchmarks.served import CSV, TREES, Served, http, prepare

SECONDS, QUICK_SECONDS = 10.0, 2.0
ROUNDS, QUICK_ROUNDS = 3, 1
GOALS = {1: 5000.0, 100: 1700.0}  # requests a second, by rows of a request
UNIT = "requests/s"
NOTE = f"the template's churn model with {TREES} trees, text/csv, {CONNECTIONS} connections; the best of some rounds"
Ask = Callable[[int, float], Load]  # rows of a request, seconds


def measure(bench: Bench) -> Iterator[Row]:
    """One row and 100 rows a request, by one process and by as many as an instance has without being told."""
    seconds = QUICK_SECONDS if bench.quick else SECONDS
    with contextlib.ExitStack() as stack:
        served = prepare(stack.enter_context(local_aws.running()), bench)
        bench.progress("how much the generator can send")
        most = loads.ceiling(bench.folder, seconds)
        servers, absent = _servers(served, bench, stack)
        for rows, goal in GOALS.items():
            found = _measure_in_turns(servers, rows, seconds, bench)
            yield _row(f"model server, one process, {rows} row{'s'[: rows > 1]} a request", found, goal, absent, most)


def _servers(served: Served, bench: Bench, stack: contextlib.ExitStack) -> tuple[dict[str, Ask], dict[str, str]]:
    """How each is asked, ours first, and why the others are not there."""
    servers: dict[str, Ask] = {}
    absent: dict[str, str] = {}
    for name, workers in (("one process", 1), ("as it comes", 0)):
        bench.progress(f"starting the instance, {name}")
        before = set(served.instances())
        served.endpoint(name.replace(" ", "-"), workers=workers)
        (path,) = set(served.instances()) - before
        servers[name] = _ask_server(path, served)
    for name, start in (("multi-model-server", peers.multi_model_server), ("MLflow", peers.mlflow)):
        bench.progress(f"starting {name}")
        try:
            servers[name] = _peer(stack.enter_context(start(served, bench.folder)), served)
        except NotInstalled as reason:
            absent[name] = str(reason)
    return servers, absent


def _ask_server(path: Path, served: Served) -> Ask:
    return lambda rows, seconds: loads.load(path, http("/invocations", served.body(rows), CSV), seconds)


def _peer(peer: Peer, served: Served) -> Ask:
    body = peers.in_numbers if peer.header else Served.body
    return lambda rows, seconds: loads.load(str(peer.port), peer.request(body(served, rows)), seconds)


def _measure_in_turns(servers: dict[str, Ask], rows: int, seconds: float, bench: Bench) -> dict[str, Load]:
    """The best load of each, in turns: what else runs on this machine only ever makes them slower."""
    found: dict[str, list[Load]] = {name: [] for name in servers}
    rounds = QUICK_ROUNDS if bench.quick else ROUNDS
    for number in range(rounds + 1):  # the first warms up
        for name, ask in servers.items():
            bench.progress(f"{rows} rows, round {number} of {rounds}, {name}")
            found[name].append(ask(rows, seconds if number else loads.WARM_SECONDS))
    return {name: max(each[1:], key=lambda load: load.rate) for name, each in found.items()}


def _row(name: str, found: dict[str, Load], goal: float, absent: dict[str, str], most: Load) -> Row:
    """The peer is SageMaker's own server, where it is installed."""
    ours, peer = found["one process"], found.get("multi-model-server") or found.get("MLflow")
    details = [
        f"{server:<20} {load.rate:7.0f} {UNIT}   p50 {load.p50 * 1e3:6.2f} ms   p99 {load.p99 * 1e3:6.2f} ms"
        f"   ours is {ours.rate / load.rate:.3g} x"
        for server, load in found.items()
    ]
    details += [f"{server:<20} not installed: {reason}" for server, reason in absent.items()]
    details.append(f"{'generator, at most':<20} {most.rate:7.0f} {UNIT}, from a server that does nothing")
    return Row(name, UNIT, ours.rate, Goal("ours", goal, least=True), None, peer and peer.rate, NOTE, details)
