"""Conditions of a Condition step: their shape, and whether they hold."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
# The SDK writes QueryValue/Values; the community's JSON schema writes Value/In. Both are read.
_MEMBERSHIP_KEYS = (("QueryValue", "Values"), ("Value", "In"))
_TYPES = (*_COMPARE, "In", "NotIn", "Not", "Or")


class Incomparable(ValueError):
    """Two values of unlike types are compared; the message shows both."""


def check(condition: Any) -> None:
    """Raise ValueError unless `condition` has a known type and the members of that type."""
    kind = condition.get("Type") if isinstance(condition, dict) else None
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"a condition of type {kind!r} is unknown; allowed: {', '.join(_TYPES)}")
    if kind in _COMPARE:
        _require(condition, "LeftValue", "RightValue")
    elif kind == "Not":
        _require(condition, "Condition")
        check(condition["Condition"])
    elif kind == "Or":
        if not isinstance(condition.get("Conditions"), list):
            raise ValueError("a condition of type Or needs Conditions (a list)")
        for inner in condition["Conditions"]:
            check(inner)
    elif not any(value in condition and isinstance(condition.get(among), list) for value, among in _MEMBERSHIP_KEYS):
        raise ValueError(f"a condition of type {kind} needs QueryValue and Values (a list)")


def evaluate(condition: Mapping[str, Any], resolve: Callable[[Any], Any]) -> bool:
    """Whether `condition`, which passed `check`, holds; raises Incomparable for values of unlike types."""
    kind = condition["Type"]
    if kind == "Not":
        return not evaluate(condition["Condition"], resolve)
    if kind == "Or":
        return any(evaluate(inner, resolve) for inner in condition["Conditions"])
    if kind in ("In", "NotIn"):
        value, among = next(keys for keys in _MEMBERSHIP_KEYS if keys[0] in condition)
        wanted = resolve(condition[value])
        found = any(_compare("Equals", wanted, resolve(candidate)) for candidate in condition[among])
        return found if kind == "In" else not found
    return _compare(kind, resolve(condition["LeftValue"]), resolve(condition["RightValue"]))


def _compare(kind: str, left: Any, right: Any) -> bool:
    """Numbers compare numerically, strings by code point; booleans only for equality."""
    ordered = kind not in ("Equals", "NotEquals")
    if _family(left) != _family(right) or _family(left) == "other" or (ordered and _family(left) == "boolean"):
        raise Incomparable(
            f"{kind} cannot compare {_value_and_type(left)} with {_value_and_type(right)}; "
            "both must be numbers or both strings (check the types of the parameters)"
        )
    return _COMPARE[kind](left, right)


def _family(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "other"


def _value_and_type(value: Any) -> str:
    return f"{json.dumps(value, default=str)[:80]} ({type(value).__name__})"


def _require(condition: Mapping[str, Any], *names: str) -> None:
    missing = [name for name in names if name not in condition]
    if missing:
        raise ValueError(f"a condition of type {condition['Type']} needs {' and '.join(missing)}")
