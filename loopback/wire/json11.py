"""AWS JSON 1.0 and 1.1, server side. Bytes and dicts in, bytes and dicts out; nothing here knows SageMaker."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.model import Shape

from loopback.core.errors import ServiceError, UnknownOperationException, ValidationException
from loopback.wire import documents, model


def content_type(service_name: str) -> str:
    """Of every answer of a service."""
    return f"application/x-amz-json-{model.service(service_name).metadata['jsonVersion']}"


def operation_name(target: str, service_name: str) -> str:
    """Name the operation from X-Amz-Target, for example `SageMaker.CreateTrainingJob`."""
    name = target.rpartition(".")[2]
    if not name:
        raise UnknownOperationException(
            f"loopback does not carry out requests to {service_name} that have no X-Amz-Target, as those of "
            f"{service_name}-metrics or a feature store's runtime"
        )
    if name not in model.service(service_name).operation_names:
        raise UnknownOperationException(f"{service_name} has no operation {name!r}")
    return name


def parse_body(body: bytes) -> dict[str, Any]:
    """The request as a dict, not yet checked against the model. Raises ValidationException."""
    try:
        request = documents.json_value(body or b"{}")
    except documents.Unreadable as fault:
        raise ValidationException(f"The body is not JSON: {fault}") from None
    if not isinstance(request, dict):
        raise ValidationException(f"The body is a JSON {type(request).__name__}; expected an object")
    return request


def render(response: Mapping[str, Any], service_name: str, operation: str) -> bytes:
    """Serialize what the output shape names; drop the rest, so a handler may return its whole row."""
    shape = model.operation(service_name, operation).output_shape
    return b"{}" if shape is None else json.dumps(plain(response, shape)).encode()


def render_error(error: ServiceError) -> tuple[int, bytes]:
    """The HTTP status and the body that make botocore raise the error by its code."""
    return error.status, json.dumps({"__type": error.code, "message": str(error)}).encode()


def plain(value: Any, shape: Shape) -> Any:
    """The members of `value` that the shape names, with timestamps as epoch seconds."""
    match shape.type_name:
        case "structure":
            members = ((k, s, value.get(k)) for k, s in shape.members.items())
            return {k: plain(item, s) for k, s, item in members if item is not None}
        case "list":
            return [plain(item, shape.member) for item in value]
        case "map":
            return {k: plain(v, shape.value) for k, v in value.items()}
        case "timestamp" if isinstance(value, datetime):
            return value.timestamp()
        case _:
            return value
