"""Properties of all resources of a stack compared with their schemas before the first is made, as AWS does.

What depends on another resource is compared when that is there: see `stacks`. Change sets: see `change_sets`.
"""

import copy
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loopback.engines.cloudformation.known_values import known_values
from loopback.engines.cloudformation.properties import property_faults, words

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.stacks": ("_validation_errors", "_add_event", "_resolve_refs"),
}
OPEN = ("Custom::", "AWS::CloudFormation::")
Fault = tuple[str, str, str, str, str]  # logical id, type, name of the validation, path, reason


@dataclass(frozen=True)
class Surroundings:
    """What the properties of a stack's resources are resolved with."""

    parameters: Any
    conditions: Mapping[str, bool]
    mappings: Any
    stack_name: str
    stack_id: str


def install() -> None:
    """Let the base's validation see every property. Once, before the base serves."""
    state, engine = _modules()
    validate = engine._validation_errors

    def validate_resources(resources: Mapping[str, Any], ordered: Iterable[str], *arguments: Any) -> list[Fault]:
        """The faults of a template's resources, those of their properties included."""
        found: list[Fault] = validate(resources, ordered, *arguments)
        around = Surroundings(*arguments[:5])
        verb = str(state._stacks.get(around.stack_name, {}).get("StackStatus", "")).partition("_")[0] or "CREATE"
        for logical_id, kind, properties in known_resources(resources, ordered, around):
            if faults := property_faults(kind, properties):
                found += [fault(logical_id, kind, text) for text in faults]
                reason = words(logical_id, faults)
                engine._add_event(around.stack_id, around.stack_name, logical_id, kind, f"{verb}_FAILED", reason)
        return found

    engine._validation_errors = validate_resources


def known_resources(
    resources: Mapping[str, Any], ordered: Iterable[str], around: Surroundings
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(logical id, type, properties as far as they are known before anything is made) of what has a schema."""
    _, engine = _modules()

    def resolve(value: Any) -> Any:
        refs = copy.deepcopy(value)
        return engine._resolve_refs(
            refs, {}, around.parameters, around.conditions, around.mappings, around.stack_name, around.stack_id
        )

    for logical_id in ordered:
        resource = resources[logical_id]
        kind = resource.get("Type", OPEN[0])
        if kind.startswith(OPEN) or not around.conditions.get(resource.get("Condition", ""), True):
            continue
        given = resource.get("Properties", {})
        yield logical_id, kind, known_values(given, around.conditions, frozenset(resources), resolve)


def _modules() -> list[Any]:
    return [importlib.import_module(name) for name in HOOKS]


def fault(logical_id: str, kind: str, text: str) -> Fault:
    """A fault as DescribeEvents shows it; `text` begins with the path below the properties."""
    path = text.partition(":")[0].removeprefix("#")
    return logical_id, kind, "PROPERTY_VALIDATION", f"/Resources/{logical_id}/Properties{path}", text
