"""The engine's moves as rows of the store. Called on the driver's thread, inside its commit."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.core.kinds import DELIVERY, DELIVERY_STAGE
from loopback.engines.codepipeline import variables
from loopback.engines.codepipeline.model import ENTRY, Action, parse
from loopback.engines.codepipeline.plan import (
    AbandonAction,
    CheckCondition,
    EndCondition,
    EnterStage,
    FinishExecution,
    LeaveStage,
    Move,
    RetryStage,
    RollBackStage,
    RunningExecution,
    StartAction,
)
from loopback.engines.codepipeline.rules import time_limit
from loopback.rows.codepipeline import (
    ActionResult,
    ActionRow,
    CodePipelineExecutionResult,
    CodePipelineExecutionRow,
    CodePipelineRow,
    Compute,
    ConditionState,
    RuleRow,
    StageResult,
    StageRow,
    rollback_targets,
)
from loopback.rows.row import changes
from loopback.services.codepipeline import control, from_rows, starting
from loopback.services.codepipeline.action import ActionEnded, artifact_key
from loopback.services.registry import Context

_EVENTS = {
    "Succeeded": "succeed",
    "Skipped": "skip",
    "Failed": "fail",
    "Stopped": "halt",
    "Superseded": "supersede",
}
Done = tuple[list[ActionRow], list[ActionRow]]  # actions and rules that have begun, and that were given up


class PlanApplier:
    """`now` returns epoch seconds."""

    def __init__(self, context: Context, now: Callable[[], float] = time.time) -> None:
        self._context, self._store, self._now = context, context.store, now

    def carry_out(self, pipeline: CodePipelineRow, move: Move) -> Done:
        """Write one move down."""
        match move:
            case StartAction():
                return [self._start(move.run, move.action)], []
            case CheckCondition():
                return self._check(move.run, move.condition), []
            case EndCondition():
                self._judge(move)
            case AbandonAction():
                return [], [self._abandon(move)]
            case EnterStage():
                self._enter(move.run)
            case LeaveStage():
                self._leave(move)
            case RetryStage():
                self._retry(move)
            case RollBackStage():
                self._roll_back(pipeline, move.run)
            case FinishExecution():
                self._store.fire(DELIVERY, move.run.id, _EVENTS[move.status], self._why(move))
        return [], []

    def _why(self, move: FinishExecution) -> dict[str, Any]:
        if move.status == "Superseded":
            newer = [row for row in from_rows.running(self._parent(move.run), self._store) if row.name != move.run.id]
            summary = f"Superseded by {newer[-1].name}" if newer else None
            return changes(CodePipelineExecutionResult, summary=summary)
        return {}

    def _parent(self, run: RunningExecution) -> str:
        return CodePipelineExecutionRow.get(self._store, run.id).parent

    def _enter(self, run: RunningExecution) -> None:
        order = self._store.next_number("delivery stages")
        stage = run.here.name
        new = StageRow(stage=stage, pipeline=self._parent(run), entered=order)
        new.create(self._store, f"{run.id}/{stage}", run.id)

    def _leave(self, move: LeaveStage) -> None:
        run = move.run
        self._store.fire(DELIVERY_STAGE, f"{run.id}/{run.here.name}", _EVENTS[move.status])
        if move.status in ("Succeeded", "Skipped") and not run.last:
            at = changes(CodePipelineExecutionResult, at=run.at + 1)
            CodePipelineExecutionRow.amend(self._store, run.id, "go on", result=at)

    def _retry(self, move: RetryStage) -> None:
        stage = move.run.here.name
        control.clear(move.run.id, stage, move.mode, self._store)
        control.forget(move.run.id, stage, (ENTRY,), self._store)
        noted = changes(StageResult, auto_retries=move.run.auto_retries + 1, last_retry="AutomatedStageRetry")
        StageRow.amend(self._store, f"{move.run.id}/{stage}", "retry_by_itself", result=noted)

    def _roll_back(self, pipeline: CodePipelineRow, run: RunningExecution) -> None:
        """To the newest execution of this version that succeeded there; without one the failure stands alone."""
        row, stage = CodePipelineExecutionRow.get(self._store, run.id), run.here.name
        at = parse(pipeline.declaration).index(stage)
        if at is None or row.version != pipeline.version:
            return
        targets = rollback_targets(pipeline.name, pipeline.version, stage)
        target = CodePipelineExecutionRow.first(self._store, targets)
        if target is None:
            return
        trigger = starting.Trigger("AutomatedRollback", run.id)
        starting.start_rollback(pipeline, target, at, trigger, self._context)

    def _start(self, run: RunningExecution, name: str) -> ActionRow:
        action = run.here.action(name)
        assert action is not None
        return ActionRow(**self._new_row(run, action)).create(self._store, str(uuid.uuid4()), run.id)

    def _check(self, run: RunningExecution, kind: str) -> list[ActionRow]:
        self._note_condition(run, kind, "check", "InProgress")
        return [
            RuleRow(**self._new_row(run, rule), condition=kind).create(self._store, str(uuid.uuid4()), run.id)
            for rule in run.here.conditions[kind].rules
        ]

    def _judge(self, move: EndCondition) -> None:
        rules = from_rows.rules_of(move.run.id, move.run.here.name, self._store)
        said = [rule for rule in rules if rule.condition == move.condition and rule.status == "Failed"]
        summary = "; ".join(f"{rule.action}: {rule.summary}" for rule in said)
        self._note_condition(move.run, move.condition, "judge", move.status, summary[:2048])

    def _note_condition(self, run: RunningExecution, kind: str, event: str, status: str, summary: str = "") -> None:
        stage = StageRow.get(self._store, f"{run.id}/{run.here.name}")
        state = ConditionState(status=status, at=self._now(), summary=summary)
        noted = changes(StageResult, conditions=stage.conditions | {kind: state})
        StageRow.amend(self._store, stage.name, event, result=noted)

    def _new_row(self, run: RunningExecution, action: Action) -> dict[str, Any]:
        """The members of an action's or a rule's row.

        Where its artifacts go and what its configuration says are decided here, once.
        """
        execution = CodePipelineExecutionRow.get(self._store, run.id)
        made = from_rows.produced_by(execution, self._context)
        known = {
            "codepipeline": {"PipelineExecutionId": run.id},
            "variables": execution.variables,
            **made.variables,
        }
        unresolved = None
        try:
            texts = variables.resolve(action.texts, known)
        except variables.Unresolved as fault:
            texts, unresolved = action.texts, str(fault)
        missing = [each for each in action.inputs if each not in made.artifacts]
        if missing:
            unresolved = f"The input artifact {missing[0]} was not made in this execution"
        declaration = execution.declaration
        store = declaration["artifactStore"]
        return {
            "pipeline": execution.parent,
            "stage": run.here.name,
            "action": action.name,
            "order": self._store.next_number("delivery actions"),
            "type": action.type_id,
            "namespace": action.namespace,
            "role": action.role or declaration["roleArn"],
            "configuration": dict(action.configuration),
            "resolved": {key: texts[key] for key in action.configuration},
            "compute": _compute(action, texts) if action.commands else None,
            "inputs": tuple(made.artifacts[each] for each in action.inputs if each in made.artifacts),
            "outputs": tuple(_output(store["location"], execution.parent, each) for each in action.outputs),
            "encryption_key": store.get("encryptionKey"),
            "token": str(uuid.uuid4()) if action.category == "Approval" else "",
            "timeout_minutes": action.timeout_minutes,
            "deadline": self._now() + time_limit(action),
            "unresolved": unresolved,
        }

    def _abandon(self, move: AbandonAction) -> ActionRow:
        stage, rows, noun = move.run.here.name, self._actions(move), "rule" if move.condition else "action"
        row = next(each for each in rows if each.action == move.action and each.stage == stage)
        return row.fire(self._store, row.name, "abandon", changes(ActionResult, summary=f"The {noun} was abandoned"))

    def _actions(self, move: AbandonAction) -> Iterator[ActionRow]:
        """The actions that are in progress, or the rules of a condition that are."""
        if not move.condition:
            yield from (row for row in from_rows.actions_of(move.run.id, self._store) if row.status == "InProgress")
            return
        for rule in from_rows.rules_of(move.run.id, move.run.here.name, self._store):
            if rule.condition == move.condition and rule.status == "InProgress":
                yield rule

    def end(self, row: ActionRow, ended: ActionEnded) -> None:
        """Write down how an action or a rule ended."""
        noted = changes(
            ActionResult,
            summary=ended.summary[:2048],
            error_code=ended.error or None,
            variables=dict(ended.variables),
        )
        row.fire(self._store, row.name, "fail" if ended.error else "succeed", {**ended.noted, **noted})


def _compute(action: Action, texts: Mapping[str, str]) -> Compute:
    """What an action of provider Commands runs, with every variable replaced."""
    environment = [{**each, "value": texts[f"environmentVariables.{each['name']}"]} for each in action.environment]
    return Compute(
        commands=[texts[f"commands[{i}]"] for i in range(len(action.commands))],
        environment=environment,
        exported=list(action.exported),
        files={name: list(files) for name, files in action.files.items()},
    )


def _output(bucket: str, pipeline: str, name: str) -> Artifact:
    return Artifact(name, bucket, artifact_key(pipeline, name))
