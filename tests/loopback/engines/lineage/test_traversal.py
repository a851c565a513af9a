"""What is reached from an entity, how far away it is, and what lies on the way."""

import pytest

from loopback.engines.lineage.traversal import Edge, Reached, paths_to, reach

# data -> job -> model -> deployment; image -> job; image -> deployment
EDGES = tuple(
    Edge(*pair.split(">"))
    for pair in ("data>job", "image>job", "job>model", "model>deployment", "image>deployment", "deployment>endpoint")
)


def _down(entity: str) -> list[Edge]:
    return [edge for edge in EDGES if edge.source == entity]


def _both(entity: str) -> list[Edge]:
    return [edge for edge in EDGES if entity in edge[:2]]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, {"data": 0, "job": 1}),
        (2, {"data": 0, "job": 1, "model": 2}),
        (10, {"data": 0, "job": 1, "model": 2, "deployment": 3, "endpoint": 4}),
    ],
)
def test_descendants_by_depth(depth: int, expected: dict[str, int]) -> None:
    assert reach("data", _down, depth).depths == expected


def test_in_both_directions_every_edge_is_met_once() -> None:
    found = reach("data", _both, 10)
    assert found.depths == {"data": 0, "job": 1, "image": 2, "model": 2, "deployment": 3, "endpoint": 4}
    assert sorted(found.edges) == sorted(EDGES)


def test_a_circle_ends() -> None:
    circle = {"a": [Edge("a", "b")], "b": [Edge("b", "a")]}
    assert reach("a", circle.__getitem__, 10).depths == {"a": 0, "b": 1}


@pytest.mark.parametrize(
    ("wanted", "on_the_way", "edges"),
    [
        ({"job"}, {"data", "job"}, {"data>job"}),
        ({"image"}, {"data", "job", "image"}, {"data>job", "image>job"}),
        ({"deployment"}, {"data", "job", "image", "model", "deployment"},
         {"data>job", "image>job", "job>model", "model>deployment", "image>deployment"}),
        (set(), set(), set()),
    ],
)  # fmt: skip
def test_the_shortest_ways_to_what_is_wanted(wanted: set[str], on_the_way: set[str], edges: set[str]) -> None:
    found = paths_to(wanted, reach("data", _both, 10))
    assert set(found.depths) == on_the_way
    assert {f"{edge.source}>{edge.destination}" for edge in found.edges} == edges


def test_nothing_is_reached_of_nothing() -> None:
    assert paths_to(set(), Reached()) == Reached()
