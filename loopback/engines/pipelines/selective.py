"""Selective execution: whether a choice of steps can run by itself, and whose results it borrows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loopback.engines.pipelines.model import Definition

_MAX_SELECTED = 50


class InvalidSelection(ValueError):
    """The selected steps cannot run by themselves; the message names the steps."""


def check(definition: Definition, selected: Iterable[str]) -> None:
    """Raise InvalidSelection unless the steps exist, hang together, and leave out no step between them."""
    chosen = set(selected)
    if not 1 <= len(chosen) <= _MAX_SELECTED:
        raise InvalidSelection(f"{len(chosen)} steps are selected; allowed: 1 to {_MAX_SELECTED}")
    edges = _edges(definition)
    unknown = sorted(chosen - edges.keys())
    if unknown:
        raise InvalidSelection(f"selected steps that cannot be: {', '.join(unknown)}; steps: {', '.join(edges)}")
    below = {name: {n for n, upstream in edges.items() if name in upstream} for name in edges}
    skipped = sorted((_closure(chosen, edges) & _closure(chosen, below)) - chosen)
    if skipped:
        raise InvalidSelection(f"the selection leaves out steps between selected ones: {', '.join(skipped)}")
    first = min(chosen)
    around = {name: (edges[name] | below[name]) & chosen for name in chosen}
    apart = sorted(chosen - _closure({first}, around) - {first})
    if apart:
        raise InvalidSelection(f"selected steps must be connected; {', '.join(apart)} are not with {first}")


def sources(definition: Definition, selected: Iterable[str]) -> frozenset[str]:
    """Steps outside the selection that selected steps wait for: their results come from another execution."""
    chosen = set(selected)
    edges = _edges(definition, containers=False)
    return frozenset(upstream for name in chosen for upstream in edges[name]) - chosen


def _edges(definition: Definition, *, containers: bool = True) -> Mapping[str, set[str]]:
    """What every selectable step waits for; a ForEach stands for its body, a Condition precedes its branches."""
    edges = {step.name: set(step.dependencies) for step in definition.scheduled}
    for step in definition.scheduled:
        if step.parent and containers:
            edges[step.name].add(step.parent)
    for parent, body in definition.bodies.items():
        inside = {step.name for step in body}
        edges[parent] |= {name for step in body for name in step.dependencies} - inside
    return edges


def _closure(start: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    """Everything reached from `start` by at least one edge."""
    found: set[str] = set()
    ahead = [name for origin in start for name in edges[origin]]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(edges[name])
    return found
