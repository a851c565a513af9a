"""Which attributes of a resource Fn::GetAtt finds: those that its schema says are read-only, and some more.

`attributes.json` lists the types of which every property is one, and the properties of some other types that are. It is
cfn-lint's table, copied since importing cfn-lint takes seconds; a test holds the two equal.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from loopback.engines.cloudformation.schemas import Schema, resolve, schema

OPEN = ("Custom::", "AWS::CloudFormation::CustomResource")  # what their function answers
OUTPUTS = "Outputs."
WITH_OUTPUTS = frozenset({"AWS::CloudFormation::Stack", "AWS::ServiceCatalog::CloudFormationProvisionedProduct"})


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("attributes.json").read_text())
    return found


def has_attribute(resource_type: str, attribute: str) -> bool:
    """Whether Fn::GetAtt finds it; a type whose schema is not published has any."""
    if resource_type.startswith(OPEN):
        return True
    if resource_type in WITH_OUTPUTS and attribute.startswith(OUTPUTS):
        return True
    known = attributes(resource_type)
    return known is None or any(_matches(name, attribute) for name in known)


@cache
def attributes(resource_type: str) -> frozenset[str] | None:
    """Dotted names; None for a type whose schema is not published."""
    whole = schema(resource_type)
    if whole is None:
        return None
    if resource_type in _table()["every property"]:
        return frozenset(name for key, part in whole["properties"].items() for name in _leaves(key, part, whole))
    read_only = [path.removeprefix("/properties/").replace("/", ".") for path in whole.get("readOnlyProperties", [])]
    return frozenset([*read_only, *_table()["more"].get(resource_type, [])])


def _leaves(name: str, part: Schema, whole: Schema) -> Iterator[str]:
    found = resolve(part, whole)
    if "object" in found.get("type", "") and found.get("properties"):
        for key, inner in found["properties"].items():
            yield from _leaves(f"{name}.{key}", inner, whole)
    else:
        yield name


def _matches(name: str, attribute: str) -> bool:
    """Whether an attribute is one of the schema's, in which `*` stands for any part of a path."""
    parts, wanted = name.split("."), attribute.split(".")
    return len(parts) == len(wanted) and all(part in ("*", given) for part, given in zip(parts, wanted, strict=True))
