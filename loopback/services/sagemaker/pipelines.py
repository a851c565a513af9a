"""Pipelines: CreatePipeline and its family. Each update is a version; executions keep the one they started with."""

from typing import Any

from loopback.core import states
from loopback.core.errors import ConflictException, ValidationException
from loopback.core.kinds import EXECUTION, PIPELINE, PIPELINE_VERSION, STEP
from loopback.core.queries import Selection
from loopback.core.service_quotas import PIPELINES
from loopback.engines.pipelines.definition import InvalidDefinition, parse
from loopback.rows.pipelines import PipelineResult, PipelineRow, PipelineVersionRow
from loopback.rows.row import changes, view_of
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.quotas import require_another
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("PipelineSummaries", PIPELINE, page=100)
VERSIONS = Listing("PipelineVersionSummaries", PIPELINE_VERSION, page=100)
_RUNNING = tuple(status for status in EXECUTION.lifecycle if not states.is_final(EXECUTION.lifecycle, status))
MOST_STEPS = 1000  # AWS's default quota of 50 can be raised; a laptop's own limit is its memory


@handles("CreatePipeline")
def create(request: Request, context: Context) -> Response:
    """Check the whole definition, so that what cannot run is refused now and not in its last step."""
    name = request["PipelineName"]
    if context.store.exists(PIPELINE, name):
        raise ValidationException(
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({name}) already exists."
        )
    doc = _without_token(request) | {"PipelineDefinition": _definition(request, context)}
    arn = context.place.arn(f"pipeline/{name}")
    with context.store.transaction():
        require_another(PIPELINE, PIPELINES, context)
        context.store.create(PIPELINE, name, doc, result=changes(PipelineResult, version=1))
        context.store.create(PIPELINE_VERSION, f"{name}/1", doc, parent=name)
        keep_tags(arn, request, context)
    return {"PipelineArn": arn}


@handles("UpdatePipeline")
def update(request: Request, context: Context) -> Response:
    """What the request leaves out stays as it is."""
    row = find(request["PipelineName"], context)
    doc = row.request | _without_token(request)
    if "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request:
        doc["PipelineDefinition"] = _definition(request, context)
    with context.store.transaction():
        version = PipelineRow.get(context.store, row.name).version + 1
        PipelineRow.amend(context.store, row.name, "update", doc=doc, result=changes(PipelineResult, version=version))
        context.store.create(PIPELINE_VERSION, f"{row.name}/{version}", doc, parent=row.name)
    return {"PipelineArn": context.place.arn(f"pipeline/{row.name}"), "PipelineVersionId": version}


@handles("DescribePipeline")
def describe(request: Request, context: Context) -> Response:
    """The newest version, or the one that is asked for."""
    row = find(request["PipelineName"], context)
    shown = view(row, context)
    if "PipelineVersionId" in request:
        shown |= PipelineVersionRow.get(context.store, f"{row.name}/{request['PipelineVersionId']}").request
    return shown


@handles("ListPipelines")
def list_pipelines(request: Request, context: Context) -> Response:
    """A page of pipelines."""
    return select(request, context, LISTING, view_of(PipelineRow, view))


@handles("ListPipelineVersions")
def list_versions(request: Request, context: Context) -> Response:
    """The versions of one pipeline, newest first."""
    within = Selection(PIPELINE_VERSION, find(request["PipelineName"], context).name)
    return select(request, context, VERSIONS, view_of(PipelineVersionRow, version_view), within)


def version_view(row: PipelineVersionRow, context: Context) -> Response:
    """The version as a list shows it."""
    arn = context.place.arn(f"pipeline/{row.parent}")
    return {"PipelineArn": arn, "PipelineVersionId": row.number, "CreationTime": row.created}


@handles("DeletePipeline")
def delete(request: Request, context: Context) -> Response:
    """Only when no execution runs; past executions go with it, as on AWS."""
    name = find(request["PipelineName"], context).name
    if running := [row.name for row in context.store.scan(Selection(EXECUTION, name, _RUNNING))]:
        raise ConflictException(f"Pipeline {name} has running executions: {', '.join(running)}; stop them first")
    arn = context.place.arn(f"pipeline/{name}")
    with context.store.transaction():
        for row in context.store.find(EXECUTION, parent=name):
            for step in context.store.find(STEP, parent=row.name):
                context.store.delete(STEP, step.name)
            context.store.delete(EXECUTION, row.name)
        for row in context.store.find(PIPELINE_VERSION, parent=name):
            context.store.delete(PIPELINE_VERSION, row.name)
        context.store.delete(PIPELINE, name)
        context.store.untag(arn)
    return {"PipelineArn": arn}


def find(name_or_arn: str, context: Context) -> PipelineRow:
    """By name or ARN. Raises ResourceNotFound."""
    return PipelineRow.get(context.store, context.place.name_in(name_or_arn, "pipeline"))


def view(row: PipelineRow, context: Context) -> Response:
    """The pipeline as Describe shows it."""
    return row.request | {
        "PipelineArn": context.place.arn(f"pipeline/{row.name}"),
        "PipelineDisplayName": row.request.get("PipelineDisplayName", row.name),
        "PipelineStatus": row.status,
        "CreatedBy": {},  # who it was is told within Studio only
        "LastModifiedBy": {},
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "LastRunTime": row.last_run,
        "LastExecutionTime": row.last_run,
    }


def _definition(request: Request, context: Context) -> str:
    """The definition's text, from the request or from S3, once it has passed every check."""
    location: dict[str, Any] | None = request.get("PipelineDefinitionS3Location")
    if (location is None) == ("PipelineDefinition" not in request):
        raise ValidationException("Give either PipelineDefinition or PipelineDefinitionS3Location")
    if location is None:
        text: str = request["PipelineDefinition"]
    else:
        text = context.objects.read(location["Bucket"], location["ObjectKey"]).decode()
    try:
        parse(text, max_steps=MOST_STEPS)
    except InvalidDefinition as fault:
        raise ValidationException(f"Unable to parse pipeline definition: {fault}") from None
    return text


def _without_token(request: Request) -> Request:
    dropped = ("ClientRequestToken", "PipelineDefinitionS3Location", "Tags")
    return {key: value for key, value in request.items() if key not in dropped}
