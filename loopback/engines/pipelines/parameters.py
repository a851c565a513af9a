"""Pipeline parameters: their declarations, and the typed values of one execution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from loopback.engines.pipelines.model import Definition, InvalidDefinition, Parameter

TYPES = ("String", "Integer", "Float", "Boolean")
_MAX_PARAMETERS, _MAX_NAME, _MAX_ENUM = 200, 256, 16  # AWS quotas


class InvalidParameters(ValueError):
    """The given values do not fit the declared parameters; the message lists every fault."""


def read_parameters(entries: Any) -> dict[str, Parameter]:
    """Read the `Parameters` of a definition; raises InvalidDefinition naming the parameter."""
    if not isinstance(entries, list):
        raise InvalidDefinition("Parameters must be a list")
    if len(entries) > _MAX_PARAMETERS:
        raise InvalidDefinition(f"there are {len(entries)} parameters; at most {_MAX_PARAMETERS} are allowed")
    found: dict[str, Parameter] = {}
    for entry in entries:
        parameter = _declaration(entry)
        if parameter.name in found:
            raise InvalidDefinition(f"parameter {parameter.name!r} is declared twice")
        found[parameter.name] = parameter
    return found


def bind(definition: Definition, given: Mapping[str, str]) -> dict[str, Any]:
    """Typed values for every declared parameter, from the strings of StartPipelineExecution and the defaults."""
    faults = [
        f"{name}: is not a parameter of this pipeline; it has: {', '.join(definition.parameters) or 'none'}"
        for name in given
        if name not in definition.parameters
    ]
    values: dict[str, Any] = {}
    for name, parameter in definition.parameters.items():
        if name not in given and not parameter.required:
            values[name] = parameter.default
        elif name not in given:
            faults.append(f"{name}: has no default, so a value must be given")
        else:
            try:
                values[name] = _convert(parameter.type, parameter.enum, given[name])
            except ValueError as error:
                faults.append(f"{name}: {error}")
    if faults:
        raise InvalidParameters("; ".join(faults))
    return values


def _declaration(entry: Any) -> Parameter:
    name = entry.get("Name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME:
        raise InvalidDefinition(f"a parameter has Name {name!r}; it must be text of 1 to {_MAX_NAME} characters")
    kind = entry.get("Type")
    if kind not in TYPES:
        raise InvalidDefinition(f"parameter {name!r} has Type {kind!r}; allowed: {', '.join(TYPES)}")
    enum = entry.get("EnumValues") or []
    if not isinstance(enum, list) or not all(isinstance(value, str) for value in enum):
        raise InvalidDefinition(f"parameter {name!r}: EnumValues must be a list of texts")
    if len(enum) > _MAX_ENUM or (enum and kind != "String"):
        raise InvalidDefinition(f"parameter {name!r}: EnumValues is a list of at most {_MAX_ENUM}, for a String only")
    default = entry.get("DefaultValue")
    if default is None:
        return Parameter(name, kind, True, None, tuple(enum))
    try:
        return Parameter(name, kind, False, _convert(kind, tuple(enum), default), tuple(enum))
    except ValueError as error:
        raise InvalidDefinition(f"parameter {name!r}: its DefaultValue {error}") from error


def _convert(kind: str, enum: tuple[str, ...], value: Any) -> Any:
    """`value`, as text or as JSON gave it, in the declared type; ValueError says what was expected."""
    if kind == "String" and isinstance(value, str):
        if enum and value not in enum:
            raise ValueError(f"{value!r} is not one of: {', '.join(enum)}")
        return value
    if kind == "Boolean" and str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    if kind in ("Integer", "Float") and not isinstance(value, bool):
        try:
            number = int(str(value)) if kind == "Integer" else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"{value!r} is not of type {kind}")
