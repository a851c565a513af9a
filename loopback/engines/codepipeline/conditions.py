"""What the conditions of a stage must satisfy. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from loopback.core.errors import ServiceError
from loopback.engines.codepipeline import configuration
from loopback.engines.codepipeline.model import (
    ENTRY,
    FAILURE,
    MEMBERS,
    SUCCESS,
    Action,
    declared_condition,
    read_condition,
)
from loopback.engines.codepipeline.rules import RULES, SKIPPING

RESULTS = {ENTRY: ("FAIL", "SKIP"), SUCCESS: ("FAIL", "ROLLBACK"), FAILURE: ("FAIL", "ROLLBACK", "RETRY")}


class InvalidStageDeclarationException(ServiceError):
    """A stage is not one that could run."""


def check(stage: Mapping[str, Any], region: str, *, first: bool, kind: str) -> None:
    """Raise the error of the first rule that the conditions of a stage break. `kind` is the pipeline's type."""
    for fault in _faults(stage, region, first=first, kind=kind):
        raise InvalidStageDeclarationException(f"Stage {stage['name']}: {fault}")


def _faults(stage: Mapping[str, Any], region: str, *, first: bool, kind: str) -> Iterator[str]:
    for each, member in MEMBERS.items():
        declared = stage.get(member) or {}
        if declared and kind != "V2":
            yield f"{member} needs pipelineType V2"
        if declared.get("conditions") and first:
            yield f"{member}: a source stage has no conditions"
        if declared.get("conditions"):
            yield from (f"{member}: {fault}" for fault in _condition(stage, each, region))
    failure = stage.get("onFailure") or {}
    result, condition = failure.get("result"), declared_condition(stage, FAILURE)
    if condition and result:
        yield "onFailure has either a result, or a condition with a result"
    if result == "SKIP":
        yield "onFailure: the result cannot be SKIP; expected FAIL or ROLLBACK or RETRY"
    if result == "ROLLBACK" and first:
        yield "a source stage cannot be rolled back"
    if failure.get("retryConfiguration") and (condition or failure).get("result") != "RETRY":
        yield "retryConfiguration needs result RETRY"


def _condition(stage: Mapping[str, Any], kind: str, region: str) -> Iterator[str]:
    declared = declared_condition(stage, kind) or {}
    condition = read_condition(declared)
    if not condition.rules:
        yield "a condition needs one to five rules"
    if condition.result not in RESULTS[kind]:
        yield f"the result cannot be {condition.result}; expected {' or '.join(RESULTS[kind])}"
    names = [rule.name for rule in condition.rules]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        yield f"rule names must be unique in a condition. Used more than once: {', '.join(twice)}"
    for rule, raw in zip(condition.rules, declared.get("rules") or (), strict=True):
        yield from _rule(rule, raw, region)
        if condition.result == "SKIP" and rule.provider not in SKIPPING:
            yield f"Rule '{rule.name}': result SKIP takes only rules of {' and '.join(SKIPPING)}"


def _rule(rule: Action, raw: Mapping[str, Any], region: str) -> Iterator[str]:
    provider = RULES.get(rule.provider)
    if provider is None or rule.version != "1":
        runs = ", ".join(sorted(RULES))
        yield f"Rule '{rule.name}' has provider '{rule.provider}', version '{rule.version}'; loopback runs {runs}"
        return
    if raw.get("region", region) != region:
        yield f"Rule '{rule.name}' is of region {raw['region']}; loopback serves {region}"
    yield from configuration.artifact_faults("rule", rule, provider)
    yield from configuration.faults("rule", rule, provider)
    yield from configuration.command_faults("rule", rule)
