"""CloudFormation properties as the request of the API that they are made for. Pure."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.model import Shape, StructureShape

from loopback.core.errors import ValidationException
from loopback.wire import model


def request_for(service: str, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties with the API's spelling of their names, at every depth.

    CloudFormation writes `ArtifactStore` where CodePipeline's API writes `artifactStore`; SageMaker's are the same.
    """
    shape = model.operation(service, operation).input_shape
    request: dict[str, Any] = _spell_members(properties, shape, operation)
    return request


def _spell_members(value: Any, shape: Shape | None, path: str) -> Any:
    if shape is None or value is None:
        return value
    if shape.type_name == "structure" and isinstance(value, Mapping):
        names = {name.lower(): name for name in shape.members}
        unknown = [key for key in value if key.lower() not in names]
        if unknown:
            raise ValidationException(f"{path} has no member {unknown[0]}; it has {', '.join(sorted(shape.members))}")
        found = {names[key.lower()]: item for key, item in value.items()}
        return {name: _spell_members(item, shape.members[name], f"{path}.{name}") for name, item in found.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_spell_members(item, shape.member, path) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(key): _spell_members(item, shape.value, path) for key, item in value.items()}
    if shape.type_name == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else json.dumps(value)
    return value


def with_tokens(service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the idempotency tokens that the API needs: clients make them up, and so does CloudFormation."""
    shape = model.operation(service, operation).input_shape
    members = shape.members if isinstance(shape, StructureShape) else {}
    tokens = {name: str(uuid.uuid4()) for name, member in members.items() if member.metadata.get("idempotencyToken")}
    return tokens | dict(request)


def tag_changes(old: Any, new: Any) -> tuple[dict[str, str], list[str]]:
    """What to tag and which keys to untag, from two CloudFormation Tags properties (lists or maps)."""
    before, after = _tags(old), _tags(new)
    return {key: value for key, value in after.items() if before.get(key) != value}, sorted(before.keys() - after)


def _tags(tags: Any) -> dict[str, str]:
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {tag["Key"]: str(tag.get("Value", "")) for tag in tags or ()}
