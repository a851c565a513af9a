"""Executions and their actions: read and list."""

from collections.abc import Callable
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import DELIVERY, DELIVERY_ACTION, DELIVERY_STAGE, Kind
from loopback.core.store import Resource
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.errors import PipelineExecutionNotFoundException
from loopback.services.registry import Context, Request, Response, handles


def get(pipeline: str, execution: str, context: Context) -> Resource:
    """The row of an execution. Raises PipelineNotFoundException, PipelineExecutionNotFoundException."""
    pipelines.get(pipeline, context)
    try:
        row = context.store.get(DELIVERY, execution)
    except ResourceNotFound:
        row = None
    if row is None or row.parent != pipeline:
        raise PipelineExecutionNotFoundException(
            f"Pipeline '{pipeline}' does not have an execution with id '{execution}'"
        )
    return row


def _common(row: Resource) -> dict[str, Any]:
    declaration = row.doc["declaration"]
    return {
        "pipelineExecutionId": row.name,
        "status": row.status,
        "statusSummary": row.result.get("summary"),
        "trigger": row.doc["trigger"],
        "executionMode": declaration["executionMode"],
        "executionType": row.doc["type"],
        "rollbackMetadata": (
            {"rollbackTargetPipelineExecutionId": row.doc["target"]} if row.doc["type"] == "ROLLBACK" else None
        ),
    }


def _sources(row: Resource, context: Context) -> list[Resource]:
    """The source actions of an execution; of a rollback, those of its target."""
    execution = row.doc.get("target", row.name)
    actions = context.store.find(DELIVERY_ACTION, parent=execution)
    return [each for each in actions if each.doc["type"]["category"] == "Source" and each.result.get("revision")]


@handles("GetPipelineExecution", pipelines.SERVICE)
def describe(request: Request, context: Context) -> Response:
    """With the revisions of its sources and what its variables are."""
    row = get(request["pipelineName"], request["pipelineExecutionId"], context)
    revisions = [
        {
            "name": output["name"],
            "revisionId": source.result["revision"],
            "revisionChangeIdentifier": source.result["revision"][:100],
            "revisionSummary": source.result.get("revision_summary"),
            "created": source.result.get("revision_created"),
            "revisionUrl": source.result.get("revision_url"),
        }
        for source in _sources(row, context)
        for output in source.doc["outputs"]
    ]
    shown = _common(row) | {
        "pipelineName": row.parent,
        "pipelineVersion": row.doc["declaration"]["version"],
        "artifactRevisions": revisions,
        "variables": [{"name": key, "resolvedValue": value} for key, value in row.doc["variables"].items()],
    }
    return {"pipelineExecution": shown}


@handles("ListPipelineExecutions", pipelines.SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """Newest first."""
    name = request["pipelineName"]
    pipelines.get(name, context)
    rows = sorted(context.store.find(DELIVERY, parent=name), key=lambda row: -row.doc["order"])
    stage = ((request.get("filter") or {}).get("succeededInStage") or {}).get("stageName")
    if stage is not None:
        rows = [row for row in rows if succeeded_in(row.name, stage, context)]
    answer = pipelines.page("rows", rows, request, 100)
    return {
        "pipelineExecutionSummaries": [_summary(row, context) for row in answer["rows"]],
        "nextToken": answer.get("nextToken"),
    }


def _summary(row: Resource, context: Context) -> dict[str, Any]:
    sources = [
        {
            "actionName": source.doc["action"],
            "revisionId": source.result["revision"],
            "revisionSummary": source.result.get("revision_summary"),
            "revisionUrl": source.result.get("revision_url"),
        }
        for source in _sources(row, context)
    ]
    reason = row.result.get("stop_reason")
    return _common(row) | {
        "startTime": row.created,
        "lastUpdateTime": row.changed,
        "sourceRevisions": sources,
        "stopTrigger": {"reason": reason} if reason is not None else None,
    }


def succeeded_in(execution: str, stage: str, context: Context) -> bool:
    """Whether an execution went through a stage."""
    try:
        return context.store.get(DELIVERY_STAGE, f"{execution}/{stage}").status == "Succeeded"
    except ResourceNotFound:
        return False


@handles("ListActionExecutions", pipelines.SERVICE)
def list_actions(request: Request, context: Context) -> Response:
    """Newest first, of one execution or of all of a pipeline; retried actions with every attempt."""
    return begun(DELIVERY_ACTION, "actionExecutionDetails", action_view, request, context)


def begun(
    kind: Kind, output: str, view: Callable[[Resource, int], dict[str, Any]], request: Request, context: Context
) -> Response:
    """The page of actions or of rules that a request asks for; a view is made of a row and its pipeline's version."""
    name, wanted = request["pipelineName"], request.get("filter") or {}
    pipelines.get(name, context)
    latest = wanted.get("latestInPipelineExecution") or {}
    execution = wanted.get("pipelineExecutionId") or latest.get("pipelineExecutionId")
    executions = context.store.find(DELIVERY, parent=name) if execution is None else [get(name, execution, context)]
    versions = {row.name: row.doc["declaration"]["version"] for row in executions}
    rows = [row for each in executions for row in context.store.find(kind, parent=each.name)]
    if latest.get("startTimeRange") == "Latest":
        rows = [row for row in rows if not row.result.get("replaced")]
    rows.sort(key=lambda row: row.doc["order"], reverse=True)
    answer = pipelines.page(output, rows, request, 100)
    return answer | {output: [view(row, versions[row.parent]) for row in answer[output]]}


def begun_view(row: Resource, version: int) -> dict[str, Any]:
    """What is shown of an action and of a rule alike."""
    return {
        "pipelineExecutionId": row.parent,
        "pipelineVersion": version,
        "stageName": row.doc["stage"],
        "startTime": row.created,
        "lastUpdateTime": row.changed,
        "updatedBy": row.result.get("updated_by"),
        "status": row.status,
    }


def outcome_view(row: Resource) -> dict[str, Any]:
    """The executionResult of an action or a rule."""
    result = row.result
    return {
        "externalExecutionId": result.get("external_id"),
        "externalExecutionSummary": result.get("summary") or None,
        "externalExecutionUrl": result.get("external_url") or None,
        "errorDetails": error_view(row),
    }


def error_view(row: Resource) -> dict[str, str] | None:
    """Why an action or a rule failed."""
    code = row.result.get("error_code")
    return {"code": code, "message": row.result["summary"] or "-"} if code else None


def action_view(row: Resource, version: int) -> dict[str, Any]:
    """One action execution, as ListActionExecutions shows it."""
    doc, result = row.doc, row.result
    return begun_view(row, version) | {
        "actionExecutionId": row.name,
        "actionName": doc["action"],
        "input": {
            "actionTypeId": doc["type"],
            "configuration": doc["configuration"],
            "resolvedConfiguration": doc["resolved"],
            "roleArn": doc["role"],
            "inputArtifacts": located(doc["inputs"]),
            "namespace": doc["namespace"] or None,
        },
        "output": {
            "outputArtifacts": located(result.get("outputs", doc["outputs"])) if row.status == "Succeeded" else [],
            "executionResult": outcome_view(row),
            "outputVariables": result.get("variables") or {},
        },
    }


def located(artifacts: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Artifacts with the objects that they are."""
    return [{"name": each["name"], "s3location": {"bucket": each["bucket"], "key": each["key"]}} for each in artifacts]
