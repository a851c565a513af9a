"""Whether the properties of a resource fit its schema, with CloudFormation's own words where they do not.

CloudFormation takes `"5"` for an integer and `"true"` for a boolean; `checked` returns them as what they are. Before a
resource is made some values are not known yet: those are `UNKNOWN`, and fit.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from loopback.engines.cloudformation.schemas import Schema, resolve, schema


class InvalidProperties(Exception):
    """The properties do not fit the schema; the message is CloudFormation's."""


class _Unknown:
    """The value of a property that is known only when what it refers to is made."""


UNKNOWN = _Unknown()


def check_properties(resource_type: str, logical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with scalars of the schema's types. Raises InvalidProperties with every fault."""
    made, faults = _read(resource_type, properties)
    if faults:
        raise InvalidProperties(words(logical_id, faults))
    return made


def property_faults(resource_type: str, properties: dict[str, Any]) -> list[str]:
    """What does not fit; each begins with where."""
    return _read(resource_type, properties)[1]


def words(logical_id: str, faults: Iterable[str]) -> str:
    """What CloudFormation says of a resource with these faults."""
    return f"Properties validation failed for resource {logical_id} with message:\n[{', '.join(faults)}]"


def _read(resource_type: str, properties: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    whole = schema(resource_type)
    if whole is None:
        return properties, []
    read_only = [path.removeprefix("/properties/") for path in whole.get("readOnlyProperties", [])]
    faults = [f"#: extraneous key [{key}] is not permitted" for key in properties if key in read_only]
    return dict(_value(properties, whole, whole, "#", faults.append)), faults


Tell = Callable[[str], None]


def _value(value: Any, part: Schema, whole: Schema, path: str, tell: Tell) -> Any:
    if value is UNKNOWN:
        return value
    part = resolve(part, whole)
    kinds = part.get("type")
    allowed = [kinds] if isinstance(kinds, str) else list(kinds or [])
    if isinstance(value, dict):
        if allowed and "object" not in allowed:
            tell(f"{path}: expected type: {_titles(allowed)}, found: JSONObject")
            return value
        return _object(value, part, whole, path, tell)
    if isinstance(value, list):
        if allowed and "array" not in allowed:
            tell(f"{path}: expected type: {_titles(allowed)}, found: JSONArray")
            return value
        for fault in _size(len(value), part, "minItems", "maxItems", "item count"):
            tell(f"{path}: {fault}")
        items = part.get("items")
        return [_value(x, items, whole, f"{path}/{i}", tell) if items else x for i, x in enumerate(value)]
    made = _scalar(value, allowed)
    if made is None:
        tell(f"{path}: expected type: {_titles(allowed)}, found: {_TITLES[type(value)]}")
        return value
    for fault in _scalar_faults(made, part):
        tell(f"{path}: {fault}")
    return made


def _object(value: dict[str, Any], part: Schema, whole: Schema, path: str, tell: Tell) -> dict[str, Any]:
    members, patterns = part.get("properties", {}), part.get("patternProperties", {})
    made = {}
    for key, item in value.items():
        inner = members.get(key) or next((s for p, s in patterns.items() if _has_match(p, key)), None)
        if inner is None and part.get("additionalProperties") is False:
            tell(f"{path}: extraneous key [{key}] is not permitted")
        made[key] = item if inner is None else _value(item, inner, whole, f"{path}/{key}", tell)
    for fault in _missing(value, part):
        tell(f"{path}: {fault}")
    return made


def _missing(value: dict[str, Any], part: Schema) -> Iterator[str]:
    for key in part.get("required", []):
        if key not in value:
            yield f"required key [{key}] not found"
    exclusive = part.get("requiredXor")
    if exclusive and sum(key in value for key in exclusive) != 1:
        yield f"exactly one of [{', '.join(exclusive)}] is required"
    either = part.get("requiredOr")
    if either and not any(key in value for key in either):
        yield f"at least one of [{', '.join(either)}] is required"
    for key, needed in part.get("dependentRequired", {}).items():
        missing = [other for other in needed if other not in value]
        if key in value and missing:
            yield f"property [{missing[0]}] is required with [{key}]"


_TITLES: dict[type, str] = {str: "String", bool: "Boolean", int: "Integer", float: "Number", type(None): "Null"}


def _titles(allowed: list[str]) -> str:
    titles = {"object": "JSONObject", "array": "JSONArray"}
    return " or ".join(titles.get(kind, kind.capitalize()) for kind in allowed)


def _scalar(value: Any, allowed: list[str]) -> Any:
    """The value as the first of the types that it can be, or None."""
    if not allowed or ("object" in allowed and isinstance(value, str)):
        return value
    for kind in allowed:
        made = _CONVERSIONS[kind](value) if kind in _CONVERSIONS else None
        if made is not None:
            return made
    return None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())


def _integer(value: Any) -> int | None:
    if isinstance(value, bool) or not re.fullmatch(r"-?\d+(\.0+)?", str(value)):
        return None
    return int(float(value))


def _number(value: Any) -> float | int | None:
    whole = _integer(value)
    if whole is not None or isinstance(value, bool):
        return whole
    return float(value) if re.fullmatch(r"-?\d*\.?\d+([eE][-+]?\d+)?", str(value)) else None


def _string(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "string": _string,
}


def _scalar_faults(value: Any, part: Schema) -> Iterator[str]:
    if "enum" in part and value not in part["enum"]:
        yield f"{value} is not a valid enum value"
    if isinstance(value, str):
        yield from _size(len(value), part, "minLength", "maxLength", "length")
        pattern = part.get("pattern")
        if pattern and not _has_match(pattern, value):
            yield f"failed validation constraint for keyword [pattern]: {value} must match {pattern}"
    elif not isinstance(value, bool):
        yield from _size(value, part, "minimum", "maximum", "value")


def _size(size: float, part: Schema, least: str, most: str, noun: str) -> Iterator[str]:
    if size < part.get(least, size):
        yield f"{noun} {size} is below the minimum of {part[least]}"
    if size > part.get(most, size):
        yield f"{noun} {size} is above the maximum of {part[most]}"


@cache
def _expression(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:  # a few are of another dialect; a service checks its own members anyway
        return None


def _has_match(pattern: str, text: str) -> bool:
    compiled = _expression(pattern)
    return compiled is None or compiled.search(text) is not None
