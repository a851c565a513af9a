"""References inside a definition (`Get`, `Std:Join`, `Std:JsonGet`): their grammar, and their values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

Path = tuple[str | int, ...]

NO_ITEM: Any = object()  # Scope.item outside of a ForEach body
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
# A list whose elements carry one of these members is also addressed by its value: Outputs['train']
_NAME_KEYS = ("OutputName", "InputName", "MetricName", "Name", "ChannelName", "VariantName")


class Unresolvable(ValueError):
    """A reference has no value; the message names the reference and what was available."""


@dataclass(frozen=True)
class Scope:
    """What references can see. `read_json` reads an S3 URI and raises LookupError, OSError or ValueError."""

    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]]
    read_json: Callable[[str], Any]
    property_files: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    item: Any = NO_ITEM


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """Split `Steps.Prep.Outputs['train'][0].Uri`; ValueError when it is not written with these forms."""
    parts: list[str | int] = []
    dotted, at = "." + text if not text.startswith("[") else text, 0
    while at < len(dotted):
        match = _PART.match(dotted, at)
        if match is None:
            raise ValueError(f"{text!r} is not a path; write .Name, [0] or ['key']")
        name, index, single, double = match.groups()
        parts.append(int(index) if index is not None else next(p for p in (name, single, double) if p is not None))
        at = match.end()
    return tuple(parts)


def form(value: Any) -> str | None:
    """Which reference form `value` is (its only key), or None for a literal."""
    if isinstance(value, dict) and len(value) == 1:
        key: str = next(iter(value))
        if key in _RESOLVERS and isinstance(value[key], str if key == "Get" else dict):
            return key
    return None


def expressions(value: Any, skip: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Every (form, content) inside `value`, nested ones too; dict keys named in `skip` are not entered."""
    kind = form(value)
    if kind is not None:
        yield kind, value[kind]
        if kind == "Get":
            return
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in skip:
                yield from expressions(inner, skip)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner, skip)


def resolve(value: Any, scope: Scope) -> Any:
    """`value` with every reference replaced by what it stands for; literals stay as they are."""
    if isinstance(value, dict):
        kind = form(value)
        if kind is not None:
            return _RESOLVERS[kind](value[kind], scope)
        return {key: resolve(inner, scope) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolve(inner, scope) for inner in value]
    return value


def text(value: Any) -> str:
    """A scalar as the service writes it into a string: booleans lower case, numbers as in JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise Unresolvable(f"{json.dumps(value, default=str)} cannot become text; only strings, numbers and booleans can")


def walk(value: Any, path: Path, whole: str, *, by_name: bool = True) -> Any:
    """Follow `path` into `value`; `by_name` lets ['x'] pick the list element whose name is x."""
    for part in path:
        value = _member(value, part, whole, by_name)
    return value


def _member(value: Any, part: str | int, whole: str, by_name: bool) -> Any:
    if isinstance(part, int) and isinstance(value, list):
        if part < len(value):
            return value[part]
        raise Unresolvable(f"{whole}: there is no [{part}]; the list has {len(value)} element(s)")
    if isinstance(value, Mapping) and part in value:
        return value[part]
    if by_name and isinstance(value, list):
        named = {str(element[key]): element for element in value for key in _NAME_KEYS if _holds(element, key)}
        if part in named:
            return named[str(part)]
        raise Unresolvable(f"{whole}: there is no {part!r}; available: {_list_names(named)}")
    if isinstance(value, Mapping):
        raise Unresolvable(f"{whole}: there is no {part!r}; available: {_list_names(value)}")
    raise Unresolvable(f"{whole}: {part!r} asks for a member of {json.dumps(value, default=str)[:80]}")


def _holds(element: Any, key: str) -> bool:
    return isinstance(element, Mapping) and key in element


def _list_names(names: Any) -> str:
    return ", ".join(str(name) for name in names) or "nothing"


def _get(reference: str, scope: Scope) -> Any:
    root, *rest = parse_path(reference)
    if root == "ForEach":
        return _current_item(reference, rest, scope)
    roots = {"Parameters": scope.parameters, "Execution": scope.variables, "Steps": scope.steps}
    if root not in roots:
        raise Unresolvable(f"{reference}: unknown root {root!r}; use Parameters, Execution, Steps or ForEach")
    if root == "Steps" and rest and rest[0] not in scope.steps:
        raise Unresolvable(
            f"{reference}: step {rest[0]!r} has no result; steps that have one: {_list_names(scope.steps)}"
        )
    return walk(roots[str(root)], tuple(rest), reference)


def _current_item(reference: str, rest: Sequence[str | int], scope: Scope) -> Any:
    if scope.item is NO_ITEM or not rest or rest[0] != "CurrentItem":
        raise Unresolvable(f"{reference}: only ForEach.CurrentItem exists, and only inside a ForEachBody")
    item, path = scope.item, tuple(rest[1:])
    if path and isinstance(item, str):
        try:
            item = json.loads(item)
        except ValueError as error:
            raise Unresolvable(f"{reference}: the item {item!r} is not a JSON object") from error
    return walk(item, path, reference)


def _join(content: Mapping[str, Any], scope: Scope) -> str:
    values = content.get("Values", [])
    return str(content.get("On", "")).join(text(resolve(value, scope)) for value in values)


def _json_get(content: Mapping[str, Any], scope: Scope) -> Any:
    uri = _property_file_uri(content["PropertyFile"]["Get"], scope) if "PropertyFile" in content else None
    uri = uri or text(resolve(content["S3Uri"], scope))
    try:
        document = scope.read_json(uri)
    except (LookupError, OSError, ValueError) as error:
        raise Unresolvable(f"Std:JsonGet cannot read {uri}: {error}") from error
    return walk(document, parse_path(content["Path"]), f"{content['Path']} in {uri}", by_name=False)


def _property_file_uri(reference: str, scope: Scope) -> str:
    step, name = property_file(reference)
    declared = {entry["PropertyFileName"]: entry for entry in scope.property_files.get(step, ())}
    if name not in declared:
        raise Unresolvable(f"{reference}: step {step!r} declares the property files: {_list_names(declared)}")
    entry = declared[name]
    folder = _get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{entry['OutputName']}'].S3Output.S3Uri", scope)
    return f"{str(folder).rstrip('/')}/{entry['FilePath']}"


def property_file(reference: str) -> tuple[str, str]:
    """(step, property file name) of `Steps.S.PropertyFiles.P`; ValueError for anything else."""
    path = parse_path(reference)
    if len(path) != 4 or path[0] != "Steps" or path[2] != "PropertyFiles":
        raise ValueError(f"{reference!r} is not a property file; write Steps.<step>.PropertyFiles.<name>")
    return str(path[1]), str(path[3])


def for_item(scope: Scope, item: Any, siblings: Mapping[str, Mapping[str, Any]]) -> Scope:
    """The scope of one ForEach iteration: its item, and its own body steps under their plain names."""
    return replace(scope, item=item, steps={**scope.steps, **siblings})


_RESOLVERS: dict[str, Callable[[Any, Scope], Any]] = {"Get": _get, "Std:Join": _join, "Std:JsonGet": _json_get}
