"""Serverless variants: an instance for every request at a time, brought up when it is needed, ended when it idles."""

import asyncio
import time
from collections.abc import Callable, Collection

from loopback.runtimes.endpoints.fleet import Variant
from loopback.runtimes.endpoints.instances import Instance, InstanceDependencies
from loopback.runtimes.endpoints.pools import Pool

IDLE_SECONDS = 300.0  # without a request; then an instance ends
LOOK_SECONDS = 5.0


class Throttled(Exception):
    """As many requests as MaxConcurrency allows are being answered."""


class Sandboxes(Pool):
    """The instances of a serverless variant; each answers one request at a time. `variant.count` of them stay."""

    def __init__(
        self, endpoint: str, variant: Variant, ground: InstanceDependencies, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(endpoint, variant, ground)
        self._clock = clock
        self._idle: dict[Instance, float] = {}
        self._taken: set[Instance] = set()
        self._going = 0
        self._reaper: asyncio.Task[None] | None = None

    def adopt(self, variant: Variant, fresh: Collection[Instance]) -> list[Instance]:
        """Keep these warm, for what `variant` now says."""
        self.variant = variant
        self._idle |= dict.fromkeys((instance for instance in fresh if instance.exit is None), self._clock())
        self.some.set()
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap())
        return []

    async def take(self) -> tuple[Instance, float]:
        """An instance for one request, and the seconds that it took to set up (0 when it was warm).

        Raises Throttled, NotStarted. It is given back with `give`.
        """
        if self._going >= self.variant.concurrency:
            raise Throttled
        self._going += 1
        if self._idle:
            instance, setup = self._idle.popitem()[0], 0.0
        else:
            began = time.perf_counter()
            try:
                (instance,) = await self.bring(self.variant, 1)
            except BaseException:
                self._going -= 1
                raise
            setup = time.perf_counter() - began
        self._taken.add(instance)
        return instance, setup

    def give(self, instance: Instance) -> None:
        """The request that it was taken for has ended."""
        self._going -= 1
        self._taken.discard(instance)
        if self.released:
            self.end([instance])
        elif instance.exit is None:
            self._idle[instance] = self._clock()

    def release(self) -> list[Instance]:
        """Give back all that have nothing to do; the others end with their request."""
        self.released = True
        if self._reaper:
            self._reaper.cancel()
        released = list(self._idle)
        self._idle.clear()
        return released

    def running(self) -> list[Instance]:
        """All instances that take up place."""
        return [*self._idle, *self._taken]

    def remove_expired(self) -> list[Instance]:
        """Take those out that have had nothing to do for IDLE_SECONDS, but leave `variant.count`."""
        limit = self._clock() - IDLE_SECONDS
        most = len(self._idle) + len(self._taken) - self.variant.count
        old = [instance for instance, since in self._idle.items() if since <= limit][: max(0, most)]
        for instance in old:
            del self._idle[instance]
        return old

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.end(self.remove_expired())

    def _on_loss(self, instance: Instance) -> None:
        self._idle.pop(instance, None)
