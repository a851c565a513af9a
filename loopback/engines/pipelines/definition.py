"""From the text of a pipeline definition to a checked `Definition`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from loopback.engines.pipelines import envelope, graph, parameters
from loopback.engines.pipelines.model import NESTED_KEYS, Definition, InvalidDefinition, Parameter, Step
from loopback.wire import documents

__all__ = ["Definition", "InvalidDefinition", "Parameter", "Step", "parse"]

VERSION = "2020-12-01"
NO_MLFLOW = "loopback runs no managed MLflow; leave it out, or set MLFLOW_TRACKING_URI in the steps' Environment"
_MAX_BYTES = 1_048_576


def parse(text: str, max_steps: int = 50) -> Definition:
    """Check `text` completely and return it in parsed form; InvalidDefinition tells the first fault.

    `max_steps` counts all nesting levels; 50 is AWS's quota unless it was raised for the account.
    """
    raw = _document(text)
    steps: dict[str, Step] = {}
    for step in _steps(raw.get("Steps"), None, None):
        if step.name in steps:
            raise InvalidDefinition(f"step name {step.name!r} is used twice; names are unique over all levels")
        steps[step.name] = step
    if len(steps) > max_steps:
        raise InvalidDefinition(f"there are {len(steps)} steps; at most {max_steps} are allowed")
    _check_iteration_names(steps)
    declared = parameters.read_parameters(raw.get("Parameters") or [])
    definition = Definition(declared, steps, raw.get("PipelineExperimentConfig"), raw)
    graph.check(definition)
    return definition


def _document(text: str) -> dict[str, Any]:
    if len(text.encode()) > _MAX_BYTES:
        raise InvalidDefinition(f"the definition has {len(text.encode())} bytes; at most {_MAX_BYTES} are allowed")
    try:
        raw = documents.json_value(text)
    except documents.Unreadable as error:
        raise InvalidDefinition(f"the definition is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise InvalidDefinition("the definition must be a JSON object with Version, Parameters and Steps")
    if raw.get("Version") != VERSION:
        raise InvalidDefinition(f"the definition has Version {raw.get('Version')!r}; it must be {VERSION!r}")
    if not isinstance(raw.get("Steps"), list) or not raw["Steps"]:
        raise InvalidDefinition("the definition has no Steps; it must be a list of at least one")
    if not isinstance(raw.get("PipelineExperimentConfig") or {}, dict):
        raise InvalidDefinition("PipelineExperimentConfig must be an object with ExperimentName and TrialName")
    if raw.get("MlflowConfig"):
        raise InvalidDefinition(f"MlflowConfig: {NO_MLFLOW}")
    return raw


def _steps(entries: Any, parent: str | None, branch: str | None, container: str | None = None) -> Iterator[Step]:
    for raw in entries:
        envelope.check(raw, container)
        arguments = raw.get("Arguments") or {}
        yield Step(raw["Name"], raw["Type"], arguments, raw, parent, branch, graph.dependencies(raw))
        if raw["Type"] in ("Condition", "ForEach"):
            for key in NESTED_KEYS:
                yield from _steps(arguments.get(key, ()), raw["Name"], key, raw["Type"])


def _check_iteration_names(steps: dict[str, Step]) -> None:
    """Iterations of a body step are named `<step>-<n>`, so no other step may be."""
    for name in steps:
        match = re.fullmatch(r"(.+)-\d+", name)
        if match and match[1] in steps and steps[match[1]].branch == "ForEachBody":
            raise InvalidDefinition(f"step name {name!r} is also that of an iteration of {match[1]!r}; rename one")
