"""The service models that botocore ships, and what a request must satisfy to fit them."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.loaders
import regex
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from loopback.core.errors import ValidationException


@cache
def service(name: str) -> ServiceModel:
    """The model of one AWS service, for example `sagemaker`. Parsed once a process (about 0.1 s)."""
    return ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def target_prefix(name: str) -> str:
    """What X-Amz-Target starts with, for example `SageMaker.`."""
    return f"{service(name).metadata['targetPrefix']}."


@cache
def operation(service_name: str, operation_name: str) -> OperationModel:
    """One operation of a service; botocore builds its shapes anew at each call, so they are kept."""
    return service(service_name).operation_model(operation_name)


def check(request: dict[str, Any], shape: Shape | None) -> None:
    """Raise ValidationException with every fault: names, types, required, min (botocore), enum, pattern, max."""
    if shape is None:
        return
    try:
        report = ParamValidator().validate(request, shape)
    except (RuntimeError, OverflowError, OSError, ValueError) as fault:  # of a number that is no time
        raise ValidationException(f"A timestamp of the request cannot be read: {fault}") from None
    if report.has_errors():
        raise ValidationException(report.generate_report())
    faults = list(_faults(request, shape, ""))
    if faults:
        noun = "validation error" if len(faults) == 1 else "validation errors"
        raise ValidationException(f"{len(faults)} {noun} detected: " + "; ".join(faults))


def _faults(value: Any, shape: Shape, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            for key, item in value.items():
                if item is not None:
                    yield from _faults(item, shape.members[key], f"{path}.{key}".lstrip("."))
        case "list":
            yield from _size_faults(len(value), "items", shape, path)
            for i, item in enumerate(value):
                yield from _faults(item, shape.member, f"{path}[{i}]")
        case "map":
            yield from _map_faults(value, shape, path)
        case "string":
            yield from _string_faults(value, shape, path)
        case "integer" | "long" | "float" | "double":
            if value > shape.metadata.get("max", value):
                yield f"Value {value} at {path!r} must be at most {shape.metadata['max']}"


def _map_faults(value: dict[str, Any], shape: Shape, path: str) -> Iterator[str]:
    yield from _size_faults(len(value), "entries", shape, path)
    for key, item in value.items():
        yield from _faults(key, shape.key, f"{path} key")
        yield from _faults(item, shape.value, f"{path}[{key!r}]")


def _size_faults(size: int, noun: str, shape: Shape, path: str) -> Iterator[str]:
    limit = shape.metadata.get("max", size)
    if size > limit:
        yield f"{path!r} has {size} {noun}; at most {limit}"


def _string_faults(value: str, shape: Shape, path: str) -> Iterator[str]:
    shown = value if len(value) <= 80 else value[:77] + "..."
    if shape.enum and value not in shape.enum:
        yield f"Value {shown!r} at {path!r} is not one of {_choices(shape.enum)}"
    yield from _size_faults(len(value), "characters", shape, path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compile(pattern).fullmatch(value):
        yield f"Value {shown!r} at {path!r} must match {pattern}"


def _choices(values: list[str]) -> str:
    """Instance types are over a hundred: a message shows the first of a long list."""
    return f"{sorted(values)}" if len(values) <= 20 else f"{sorted(values)[:20]} and {len(values) - 20} more"


@cache
def _compile(pattern: str) -> regex.Pattern[str]:
    """AWS's patterns are Java's: Unicode classes, surrogate pairs, and a quantified `$` that says nothing."""
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    return regex.compile(_QUANTIFIED_END.sub("", pattern), regex.DOTALL)


_QUANTIFIED_END = regex.compile(r"\$\{\d+,\d+\}$")
