"""Search expressions: which are allowed, and which records they hold for. Pure.

Source: AWS, API_SearchExpression, API_Filter and API_NestedFilters. A record without the property is NotEquals to any
value, which AWS does not say.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.model import StructureShape

from loopback.core.errors import ValidationException
from loopback.services.listing import seconds
from loopback.services.sagemaker.search.properties import kind_of, values_of

Expression = Mapping[str, Any]
Record = Mapping[str, Any]
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "GreaterThan": lambda here, asked: here > asked,
    "GreaterThanOrEqualTo": lambda here, asked: here >= asked,
    "LessThan": lambda here, asked: here < asked,
    "LessThanOrEqualTo": lambda here, asked: here <= asked,
}
_OF_TEXT = ("Contains", "In")
_PRESENCE = ("Exists", "NotExists")
# Where Contains may be used more than once: properties of the resources of experiments.
_MANY_CONTAINS = {
    "Experiment": ("DisplayName", "ExperimentName", "Tags"),
    "Trial": ("DisplayName", "TrialName", "Tags"),
    "TrialComponent": ("DisplayName", "TrialComponentName", "Tags", "InputArtifacts", "OutputArtifacts"),
}


def check(expression: Expression, shape: StructureShape) -> None:
    """Raise ValidationException for a property, an operator or a value that AWS does not take."""
    single = 0
    for each in _filters(expression):
        _check_filter(each, shape)
        many = _MANY_CONTAINS.get(shape.name, ())
        single += each.get("Operator") == "Contains" and each["Name"].split(".")[0] not in many
    if single > 1:
        raise ValidationException("'CONTAINS' operator usage limit of 1 exceeded.")
    for nested in _nested_filters(expression):
        outer = nested["NestedPropertyName"]
        kind_of(shape, outer)
        for each in nested["Filters"]:
            if not each["Name"].startswith(f"{outer}."):
                raise ValidationException(f"The nested filter {each['Name']} must begin with {outer}.")


def _filters(expression: Expression) -> Iterator[Mapping[str, Any]]:
    yield from expression.get("Filters") or ()
    for nested in expression.get("NestedFilters") or ():
        yield from nested["Filters"]
    for inner in expression.get("SubExpressions") or ():
        yield from _filters(inner)


def _nested_filters(expression: Expression) -> Iterator[Mapping[str, Any]]:
    yield from expression.get("NestedFilters") or ()
    for inner in expression.get("SubExpressions") or ():
        yield from _nested_filters(inner)


def _check_filter(each: Mapping[str, Any], shape: StructureShape) -> None:
    name, value = each["Name"], each.get("Value")
    operator, kind = each.get("Operator", "Equals"), kind_of(shape, name)
    if operator in _PRESENCE:
        if value is not None:
            raise ValidationException(f"The filter on {name}: {operator} takes no Value")
        return
    if value is None:
        raise ValidationException(f"The filter on {name}: {operator} needs a Value")
    if kind == "object":
        raise ValidationException(f"The filter on {name}: it has no single value; name one of its members")
    if operator in _OF_TEXT and kind != "text":
        raise ValidationException(f"The filter on {name}: {operator} is supported for text properties only")
    if operator in _ORDERED and kind == "text" and not name.startswith("HyperParameters."):
        raise ValidationException(f"The filter on {name}: {operator} is not supported for text properties")
    if kind in ("number", "timestamp") or operator in _ORDERED:
        _number(value, kind, name)


def holds(record: Record, expression: Expression, shape: StructureShape) -> bool:
    """Whether a record is one that an expression, which was checked, asks for."""
    found = list(_results(record, expression, shape))
    return not found or (any(found) if expression.get("Operator") == "Or" else all(found))


def _results(record: Record, expression: Expression, shape: StructureShape) -> Iterator[bool]:
    for each in expression.get("Filters") or ():
        yield _is_met(values_of(record, shape, each["Name"]), each, kind_of(shape, each["Name"]))
    for nested in expression.get("NestedFilters") or ():
        yield _one_has_all(record, nested, shape)
    for inner in expression.get("SubExpressions") or ():
        yield holds(record, inner, shape)


def _one_has_all(record: Record, nested: Mapping[str, Any], shape: StructureShape) -> bool:
    """Whether one object of the list meets every filter."""
    path = nested["NestedPropertyName"].split(".")
    return any(
        all(
            _is_met(values_of(alone, shape, each["Name"]), each, kind_of(shape, each["Name"]))
            for each in nested["Filters"]
        )
        for alone in _each_alone(record, path)
    )


def _each_alone(record: Record, path: list[str]) -> Iterator[Record]:
    """The record with one element of the list at a path in place of all of them."""
    inner = record.get(path[0])
    if len(path) > 1:
        for alone in _each_alone(inner, path[1:]) if isinstance(inner, Mapping) else ():
            yield {path[0]: alone}
        return
    for element in inner if isinstance(inner, list) else []:
        yield {path[0]: [element]}


def _is_met(values: list[Any], each: Mapping[str, Any], kind: str) -> bool:
    operator: str = each.get("Operator", "Equals")
    asked: str = each.get("Value", "")
    if operator in _PRESENCE:
        return bool(values) == (operator == "Exists")
    if operator == "NotEquals":
        return not any(_equals(value, asked, kind) for value in values)
    if operator == "Equals":
        return any(_equals(value, asked, kind) for value in values)
    if operator == "Contains":
        return any(asked in str(value) for value in values)
    if operator == "In":
        return any(str(value) in [part.strip() for part in asked.split(",")] for value in values)
    return any(_compares(value, asked, kind, operator) for value in values)


def _equals(value: Any, asked: str, kind: str) -> bool:
    if kind == "boolean":
        return bool(str(value).lower() == asked.lower())
    if kind in ("number", "timestamp"):
        return _number(value, kind, "") == _number(asked, kind, "")
    return bool(str(value) == asked)


def _compares(value: Any, asked: str, kind: str, operator: str) -> bool:
    """A decimal hyperparameter is compared as an integer where an integer is asked for (API_Filter)."""
    try:
        here = float(value) if kind == "text" else _number(value, kind, "")
    except ValueError:
        return False
    if kind == "text" and asked.lstrip("+-").isdigit():
        here = int(here)
    return _ORDERED[operator](here, _number(asked, kind, ""))


def _number(value: Any, kind: str, name: str) -> float:
    try:
        return seconds(value) if kind == "timestamp" else float(value)
    except (ValueError, TypeError):
        form = "a time such as 2026-05-01T07:00:00Z" if kind == "timestamp" else "a number"
        raise ValidationException(f"The filter on {name}: {value!r} is not {form}") from None
