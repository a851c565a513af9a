"""Executions and their actions: read and list."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import DELIVERY, DELIVERY_ACTION, DELIVERY_STAGE, Kind
from loopback.core.queries import Selection, equals, member
from loopback.core.schema import SQL
from loopback.core.store import Resource
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.errors import PipelineExecutionNotFoundException
from loopback.services.paging import Items
from loopback.services.registry import Context, Request, Response, handles

ORDER = member("order")
UNREPLACED = (f"coalesce({member('replaced', 'result')}, 0) = ?", 0)  # by a retry


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
    stage = ((request.get("filter") or {}).get("succeededInStage") or {}).get("stageName")
    where = () if stage is None else ((SQL["delivery_succeeded_in_stage"], stage),)
    newest = Selection(DELIVERY, name, order=ORDER, descending=True, where=where)
    show = partial(_summary, context=context)
    return pipelines.PAGING.of_rows(context.store, request, [newest], Items("pipelineExecutionSummaries", show, 100))


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
    if execution is None:
        newest = Selection(kind, equal=(equals("pipeline", name),), order=ORDER, descending=True)
    else:
        parent = get(name, execution, context).name
        where = (UNREPLACED,) if latest.get("startTimeRange") == "Latest" else ()
        newest = Selection(kind, parent, order=ORDER, descending=True, where=where)
    version = cache(lambda parent: context.store.get(DELIVERY, parent).doc["declaration"]["version"])
    show = lambda row: view(row, version(row.parent))  # noqa: E731
    return pipelines.PAGING.of_rows(context.store, request, [newest], Items(output, show, 100))


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
