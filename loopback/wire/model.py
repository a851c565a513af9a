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
    """Raise ValidationException with every fault: names, types, required, min (botocore), enum, pattern, max.

    The words are those of AWS's own services, as boto3 users see them: a path has its members in lower camel case and
    counts lists from 1 (`productionVariants.1.member.instanceType`).
    """
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
                    yield from _faults(item, shape.members[key], f"{path}.{key[:1].lower()}{key[1:]}".lstrip("."))
        case "list":
            yield from _size_faults(value, shape, path)
            for i, item in enumerate(value, start=1):
                yield from _faults(item, shape.member, f"{path}.{i}.member")
        case "map":
            yield from _map_faults(value, shape, path)
        case "string":
            yield from _string_faults(value, shape, path)
        case "integer" | "long" | "float" | "double":
            if value > shape.metadata.get("max", value):
                yield _constraint_fault(
                    value, path, f"Member must have value less than or equal to {shape.metadata['max']}"
                )


def _constraint_fault(value: Any, path: str, constraint: str) -> str:
    shown = str(value)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return f"Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"


def _map_faults(value: dict[str, Any], shape: Shape, path: str) -> Iterator[str]:
    yield from _size_faults(value, shape, path)
    for key, item in value.items():
        yield from _faults(key, shape.key, f"{path}.{key}.member")
        yield from _faults(item, shape.value, f"{path}.{key}.member")


def _size_faults(value: Any, shape: Shape, path: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield _constraint_fault(value, path, f"Member must have length less than or equal to {most}")


def _string_faults(value: str, shape: Shape, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _constraint_fault(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    yield from _size_faults(value, shape, path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compile(pattern).fullmatch(value):
        yield _constraint_fault(value, path, f"Member must satisfy regular expression pattern: {pattern}")


@cache
def _compile(pattern: str) -> regex.Pattern[str]:
    """AWS's patterns are Java's: Unicode classes, surrogate pairs, and a quantified `$` that says nothing."""
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    return regex.compile(_QUANTIFIED_END.sub("", pattern), regex.DOTALL)


_QUANTIFIED_END = regex.compile(r"\$\{\d+,\d+\}$")
