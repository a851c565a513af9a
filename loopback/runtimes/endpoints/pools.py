"""The instances of one variant: brought up, kept at their number, replaced and retired."""

import asyncio
import logging
import random
import signal
from collections.abc import Collection

from loopback.runtimes.endpoints.fleet import Variant
from loopback.runtimes.endpoints.instances import Instance, InstanceDependencies, NotStarted

DRAIN_SECONDS = 60.0  # as long as a request may take
WATCH_SECONDS = 5.0
PINGS = 2  # without an answer; then an instance is replaced
BACKOFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0)  # before attempts to replace an instance; the last one repeats
log = logging.getLogger("loopback.runtimes.endpoints")


class Pool:
    """The instances of one variant. `ready` are those that answer; none come any more once it is `released`."""

    def __init__(self, endpoint: str, variant: Variant, ground: InstanceDependencies) -> None:
        self.endpoint, self.variant, self._ground = endpoint, variant, ground
        self.ready: list[Instance] = []
        self.some = asyncio.Event()
        self.released = False
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._ends: set[asyncio.Task[None]] = set()

    async def bring(self, variant: Variant, count: int) -> list[Instance]:
        """Start `count` more instances, all or none; they are not in use yet. Raises NotStarted."""
        made = [Instance(self.endpoint, variant, self._ground, self._on_loss) for _ in range(count)]
        starting = asyncio.gather(*(instance.start() for instance in made), return_exceptions=True)
        try:
            outcomes = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(lambda _: self.end(made, 0.0))
            raise
        faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if faults:
            await asyncio.gather(*(instance.stop(signal.SIGKILL) for instance in made))
            raise faults[0]
        return made

    def adopt(self, variant: Variant, fresh: Collection[Instance]) -> list[Instance]:
        """Use these instances too, for what `variant` now says; those that are now too many are handed back."""
        self.variant = variant
        self.ready += [instance for instance in fresh if instance.exit is None]
        surplus = self.ready[variant.count :]
        del self.ready[variant.count :]
        self._on_change()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        return surplus

    def choose(self, tried: Collection[Instance]) -> Instance | None:
        """An instance that has not been tried, at random or the one with the least to do."""
        left = [instance for instance in self.ready if instance not in tried] if tried else self.ready
        if not left:
            return None
        if self.variant.least_outstanding:
            return min(left, key=lambda instance: instance.outstanding)
        return left[0] if len(left) == 1 else random.choice(left)

    def release(self) -> list[Instance]:
        """Give all instances back; none is replaced any more. Who waits for one here has to look elsewhere."""
        self.released = True
        self.some.set()
        if self._keeper:
            self._keeper.cancel()
        released, self.ready = self.ready, []
        return released

    def running(self) -> list[Instance]:
        """All instances that take up place."""
        return self.ready

    def end(self, instances: Collection[Instance], patience: float = DRAIN_SECONDS) -> None:
        """Retire instances in the background."""
        for instance in instances:
            task = asyncio.get_running_loop().create_task(instance.retire(patience))
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    def _on_loss(self, instance: Instance) -> None:
        if instance in self.ready:
            log.warning("%s: instance %s of %s is gone", self.endpoint, instance.id, self.variant.name)
            self.ready.remove(instance)
            self._on_change()

    def _on_change(self) -> None:
        (self.some.set if self.ready else self.some.clear)()
        self._wake.set()

    async def _keep(self) -> None:
        """Replace what is missing, and what does not answer pings although it has nothing else to do."""
        attempt = 0
        while True:
            self._wake.clear()
            missing = self.variant.count - len(self.ready)
            if missing > 0:
                await asyncio.sleep(BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)])
                attempt += 1
                try:
                    fresh = await self.bring(self.variant, missing)
                except NotStarted as fault:
                    log.warning("%s: %s", self.endpoint, fault)
                    continue
                self.end(self.adopt(self.variant, fresh))  # there may be too many: the variant has changed meanwhile
                attempt = 0
                continue
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                await asyncio.gather(*(self._check(instance) for instance in list(self.ready)))

    async def _check(self, instance: Instance) -> None:
        """An instance that is busy need not answer; one that is not gets a second chance."""
        for _ in range(PINGS):
            if instance.outstanding or await instance.ping():
                return
        log.warning("%s: instance %s does not answer pings", self.endpoint, instance.id)
        await instance.stop(signal.SIGKILL)
