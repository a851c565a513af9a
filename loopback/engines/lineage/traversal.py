"""Which entities a lineage query reaches from its start, and what lies on the way to them."""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple


class Edge(NamedTuple):
    """One association, from its source to its destination."""

    source: str
    destination: str
    type: str | None = None


Neighbours = Callable[[str], Iterable[Edge]]  # of an entity: the edges that a query follows from it


@dataclass(frozen=True)
class Reached:
    """What is reached: how many associations each entity is away from the start, nearest first, and the edges."""

    depths: dict[str, int] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()


def reach(start: str, neighbours: Neighbours, depth: int) -> Reached:
    """Follow edges from the start, breadth first, at most `depth` of them one after the other."""
    depths, edges = {start: 0}, dict[Edge, None]()
    layer = [start]
    for distance in range(1, depth + 1):
        following = []
        for entity in layer:
            for edge in neighbours(entity):
                edges[edge] = None
                other = edge.destination if edge.source == entity else edge.source
                if other not in depths:
                    depths[other] = distance
                    following.append(other)
        layer = following
    return Reached(depths, tuple(edges))


def paths_to(wanted: AbstractSet[str], found: Reached) -> Reached:
    """The part of it that lies on a shortest way from the start to one of the wanted entities."""
    nearer: dict[str, list[Edge]] = {}
    for edge in found.edges:
        source, destination = found.depths[edge.source], found.depths[edge.destination]
        if source != destination:
            nearer.setdefault(edge.source if source > destination else edge.destination, []).append(edge)
    kept, edges = set(wanted), dict[Edge, None]()
    waiting = list(wanted)
    while waiting:
        entity = waiting.pop()
        for edge in nearer.get(entity, ()):
            before = edge.source if edge.destination == entity else edge.destination
            if found.depths[before] == found.depths[entity] - 1:
                edges[edge] = None
                if before not in kept:
                    kept.add(before)
                    waiting.append(before)
    depths = {entity: depth for entity, depth in found.depths.items() if entity in kept}
    return Reached(depths, tuple(edge for edge in found.edges if edge in edges))
