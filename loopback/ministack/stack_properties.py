"""Properties of all resources of a stack compared with their schemas before the first is made, as AWS does.

What depends on another resource is compared when that is there: see `stacks`.
"""

import copy
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from loopback.engines.cloudformation.known_values import known_values
from loopback.engines.cloudformation.properties import property_faults, words

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.stacks": ("_validation_errors", "_add_event", "_resolve_refs"),
}
OPEN = ("Custom::", "AWS::CloudFormation::")
Fault = tuple[str, str, str, str, str]  # logical id, type, name of the validation, path, reason


def install() -> None:
    """Let the base's validation see every property. Once, before the base serves."""
    state, engine = _modules()
    validate = engine._validation_errors

    def validate_resources(resources: Mapping[str, Any], ordered: Iterable[str], *arguments: Any) -> list[Fault]:
        """The faults of a template's resources, those of their properties included."""
        found: list[Fault] = validate(resources, ordered, *arguments)
        parameters, conditions, mappings, stack_name, stack_id = arguments[:5]

        def resolve(value: Any) -> Any:
            refs = copy.deepcopy(value)
            return engine._resolve_refs(refs, {}, parameters, conditions, mappings, stack_name, stack_id)

        verb = str(state._stacks.get(stack_name, {}).get("StackStatus", "")).partition("_")[0] or "CREATE"
        for logical_id in ordered:
            resource = resources[logical_id]
            kind = resource.get("Type", OPEN[0])
            if kind.startswith(OPEN) or not conditions.get(resource.get("Condition", ""), True):
                continue
            properties = known_values(resource.get("Properties", {}), conditions, frozenset(resources), resolve)
            if faults := property_faults(kind, properties):
                found += [fault(logical_id, kind, text) for text in faults]
                reason = words(logical_id, faults)
                engine._add_event(stack_id, stack_name, logical_id, kind, f"{verb}_FAILED", reason)
        return found

    engine._validation_errors = validate_resources


def _modules() -> list[Any]:
    return [importlib.import_module(name) for name in HOOKS]


def fault(logical_id: str, kind: str, text: str) -> Fault:
    """A fault as DescribeEvents shows it; `text` begins with the path below the properties."""
    path = text.partition(":")[0].removeprefix("#")
    return logical_id, kind, "PROPERTY_VALIDATION", f"/Resources/{logical_id}/Properties{path}", text
