"""The values that a stack's parameters are given, beside their definitions. Pure."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from loopback.engines.cloudformation.template_format import InvalidTemplate, Template

NUMBERS = ("Number", "List<Number>")
LISTS = ("CommaDelimitedList", "List<")
STORED = "AWS::SSM::Parameter::Value<"  # the value is the name of one in the Parameter Store
OF_ACCOUNT = ("AWS::EC2::", "AWS::Route53::")  # the value names what the account has
Known = Callable[[str], Collection[str]]
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def check_given(template: Template, given: Sequence[Mapping[str, Any]], previous: Mapping[str, Any]) -> None:
    """Raises InvalidTemplate for values of parameters that are not there, and for parameters without a value.

    `given` are mappings of Key, Value and UsePreviousValue; `previous` has the parameters of the stack as it is.
    """
    definitions = template.get("Parameters", {})
    names = [str(one.get("Key", "")) for one in given]
    if strange := [name for name in names if name not in definitions]:
        raise InvalidTemplate(f"Parameters: [{', '.join(strange)}] do not exist in the template")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidTemplate(f"Parameters: [{', '.join(twice)}] are given more than once")
    for one in given:
        if one.get("UsePreviousValue") and one["Key"] not in previous:
            raise InvalidTemplate(
                f"Invalid input for parameter key {one['Key']}. Cannot specify usePreviousValue as true for a "
                "parameter key not in the previous template"
            )
    missing = [name for name, one in definitions.items() if "Default" not in one and name not in names]
    if missing:
        raise InvalidTemplate(f"Parameters: [{', '.join(missing)}] must have values")
    for one in given:
        if not one.get("UsePreviousValue"):
            check_value(str(one["Key"]), definitions[one["Key"]], one.get("Value"))


def check_defaults(template: Template) -> None:
    """Raises InvalidTemplate for a default that its own definition does not allow."""
    for name, definition in template.get("Parameters", {}).items():
        if "Default" in definition:
            check_value(name, definition, definition["Default"])


def check_value(name: str, definition: Mapping[str, Any], value: Any) -> None:
    """Raises InvalidTemplate with the first fault of a value, in ConstraintDescription's words where there are any."""
    kind = str(definition["Type"])
    if kind.startswith(STORED):
        return
    for fault in _faults(definition, kind, _text(value)):
        raise InvalidTemplate(f"Parameter '{name}' {definition.get('ConstraintDescription') or fault}")


def check_identifiers(values: Mapping[str, Mapping[str, Any]], template: Template, known: Known) -> None:
    """Raises InvalidTemplate for a VPC, a subnet, ... that a parameter of such a type names and that is not there.

    `values` are the resolved ones, by name; `known` gives the identifiers of a type in the account.
    """
    for name, definition in template.get("Parameters", {}).items():
        kind = str(definition["Type"]).removeprefix("List<").removesuffix(">")
        if not kind.startswith(OF_ACCOUNT) or name not in values:
            continue
        there = known(kind)
        for item in _text(values[name].get("Value")).split(","):
            if item.strip() not in there:
                raise InvalidTemplate(
                    f"Parameter validation failed: parameter value {item.strip()} for parameter name {name} "
                    "does not exist"
                )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _faults(definition: Mapping[str, Any], kind: str, value: str) -> Iterator[str]:
    members = [item.strip() for item in value.split(",")] if kind.startswith(LISTS) else [value]
    numbers = [float(item) for item in members if _NUMBER.fullmatch(item)]
    if kind in NUMBERS and len(numbers) < len(members):
        yield "must be a number"
    if "AllowedValues" in definition:
        allowed = [_text(one) for one in definition["AllowedValues"]]
        if any(item not in allowed for item in members):
            yield "must be one of AllowedValues"
    if kind in NUMBERS:
        yield from _bounds(definition, numbers)
        return
    pattern = definition.get("AllowedPattern")
    if pattern is not None and not all(re.compile(str(pattern)).fullmatch(item) for item in members):
        yield f"must match pattern {pattern}"
    if not kind.startswith(LISTS):
        if len(value) < int(definition.get("MinLength", 0)):
            yield f"must contain at least {definition['MinLength']} characters"
        if len(value) > int(definition.get("MaxLength", len(value))):
            yield f"must contain at most {definition['MaxLength']} characters"


def _bounds(definition: Mapping[str, Any], numbers: Sequence[float]) -> Iterator[str]:
    least, most = definition.get("MinValue", "-inf"), definition.get("MaxValue", "inf")
    if any(number < float(least) for number in numbers):
        yield f"must be a number not less than {least}"
    if any(number > float(most) for number in numbers):
        yield f"must be a number not greater than {most}"
