"""How steps hang together: what each waits for, that its references exist, and that nothing goes in circles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from loopback.engines.pipelines.model import NESTED_KEYS, Definition, InvalidDefinition, Step
from loopback.engines.pipelines.references import expressions, parse_path, property_file

TRIGGERS = {"Completed": "Succeeded", "Succeeded": "Succeeded", "Failed": "Failed", "Stopped": "Stopped", "Any": "Any"}
VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
_WITHOUT_PROPERTIES = ("Fail", "Cleanup")


def dependencies(raw: Mapping[str, Any]) -> dict[str, str]:
    """Step name -> awaited outcome: its references (nested steps aside), DependsOn, and what a Cleanup cleans."""
    found: dict[str, str] = {}
    for kind, content in expressions({**raw, "DependsOn": None}, NESTED_KEYS):
        if kind == "Get":
            path = _path(raw["Name"], content)
            if path[0] == "Steps" and len(path) > 1:
                found[str(path[1])] = "Succeeded"
    if raw["Type"] == "Cleanup":
        found |= {source["StepName"]: "Succeeded" for source in raw["Arguments"]["Resources"]["S3"]}
    for entry in raw.get("DependsOn") or ():
        name, trigger = (entry.get("Step"), entry.get("Trigger")) if isinstance(entry, dict) else (entry, "Completed")
        if not isinstance(name, str) or not isinstance(trigger, str) or trigger not in TRIGGERS:
            raise InvalidDefinition(
                f"step {raw['Name']!r}: DependsOn has {entry!r}; write a step name or "
                f'{{"Step": ..., "Trigger": one of {", ".join(TRIGGERS)}}}'
            )
        found[name] = TRIGGERS[trigger]
    return found


def check(definition: Definition) -> None:
    """Raise InvalidDefinition for a reference or dependency that cannot work, or for a cycle."""
    for step in definition.steps.values():
        for fault in _dependency_faults(definition, step):
            raise InvalidDefinition(f"step {step.name!r} {fault}")
        for kind, content in expressions(step.raw, NESTED_KEYS):
            for fault in _FAULTS[kind](definition, step, content):
                raise InvalidDefinition(f"step {step.name!r} {fault}")
    try:
        TopologicalSorter(_waits(definition)).prepare()
    except CycleError as error:
        raise InvalidDefinition(f"steps wait for each other: {' -> '.join(error.args[1])}") from error


def _waits(definition: Definition) -> dict[str, set[str]]:
    """What every step waits for, its Condition included; a ForEach waits for what its body waits for outside."""
    graph = {step.name: set(step.dependencies) for step in definition.steps.values()}
    for step in definition.steps.values():
        if step.parent and step.branch == "ForEachBody":
            body = {sibling.name for sibling in definition.bodies[step.parent]}
            graph[step.parent] |= set(step.dependencies) - body
        elif step.parent:
            graph[step.name].add(step.parent)
    return graph


def _dependency_faults(definition: Definition, step: Step) -> Iterator[str]:
    for name in step.dependencies:
        other = definition.steps.get(name)
        if other is None:
            yield f"waits for step {name!r}, which does not exist; steps: {', '.join(definition.steps)}"
        elif other.type == "Fail":
            # AWS's words; the SDK's own integration tests look for them.
            yield f"waits for {name!r}, a Fail step: {step.name} can not depends on {name}"
        elif other.branch == "ForEachBody" and other.parent != step.parent:
            yield f"waits for {name!r}, inside ForEach {other.parent!r}; wait for {other.parent!r} instead"


def _reference_faults(definition: Definition, step: Step, reference: str) -> Iterator[str]:
    root, *rest = _path(step.name, reference)
    first = rest[0] if rest else None
    if root == "Parameters" and first not in definition.parameters:
        known = ", ".join(definition.parameters) or "none"
        yield f"refers to {reference}, but no such parameter is declared; declared: {known}"
    elif root == "Execution" and first not in VARIABLES:
        yield f"refers to {reference}; known: {', '.join(VARIABLES)}"
    elif root == "ForEach" and (step.branch != "ForEachBody" or first != "CurrentItem"):
        yield f"refers to {reference}; only ForEach.CurrentItem exists, and only inside a ForEachBody"
    elif root == "IterationOutput" and step.type != "ForEach":
        yield f"refers to {reference}, which only the Selector of a ForEach can"
    elif root == "Steps":
        yield from _property_faults(definition, reference, rest)
    elif root not in ("Parameters", "Execution", "ForEach", "IterationOutput"):
        yield f"refers to {reference}; a reference starts with Parameters, Execution, Steps or ForEach"


def _property_faults(definition: Definition, reference: str, rest: list[str | int]) -> Iterator[str]:
    if len(rest) < 2:
        yield f"refers to {reference}, which names no property; write Steps.<step>.<property>"
        return
    other = definition.steps[str(rest[0])]
    if other.type in _WITHOUT_PROPERTIES:
        yield f"refers to {reference}, but a {other.type} step has no properties"
    if rest[1] == "OutputParameters" and other.type in ("Lambda", "Callback") and len(rest) > 2:
        names = [entry.get("OutputName") for entry in other.raw.get("OutputParameters") or ()]
        if rest[2] not in names:
            yield f"refers to {reference}; {other.name!r} declares the outputs: {', '.join(map(str, names)) or 'none'}"
    if rest[1] == "PropertyFiles":
        yield from _property_file_faults(definition, reference)


def _property_file_faults(definition: Definition, reference: str) -> Iterator[str]:
    try:
        step, name = property_file(reference)
    except ValueError as error:
        yield f"refers to {error}"
        return
    names = [entry["PropertyFileName"] for entry in definition.property_files.get(step, ())]
    if name not in names:
        yield f"refers to {reference}; step {step!r} declares the property files: {', '.join(names) or 'none'}"


def _json_get_faults(_: Definition, __: Step, content: Mapping[str, Any]) -> Iterator[str]:
    source = content.get("PropertyFile")
    if ("S3Uri" in content) == (source is not None) or not isinstance(content.get("Path"), str):
        yield "has a Std:JsonGet that needs Path (text) and either PropertyFile or S3Uri"
    elif source is not None and not (isinstance(source, dict) and isinstance(source.get("Get"), str)):
        yield 'has a Std:JsonGet whose PropertyFile is not {"Get": "Steps.<step>.PropertyFiles.<name>"}'
    elif source is not None and "PropertyFiles" not in parse_path(source["Get"]):
        yield f"has a Std:JsonGet of {source['Get']}; write Steps.<step>.PropertyFiles.<name>"
    else:
        try:
            parse_path(content["Path"])
        except ValueError as error:
            yield f"has a Std:JsonGet: {error}"


def _join_faults(_: Definition, __: Step, content: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(content.get("On", ""), str) or not isinstance(content.get("Values"), list):
        yield "has a Std:Join that needs On (text) and Values (a list)"


def _path(step: str, reference: str) -> tuple[str | int, ...]:
    try:
        return parse_path(reference) or ("",)
    except ValueError as error:
        raise InvalidDefinition(f"step {step!r} refers to {error}") from error


_FAULTS: dict[str, Callable[[Definition, Step, Any], Iterator[str]]] = {
    "Get": _reference_faults,
    "Std:Join": _join_faults,
    "Std:JsonGet": _json_get_faults,
}
