"""GetPipelineState: every stage with who is in it, who waits for it, and how its actions went last."""

from dataclasses import replace
from typing import Any

from loopback.core.kinds import DELIVERY, DELIVERY_STAGE
from loopback.core.queries import Selection
from loopback.core.store import Store
from loopback.engines.codepipeline.model import Action, Stage, parse
from loopback.rows.codepipeline import (
    ActionRow,
    CodePipelineExecutionRow,
    CodePipelineRow,
    StageRow,
    newest_of_action,
    stage_entries,
)
from loopback.services.codepipeline import conditions, pipelines
from loopback.services.codepipeline.executions import error_view
from loopback.services.registry import Context, Request, Response, handles


@handles("GetPipelineState", pipelines.SERVICE)
def state(request: Request, context: Context) -> Response:
    """The newest execution that was in each stage; an approval that waits shows its token."""
    row = pipelines.get(request["name"], context)
    structure = parse(row.declaration)
    running = CodePipelineExecutionRow.scan(context.store, Selection(DELIVERY, row.name, ("InProgress",)))
    executions = sorted(running, key=lambda each: each.order)
    shown = []
    for i, stage in enumerate(structure.stages):
        before = structure.stages[i - 1].name if i else ""
        waiting = [each for each in executions if each.at == i]
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
        "pipelineVersion": row.version,
        "stageStates": shown,
        "created": row.created,
        "updated": pipelines.update_time(row),
    }


def _execution(row: CodePipelineExecutionRow, status: str) -> dict[str, str]:
    return {"pipelineExecutionId": row.name, "status": status, "type": row.type}


def _transition(row: CodePipelineRow, stage: str, before: str) -> dict[str, Any]:
    transitions = row.transitions
    shut = transitions.get(stage, {}).get("Inbound") or transitions.get(before, {}).get("Outbound")
    if not shut:
        return {"enabled": True}
    return {
        "enabled": False,
        "lastChangedBy": shut.by,
        "lastChangedAt": shut.at,
        "disabledReason": shut.reason,
    }


def _latest(pipeline: str, declared: Stage, store: Store) -> dict[str, Any]:
    stage = StageRow.first(store, replace(stage_entries(pipeline, declared.name), descending=True))
    if stage is None:
        return {}
    execution = CodePipelineExecutionRow.get(store, stage.parent)
    shown: dict[str, Any] = {"latestExecution": _execution(execution, stage.status)}
    shown |= conditions.states(stage, declared, store)
    if stage.last_retry:
        shown["retryStageMetadata"] = {
            "autoStageRetryAttempt": stage.auto_retries,
            "manualStageRetryAttempt": stage.manual_retries,
            "latestRetryTrigger": stage.last_retry,
        }
    return shown


def _action(action: Action, stage: Stage, pipeline: str, store: Store) -> dict[str, Any]:
    shown: dict[str, Any] = {"actionName": action.name}
    row = ActionRow.first(store, newest_of_action(pipeline, stage.name, action.name))
    if row is None:
        return shown
    waits = row.status == "InProgress" and action.category == "Approval"
    shown["latestExecution"] = {
        "actionExecutionId": row.name,
        "status": row.status,
        "summary": row.summary or None,
        "lastStatusChange": row.changed,
        "token": row.token if waits else None,
        "lastUpdatedBy": row.updated_by,
        "externalExecutionId": row.external_id,
        "externalExecutionUrl": row.external_url or None,
        "percentComplete": row.percent,
        "errorDetails": error_view(row),
        "logStreamARN": row.log_stream,
    }
    if row.revision:
        shown["currentRevision"] = {
            "revisionId": row.revision,
            "revisionChangeId": row.revision[:100],
            "created": row.revision_created or row.changed,
        }
        shown["revisionUrl"] = row.revision_url
    return shown
