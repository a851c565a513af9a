"""The engine's moves as rows of the store. Called on the driver's thread, inside its commit."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from loopback.core.kinds import BY_SLUG, DELIVERY, DELIVERY_ACTION, DELIVERY_RULE, DELIVERY_STAGE
from loopback.core.queries import Selection, equals
from loopback.core.schema import SQL
from loopback.core.store import Resource
from loopback.engines.codepipeline import variables
from loopback.engines.codepipeline.model import ENTRY, Action, parse
from loopback.engines.codepipeline.plan import (
    Abandon,
    Check,
    Enter,
    Finish,
    Judge,
    Leave,
    Move,
    RetryStage,
    RollBack,
    RunningExecution,
    Start,
)
from loopback.engines.codepipeline.rules import seconds_allowed
from loopback.services.codepipeline import control, executions, from_rows, starting
from loopback.services.codepipeline.action import ActionEnded, artifact_key
from loopback.services.registry import Context

_EVENTS = {
    "Succeeded": "succeed",
    "Skipped": "skip",
    "Failed": "fail",
    "Stopped": "halt",
    "Superseded": "supersede",
}
Done = tuple[list[Resource], list[Resource]]  # actions and rules that have begun, and that were given up


class PlanApplier:
    """`now` returns epoch seconds."""

    def __init__(self, context: Context, now: Callable[[], float] = time.time) -> None:
        self._context, self._store, self._now = context, context.store, now

    def carry_out(self, pipeline: Resource, move: Move) -> Done:
        """Write one move down."""
        match move:
            case Start():
                return [self._start(move.run, move.action)], []
            case Check():
                return self._check(move.run, move.condition), []
            case Judge():
                self._judge(move)
            case Abandon():
                return [], [self._abandon(move)]
            case Enter():
                self._enter(move.run)
            case Leave():
                self._leave(move)
            case RetryStage():
                self._retry(move)
            case RollBack():
                self._roll_back(pipeline, move.run)
            case Finish():
                self._store.fire(DELIVERY, move.run.id, _EVENTS[move.status], self._why(move))
        return [], []

    def _why(self, move: Finish) -> dict[str, Any]:
        if move.status == "Superseded":
            newer = [row for row in from_rows.running(self._parent(move.run), self._store) if row.name != move.run.id]
            return {"summary": f"Superseded by {newer[-1].name}" if newer else None}
        return {}

    def _parent(self, run: RunningExecution) -> str:
        return self._store.get(DELIVERY, run.id).parent

    def _enter(self, run: RunningExecution) -> None:
        order = self._store.next_number("delivery stages")
        stage = run.here.name
        doc = {"name": stage, "pipeline": self._parent(run)}
        self._store.create(DELIVERY_STAGE, f"{run.id}/{stage}", doc, parent=run.id, result={"entered": order})

    def _leave(self, move: Leave) -> None:
        run = move.run
        self._store.fire(DELIVERY_STAGE, f"{run.id}/{run.here.name}", _EVENTS[move.status])
        if move.status in ("Succeeded", "Skipped") and not run.last:
            self._store.amend(DELIVERY, run.id, "go on", result={"at": run.at + 1})

    def _retry(self, move: RetryStage) -> None:
        stage = move.run.here.name
        control.clear(move.run.id, stage, move.mode, self._store)
        control.forget(move.run.id, stage, (ENTRY,), self._store)
        noted = {"auto_retries": move.run.auto_retries + 1, "last_retry": "AutomatedStageRetry"}
        self._store.amend(DELIVERY_STAGE, f"{move.run.id}/{stage}", "retry_by_itself", result=noted)

    def _roll_back(self, pipeline: Resource, run: RunningExecution) -> None:
        """To the newest execution of this version that succeeded there; without one the failure stands alone."""
        row, stage = self._store.get(DELIVERY, run.id), run.here.name
        at = parse(pipeline.doc).index(stage)
        version = pipeline.doc["version"]
        if at is None or row.doc["declaration"]["version"] != version:
            return
        succeeded = (SQL["delivery_succeeded_in_stage"], stage)
        terms = (equals("type", "STANDARD"), equals("declaration.version", version), succeeded)
        target = self._store.first(
            Selection(DELIVERY, pipeline.name, order=executions.ORDER, descending=True, where=terms)
        )
        if target is None:
            return
        trigger = starting.Trigger("AutomatedRollback", run.id)
        starting.start_rollback(pipeline, target, at, trigger, self._context)

    def _start(self, run: RunningExecution, name: str) -> Resource:
        action = run.here.action(name)
        assert action is not None
        doc, result = self._begun(run, action)
        return self._store.create(DELIVERY_ACTION, str(uuid.uuid4()), doc, parent=run.id, result=result)

    def _check(self, run: RunningExecution, kind: str) -> list[Resource]:
        self._note_condition(run, kind, "check", {"status": "InProgress"})
        begun = []
        for rule in run.here.conditions[kind].rules:
            doc, result = self._begun(run, rule)
            doc["condition"] = kind
            begun.append(self._store.create(DELIVERY_RULE, str(uuid.uuid4()), doc, parent=run.id, result=result))
        return begun

    def _judge(self, move: Judge) -> None:
        rules = from_rows.rules_of(move.run.id, move.run.here.name, self._store)
        said = [rule for rule in rules if rule.doc["condition"] == move.condition and rule.status == "Failed"]
        summary = "; ".join(f"{rule.doc['action']}: {rule.result['summary']}" for rule in said)
        self._note_condition(move.run, move.condition, "judge", {"status": move.status, "summary": summary[:2048]})

    def _note_condition(self, run: RunningExecution, kind: str, event: str, noted: dict[str, Any]) -> None:
        stage = self._store.get(DELIVERY_STAGE, f"{run.id}/{run.here.name}")
        conditions = from_rows.conditions_of(stage) | {kind: {**noted, "at": self._now()}}
        self._store.amend(DELIVERY_STAGE, stage.name, event, result={"conditions": conditions})

    def _begun(self, run: RunningExecution, action: Action) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where its artifacts go and what its configuration says are decided here, once."""
        execution = self._store.get(DELIVERY, run.id)
        made = from_rows.produced(execution, self._context)
        known = {
            "codepipeline": {"PipelineExecutionId": run.id},
            "variables": execution.doc["variables"],
            **made["variables"],
        }
        unresolved = None
        try:
            texts = variables.resolve(action.texts, known)
        except variables.Unresolved as fault:
            texts, unresolved = action.texts, str(fault)
        missing = [each for each in action.inputs if each not in made["artifacts"]]
        if missing:
            unresolved = f"The input artifact {missing[0]} was not made in this execution"
        declaration = execution.doc["declaration"]
        store = declaration["artifactStore"]
        doc = {
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
            "inputs": [made["artifacts"][each] for each in action.inputs if each in made["artifacts"]],
            "outputs": [_output(store["location"], execution.parent, each) for each in action.outputs],
            "encryption_key": store.get("encryptionKey"),
            "token": str(uuid.uuid4()) if action.category == "Approval" else "",
            "timeout_minutes": action.timeout_minutes,
            "deadline": self._now() + seconds_allowed(action),
        }
        return doc, {"summary": ""} | ({"unresolved": unresolved} if unresolved else {})

    def _abandon(self, move: Abandon) -> Resource:
        stage = move.run.here.name
        if move.condition:
            rows, noun = from_rows.rules_of(move.run.id, stage, self._store), "rule"
        else:
            rows, noun = from_rows.actions_of(move.run.id, self._store), "action"
        row = next(
            each
            for each in rows
            if each.doc["action"] == move.action
            and each.doc["stage"] == stage
            and each.doc.get("condition", "") == move.condition
            and each.status == "InProgress"
        )
        return self._store.fire(BY_SLUG[row.kind], row.name, "abandon", {"summary": f"The {noun} was abandoned"})

    def end(self, row: Resource, ended: ActionEnded) -> None:
        """Write down how an action or a rule ended."""
        noted = {
            **ended.noted,
            "summary": ended.summary[:2048],
            "error_code": ended.error or None,
            "variables": dict(ended.variables),
        }
        self._store.fire(BY_SLUG[row.kind], row.name, "fail" if ended.error else "succeed", noted)


def _compute(action: Action, texts: Mapping[str, str]) -> dict[str, Any]:
    """What an action of provider Commands runs, with every variable replaced."""
    environment = [{**each, "value": texts[f"environmentVariables.{each['name']}"]} for each in action.environment]
    return {
        "commands": [texts[f"commands[{i}]"] for i in range(len(action.commands))],
        "environment": environment,
        "exported": list(action.exported),
        "files": {name: list(files) for name, files in action.files.items()},
    }


def _output(bucket: str, pipeline: str, name: str) -> dict[str, str]:
    return {"name": name, "bucket": bucket, "key": artifact_key(pipeline, name)}
