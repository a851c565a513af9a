"""CodePipeline's pipelines and executions, and the stages, actions and rules of executions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.core.kinds import DELIVERY, DELIVERY_ACTION, DELIVERY_PIPELINE, DELIVERY_RULE, DELIVERY_STAGE, Kind
from loopback.core.queries import Selection, Term, equals, member
from loopback.core.schema import SQL
from loopback.rows.row import Json, Result, document, key

ORDER = member("order")  # executions, actions and rules are numbered as they begin


def _artifacts(value: Iterable[Mapping[str, str]]) -> tuple[Artifact, ...]:
    return tuple(Artifact(**each) for each in value)


def _artifact_list(value: Iterable[Artifact]) -> list[Json]:
    return [asdict(each) for each in value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutTransition:
    """Why, when (epoch seconds) and by whom a transition was disabled."""

    reason: str
    at: float
    by: str


Transitions = dict[str, dict[str, ShutTransition]]  # those that are shut: by stage, then Inbound or Outbound


def _read_transitions(value: Mapping[str, Mapping[str, Any]]) -> Transitions:
    return {stage: {side: ShutTransition(**shut) for side, shut in sides.items()} for stage, sides in value.items()}


def _dump_transitions(value: Transitions) -> Json:
    return {stage: {side: asdict(shut) for side, shut in sides.items()} for stage, sides in value.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePipelineResult(Result):
    """A pipeline's declarations so far, its disabled transitions, and the versions of polled S3 objects seen last."""

    versions: list[Json] = field(default_factory=list)
    transitions: Transitions = field(default_factory=dict, metadata=key("", _read_transitions, _dump_transitions))
    updated: float | None = None
    seen: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePipelineRow(CodePipelineResult):
    """A pipeline of CodePipeline, named by its name. `declaration` is its newest version."""

    KIND = DELIVERY_PIPELINE

    declaration: Json = field(metadata=document())

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return int(self.declaration["version"])


@dataclass(frozen=True, slots=True)
class Produced:
    """What the actions of an execution have made: artifacts by name, variables by namespace."""

    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "Produced":
        """From JSON."""
        return cls({name: Artifact(**each) for name, each in value["artifacts"].items()}, value["variables"])

    def dump(self) -> Json:
        """As JSON."""
        artifacts = {name: asdict(each) for name, each in self.artifacts.items()}
        return {"artifacts": artifacts, "variables": dict(self.variables)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePipelineExecutionResult(Result):
    """Which stage an execution is at, and how it is stopped: "wait", "abandon", or not at all."""

    at: int = 0
    summary: str | None = None
    stopping: str | None = None
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePipelineExecutionRow(CodePipelineExecutionResult):
    """An execution, named by its id; its parent is the pipeline. It keeps the declaration that it began with.

    `revisions` and `branches` are those that the start asks for, by source action. A rollback has the execution that it
    goes back to (`target`) and what that one made.
    """

    KIND = DELIVERY

    declaration: Json
    order: int
    type: str = "STANDARD"
    trigger: Json
    token: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, dict[str, str]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    target: str | None = None
    inherited: Produced = field(default_factory=Produced, metadata=key("", Produced.read, Produced.dump))

    @property
    def version(self) -> int:
        """The number of its pipeline's version."""
        return int(self.declaration["version"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionState:
    """How a condition of a stage stands since `at`, epoch seconds."""

    status: str
    at: float
    summary: str = ""


Conditions = dict[str, ConditionState]  # by kind: see engines.codepipeline.model


def _read_conditions(value: Mapping[str, Mapping[str, Any]]) -> Conditions:
    return {kind: ConditionState(**each) for kind, each in value.items()}


def _dump_conditions(value: Conditions) -> Json:
    return {kind: asdict(each) for kind, each in value.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult(Result):
    """In which place a stage was entered, how its conditions stand, and how often it was retried."""

    entered: int = 0
    conditions: Conditions = field(default_factory=dict, metadata=key("", _read_conditions, _dump_conditions))
    auto_retries: int | None = None
    manual_retries: int | None = None
    last_retry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow(StageResult):
    """A stage that an execution has entered, `<execution>/<stage>`; its parent is the execution."""

    KIND = DELIVERY_STAGE

    stage: str = field(metadata=key("name"))
    pipeline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionAnswer:
    """What a person (`status`, `by`) or a function (`error`, its code or "") has answered to an action."""

    status: str | None = None
    error: str = ""
    summary: str = ""
    by: str | None = None
    variables: dict[str, str] | None = None
    external_id: str | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "ActionAnswer":
        """From JSON."""
        return cls(**value)

    def dump(self) -> Json:
        """As JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """What an action of provider Commands runs: `environment` as in CodeBuild, `files` by output artifact."""

    commands: list[str]
    environment: list[Json]
    exported: list[str]
    files: dict[str, list[str]]

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "Compute":
        """From JSON."""
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult(Result):
    """What becomes of an action or a rule. `kept` is all of it: what the provider's next look has to know is there too.

    `answer` comes from outside, `boot` is the process that began the work, `begun` and `continued` are epoch seconds.
    `stack_token` marks the events of a stack operation, `calls` and `attempts` count what was begun.
    """

    kept: Json = field(default_factory=dict, metadata=document("result"))
    summary: str = ""
    error_code: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    external_id: str | None = None
    external_url: str | None = None
    percent: int | None = None
    log_stream: str | None = None
    updated_by: str | None = None
    revision: str | None = None
    revision_summary: str | None = None
    revision_created: float | None = None
    revision_url: str | None = None
    made: tuple[Artifact, ...] | None = field(default=None, metadata=key("outputs", _artifacts, _artifact_list))
    unresolved: str | None = None
    replaced: bool = False  # by a retry
    notified: bool = False
    answer: ActionAnswer | None = field(default=None, metadata=key("", ActionAnswer.read, ActionAnswer.dump))
    phase: str | None = None
    stack_token: str | None = field(default=None, metadata=key("token"))
    boot: str | None = None
    begun: float = 0.0
    calls: int = 0
    attempts: int = 0
    continuation: str | None = None
    continued: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow(ActionResult):
    """An action that an execution has begun, named by its id; its parent is the execution.

    `resolved` is the configuration with every variable replaced, `deadline` in epoch seconds, `token` of an approval.
    """

    KIND = DELIVERY_ACTION

    pipeline: str
    stage: str
    action: str
    order: int
    type: dict[str, str]
    role: str
    deadline: float
    namespace: str = ""
    configuration: dict[str, str] = field(default_factory=dict)
    resolved: dict[str, str] = field(default_factory=dict)
    compute: Compute | None = field(default=None, metadata=key("", Compute.read, asdict))
    inputs: tuple[Artifact, ...] = field(default=(), metadata=key("", _artifacts, _artifact_list))
    outputs: tuple[Artifact, ...] = field(default=(), metadata=key("", _artifacts, _artifact_list))
    encryption_key: Json | None = None
    token: str = ""
    timeout_minutes: int | None = None

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The output artifacts as they were made, or as they are to be."""
        return self.outputs if self.made is None else self.made

    @property
    def provider(self) -> str:
        """Of its type."""
        return self.type["provider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow(ActionRow):
    """A rule of a condition of that kind, which is looked at like an action."""

    KIND = DELIVERY_RULE

    condition: str


UNREPLACED: Term = (f"coalesce({member('replaced', 'result')}, 0) = ?", 0)


def newest_executions(pipeline: str, where: Sequence[Term] = ()) -> Selection:
    """The executions of a pipeline, the one that began last first."""
    return Selection(DELIVERY, pipeline, order=ORDER, descending=True, where=tuple(where))


def succeeded_in(stage: str) -> Term:
    """The executions that went through a stage."""
    return SQL["delivery_succeeded_in_stage"], stage


def rollback_targets(pipeline: str, version: int, stage: str) -> Selection:
    """The executions that a stage of a pipeline's version can be rolled back to, the newest first."""
    standard = (equals("type", "STANDARD"), equals("declaration.version", version), succeeded_in(stage))
    return newest_executions(pipeline, standard)


def executions_of_token(pipeline: str, token: str) -> Selection:
    """The execution that a clientRequestToken has started."""
    return Selection(DELIVERY, pipeline, equal=(equals("token", token),))


def stage_entries(pipeline: str, stage: str) -> Selection:
    """The executions of a stage, in the order in which they entered it."""
    of_stage = (equals("pipeline", pipeline), equals("name", stage))
    return Selection(DELIVERY_STAGE, equal=of_stage, order=member("entered", "result"))


def newest_of_pipeline(kind: Kind, pipeline: str) -> Selection:
    """The actions, or the rules, of all executions of a pipeline, the newest first."""
    return Selection(kind, equal=(equals("pipeline", pipeline),), order=ORDER, descending=True)


def newest_of_execution(kind: Kind, execution: str, where: Sequence[Term] = ()) -> Selection:
    """The actions, or the rules, of an execution, the newest first."""
    return Selection(kind, execution, order=ORDER, descending=True, where=tuple(where))


def newest_of_action(pipeline: str, stage: str, action: str) -> Selection:
    """The runs of one declared action, the newest first; those that a retry has replaced are left out."""
    of_action = (equals("pipeline", pipeline), equals("stage", stage), equals("action", action))
    return Selection(DELIVERY_ACTION, equal=of_action, order=ORDER, descending=True, where=(UNREPLACED,))


def actions_of_token(token: str) -> Selection:
    """The actions that are answered with a token."""
    return Selection(DELIVERY_ACTION, equal=(equals("token", token),))
