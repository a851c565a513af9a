"""What is known of a resource's properties before any resource is made. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from loopback.engines.cloudformation.intrinsics import NO_VALUE, function_of, uses
from loopback.engines.cloudformation.properties import UNKNOWN
from loopback.engines.cloudformation.references import live

DYNAMIC = "{{resolve:"  # a dynamic reference, which is looked up when the resource is made
LATER = frozenset({"Fn::GetAtt", "Fn::GetAZs", "Fn::ImportValue"})  # what is asked of an account or a resource


def known_values(
    properties: Mapping[str, Any], conditions: Mapping[str, bool], made: frozenset[str], resolve: Callable[[Any], Any]
) -> dict[str, Any]:
    """The properties with every function's value, `UNKNOWN` where it depends on one of the resources `made`."""
    pruned = _without_nothing(live(dict(properties), conditions))

    def value_of(value: Any) -> Any:
        if function_of(value):
            return UNKNOWN if _is_later(value, made) else resolve(value)
        if isinstance(value, dict):
            return {key: value_of(item) for key, item in value.items()}
        if isinstance(value, list):
            return [value_of(item) for item in value]
        return UNKNOWN if isinstance(value, str) and DYNAMIC in value else value

    return {key: value_of(value) for key, value in pruned.items()}


def _is_later(value: Any, made: frozenset[str]) -> bool:
    text = str(value)
    return DYNAMIC in text or any(name in text for name in LATER) or any(use.name in made for use in uses(value))


def _without_nothing(value: Any) -> Any:
    """The value without the members that are AWS::NoValue."""
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item != NO_VALUE}
    return [_without_nothing(item) for item in value if item != NO_VALUE] if isinstance(value, list) else value
