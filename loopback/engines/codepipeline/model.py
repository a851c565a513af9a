"""A pipeline's declaration, read: what the engine plans from. AWS's document stays a dict; this is our view of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loopback.wire import documents

SUPERSEDED, QUEUED, PARALLEL = "SUPERSEDED", "QUEUED", "PARALLEL"
ENTRY, SUCCESS, FAILURE = "BEFORE_ENTRY", "ON_SUCCESS", "ON_FAILURE"  # the conditions of a stage, as AWS names them
MEMBERS = {ENTRY: "beforeEntry", SUCCESS: "onSuccess", FAILURE: "onFailure"}  # where a stage declares them


@dataclass(frozen=True)
class Action:
    """One action of a stage. `timeout_minutes` is None where the provider's own limit holds.

    `commands`, `environment`, `exported` (its outputVariables) and `files` (of its output artifacts) are those of
    provider Commands.
    """

    name: str
    category: str
    owner: str
    provider: str
    version: str
    run_order: int
    configuration: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    namespace: str
    role: str
    timeout_minutes: int | None
    commands: tuple[str, ...] = ()
    environment: tuple[Mapping[str, str], ...] = ()
    exported: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def texts(self) -> dict[str, str]:
        """Everything in which variables may be referred to, by what it is."""
        commands = {f"commands[{i}]": command for i, command in enumerate(self.commands)}
        variables = {f"environmentVariables.{each['name']}": each["value"] for each in self.environment}
        return {**self.configuration, **commands, **variables}

    @property
    def kind(self) -> tuple[str, str, str]:
        """What the table of providers is looked up by."""
        return self.category, self.owner, self.provider

    @property
    def type_id(self) -> dict[str, str]:
        """The actionTypeId, as AWS shows it."""
        return {"category": self.category, "owner": self.owner, "provider": self.provider, "version": self.version}


@dataclass(frozen=True)
class Condition:
    """What is looked at before a stage is entered or left. `result` is what follows when one of its rules fails.

    A rule is an action that says yes or no: of category Rule, without outputs.
    """

    result: str
    rules: tuple[Action, ...]


@dataclass(frozen=True)
class Stage:
    """One stage. `on_failure` is FAIL, RETRY or ROLLBACK; `retry_mode` is how an automatic retry goes about it.

    `conditions` are by ENTRY, SUCCESS and FAILURE.
    """

    name: str
    actions: tuple[Action, ...]
    on_failure: str = "FAIL"
    retry_mode: str = "FAILED_ACTIONS"
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    def action(self, name: str) -> Action | None:
        """The action of that name."""
        return next((action for action in self.actions if action.name == name), None)


@dataclass(frozen=True)
class Structure:
    """A whole pipeline. `role` is that of actions that name none."""

    name: str
    role: str
    mode: str
    stages: tuple[Stage, ...]

    def index(self, stage: str) -> int | None:
        """The place of a stage, from 0."""
        return next((i for i, each in enumerate(self.stages) if each.name == stage), None)


def parse(declaration: Mapping[str, Any]) -> Structure:
    """Read a declaration that has passed `structure.check`."""
    stages = tuple(_stage(stage) for stage in declaration["stages"])
    mode = declaration.get("executionMode", SUPERSEDED)
    return Structure(declaration["name"], declaration["roleArn"], mode, stages)


def _stage(stage: Mapping[str, Any]) -> Stage:
    failure = stage.get("onFailure") or {}
    mode = (failure.get("retryConfiguration") or {}).get("retryMode", "FAILED_ACTIONS")
    actions = tuple(read_action(action) for action in stage["actions"])
    conditions = {kind: read_condition(each) for kind in MEMBERS if (each := declared_condition(stage, kind))}
    return Stage(stage["name"], actions, failure.get("result", "FAIL"), mode, conditions)


def declared_condition(stage: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The one condition of a kind that a stage declares."""
    conditions = (stage.get(MEMBERS[kind]) or {}).get("conditions") or [None]
    found: Mapping[str, Any] | None = conditions[0]
    return found


def read_condition(condition: Mapping[str, Any]) -> Condition:
    """One condition's declaration."""
    rules = [read_action({**rule, "actionTypeId": _rule_type(rule)}) for rule in condition.get("rules") or ()]
    return Condition(condition.get("result", "FAIL"), tuple(rules))


def _rule_type(rule: Mapping[str, Any]) -> dict[str, str]:
    return {"owner": "AWS", "version": "1", **rule["ruleTypeId"]}


def read_action(action: Mapping[str, Any]) -> Action:
    """One action's declaration."""
    kind = action["actionTypeId"]
    return Action(
        name=action["name"],
        category=kind["category"],
        owner=kind["owner"],
        provider=kind["provider"],
        version=kind["version"],
        run_order=action.get("runOrder", 1),
        configuration=action.get("configuration") or {},
        inputs=tuple(each["name"] for each in action.get("inputArtifacts") or ()),
        outputs=tuple(each["name"] for each in action.get("outputArtifacts") or ()),
        namespace=action.get("namespace", ""),
        role=action.get("roleArn", ""),
        timeout_minutes=action.get("timeoutInMinutes"),
        commands=tuple(action.get("commands") or ()),
        environment=tuple(action.get("environmentVariables") or ()),
        exported=tuple(action.get("outputVariables") or ()),
        files={each["name"]: tuple(each.get("files") or ()) for each in action.get("outputArtifacts") or ()},
    )


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a configuration value is, or None when it is something else."""
    try:
        found = documents.json_value(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
