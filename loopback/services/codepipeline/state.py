"""GetPipelineState: every stage with who is in it, who waits for it, and how its actions went last."""

from dataclasses import replace
from typing import Any

from loopback.core.kinds import DELIVERY, DELIVERY_ACTION, DELIVERY_STAGE
from loopback.core.queries import Selection, equals
from loopback.core.store import Resource, Store
from loopback.engines.codepipeline.model import Action, Stage, parse
from loopback.services.codepipeline import conditions, pipelines
from loopback.services.codepipeline.executions import ORDER, UNREPLACED, error_view
from loopback.services.codepipeline.from_rows import entries
from loopback.services.registry import Context, Request, Response, handles


@handles("GetPipelineState", pipelines.SERVICE)
def state(request: Request, context: Context) -> Response:
    """The newest execution that was in each stage; an approval that waits shows its token."""
    row = pipelines.get(request["name"], context)
    structure = parse(row.doc)
    running = context.store.scan(Selection(DELIVERY, row.name, ("InProgress",)))
    executions = sorted(running, key=lambda each: each.doc["order"])
    shown = []
    for i, stage in enumerate(structure.stages):
        before = structure.stages[i - 1].name if i else ""
        waiting = [each for each in executions if each.result["at"] == i]
        waiting = [each for each in waiting if not context.store.exists(DELIVERY_STAGE, f"{each.name}/{stage.name}")]
        shown.append(
            {
                "stageName": stage.name,
                "inboundTransitionState": _transition(row, stage.name, before),
                "inboundExecution": _execution(waiting[-1], waiting[-1].status) if waiting else None,
                "inboundExecutions": [_execution(each, each.status) for each in waiting],
                "actionStates": [_action(action, stage, row.name, context.store) for action in stage.actions],
                **_latest(row.name, stage, context.store),
            }
        )
    return {
        "pipelineName": row.name,
        "pipelineVersion": row.doc["version"],
        "stageStates": shown,
        "created": row.created,
        "updated": pipelines.updated(row),
    }


def _execution(row: Resource, status: str) -> dict[str, str]:
    return {"pipelineExecutionId": row.name, "status": status, "type": row.doc["type"]}


def _transition(row: Resource, stage: str, before: str) -> dict[str, Any]:
    transitions = row.result.get("transitions", {})
    shut = transitions.get(stage, {}).get("Inbound") or transitions.get(before, {}).get("Outbound")
    if not shut:
        return {"enabled": True}
    return {
        "enabled": False,
        "lastChangedBy": shut["by"],
        "lastChangedAt": shut["at"],
        "disabledReason": shut["reason"],
    }


def _latest(pipeline: str, declared: Stage, store: Store) -> dict[str, Any]:
    stage = store.first(replace(entries(pipeline, declared.name), descending=True))
    if stage is None:
        return {}
    shown: dict[str, Any] = {"latestExecution": _execution(store.get(DELIVERY, stage.parent), stage.status)}
    shown |= conditions.states(stage, declared, store)
    if stage.result.get("last_retry"):
        shown["retryStageMetadata"] = {
            "autoStageRetryAttempt": stage.result.get("auto_retries"),
            "manualStageRetryAttempt": stage.result.get("manual_retries"),
            "latestRetryTrigger": stage.result["last_retry"],
        }
    return shown


def _action(action: Action, stage: Stage, pipeline: str, store: Store) -> dict[str, Any]:
    shown: dict[str, Any] = {"actionName": action.name}
    of_action = (equals("pipeline", pipeline), equals("stage", stage.name), equals("action", action.name))
    newest = Selection(DELIVERY_ACTION, equal=of_action, order=ORDER, descending=True, where=(UNREPLACED,))
    row = store.first(newest)
    if row is None:
        return shown
    result = row.result
    waits = row.status == "InProgress" and action.category == "Approval"
    shown["latestExecution"] = {
        "actionExecutionId": row.name,
        "status": row.status,
        "summary": result.get("summary") or None,
        "lastStatusChange": row.changed,
        "token": row.doc["token"] if waits else None,
        "lastUpdatedBy": result.get("updated_by"),
        "externalExecutionId": result.get("external_id"),
        "externalExecutionUrl": result.get("external_url") or None,
        "percentComplete": result.get("percent"),
        "errorDetails": error_view(row),
        "logStreamARN": result.get("log_stream"),
    }
    if result.get("revision"):
        created = result.get("revision_created") or row.changed
        shown["currentRevision"] = {
            "revisionId": result["revision"],
            "revisionChangeId": result["revision"][:100],
            "created": created,
        }
        shown["revisionUrl"] = result.get("revision_url")
    return shown
