"""What a pipeline's declaration must satisfy beyond the service model. Pure.

Source: AWS, reference-pipeline-structure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from loopback.core.errors import ServiceError, ValidationException
from loopback.engines.codepipeline import conditions, configuration, variables
from loopback.engines.codepipeline.conditions import InvalidStageDeclarationException
from loopback.engines.codepipeline.model import (
    ENTRY,
    FAILURE,
    SUCCESS,
    Action,
    declared_condition,
    read_action,
    read_condition,
)
from loopback.engines.codepipeline.providers import PROVIDERS

MOST_ACTIONS, MOST_PARALLEL = 500, 50


class InvalidStructureException(ServiceError):
    """The pipeline as a whole is not one that could run."""


class InvalidActionDeclarationException(ServiceError):
    """An action is not one that could run."""


class InvalidBlockerDeclarationException(ServiceError):
    """Blockers are reserved for future use."""


def check(declaration: Mapping[str, Any], region: str) -> None:
    """Raise the error of the first rule that the declaration breaks. `region` is where it would run."""
    stages = declaration["stages"]
    if len(stages) < 2:
        raise InvalidStructureException(
            f"Pipeline has only {len(stages)} stage(s). There should be a minimum of 2 stages in a pipeline"
        )
    if len(stages) > 50:
        raise InvalidStructureException(f"Pipeline has {len(stages)} stages. There should be a maximum of 50 stages")
    _unique("Stage names in a pipeline", [stage["name"] for stage in stages])
    _kind_and_store(declaration)
    for i, stage in enumerate(stages):
        _stage(stage, region, first=i == 0, kind=declaration.get("pipelineType", "V1"))
    actions = [(stage["name"], read_action(action)) for stage in stages for action in stage["actions"]]
    if len(actions) > MOST_ACTIONS:
        raise InvalidStructureException(f"Pipeline has {len(actions)} actions. There should be at most {MOST_ACTIONS}")
    for action in (action for stage in stages for action in stage["actions"]):
        _action(action, region, declaration.get("pipelineType", "V1"))
    _artifacts(stages)
    _namespaces(declaration, stages)
    _triggers(declaration, {action.name: action for _, action in actions})


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidStructureException(f"{what} must be unique. Used more than once: {', '.join(twice)}")


def _kind_and_store(declaration: Mapping[str, Any]) -> None:
    if "artifactStores" in declaration:
        raise InvalidStructureException("artifactStores: loopback serves one region; use artifactStore")
    if "artifactStore" not in declaration:
        raise InvalidStructureException("Pipeline must have an artifactStore")
    if declaration.get("pipelineType", "V1") == "V2":
        _unique("Variable names", [each["name"] for each in declaration.get("variables") or ()])
        return
    for member in ("variables", "triggers"):
        if declaration.get(member):
            raise InvalidStructureException(f"{member}: only pipelines of pipelineType V2 have them")
    if declaration.get("executionMode", "SUPERSEDED") != "SUPERSEDED":
        raise InvalidStructureException(f"executionMode {declaration['executionMode']} needs pipelineType V2")


def _stage(stage: Mapping[str, Any], region: str, *, first: bool, kind: str) -> None:
    name, actions = stage["name"], [read_action(action) for action in stage["actions"]]
    if stage.get("blockers"):
        raise InvalidBlockerDeclarationException(f"Stage {name}: blockers are reserved for future use")
    if not actions:
        raise InvalidStageDeclarationException(f"Stage {name} must have at least one action")
    conditions.check(stage, region, first=first, kind=kind)
    _unique(f"Action names in stage {name}", [action.name for action in actions])
    orders = [action.run_order for action in actions]
    if max(orders.count(order) for order in orders) > MOST_PARALLEL or len(set(orders)) > MOST_PARALLEL:
        raise InvalidStageDeclarationException(f"Stage {name}: at most {MOST_PARALLEL} parallel or sequential actions")
    strange = [action.name for action in actions if (action.category == "Source") != first]
    if strange and first:
        raise InvalidStructureException(
            f"Pipeline should start with a stage that only contains source actions. Stage {name} has {strange[0]}"
        )
    if strange:
        raise InvalidStructureException(f"Only the first stage may have source actions. Stage {name} has {strange[0]}")


def _action(declared: Mapping[str, Any], region: str, kind: str) -> None:
    action = read_action(declared)
    name = action.name
    provider = PROVIDERS.get(action.kind)
    if provider is None or action.version != "1":
        raise InvalidActionDeclarationException(
            f"ActionType (Category: '{action.category}', Provider: '{action.provider}', Owner: '{action.owner}', "
            f"Version: '{action.version}') in action '{name}' is not available in loopback; it runs "
            + ", ".join(f"{category}/{owner}/{each}" for category, owner, each in sorted(PROVIDERS))
        )
    if action.provider == "Commands" and kind != "V2":
        raise InvalidActionDeclarationException(f"Action '{name}': provider Commands needs pipelineType V2")
    if declared.get("region", region) != region:
        raise InvalidActionDeclarationException(f"Action '{name}': loopback serves {region}, not {declared['region']}")
    for fault in (
        *configuration.artifact_faults("action", action, provider),
        *configuration.faults("action", action, provider),
        *configuration.command_faults("action", action),
    ):
        raise InvalidActionDeclarationException(fault)


def _groups(stage: Mapping[str, Any]) -> Iterator[list[Action]]:
    """The rules and actions of a stage, in the order in which they get to know of one another."""
    yield _rules(stage, ENTRY)
    actions = [read_action(each) for each in stage["actions"]]
    for order in sorted({action.run_order for action in actions}):
        yield [action for action in actions if action.run_order == order]
    yield _rules(stage, SUCCESS) + _rules(stage, FAILURE)


def _rules(stage: Mapping[str, Any], kind: str) -> list[Action]:
    declared = declared_condition(stage, kind)
    return list(read_condition(declared).rules) if declared else []


def _artifacts(stages: list[dict[str, Any]]) -> None:
    made: dict[str, str] = {}
    for group in (group for stage in stages for group in _groups(stage)):
        for action, name in ((each, name) for each in group for name in each.inputs):
            if name not in made:
                raise InvalidStructureException(
                    f"Input Artifact Bundle {name} in {_noun(action)} {action.name} is not declared as Output Artifact "
                    "Bundle in any of the preceding actions"
                )
        for action, name in ((each, name) for each in group for name in each.outputs):
            if name in made:
                raise InvalidStructureException(
                    f"Output Artifact Bundle name must be unique within the pipeline. {name} has been used "
                    f"more than once: in {made[name]} and {action.name}"
                )
            made[name] = action.name


def _noun(step: Action) -> str:
    return "rule" if step.category == "Rule" else "action"


def _namespaces(declaration: Mapping[str, Any], stages: list[dict[str, Any]]) -> None:
    groups = [group for stage in stages for group in _groups(stage)]
    own = [action.namespace for group in groups for action in group if action.namespace]
    _unique("Namespaces", own)
    reserved = {"codepipeline", "variables"} & set(own)
    if reserved:
        raise InvalidStructureException(f"The namespace {reserved.pop()} is reserved")
    declared = {each["name"] for each in declaration.get("variables") or ()}
    known: set[str] = set()
    for group in groups:
        for action in group:
            _references(action, known, declared)
        known |= {action.namespace for action in group if action.namespace}


def _references(action: Action, known: set[str], declared: set[str]) -> None:
    for key, namespace, name in variables.references(action.texts):
        shown = f"{_noun(action).capitalize()} '{action.name}', configuration '{key}': #{{{namespace}.{name}}}"
        if namespace == "codepipeline" and name != "PipelineExecutionId":
            raise InvalidActionDeclarationException(f"{shown} is not a variable of codepipeline")
        if namespace == "variables" and name not in declared:
            raise InvalidActionDeclarationException(f"{shown} is not a variable of this pipeline")
        if namespace not in known | {"codepipeline", "variables"}:
            raise InvalidActionDeclarationException(f"{shown} is not in a namespace of a preceding action")


def _triggers(declaration: Mapping[str, Any], actions: Mapping[str, Action]) -> None:
    seen = []
    for trigger in declaration.get("triggers") or ():
        git = trigger["gitConfiguration"]
        source = actions.get(git["sourceActionName"])
        if source is None or source.provider != trigger["providerType"]:
            raise ValidationException(
                f"The trigger's sourceActionName {git['sourceActionName']} is not a {trigger['providerType']} action"
            )
        seen.append(source.name)
        for each in git.get("push") or ():
            if "tags" in each and ({"branches", "filePaths"} & set(each)):
                raise ValidationException("A push filter has either tags, or branches and filePaths")
    _unique("The source actions of triggers", seen)
