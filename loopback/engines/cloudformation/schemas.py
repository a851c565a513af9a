"""The published schema of each resource type, which cfn-lint carries: checks, types, create-only properties."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Schema = dict[str, Any]


@cache
def _folder() -> Path:
    spec = find_spec("cfnlint")  # found, not imported: importing it takes a second
    if spec is None or spec.origin is None:
        raise RuntimeError("cfn-lint is not installed; its resource schemas are what stacks are checked against")
    return Path(spec.origin).parent / "data" / "schemas"


@cache
def _hashes(region: str) -> dict[str, str]:
    found = _folder() / "providers" / f"{region}.json"
    text = (found if found.exists() else _folder() / "providers" / "us-east-1.json").read_text()
    hashes: dict[str, str] = json.loads(text)
    return hashes


@cache
def schema(resource_type: str, region: str = "us-east-1") -> Schema | None:
    """The schema of a type, for example `AWS::SageMaker::Endpoint`; None for one that AWS does not publish."""
    digest = _hashes(region).get(resource_type)
    if digest is None:
        return None
    read: Schema = json.loads((_folder() / "resources" / f"{digest}.json").read_text())
    return read


def create_only(resource_type: str) -> tuple[str, ...]:
    """The properties whose change replaces the resource."""
    found = (schema(resource_type) or {}).get("createOnlyProperties", [])
    return tuple(path.removeprefix("/properties/").partition("/")[0] for path in found)


def tag_shape(resource_type: str) -> str | None:
    """`list` or `map` for a type that carries stack tags in a property called Tags; else None."""
    found = schema(resource_type) or {}
    if "Tags" not in found.get("properties", {}) or not found.get("tagging", {}).get("taggable", True):
        return None
    return "list" if resolve(found["properties"]["Tags"], found).get("type") == "array" else "map"


def resolve(part: Schema, whole: Schema) -> Schema:
    """`part`, or what its `$ref` into `whole` names; members beside the `$ref` add to it."""
    while "$ref" in part:
        target: Any = whole
        for key in part["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        part = {**target, **{key: value for key, value in part.items() if key != "$ref"}}
    return part
