"""A ForEach step: its items, the names of its iterations, and what it amounts to when they are over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from loopback.engines.pipelines.facts import StepFact
from loopback.engines.pipelines.model import Step
from loopback.engines.pipelines.references import Unresolvable, parse_path, walk

ITEMS = "Items"  # in the properties of an open ForEach: what it iterates over


def instance(step: Step, iteration: int) -> str:
    """The name under which a body step runs for one item."""
    return f"{step.name}-{iteration}"


def start_properties(iterable: Any) -> dict[str, Any]:
    """Properties of a ForEach that starts; `iterable` is a list, or its JSON text as parameters hold it."""
    items = iterable
    if isinstance(iterable, str):
        try:
            items = json.loads(iterable)
        except ValueError as error:
            raise Unresolvable(f"IterableItems is {iterable[:80]!r}, which is not a JSON list") from error
    if not isinstance(items, list):
        raise Unresolvable(f"IterableItems is {json.dumps(items, default=str)[:80]}, which is not a list")
    return {ITEMS: items, "InputItemCount": len(items)}


def iterations(fact: StepFact) -> range:
    """The indices of a ForEach that was opened."""
    return range(fact.properties["InputItemCount"])


def outcome(
    step: Step, body: Sequence[Step], fact: StepFact, steps: Mapping[str, StepFact], cut_short: bool
) -> tuple[str, dict[str, Any]]:
    """(status, properties) once no iteration runs any more; `cut_short` when some were kept from starting.

    An iteration's failure lets the other iterations run, and fails the ForEach at the end.
    Raises Unresolvable when the selector's field is missing.
    """
    ran = [steps[name] for name in (instance(s, i) for i in iterations(fact) for s in body) if name in steps]
    counts = {status: sum(child.status == status for child in ran) for status in ("Succeeded", "Failed", "Stopped")}
    status = "Failed" if counts["Failed"] else "Stopped" if counts["Stopped"] or cut_short else "Succeeded"
    properties: dict[str, Any] = {
        "Status": status,
        "InputItemCount": fact.properties["InputItemCount"],
        "TotalStepCount": len(ran),
        **{f"{name}StepCount": count for name, count in counts.items()},
        "IterationOutputs": [
            {s.name: dict(steps[instance(s, i)].properties) for s in body if instance(s, i) in steps}
            for i in iterations(fact)
        ],
    }
    if status == "Succeeded" and step.arguments.get("Selector") and counts["Succeeded"]:
        properties["Selected"] = _select_outputs(step.arguments["Selector"], properties["IterationOutputs"])
    return status, properties


def _select_outputs(selector: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]) -> Any:
    """The outputs of the compared body step in the best iteration; the first one among equals."""
    field = selector["Field"]["Get"]
    _, body_step, *member = parse_path(field)
    candidates = [output[str(body_step)] for output in outputs if body_step in output]
    values = [walk(candidate, tuple(member), field) for candidate in candidates]
    best = max if selector["Pick"] == "MaxBy" else min
    try:
        return candidates[values.index(best(values))]
    except (TypeError, ValueError) as error:
        raise Unresolvable(f"{field}: {selector['Pick']} cannot compare {values}") from error
