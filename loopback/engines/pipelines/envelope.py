"""What a step may say about itself: its type and the members that go with it, without looking at other steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from loopback.engines.pipelines import cache, conditions, retries
from loopback.engines.pipelines.model import REFUSED_TYPES, STEP_TYPES, InvalidDefinition
from loopback.engines.pipelines.references import form, parse_path

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_RETRIED_TYPES = ("Processing", "Training", "Transform", "Tuning", "Model", "RegisterModel", "EndpointConfig")
_NOT_IN_A_BODY = ("Condition", "Fail", "ForEach")
_CHECK_TYPES = {
    "QualityCheck": ("DATA_QUALITY", "MODEL_QUALITY"),
    "ClarifyCheck": ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"),
}
_PICKS = ("MaxBy", "MinBy")
_MAX_CONDITIONS, _MAX_BRANCH_STEPS, _MAX_PROPERTY_FILES = 200, 20, 10  # AWS quotas
_MAX_ITEMS, _MAX_CONCURRENCY = 100, 50


def check(raw: Any, container: str | None) -> None:
    """Raise InvalidDefinition unless the envelope `raw`, held by a step of type `container`, is well formed."""
    name = raw.get("Name") if isinstance(raw, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidDefinition(f"a step has Name {name!r}; allowed: 1 to 64 of A-Z a-z 0-9 - _")
    if raw.get("Type") not in STEP_TYPES:
        advice = REFUSED_TYPES.get(str(raw.get("Type")))
        raise InvalidDefinition(
            f"step {name!r} is of type {raw.get('Type')}, which loopback does not run"
            f"{f' ({advice})' if advice else ''}; it runs: {', '.join(STEP_TYPES)}"
        )
    try:
        for fault in chain(_shape(raw), _faults(raw, container)):
            raise InvalidDefinition(f"step {name!r}: {fault}")
    except InvalidDefinition:
        raise
    except ValueError as error:
        raise InvalidDefinition(f"step {name!r}: {error}") from error


def _shape(raw: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(raw.get("Arguments") or {}, dict):
        yield "Arguments must be an object"
    for member in ("DependsOn", "RetryPolicies"):
        if not isinstance(raw.get(member) or [], list):
            yield f"{member} must be a list"
    for member in ("PropertyFiles", "OutputParameters"):
        if not _are_objects(raw.get(member) or []):
            yield f"{member} must be a list of objects"


def _faults(raw: Mapping[str, Any], container: str | None) -> Iterator[str]:
    """The checks of the parts raise ValueError; what is checked here is yielded."""
    kind = raw["Type"]
    if container == "ForEach" and kind in _NOT_IN_A_BODY:
        yield f"a {kind} step is not allowed inside a ForEachBody"
    if container == "Condition" and kind == "Condition":
        yield "a Condition step is not allowed inside another Condition step"
    if raw.get("CacheConfig") is not None:
        cache.check(kind, raw["CacheConfig"])
    if raw.get("RetryPolicies") and kind not in _RETRIED_TYPES:
        yield f"a {kind} step takes no RetryPolicies; allowed on: {', '.join(_RETRIED_TYPES)}"
    for policy in raw.get("RetryPolicies") or ():
        retries.check(policy)
    yield from _property_files(raw)
    if kind in _BY_TYPE:
        yield from _BY_TYPE[kind](raw, raw.get("Arguments") or {})


def _property_files(raw: Mapping[str, Any]) -> Iterator[str]:
    entries = raw.get("PropertyFiles") or []
    if entries and raw["Type"] != "Processing":
        yield f"a {raw['Type']} step takes no PropertyFiles; allowed on: Processing"
    if len(entries) > _MAX_PROPERTY_FILES:
        yield f"there are {len(entries)} PropertyFiles; at most {_MAX_PROPERTY_FILES} are allowed"
    outputs = _inside(raw.get("Arguments"), "ProcessingOutputConfig", "Outputs") or []
    names = [output.get("OutputName") for output in outputs] if _are_objects(outputs) else []
    for entry in entries:
        for member in ("PropertyFileName", "OutputName", "FilePath"):
            if not isinstance(entry.get(member), str):
                yield f"a property file needs {member}"
        if entry["OutputName"] not in names:
            known = ", ".join(map(str, names)) or "none"
            yield f"property file {entry['PropertyFileName']!r} is in output {entry['OutputName']!r}; outputs: {known}"


def _condition(_: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    entries = arguments.get("Conditions")
    if not isinstance(entries, list) or not 1 <= len(entries) <= _MAX_CONDITIONS:
        yield f"Conditions must be a list of 1 to {_MAX_CONDITIONS}"
        return
    for entry in entries:
        conditions.check(entry)
    for branch in ("IfSteps", "ElseSteps"):
        steps = arguments.get(branch, [])
        if not isinstance(steps, list) or len(steps) > _MAX_BRANCH_STEPS:
            yield f"{branch} must be a list of at most {_MAX_BRANCH_STEPS} steps"


def _for_each(_: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    items, most = arguments.get("IterableItems"), arguments.get("MaxConcurrency")
    if form(items) is None and not (isinstance(items, list) and 1 <= len(items) <= _MAX_ITEMS):
        yield f"IterableItems must be a reference or a list of 1 to {_MAX_ITEMS}"
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MAX_CONCURRENCY:
        yield f"MaxConcurrency is {most!r}; allowed: 1 to {_MAX_CONCURRENCY}"
    body = arguments.get("ForEachBody")
    if not body or not _are_objects(body):
        yield "ForEachBody must be a list of steps"
        return
    selector = arguments.get("Selector")
    if selector is None:
        return
    if not isinstance(selector, dict):
        yield "Selector must be an object with Pick and Field"
        return
    if selector.get("Pick") not in _PICKS:
        yield f"Selector has Pick {selector.get('Pick')!r}; allowed: {', '.join(_PICKS)}"
    field = _inside(selector, "Field", "Get")
    path = parse_path(field) if isinstance(field, str) else ()
    names = [step.get("Name") for step in body]
    if len(path) < 3 or path[0] != "IterationOutput" or path[1] not in names:
        yield f"Selector has Field {selector.get('Field')!r}; write IterationOutput.<step>.<member>, step: {names}"


def _cleanup(_: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    sources = _inside(arguments, "Resources", "S3")
    if not sources or not _are_objects(sources) or not all(isinstance(s.get("StepName"), str) for s in sources):
        yield "Resources.S3 must be a list of {StepName, S3Uris}"


def _check_step(raw: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    kind, allowed = raw.get("CheckType"), _CHECK_TYPES[raw["Type"]]
    if kind not in allowed:
        yield f"CheckType is {kind!r}; allowed: {', '.join(allowed)}"
    elif kind in ("MODEL_BIAS", "MODEL_EXPLAINABILITY") and not raw.get("ModelName"):
        yield f"a {kind} check needs ModelName"


def _lambda(raw: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    if not raw.get("FunctionArn"):
        yield "a Lambda step needs FunctionArn"


def _callback(raw: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    if not raw.get("SqsQueueUrl"):
        yield "a Callback step needs SqsQueueUrl"


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _inside(value: Any, *members: str) -> Any:
    """The member of a member, or None where there is no such thing."""
    for member in members:
        value = value.get(member) if isinstance(value, dict) else None
    return value


_Check = Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[str]]
_BY_TYPE: dict[str, _Check] = {
    "Condition": _condition,
    "ForEach": _for_each,
    "Cleanup": _cleanup,
    "QualityCheck": _check_step,
    "ClarifyCheck": _check_step,
    "Lambda": _lambda,
    "Callback": _callback,
}
