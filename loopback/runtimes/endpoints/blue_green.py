"""What answers for one endpoint: one fleet, or two while a deployment shifts traffic between them."""

import asyncio
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from loopback.runtimes.endpoints.fleet import Fleet, Setup, Variant, draw_index
from loopback.runtimes.endpoints.instances import Instance, InstanceDependencies
from loopback.runtimes.endpoints.pools import Pool
from loopback.runtimes.endpoints.serverless import Sandboxes


@dataclass(frozen=True)
class FleetSide:
    """A fleet and its pools, by variant; those of `shadows` too."""

    fleet: Fleet
    pools: Mapping[str, Pool]

    def choose(self) -> Pool:
        """A variant at random, by weight."""
        variants = self.fleet.variants
        index = draw_index([variant.weight for variant in variants], random.random()) if len(variants) > 1 else 0
        return self.pools[variants[index].name]


@dataclass(frozen=True)
class LiveEndpoint:
    """What answers for one name."""

    sides: tuple[FleetSide, ...]

    @property
    def name(self) -> str:
        """As it was created, with its capitals."""
        return self.sides[0].fleet.name

    @property
    def shifting(self) -> bool:
        """Whether a deployment is going on."""
        return len(self.sides) > 1

    def choose(self, variant: str | None) -> tuple[FleetSide, Pool] | None:
        """A side by its share of the traffic, and the variant of that name in it, or one by weight.

        A variant that only one side has is taken there. None if there is none of that name.
        """
        side = self.sides[0]
        if len(self.sides) > 1:
            side = self.sides[draw_index([side.fleet.share for side in self.sides], random.random())]
        if variant is None:
            return side, side.choose()
        for found in (side, *self.sides):
            if any(one.name == variant for one in found.fleet.variants):
                return found, found.pools[variant]
        return None


async def deploy(
    setup: Setup, current: LiveEndpoint | None, ground: InstanceDependencies
) -> tuple[LiveEndpoint, list[Instance]]:
    """Bring up what is new beside `current`; the endpoint that takes over, and the instances that it leaves behind.

    Raises NotStarted, and nothing has changed then.
    """
    had = {side.fleet.generation: side for side in current.sides} if current else {}
    wanted: list[tuple[Pool, Variant, int]] = []
    sides = []
    for fleet in setup:
        before = had.pop(fleet.generation, None)
        pools: dict[str, Pool] = {}
        for variant in (*fleet.variants, *fleet.shadows):
            pool = before.pools[variant.name] if before else _pool(fleet.name, variant, ground)
            wanted.append((pool, variant, max(0, variant.count - (pool.variant.count if before else 0))))
            pools[variant.name] = pool
        sides.append(FleetSide(fleet, pools))
    outcomes = await asyncio.gather(
        *(pool.bring(variant, count) for pool, variant, count in wanted), return_exceptions=True
    )
    faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    fresh = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    if faults:
        await asyncio.gather(*(instance.stop(signal.SIGKILL) for made in fresh for instance in made))
        raise faults[0]
    surplus = [
        instance
        for (pool, variant, _), made in zip(wanted, fresh, strict=True)
        for instance in pool.adopt(variant, made)
    ]
    surplus += [instance for side in had.values() for pool in side.pools.values() for instance in pool.release()]
    return LiveEndpoint(tuple(sides)), surplus


def resume(setup: Setup, ground: InstanceDependencies) -> LiveEndpoint:
    """An endpoint whose instances come up in the background, as after a crash."""
    sides = []
    for fleet in setup:
        variants = (*fleet.variants, *fleet.shadows)
        sides.append(FleetSide(fleet, {variant.name: _pool(fleet.name, variant, ground) for variant in variants}))
        for variant in variants:
            sides[-1].pools[variant.name].adopt(variant, ())
    return LiveEndpoint(tuple(sides))


def _pool(endpoint: str, variant: Variant, ground: InstanceDependencies) -> Pool:
    return (Sandboxes if variant.concurrency else Pool)(endpoint, variant, ground)
