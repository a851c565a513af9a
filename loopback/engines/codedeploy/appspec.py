"""The AppSpec of a Lambda deployment: which alias goes from which version to which, and what checks it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loopback.wire import documents

BEFORE, AFTER = "BeforeAllowTraffic", "AfterAllowTraffic"
_PROPERTIES = ("Name", "Alias", "CurrentVersion", "TargetVersion")


class InvalidAppSpec(ValueError):
    """It is no AppSpec of one Lambda function."""


@dataclass(frozen=True)
class AppSpec:
    """One alias of one function; a hook is a function's name or ARN, "" for none."""

    function: str
    alias: str
    current: str
    target: str
    before: str = ""
    after: str = ""

    def back(self) -> "AppSpec":
        """The way back, without hooks."""
        return AppSpec(self.function, self.alias, self.target, self.current)

    def as_json(self) -> dict[str, str]:
        """As a row keeps it: `AppSpec(**kept)` is this again."""
        return asdict(self)

    def revision(self) -> dict[str, Any]:
        """As CodeDeploy's revision."""
        properties = dict(zip(_PROPERTIES, (self.function, self.alias, self.current, self.target), strict=True))
        resource = {self.function: {"Type": "AWS::Lambda::Function", "Properties": properties}}
        content = json.dumps({"version": 0.0, "Resources": [resource]})
        digest = hashlib.sha256(content.encode()).hexdigest()
        return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": digest}}


def read(content: str) -> AppSpec:
    """From JSON or YAML. Raises InvalidAppSpec."""
    try:
        found = documents.yaml_value(content)  # JSON is YAML
    except documents.Unreadable as fault:
        raise InvalidAppSpec(f"the AppSpec is neither JSON nor YAML: {fault}") from None
    if not isinstance(found, dict):
        raise InvalidAppSpec(f"the AppSpec is a {type(found).__name__}; expected version, Resources and Hooks")
    if str(found.get("version")) != "0.0":
        raise InvalidAppSpec(f"version is {found.get('version')}; expected 0.0")
    if unknown := sorted(str(key) for key in found.keys() - {"version", "Resources", "Hooks"}):
        raise InvalidAppSpec(f"the AppSpec has {unknown[0]}; expected version, Resources and Hooks")
    properties, hooks = _function(found.get("Resources")), _hooks(found.get("Hooks") or [])
    if properties["CurrentVersion"] == properties["TargetVersion"]:
        raise InvalidAppSpec(f"CurrentVersion and TargetVersion are both {properties['TargetVersion']}")
    name, alias, current, target = (properties[key] for key in _PROPERTIES)
    return AppSpec(name, alias, current, target, hooks.get(BEFORE, ""), hooks.get(AFTER, ""))


def _function(resources: Any) -> Mapping[str, str]:
    if not isinstance(resources, list) or len(resources) != 1 or not _is_one(resources[0]):
        raise InvalidAppSpec("Resources: loopback shifts one function a deployment; expected a list with one resource")
    ((name, resource),) = resources[0].items()
    if not isinstance(resource, dict) or resource.get("Type") != "AWS::Lambda::Function":
        raise InvalidAppSpec(f"Resources.{name}.Type: expected AWS::Lambda::Function")
    given = resource.get("Properties")
    if not isinstance(given, dict) or set(given) != set(_PROPERTIES):
        raise InvalidAppSpec(f"Resources.{name}.Properties: expected {', '.join(_PROPERTIES)}")
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int) or not str(value):
            raise InvalidAppSpec(f"Resources.{name}.Properties.{key}: expected a text")
    for key in _PROPERTIES[2:]:
        if not str(given[key]).isdecimal():
            raise InvalidAppSpec(f"Resources.{name}.Properties.{key} is {given[key]}; expected a published version")
    return {key: str(value) for key, value in given.items()}


def _hooks(hooks: Any) -> dict[str, str]:
    if not isinstance(hooks, list) or not all(_is_one(hook) for hook in hooks):
        raise InvalidAppSpec(f"Hooks: expected a list of `{BEFORE}: function` and `{AFTER}: function`")
    found: dict[str, str] = {}
    for hook in hooks:
        ((event, function),) = hook.items()
        if event not in (BEFORE, AFTER):
            raise InvalidAppSpec(f"Hooks.{event}: expected {BEFORE} or {AFTER}")
        if event in found or not isinstance(function, str) or not function:
            raise InvalidAppSpec(f"Hooks.{event}: expected one function's name or ARN")
        found[event] = function
    return found


def _is_one(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1
