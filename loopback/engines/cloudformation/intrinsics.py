"""The intrinsic functions of a template: whether each has the arguments it needs, and what they name. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loopback.engines.cloudformation.template_format import InvalidTemplate

CONDITION_FUNCTIONS = frozenset({"Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})
# Those of AWS::LanguageExtensions, which the transform leaves where their value is known only when a stack is made.
EXTENSIONS = frozenset({"Fn::Length", "Fn::ToJsonString"})
VALUE_FUNCTIONS = frozenset(
    {
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::FindInMap",
        "Fn::GetAZs",
        "Fn::GetAtt",
        "Fn::If",
        "Fn::ImportValue",
        "Fn::Join",
        "Fn::Select",
        "Fn::Split",
        "Fn::Sub",
        "Ref",
    }
)
# What is known before there is a resource. Source: cfn-lint's schema of the section Conditions.
IN_CONDITIONS = frozenset({"Fn::FindInMap", "Fn::If", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub", "Ref"})
PSEUDO_PARAMETERS = frozenset(
    f"AWS::{name}"
    for name in (
        "AccountId",
        "NotificationARNs",
        "NoValue",
        "Partition",
        "Region",
        "StackId",
        "StackName",
        "URLSuffix",
    )
)
NO_VALUE = {"Ref": "AWS::NoValue"}
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_.:]+")


@dataclass(frozen=True)
class Use:
    """What a function names. `function` is Ref, Fn::GetAtt, Fn::Sub, Fn::If, Fn::FindInMap or Condition."""

    function: str
    name: str
    attribute: str = ""


def function_of(value: Any) -> str:
    """The name of the function that a value is, or "" where it is none."""
    if isinstance(value, dict) and len(value) == 1:
        (name,) = value
        if name == "Ref" or str(name).startswith("Fn::"):
            return str(name)
    return ""


def uses(value: Any, *, conditions: bool = False) -> Iterator[Use]:
    """What the functions in a value name. Raises InvalidTemplate for one that is none or is not used as it has to be.

    `conditions` says that the value is one of the section Conditions.
    """
    name = function_of(value)
    if name:
        yield from _function(name, value[name], conditions)
    elif conditions and isinstance(value, dict) and list(value) == ["Condition"]:
        _require(isinstance(value["Condition"], str), "Template format error: Every Condition member must be a string.")
        yield Use("Condition", value["Condition"])
    else:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in items:
            yield from uses(item, conditions=conditions)


def _function(name: str, argument: Any, conditions: bool) -> Iterator[Use]:
    if name in CONDITION_FUNCTIONS:
        _require(conditions, f"Template format error: {name} can only be used in the Conditions section of a template.")
    elif name not in VALUE_FUNCTIONS | EXTENSIONS:
        if name == "Fn::Transform":
            called = argument.get("Name") if isinstance(argument, dict) else argument
            raise InvalidTemplate(f"No transform named {called} found.")
        known = ", ".join(sorted(VALUE_FUNCTIONS | CONDITION_FUNCTIONS))
        raise InvalidTemplate(
            f"Template error: Encountered unsupported function: {name} Supported functions are: [{known}]"
        )
    elif conditions:
        _require(name in IN_CONDITIONS | EXTENSIONS, f"Template error: Cannot use {name} in Conditions.")
    check = _SHAPES.get(name)
    if check is not None:
        _require(check(argument), _WORDS[name])
    yield from _direct_uses(name, argument)
    yield from uses(_inner(name, argument), conditions=conditions)


def _require(good: bool, words: str) -> None:
    if not good:
        raise InvalidTemplate(words)


def _direct_uses(name: str, argument: Any) -> Iterator[Use]:
    """What the function itself names; its arguments may name more."""
    if name == "Ref":
        yield Use(name, argument)
    elif name == "Fn::GetAtt":
        logical_id, attribute = _get_att(argument)
        yield Use(name, logical_id, attribute if isinstance(attribute, str) else "")
    elif name == "Fn::Sub":
        yield from _variables(argument)
    elif name in ("Fn::If", "Fn::FindInMap") and isinstance(argument[0], str):
        yield Use(name, argument[0])
    elif name == "Fn::ImportValue":
        for use in uses(argument):
            _require(
                use.function != "Fn::GetAtt" and "Fn::ImportValue" not in str(argument),
                "Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, "
                "or Fn::GetAZs",
            )


def _inner(name: str, argument: Any) -> Any:
    """The arguments in which more functions may be."""
    if name in ("Ref", "Fn::GetAtt"):
        return argument[1:] if isinstance(argument, list) else ()
    if name == "Fn::Sub":
        return argument[1] if isinstance(argument, list) else ()
    if name == "Fn::If":
        return argument[1:]
    return [argument]


def _get_att(argument: Any) -> tuple[str, Any]:
    if isinstance(argument, str):
        logical_id, _, attribute = argument.partition(".")
        return logical_id, attribute
    return argument[0], argument[1]


def _variables(argument: Any) -> Iterator[Use]:
    text, values = argument if isinstance(argument, list) else (argument, {})
    for found in _VARIABLE.findall(text):
        if found.startswith("!"):
            continue
        _require(
            _NAME.fullmatch(found) is not None,
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, "
            "periods, and colons",
        )
        if found not in values:
            name, _, attribute = found.partition(".")
            yield Use("Fn::Sub", name, attribute)


def _is_text(value: Any) -> bool:
    """A string, or a function that may return one. CloudFormation takes numbers and booleans for strings."""
    return not isinstance(value, dict | list) or bool(function_of(value))


def _is_list(value: Any) -> bool:
    return isinstance(value, list) or bool(function_of(value))


def _has(value: Any, *lengths: int) -> bool:
    return isinstance(value, list) and len(value) in lengths


def _good_get_att(value: Any) -> bool:
    if isinstance(value, str):
        return all(value.partition("."))
    return _has(value, 2) and isinstance(value[0], str) and bool(value[0]) and bool(value[1]) and _is_text(value[1])


def _good_sub(value: Any) -> bool:
    return isinstance(value, str) or (_has(value, 2) and isinstance(value[0], str) and isinstance(value[1], dict))


def _good_select(value: Any) -> bool:
    if not _has(value, 2) or not _is_list(value[1]):
        return False
    index = value[0]
    if isinstance(index, dict):
        return bool(function_of(index))
    return re.fullmatch(r"\d+", str(index)) is not None


def _good_find_in_map(value: Any) -> bool:
    if not _has(value, 3, 4) or not all(_is_text(item) for item in value[:3]):
        return False
    return len(value) == 3 or (isinstance(value[3], dict) and list(value[3]) == ["DefaultValue"])


_SHAPES: dict[str, Callable[[Any], bool]] = {
    "Ref": lambda value: isinstance(value, str) and bool(value),
    "Fn::GetAtt": _good_get_att,
    "Fn::Sub": _good_sub,
    "Fn::Join": lambda value: _has(value, 2) and not isinstance(value[0], dict | list) and _is_list(value[1]),
    "Fn::Select": _good_select,
    "Fn::Split": lambda value: _has(value, 2) and isinstance(value[0], str) and bool(value[0]) and _is_text(value[1]),
    "Fn::FindInMap": _good_find_in_map,
    "Fn::Base64": _is_text,
    "Fn::Cidr": lambda value: _has(value, 2, 3) and all(_is_text(item) for item in value),
    "Fn::GetAZs": _is_text,
    "Fn::ImportValue": _is_text,
    "Fn::If": lambda value: _has(value, 3) and isinstance(value[0], str),
    "Fn::And": lambda value: _has(value, *range(2, 11)),
    "Fn::Or": lambda value: _has(value, *range(2, 11)),
    "Fn::Not": lambda value: _has(value, 1),
    "Fn::Equals": lambda value: _has(value, 2),
}
_WORDS: Mapping[str, str] = {
    "Ref": "Template format error: every Ref object must have a single String value.",
    "Fn::GetAtt": "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and "
    "the resource attribute",
    "Fn::Sub": "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
    "string as first argument, and an optional second argument to specify a mapping of values to replace in the string",
    "Fn::Join": "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list "
    "of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
    "Fn::Select": "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
    "Fn::Split": "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a "
    "string to be split or a function that returns a string to be split.",
    "Fn::FindInMap": "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and "
    "the attribute for return value",
    "Fn::Base64": "Template error: every Fn::Base64 object must have a String-typed value.",
    "Fn::Cidr": "Template error: every Fn::Cidr object requires two or three parameters: ipBlock, count and cidrBits",
    "Fn::GetAZs": "Template error: every Fn::GetAZs object must have a String-typed value.",
    "Fn::ImportValue": "Template error: every Fn::ImportValue object must have a String-typed value.",
    "Fn::If": "Template error: Fn::If requires a list argument with three parameters",
    "Fn::And": "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
    "Fn::Or": "Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
    "Fn::Not": "Template error: Fn::Not requires a list argument with one boolean parameter.",
    "Fn::Equals": "Template error: Fn::Equals requires a list argument with two string parameters.",
}
