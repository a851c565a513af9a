"""What Service Catalog reads in a template: its parameters and outputs."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from loopback.services.servicecatalog.errors import InvalidParametersException
from loopback.wire import documents

_CONSTRAINTS = (
    "AllowedPattern",
    "ConstraintDescription",
    "MaxLength",
    "MinLength",
    "MaxValue",
    "MinValue",
)


class _Loader(documents.Loader):  # type: ignore[misc]
    """Templates have tags of their own (!Ref, !Sub); what they stand for does not matter here."""

    def timestamp_as_text(self, node: yaml.ScalarNode) -> str:
        """A date such as 2010-09-09 is text in CloudFormation."""
        return str(self.construct_scalar(node))


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.timestamp_as_text)


def parse_template(body: str, source: str) -> dict[str, Any]:
    """The template, without its intrinsic functions. Raises InvalidParametersException."""
    try:
        template = documents.yaml_value(body, _Loader)
    except documents.Unreadable as fault:
        raise InvalidParametersException(f"{source} is not a template: {fault}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise InvalidParametersException(f"{source} is not a template: it has no Resources")
    return template


def parameters_of(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parameters, as DescribeProvisioningParameters shows them."""
    return [_parameter(name, given or {}) for name, given in (template.get("Parameters") or {}).items()]


def _parameter(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    constraints: dict[str, Any] = {key: str(given[key]) for key in _CONSTRAINTS if key in given}
    constraints["AllowedValues"] = [_text(value) for value in given.get("AllowedValues", [])]
    shown = {
        "ParameterKey": name,
        "ParameterType": given.get("Type", "String"),
        "IsNoEcho": str(given.get("NoEcho", False)).lower() == "true",
        "Description": given.get("Description"),
        "ParameterConstraints": constraints,
    }
    return shown | ({"DefaultValue": _text(given["Default"])} if "Default" in given else {})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def outputs_of(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The outputs, by key and description."""
    found = (template.get("Outputs") or {}).items()
    return [{"Key": key, "Description": (given or {}).get("Description")} for key, given in found]
