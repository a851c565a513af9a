"""The part of JSONPath that batch transform filters use: members, indexes and slices from the root. Pure.

`$`, `$.a.b`, `$['a']`, `$[0]`, `$[-1]`, `$[1:]`, `$[0,2]`, `$['a','b']`.
What else exists (wildcards, `..`, filter expressions,
functions) is refused by name.
"""

import ast
import re
from collections.abc import Callable
from typing import Any

Step = Callable[[Any], Any]
TOKEN = re.compile(r"\.([A-Za-z_][\w-]*)|\[([^\[\]]*)\]")
SLICE = re.compile(r"^\s*(-?\d*)\s*:\s*(-?\d*)\s*$")
NUMBER = re.compile(r"^\s*-?\d+\s*$")


class BadPath(Exception):
    """The path is not one of the forms above; the message says where it goes wrong."""


def compile_path(path: str) -> Step:
    """A function from a document to the selected part; it raises KeyError or IndexError. Raises BadPath."""
    if not path.startswith("$"):
        raise BadPath(f"JSONPath {path!r} must start with $")
    steps: list[Step] = []
    rest = path[1:]
    while rest:
        match = TOKEN.match(rest)
        if match is None:
            raise BadPath(f"JSONPath {path!r}: {rest!r} is not supported; use members, indexes and slices")
        member, inside = match.groups()
        steps.append(_member(member) if member else _bracket(inside, path))
        rest = rest[match.end() :]

    def walk(document: Any) -> Any:
        for step in steps:
            document = step(document)
        return document

    return walk


def _member(name: str) -> Step:
    def get(document: Any) -> Any:
        if not isinstance(document, dict):
            raise KeyError(name)
        return document[name]

    return get


def _bracket(inside: str, path: str) -> Step:
    if match := SLICE.match(inside):
        start, stop = (int(part) if part else None for part in match.groups())
        return lambda document: _list(document)[start:stop]
    parts = inside.split(",")
    if all(NUMBER.match(part) for part in parts):
        numbers = [int(part) for part in parts]
        if len(numbers) == 1:
            return lambda document: _list(document)[numbers[0]]
        return lambda document: [_list(document)[number] for number in numbers]
    try:
        names = ast.literal_eval(f"[{inside}]")
    except (ValueError, SyntaxError):
        names = [None]
    if not names or not all(isinstance(name, str) for name in names):
        raise BadPath(f"JSONPath {path!r}: [{inside}] is not supported; use members, indexes and slices")
    if len(names) == 1:
        return _member(names[0])
    return lambda document: {name: _member(name)(document) for name in names}


def _list(document: Any) -> list[Any]:
    if not isinstance(document, list):
        raise IndexError("not a list")
    return document
