"""Executions and their actions: read and list."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from loopback.core.artifacts import Artifact
from loopback.core.errors import ResourceNotFound
from loopback.core.queries import Term
from loopback.rows import codepipeline as rows
from loopback.rows.codepipeline import ActionRow, CodePipelineExecutionRow, StageRow
from loopback.rows.row import view_of
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.errors import PipelineExecutionNotFoundException
from loopback.services.paging import Items
from loopback.services.registry import Context, Request, Response, handles

AnyAction = TypeVar("AnyAction", bound=ActionRow)  # an action or a rule


def get(pipeline: str, execution: str, context: Context) -> CodePipelineExecutionRow:
    """The row of an execution. Raises PipelineNotFoundException, PipelineExecutionNotFoundException."""
    pipelines.get(pipeline, context)
    try:
        row = CodePipelineExecutionRow.get(context.store, execution)
    except ResourceNotFound:
        row = None
    if row is None or row.parent != pipeline:
        raise PipelineExecutionNotFoundException(
            f"Pipeline '{pipeline}' does not have an execution with id '{execution}'"
        )
    return row


def _common(row: CodePipelineExecutionRow) -> dict[str, Any]:
    return {
        "pipelineExecutionId": row.name,
        "status": row.status,
        "statusSummary": row.summary,
        "trigger": row.trigger,
        "executionMode": row.declaration["executionMode"],
        "executionType": row.type,
        "rollbackMetadata": ({"rollbackTargetPipelineExecutionId": row.target} if row.type == "ROLLBACK" else None),
    }


def _sources(row: CodePipelineExecutionRow, context: Context) -> list[tuple[ActionRow, str]]:
    """The source actions of an execution with their revisions; of a rollback, those of its target."""
    actions = ActionRow.find(context.store, parent=row.target or row.name)
    return [(each, each.revision) for each in actions if each.type["category"] == "Source" and each.revision]


@handles("GetPipelineExecution", pipelines.SERVICE)
def describe(request: Request, context: Context) -> Response:
    """With the revisions of its sources and what its variables are."""
    row = get(request["pipelineName"], request["pipelineExecutionId"], context)
    revisions = [
        {
            "name": output.name,
            "revisionId": revision,
            "revisionChangeIdentifier": revision[:100],
            "revisionSummary": source.revision_summary,
            "created": source.revision_created,
            "revisionUrl": source.revision_url,
        }
        for source, revision in _sources(row, context)
        for output in source.outputs
    ]
    shown = _common(row) | {
        "pipelineName": row.parent,
        "pipelineVersion": row.version,
        "artifactRevisions": revisions,
        "variables": [{"name": key, "resolvedValue": value} for key, value in row.variables.items()],
    }
    return {"pipelineExecution": shown}


@handles("ListPipelineExecutions", pipelines.SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """Newest first."""
    name = request["pipelineName"]
    pipelines.get(name, context)
    stage = ((request.get("filter") or {}).get("succeededInStage") or {}).get("stageName")
    where = () if stage is None else (rows.succeeded_in(stage),)
    newest = rows.newest_executions(name, where)
    show = partial(view_of(CodePipelineExecutionRow, _summary), context=context)
    return pipelines.PAGING.of_rows(context.store, request, [newest], Items("pipelineExecutionSummaries", show, 100))


def _summary(row: CodePipelineExecutionRow, context: Context) -> dict[str, Any]:
    sources = [
        {
            "actionName": source.action,
            "revisionId": revision,
            "revisionSummary": source.revision_summary,
            "revisionUrl": source.revision_url,
        }
        for source, revision in _sources(row, context)
    ]
    reason = row.stop_reason
    return _common(row) | {
        "startTime": row.created,
        "lastUpdateTime": row.changed,
        "sourceRevisions": sources,
        "stopTrigger": {"reason": reason} if reason is not None else None,
    }


def succeeded_in(execution: str, stage: str, context: Context) -> bool:
    """Whether an execution went through a stage."""
    try:
        return StageRow.get(context.store, f"{execution}/{stage}").status == "Succeeded"
    except ResourceNotFound:
        return False


@handles("ListActionExecutions", pipelines.SERVICE)
def list_actions(request: Request, context: Context) -> Response:
    """Newest first, of one execution or of all of a pipeline; retried actions with every attempt."""
    return newest_page(ActionRow, "actionExecutionDetails", action_view, request, context)


def newest_page(
    of: type[AnyAction],
    output: str,
    view: Callable[[AnyAction, int], dict[str, Any]],
    request: Request,
    context: Context,
) -> Response:
    """The page of actions or of rules that a request asks for; a view is made of a row and its pipeline's version."""
    name, wanted = request["pipelineName"], request.get("filter") or {}
    pipelines.get(name, context)
    latest = wanted.get("latestInPipelineExecution") or {}
    execution = wanted.get("pipelineExecutionId") or latest.get("pipelineExecutionId")
    if execution is None:
        newest = rows.newest_of_pipeline(of.KIND, name)
    else:
        parent = get(name, execution, context).name
        where: Sequence[Term] = (rows.UNREPLACED,) if latest.get("startTimeRange") == "Latest" else ()
        newest = rows.newest_of_execution(of.KIND, parent, where)
    version = cache(lambda parent: CodePipelineExecutionRow.get(context.store, parent).version)
    show = view_of(of, lambda row: view(row, version(row.parent)))
    return pipelines.PAGING.of_rows(context.store, request, [newest], Items(output, show, 100))


def common_view(row: ActionRow, version: int) -> dict[str, Any]:
    """What is shown of an action and of a rule alike."""
    return {
        "pipelineExecutionId": row.parent,
        "pipelineVersion": version,
        "stageName": row.stage,
        "startTime": row.created,
        "lastUpdateTime": row.changed,
        "updatedBy": row.updated_by,
        "status": row.status,
    }


def outcome_view(row: ActionRow) -> dict[str, Any]:
    """The executionResult of an action or a rule."""
    return {
        "externalExecutionId": row.external_id,
        "externalExecutionSummary": row.summary or None,
        "externalExecutionUrl": row.external_url or None,
        "errorDetails": error_view(row),
    }


def error_view(row: ActionRow) -> dict[str, str] | None:
    """Why an action or a rule failed."""
    return {"code": row.error_code, "message": row.summary or "-"} if row.error_code else None


def action_view(row: ActionRow, version: int) -> dict[str, Any]:
    """One action execution, as ListActionExecutions shows it."""
    return common_view(row, version) | {
        "actionExecutionId": row.name,
        "actionName": row.action,
        "input": {
            "actionTypeId": row.type,
            "configuration": row.configuration,
            "resolvedConfiguration": row.resolved,
            "roleArn": row.role,
            "inputArtifacts": locate(row.inputs),
            "namespace": row.namespace or None,
        },
        "output": {
            "outputArtifacts": locate(row.artifacts) if row.status == "Succeeded" else [],
            "executionResult": outcome_view(row),
            "outputVariables": row.variables,
        },
    }


def locate(artifacts: Sequence[Artifact]) -> list[dict[str, Any]]:
    """Artifacts with the objects that they are."""
    return [{"name": each.name, "s3location": {"bucket": each.bucket, "key": each.key}} for each in artifacts]
