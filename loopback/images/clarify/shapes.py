"""What a JSON document may hold, as tables: a fault names the key, what was found, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class Leaf:
    """A value without parts that are looked at."""

    expected: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Listed:
    """A list of at least so many values of one shape."""

    of: Shape
    least: int = 1


@dataclass(frozen=True)
class Keyed:
    """An object. `refused` are keys that AWS documents and loopback does not carry out, each with what it is about."""

    keys: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


Shape = Leaf | Listed | Keyed


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TEXT = Leaf("text", lambda value: isinstance(value, str) and bool(value))
FLAG = Leaf("true, false", lambda value: isinstance(value, bool))
COUNT = Leaf("a whole number above 0", lambda value: _is_integer(value) and value > 0)
INTEGER = Leaf("a whole number", _is_integer)
SHARE = Leaf("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
VALUE = Leaf("text or a number", lambda value: isinstance(value, str) or _is_number(value))
NAME_OR_INDEX = Leaf(
    "a column's name or its number from 0", lambda v: isinstance(v, str) or (_is_integer(v) and v >= 0)
)


def one_of(*allowed: str) -> Leaf:
    """One of some texts, whatever its case."""
    return Leaf(", ".join(allowed), lambda value: isinstance(value, str) and value.lower() in allowed)


def faults(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Everything in `value` that its shape does not allow."""
    if isinstance(shape, Leaf):
        if not shape.fits(value):
            yield f"{path} is {_abbreviate(value)}; allowed: {shape.expected}"
    elif isinstance(shape, Listed):
        yield from _list_faults(value, shape, path)
    elif not isinstance(value, dict):
        yield f"{path} is {_abbreviate(value)}; allowed: an object with {', '.join(shape.keys)}"
    else:
        yield from _key_faults(value, shape, path)


def _list_faults(value: Any, shape: Listed, path: str) -> Iterator[str]:
    if not isinstance(value, list) or len(value) < shape.least:
        yield f"{path} is {_abbreviate(value)}; allowed: a list of at least {shape.least}"
        return
    for index, item in enumerate(value):
        yield from faults(item, shape.of, f"{path}[{index}]")


def _key_faults(value: Mapping[str, Any], shape: Keyed, path: str) -> Iterator[str]:
    dotted = f"{path}." if path else ""
    for key in shape.required:
        if key not in value:
            yield f"{dotted}{key} is missing"
    for key, inner in value.items():
        if key in shape.refused:
            yield f"{dotted}{key}: {shape.refused[key]} is not available here"
        elif key not in shape.keys:
            near = get_close_matches(key, shape.keys, 1, 0.6)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"{dotted}{key} is not known{hint}; allowed: {', '.join(shape.keys)}"
        else:
            yield from faults(inner, shape.keys[key], f"{dotted}{key}")


def _abbreviate(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
