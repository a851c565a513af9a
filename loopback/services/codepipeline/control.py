"""What a person does to executions: stop, retry a stage, roll a stage back, shut and open a transition."""

import time
from dataclasses import replace
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import DELIVERY, DELIVERY_PIPELINE, DELIVERY_STAGE
from loopback.core.store import Store
from loopback.engines.codepipeline.model import ENTRY, PARALLEL, parse
from loopback.engines.codepipeline.plan import MET
from loopback.rows.codepipeline import (
    ActionResult,
    ActionRow,
    CodePipelineExecutionResult,
    CodePipelineExecutionRow,
    CodePipelineResult,
    CodePipelineRow,
    RuleRow,
    ShutTransition,
    StageResult,
    StageRow,
    stage_entries,
)
from loopback.rows.row import changes
from loopback.services.codepipeline import executions, pipelines, starting
from loopback.services.codepipeline.errors import (
    DuplicatedStopRequestException,
    NotLatestPipelineExecutionException,
    PipelineExecutionNotStoppableException,
    PipelineExecutionOutdatedException,
    StageNotRetryableException,
    UnableToRollbackStageException,
)
from loopback.services.codepipeline.from_rows import actions_of, rules_of
from loopback.services.registry import Context, Request, Response, handles


@handles("StopPipelineExecution", pipelines.SERVICE)
def stop(request: Request, context: Context) -> Response:
    """`abandon` gives up what runs; without it running actions finish first. Abandoning may follow waiting."""
    store, mode = context.store, "abandon" if request.get("abandon") else "wait"
    with store.transaction():
        row = executions.get(request["pipelineName"], request["pipelineExecutionId"], context)
        noted = changes(CodePipelineExecutionResult, stopping=mode, stop_reason=request.get("reason", ""))
        if row.status == "Stopping":
            if mode in (row.stopping, "wait"):
                raise DuplicatedStopRequestException(f"Pipeline execution '{row.name}' is being stopped already")
            store.amend(DELIVERY, row.name, "abandon", result=noted)
        elif row.status == "InProgress":
            store.fire(DELIVERY, row.name, "stop", noted)
            for stage in store.find(DELIVERY_STAGE, parent=row.name):
                if stage.status == "InProgress":
                    store.fire(DELIVERY_STAGE, stage.name, "stop")
        else:
            raise PipelineExecutionNotStoppableException(
                f"Pipeline execution '{row.name}' is {row.status}; only one that is in progress can be stopped"
            )
    context.on_change(DELIVERY.slug, row.name)
    return {"pipelineExecutionId": row.name}


@handles("RetryStageExecution", pipelines.SERVICE)
def retry(request: Request, context: Context) -> Response:
    """The same execution goes into its failed or stopped stage again."""
    store, name = context.store, request["stageName"]
    with store.transaction():
        pipeline = pipelines.get(request["pipelineName"], context)
        pipelines.valid_stage(parse(pipeline.declaration), name)
        row = executions.get(pipeline.name, request["pipelineExecutionId"], context)
        stage = _retryable(row, name, pipeline, store)
        _may_retry(row, stage, request["retryMode"], store)
        clear(row.name, name, request["retryMode"], store)
        entered = request["retryMode"] == "FAILED_ACTIONS" and _is_met(stage)
        forget(row.name, name, (ENTRY,) if entered else (), store)
        manual = (stage.manual_retries or 0) + 1
        noted = changes(StageResult, manual_retries=manual, last_retry="ManualStageRetry")
        if stage.status in ("Failed", "Stopped"):
            resume(row.name, stage.name, noted, store)
        else:
            store.amend(DELIVERY_STAGE, stage.name, "retry_actions", result=noted)
    context.on_change(DELIVERY.slug, row.name)
    return {"pipelineExecutionId": row.name}


def _is_met(stage: StageRow) -> bool:
    """Whether a stage's entry condition holds."""
    return ENTRY in stage.conditions and stage.conditions[ENTRY].status in MET


def resume(execution: str, stage: str, noted: dict[str, Any], store: Store) -> None:
    """An execution that has ended goes on in the stage where it did."""
    store.fire(DELIVERY_STAGE, stage, "retry", noted)
    anew = changes(CodePipelineExecutionResult, stopping=None, stop_reason=None, summary=None)
    CodePipelineExecutionRow.fire(store, execution, "retry", anew)


def _retryable(row: CodePipelineExecutionRow, name: str, pipeline: CodePipelineRow, store: Store) -> StageRow:
    try:
        stage = StageRow.get(store, f"{row.name}/{name}")
    except ResourceNotFound:
        raise StageNotRetryableException(f"Pipeline execution '{row.name}' has not been in stage '{name}'") from None
    if row.version != pipeline.version:
        raise StageNotRetryableException(f"The structure of pipeline '{pipeline.name}' has changed since it ran")
    refuse_overtaken(pipeline, stage, store)
    return stage


def refuse_overtaken(pipeline: CodePipelineRow, stage: StageRow, store: Store) -> None:
    """Raise NotLatestPipelineExecutionException where another execution has been in a stage since."""
    name = stage.stage
    later = store.first(replace(stage_entries(pipeline.name, name), above=stage.entered))
    if later is not None and parse(pipeline.declaration).mode != PARALLEL:
        raise NotLatestPipelineExecutionException(f"Another execution has entered stage '{name}' since")


def _may_retry(row: CodePipelineExecutionRow, stage: StageRow, mode: str, store: Store) -> None:
    name = stage.stage
    statuses = [each.status for each in actions_of(row.name, store) if each.stage == name]
    failed = stage.status == "Failed" or any(status in ("Failed", "Abandoned") for status in statuses)
    running = "InProgress" in statuses
    stopped = stage.status == "Stopped"
    if not (failed or stopped) or stage.status in ("Succeeded", "Stopping"):
        raise StageNotRetryableException(f"Stage '{name}' is {stage.status}; only one that failed can be retried")
    if running and mode == "ALL_ACTIONS":
        raise StageNotRetryableException(f"Stage '{name}' has actions in progress; retry its FAILED_ACTIONS")


def clear(execution: str, stage: str, mode: str, store: Store) -> None:
    """Let the failed actions of a stage, or all of them, begin anew."""
    for row in actions_of(execution, store):
        if row.stage != stage or row.status == "InProgress":
            continue
        if mode == "ALL_ACTIONS" or row.status != "Succeeded":
            ActionRow.amend(store, row.name, "replace", result=changes(ActionResult, replaced=True))


def forget(execution: str, stage: str, kept: tuple[str, ...], store: Store) -> None:
    """Let the conditions of a stage, less those kept, be looked at anew."""
    row = StageRow.get(store, f"{execution}/{stage}")
    if set(row.conditions) <= set(kept):
        return
    for rule in rules_of(execution, stage, store):
        if rule.condition not in kept:
            RuleRow.amend(store, rule.name, "replace", result=changes(ActionResult, replaced=True))
    conditions = {kind: each for kind, each in row.conditions.items() if kind in kept}
    StageRow.amend(store, row.name, "forget", result=changes(StageResult, conditions=conditions))


@handles("RollbackStage", pipelines.SERVICE)
def roll_back(request: Request, context: Context) -> Response:
    """A new execution of this one stage, with the artifacts and variables of one that succeeded there."""
    name = request["stageName"]
    with context.store.transaction():
        pipeline = pipelines.get(request["pipelineName"], context)
        structure = parse(pipeline.declaration)
        at = pipelines.valid_stage(structure, name)
        target = executions.get(pipeline.name, request["targetPipelineExecutionId"], context)
        if at == 0:
            raise UnableToRollbackStageException(f"Stage '{name}' has the sources; it cannot be rolled back")
        if structure.mode == PARALLEL:
            raise UnableToRollbackStageException("A pipeline of mode PARALLEL cannot be rolled back")
        if target.type == "ROLLBACK":
            raise UnableToRollbackStageException(f"Pipeline execution '{target.name}' is itself a rollback")
        if target.version != pipeline.version:
            raise PipelineExecutionOutdatedException(
                f"Pipeline execution '{target.name}' ran under version {target.version}; "
                f"the pipeline is at version {pipeline.version}"
            )
        if not executions.succeeded_in(target.name, name, context):
            raise UnableToRollbackStageException(
                f"Pipeline execution '{target.name}' did not succeed in stage '{name}'"
            )
        trigger = starting.Trigger("ManualRollback", pipelines.caller(context))
        return {"pipelineExecutionId": starting.start_rollback(pipeline, target, at, trigger, context).name}


@handles("DisableStageTransition", pipelines.SERVICE)
def disable(request: Request, context: Context) -> Response:
    """Nothing more goes into the stage (Inbound), or out of it into the next one (Outbound)."""
    shut = ShutTransition(reason=request["reason"], at=time.time(), by=pipelines.caller(context))
    return _turn(request, context, shut)


@handles("EnableStageTransition", pipelines.SERVICE)
def enable(request: Request, context: Context) -> Response:
    """What waits goes on: the newest execution in mode SUPERSEDED, else the oldest."""
    return _turn(request, context, None)


def _turn(request: Request, context: Context, shut: ShutTransition | None) -> Response:
    with context.store.transaction():
        row = pipelines.get(request["pipelineName"], context)
        pipelines.valid_stage(parse(row.declaration), request["stageName"])
        transitions = dict(row.transitions)
        sides = dict(transitions.get(request["stageName"], {}))
        sides.pop(request["transitionType"], None)
        transitions[request["stageName"]] = sides | ({request["transitionType"]: shut} if shut else {})
        CodePipelineRow.amend(
            context.store, row.name, "transition", result=changes(CodePipelineResult, transitions=transitions)
        )
    context.on_change(DELIVERY_PIPELINE.slug, row.name)
    return {}
