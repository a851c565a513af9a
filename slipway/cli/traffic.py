"""`slipway traffic`: send requests to a stage and watch who answers them, how quickly, and with what."""

import contextlib
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from slipway.cli import projects, screen, stages, versions
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError

KEPT = 2000  # latencies for the percentiles
ROWS = 1000  # different requests
VARIANT_HEADER = "x-amzn-invoked-production-variant"


@dataclass
class Counts:
    """What has been seen so far. Shared by the senders under `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answered: Counter[str] = field(default_factory=Counter)  # by variant
    failed: Counter[str] = field(default_factory=Counter)  # by error
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def percentile(self, part: float) -> float:
        """Of the last requests, in milliseconds; 0 before the first."""
        with self.lock:
            ordered = sorted(self.seconds)
        return 1000 * ordered[min(int(part * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "answered": dict(self.answered),
            "failed": dict(self.failed),
            "p50_ms": round(self.percentile(0.5), 2),
            "p95_ms": round(self.percentile(0.95), 2),
        }


@dataclass(frozen=True)
class Load:
    """What is sent: `rate` requests a second (0: as many as the senders manage) for so many seconds."""

    rate: float
    seconds: float
    senders: int
    drift: float


def traffic(target: Target, stage: str, load: Load, *, as_json: bool) -> int:
    """Exit code: 0 when every request was answered."""
    stages.parse_stage(stage)
    project = projects.require(target)
    now = stages.describe(target, project, stage)
    if now.status == "not deployed":
        raise UserError(f"Nothing is deployed to {stage} of project {project.name}")
    counts, bodies = Counts(), _bodies(target, project, now.version, load.drift)
    clients = [target.session.client("sagemaker-runtime") for _ in range(load.senders)]
    until = time.monotonic() + load.seconds
    senders = [
        threading.Thread(
            target=_send,
            args=(client, now.endpoint, bodies[number:] + bodies[:number], load, until, counts),
            daemon=True,
        )
        for number, client in enumerate(clients)
    ]
    for sender in senders:
        sender.start()
    with contextlib.suppress(KeyboardInterrupt):  # enough seen; what was counted is shown
        _watch(target, project, stage, senders, counts, quiet=as_json)
    if as_json:
        screen.show_json({"stage": stage, "endpoint": now.endpoint} | counts.dump())
    return 1 if counts.failed else 0


def _bodies(target: Target, project: Project, version: int, drift: float) -> list[str]:
    """Requests like those that the model was trained on, moved by `drift` (0 to 1).

    Where there are no made-up rows, those that the build of the version has set aside.
    """
    from slipway.build import sample_data

    if project.pipeline not in sample_data.KINDS:
        if drift:
            raise UserError(
                f"--drift moves made-up rows, which there are of {', '.join(sorted(sample_data.KINDS))} only"
            )
        rows = versions.golden(target, versions.version(target, project.group, version))
        if not rows:
            raise UserError(f"version {version} of {project.group} has no golden requests, which traffic would send")
        return [row["csv"] for row in rows]
    return sample_data.requests(project.pipeline, ROWS, 7, drift)


def _send(client: Any, endpoint: str, bodies: list[str], load: Load, until: float, counts: Counts) -> None:
    number, pause = 0, load.senders / load.rate if load.rate else 0.0
    due = time.monotonic()
    while (now := time.monotonic()) < until:
        if pause and now < due:
            time.sleep(min(due - now, 0.2))
            continue
        due += pause
        _one(client, endpoint, bodies[number % len(bodies)], counts)
        number += 1


def _one(client: Any, endpoint: str, body: str, counts: Counts) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    began = time.perf_counter()
    try:
        answer = client.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=body.encode())
        answer["Body"].read()
    except (ClientError, BotoCoreError) as fault:
        with counts.lock:
            counts.failed[_name(fault)] += 1
        return
    with counts.lock:
        counts.seconds.append(time.perf_counter() - began)
        counts.answered[answer["InvokedProductionVariant"]] += 1


def _name(fault: Exception) -> str:
    answer = getattr(fault, "response", None)
    return str(answer["Error"]["Code"]) if answer else type(fault).__name__


def _watch(
    target: Target, project: Project, stage: str, senders: list[threading.Thread], counts: Counts, *, quiet: bool
) -> None:
    live = Live(console=screen.console, refresh_per_second=4) if screen.is_live() and not quiet else None
    began = time.monotonic()
    with live or threading.Lock():
        while any(sender.is_alive() for sender in senders):
            time.sleep(0.5)
            if live:
                live.update(_picture(target, project, stage, counts, time.monotonic() - began))
    if not quiet and not live:
        screen.console.print(_picture(target, project, stage, counts, time.monotonic() - began))


def _picture(target: Target, project: Project, stage: str, counts: Counts, took: float) -> Group:
    now = stages.describe(target, project, stage)
    with counts.lock:
        answered, failed = dict(counts.answered), dict(counts.failed)
    whole = sum(answered.values())
    rows = [(name, count, f"{100 * count / whole:.0f} %") for name, count in sorted(answered.items())]
    head = (
        f"{now.endpoint}: version {now.version}, {now.status}, instances {now.instances}; "
        f"{whole / took:,.0f} requests/s, p50 {counts.percentile(0.5):.1f} ms, p95 {counts.percentile(0.95):.1f} ms"
    )
    wrong = ", ".join(f"{count} {name}" for name, count in failed.items())
    table = screen.table(("variant", "answered", "share"), rows, right=("answered", "share"))
    return Group(Text(head), table, Text(f"failed: {wrong}" if wrong else "failed: none", style="red" if wrong else ""))
