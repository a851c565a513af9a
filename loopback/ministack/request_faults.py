"""Requests of the base's JSON services that do not fit their service model, which the base takes as they come.

It stores a number as a name, counts shards until the memory is full, and answers 500 where it stumbles. AWS refuses all
of that before it looks at anything. What a shape does not know is left alone, as on AWS.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import Shape
from botocore.validate import ParamValidator

from loopback.core.errors import ValidationException
from loopback.wire import model

SERIALIZATION, VALIDATION = "SerializationException", "ValidationException"
WITH_PATTERNS = frozenset({"kinesis"})  # whose patterns keep what it would read as numbers
_INTEGER = re.compile(r"[-+]?[0-9]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
LARGEST = {"integer": 2**31 - 1, "long": 2**63 - 1}


@dataclass(frozen=True)
class RequestFault:
    """An error as AWS's services answer it."""

    code: str
    message: str


@dataclass(frozen=True)
class Limit:
    """The most that a member may say, where the model has no maximum and AWS has a quota."""

    member: str
    most: int
    code: str
    message: str


# AWS: Amazon Kinesis Data Streams Developer Guide, "Quotas and limits"; the words are those of its answer.
_SHARDS = (
    "This request would exceed the shard limit for the account. Limit: 500. Refer to the AWS Service Limits page for "
    "current limits and how to request higher limits."
)
LIMITS: dict[tuple[str, str], Limit] = {
    ("kinesis", "CreateStream"): Limit("ShardCount", 500, "LimitExceededException", _SHARDS),
    ("sqs", "ReceiveMessage"): Limit(
        "WaitTimeSeconds",
        20,
        "InvalidParameterValue",
        "Value for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
    ),
    ("kinesis", "UpdateShardCount"): Limit("TargetShardCount", 500, "LimitExceededException", _SHARDS),
}


def request_fault(service: str, operation: str, body: bytes) -> RequestFault | None:
    """What is wrong with the body of a JSON request; None where it fits."""
    try:
        request = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return RequestFault(SERIALIZATION, "The body of the request is no JSON")
    if not isinstance(request, dict):
        return RequestFault(SERIALIZATION, "The body of the request is no JSON object")
    shape = model.operation(service, operation).input_shape
    if shape is None:
        return None
    given = _without_nulls(request)
    try:
        report = ParamValidator().validate(given, shape)
    except (RuntimeError, OverflowError, OSError, ValueError) as fault:  # of a number that is no time
        return RequestFault(SERIALIZATION, f"A timestamp of the request cannot be read: {fault}")
    lines = [
        line for line in report.generate_report().splitlines() if line and not line.startswith("Unknown parameter")
    ]
    if lines:
        is_type = any(line.startswith("Invalid type") for line in lines)
        return RequestFault(SERIALIZATION if is_type else VALIDATION, "; ".join(lines))
    return _value_fault(service, operation, given, shape)


def _value_fault(service: str, operation: str, given: dict[str, Any], shape: Shape) -> RequestFault | None:
    """What is wrong with the values of a request whose members have the right types."""
    if large := _too_large(given, shape):
        return RequestFault(SERIALIZATION, f"{large} is larger than its type")
    if _has_nameless_tag(given, shape):
        return RequestFault(VALIDATION, "A tag of the request has no Key")
    if service in WITH_PATTERNS:
        try:
            model.check(_prune(given, shape), shape)
        except ValidationException as fault:
            return RequestFault(VALIDATION, str(fault))
    limit = LIMITS.get((service, operation))
    if limit and isinstance(given.get(limit.member), int) and given[limit.member] > limit.most:
        return RequestFault(limit.code, limit.message)
    return None


def stumble_fault(
    models: Iterable[str], operation: str, path: str, query: Mapping[str, Any], body: bytes
) -> RequestFault | None:
    """What is wrong with a request over which the base has stumbled; None where nothing is, and it is a defect."""
    if "//" in path or path.endswith("/"):
        return RequestFault("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = next((name for name in models if operation in model.service(name).operation_names), None)
    if found is None:
        return None
    if wrong := _no_number(query, model.operation(found, operation).input_shape):
        return RequestFault(SERIALIZATION, f"{wrong} is no number")
    if not body:
        return None
    fault = request_fault(found, operation, body)
    is_missing = fault is not None and fault.message.startswith("Missing required parameter")  # it may be in the path
    return None if is_missing else fault


def _no_number(query: Mapping[str, Any], shape: Shape | None) -> str:
    """The first parameter in a path's query that should be a number and is none."""
    for name, part in (shape.members if shape is not None else {}).items():
        given = query.get(part.serialization.get("name", name))
        text = given[0] if isinstance(given, list) and given else given
        if part.type_name in LARGEST and text is not None and not _INTEGER.fullmatch(str(text)):
            return str(name)
    return ""


def list_fault(operation: str, body: bytes) -> RequestFault | None:
    """What is wrong with a list of S3's that repeats characters of the request which XML can't have."""
    if operation.startswith("List") and _CONTROL.search(body):
        return RequestFault("InvalidArgument", "XML can't have these characters; ask with encoding-type=url")
    return None


def _has_nameless_tag(value: Any, shape: Shape) -> bool:
    """Whether a tag lacks what it is called by: some models leave its Key optional, and AWS does not."""
    if isinstance(value, list):
        return any(_has_nameless_tag(item, shape.member) for item in value)
    if not isinstance(value, dict) or shape.type_name != "structure":
        return False
    if shape.name == "Tag" and "Key" in shape.members and not value.get("Key"):
        return True
    return any(_has_nameless_tag(value[name], part) for name, part in shape.members.items() if name in value)


def _prune(value: Any, shape: Shape) -> Any:
    """What of a value its shape knows."""
    if isinstance(value, list):
        return [_prune(item, shape.member) for item in value]
    if isinstance(value, dict) and shape.type_name == "structure":
        return {name: _prune(value[name], part) for name, part in shape.members.items() if name in value}
    return value


def _without_nulls(value: Any) -> Any:
    """A member that is null is absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _too_large(value: Any, shape: Shape, path: str = "") -> str:
    """The first number that its type can't hold."""
    if isinstance(value, Mapping):
        if shape.type_name == "structure":
            parts = [(value[name], part, f"{path}.{name}") for name, part in shape.members.items() if name in value]
        elif shape.type_name == "map":
            parts = [(item, shape.value, f"{path}.{key}") for key, item in value.items()]
        else:
            return ""
        return next((found for part in parts if (found := _too_large(*part))), "")
    if isinstance(value, list):
        return next((found for item in value if (found := _too_large(item, shape.member, path))), "")
    most = LARGEST.get(shape.type_name)
    return path.lstrip(".") if most is not None and abs(value) > most else ""
