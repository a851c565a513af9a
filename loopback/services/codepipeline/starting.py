"""Starting an execution: by a person, a change of a source, an event or a rollback."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import DELIVERY
from loopback.core.queries import Selection
from loopback.engines.codepipeline.model import Structure, parse
from loopback.engines.codepipeline.variables import REFERENCE
from loopback.rows.codepipeline import CodePipelineExecutionRow, CodePipelineRow, executions_of_token
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.errors import ConcurrentPipelineExecutionsLimitExceededException
from loopback.services.codepipeline.from_rows import produced_by
from loopback.services.registry import Context, Request, Response, handles

MOST_RUNNING = 50
REVISION_TYPES = {
    "S3": ("S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY"),
    "CodeCommit": ("COMMIT_ID",),
    "CodeStarSourceConnection": ("COMMIT_ID",),
}


@dataclass(frozen=True)
class Trigger:
    """Why an execution starts."""

    type: str
    detail: str = ""

    @property
    def view(self) -> dict[str, str]:
        """As AWS shows it."""
        return {"triggerType": self.type, "triggerDetail": self.detail}


@dataclass(frozen=True)
class Options:
    """What a start may carry. `branches` are those that were pushed to, by source action."""

    variables: Sequence[Mapping[str, str]] = ()
    revisions: Sequence[Mapping[str, str]] = ()
    branches: Mapping[str, str] = field(default_factory=dict)
    token: str = ""


@handles("StartPipelineExecution", pipelines.SERVICE)
def start_execution(request: Request, context: Context) -> Response:
    """A clientRequestToken that was seen before gives the execution that it started then."""
    options = Options(
        request.get("variables") or (),
        request.get("sourceRevisions") or (),
        token=request.get("clientRequestToken", ""),
    )
    trigger = Trigger("StartPipelineExecution", pipelines.caller(context))
    return {"pipelineExecutionId": start(request["name"], context, trigger, options).name}


def start(name: str, context: Context, trigger: Trigger, options: Options = Options()) -> CodePipelineExecutionRow:
    """Write the execution down; the driver goes on from there. One commit."""
    store = context.store
    with store.transaction():
        pipeline = pipelines.get(name, context)
        if options.token:
            started = CodePipelineExecutionRow.first(store, executions_of_token(name, options.token))
            if started is not None:
                return started
        structure = parse(pipeline.declaration)
        refuse_full(name, context)
        new = CodePipelineExecutionRow(
            declaration=pipeline.declaration,
            variables=_variables(pipeline.declaration, options.variables),
            revisions=_revisions(structure, options.revisions),
            branches=dict(options.branches),
            trigger=trigger.view,
            token=options.token,
            order=store.next_number("delivery order"),
        )
        row = new.create(store, str(uuid.uuid4()), name)
    context.on_change(DELIVERY.slug, row.name)
    return row


def start_rollback(
    source: CodePipelineRow, target: CodePipelineExecutionRow, at: int, trigger: Trigger, context: Context
) -> CodePipelineExecutionRow:
    """An execution of one stage with the artifacts and variables of `target`. `source` is the pipeline's row."""
    store = context.store
    with store.transaction():
        new = CodePipelineExecutionRow(
            declaration=source.declaration,
            variables=target.variables,
            trigger=trigger.view,
            type="ROLLBACK",
            target=target.name,
            inherited=produced_by(target, context),
            order=store.next_number("delivery order"),
            at=at,
        )
        row = new.create(store, str(uuid.uuid4()), source.name)
    context.on_change(DELIVERY.slug, row.name)
    return row


def refuse_full(name: str, context: Context) -> None:
    """Raise ConcurrentPipelineExecutionsLimitExceededException where no further execution may run."""
    running = context.store.page(Selection(DELIVERY, name, ("InProgress",)), MOST_RUNNING).rows
    if len(running) >= MOST_RUNNING:
        raise ConcurrentPipelineExecutionsLimitExceededException(
            f"Pipeline '{name}' has {len(running)} executions in progress; at most {MOST_RUNNING}"
        )


def _variables(declaration: Mapping[str, Any], given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    declared = declaration.get("variables") or []
    names = {each["name"] for each in declared}
    pipelines.refuse_unknown({each["name"] for each in given}, names, "Variables")
    values = {each["name"]: each["defaultValue"] for each in declared if "defaultValue" in each}
    values |= {each["name"]: each["value"] for each in given}
    used = {found[2] for text in _texts(declaration) for found in REFERENCE.finditer(text) if found[1] == "variables"}
    if given and used - set(values):  # a start without any value still begins; the action that needs it fails
        missing = ", ".join(sorted(used - set(values)))
        raise ValidationException(f"Variables {missing} have no default value and none was given")
    return values


def _texts(declaration: Mapping[str, Any]) -> list[str]:
    stages = parse(declaration).stages
    steps = [action for stage in stages for action in stage.actions]
    steps += [rule for stage in stages for condition in stage.conditions.values() for rule in condition.rules]
    return [text for step in steps for text in step.texts.values()]


def _revisions(structure: Structure, given: Sequence[Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """By source action, then by type."""
    sources = {action.name: action for action in structure.stages[0].actions}
    pipelines.refuse_unknown({each["actionName"] for each in given}, set(sources), "Source revisions for actions")
    found: dict[str, dict[str, str]] = {}
    for each in given:
        action, kind = sources[each["actionName"]], each["revisionType"]
        if kind not in REVISION_TYPES[action.provider]:
            expected = " or ".join(REVISION_TYPES[action.provider])
            raise ValidationException(f"Action {action.name} takes a revision of type {expected}, not {kind}")
        if kind == "S3_OBJECT_KEY" and action.configuration.get("AllowOverrideForS3ObjectKey") != "true":
            raise ValidationException(f"Action {action.name}: AllowOverrideForS3ObjectKey is not true")
        found.setdefault(action.name, {})[kind] = each["revisionValue"]
    return found
