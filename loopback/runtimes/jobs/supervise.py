"""Running a job's hosts to their end: output, time limit, stop, one host's failure ending the others."""

import math
import selectors
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from loopback.runtimes.jobs.hosts import Exit, HostProcess
from loopback.runtimes.jobs.output import Output

TICK = 0.1  # seconds; how late a stop is noticed
PEERS_GRACE = 5.0  # seconds for the others when one host has failed

Halt = Literal["Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded", "Interrupted"]


@dataclass(frozen=True)
class HostsEnded:
    """How the hosts ended. `first` is the index of the host whose failure ended the job, `halt` why we ended it."""

    exits: tuple[Exit, ...]
    last_lines: tuple[tuple[str, ...], ...]
    halt: Halt | None = None
    first: int | None = None


@dataclass
class TimeLimits:
    """When to end hosts that do not end by themselves, in seconds from their start.

    `seconds` is what the job's MaxRuntimeInSeconds leaves, `wait` what its MaxWaitTimeInSeconds leaves, `interruption`
    when spot instances are taken away.
    """

    stop: threading.Event
    seconds: float
    grace: float
    wait: float = math.inf
    interruption: float = math.inf


class HostWatch:
    """The hosts of one job while they run."""

    def __init__(self, hosts: Sequence[HostProcess], outputs: Sequence[Output], limits: TimeLimits) -> None:
        self.hosts, self.outputs, self.limits = hosts, outputs, limits
        self.exits: dict[int, Exit] = {}
        self.halt: Halt | None = None
        self.first: int | None = None
        started = time.monotonic()
        ends: tuple[tuple[float, Halt], ...] = (
            (started + limits.seconds, "MaxRuntimeExceeded"),
            (started + limits.wait, "MaxWaitTimeExceeded"),
            (started + limits.interruption, "Interrupted"),
        )
        self.deadline, self.why = min(ends)
        self.kill_at: float | None = None

    def run(self, tick: Callable[[], None]) -> HostsEnded:
        """Until every host has ended; `tick` is called now and then."""
        with selectors.DefaultSelector() as selector:
            for index, host in enumerate(self.hosts):
                selector.register(host.report, selectors.EVENT_READ, index)
                selector.register(host.output, selectors.EVENT_READ, None)
            while len(self.exits) < len(self.hosts):
                for key, _ in selector.select(TICK):
                    self._answer(selector, key)
                for output in self.outputs:
                    output.flush_if_due()
                self._enforce()
                tick()
        for output in self.outputs:
            output.drain()
        exits = tuple(self.exits[index] for index in range(len(self.hosts)))
        return HostsEnded(exits, tuple(tuple(output.last) for output in self.outputs), self.halt, self.first)

    def _answer(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if key.data is None:
            output = next(output for output in self.outputs if output.fd == key.fd)
            if not output.read():
                selector.unregister(key.fd)
            return
        ended = self.hosts[key.data].wait(0)
        if ended is None:
            return
        selector.unregister(key.fd)
        self.exits[key.data] = ended
        if (ended.code or ended.lost) and self.first is None and self.kill_at is None:
            self.first = key.data
            self._terminate(min(PEERS_GRACE, self.limits.grace))

    def _enforce(self) -> None:
        now = time.monotonic()
        if self.kill_at is None:
            if self.limits.stop.is_set():
                self._halt("Stopped")
            elif now > self.deadline:
                self._halt(self.why)
        elif now > self.kill_at:
            self.kill_at = now + TICK
            self._signal(signal.SIGKILL)

    def _halt(self, why: Halt) -> None:
        self.halt = why
        self._terminate(self.limits.grace)

    def _terminate(self, grace: float) -> None:
        self.kill_at = time.monotonic() + grace
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for index, host in enumerate(self.hosts):
            if index not in self.exits:
                host.signal(number)
