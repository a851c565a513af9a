"""The resolved arguments of a step, in the types that the service's requests want."""

from __future__ import annotations

from typing import Any

from loopback.engines.pipelines.model import Step
from loopback.engines.pipelines.references import Scope, resolve, text

# Members that are text in every request, whatever type the parameter behind them has.
_TEXT_MAPS = frozenset({"HyperParameters", "StaticHyperParameters", "Environment", "CustomerMetadataProperties"})
_TEXT_LISTS = frozenset({"ContainerArguments", "ContainerEntrypoint"})
_PAYLOADS = ("Lambda", "Callback")  # their Arguments are the user's own document
_NOT_FOR_STARTING = frozenset(
    {
        "Name",
        "Type",
        "Arguments",
        "DependsOn",
        "DisplayName",
        "Description",
        "CacheConfig",
        "RetryPolicies",
        "PropertyFiles",
        "OutputParameters",
    }
)


def resolve_arguments(step: Step, scope: Scope) -> dict[str, Any]:
    """The step's Arguments without references; null members are left out, as the service reads them."""
    arguments: dict[str, Any] = resolve(dict(step.arguments), scope)
    return arguments if step.type in _PAYLOADS else _request(arguments)


def envelope(step: Step, scope: Scope) -> dict[str, Any]:
    """The type's own keys beside Arguments (FunctionArn, CheckType, SkipCheck, ...), resolved."""
    return {key: resolve(value, scope) for key, value in step.raw.items() if key not in _NOT_FOR_STARTING}


def _request(value: Any, member: str = "") -> Any:
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if inner is not None}
        if member in _TEXT_MAPS:
            return {key: text(inner) for key, inner in kept.items()}
        return {key: _request(inner, key) for key, inner in kept.items()}
    if isinstance(value, list):
        return [text(inner) if member in _TEXT_LISTS else _request(inner) for inner in value]
    return value
