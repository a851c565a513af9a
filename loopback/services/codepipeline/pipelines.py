"""Pipelines: update, read, list and tag, and what all operations look up. Each version stays readable."""

import copy
import time
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import DELIVERY_PIPELINE
from loopback.core.queries import NAME, Selection
from loopback.engines.codepipeline import structure
from loopback.engines.codepipeline.model import Structure, parse
from loopback.rows.codepipeline import CodePipelineResult, CodePipelineRow
from loopback.rows.row import changes, view_of
from loopback.services.codepipeline.errors import (
    InvalidArnException,
    InvalidNextTokenException,
    PipelineNotFoundException,
    PipelineVersionNotFoundException,
    ResourceNotFoundException,
    StageNotFoundException,
)
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context, Request, Response, handles

SERVICE = "codepipeline"
PAGING = Paging("nextToken", "maxResults", "nextToken", InvalidNextTokenException)


def get(name: str, context: Context) -> CodePipelineRow:
    """The row of a pipeline. Raises PipelineNotFoundException."""
    try:
        return CodePipelineRow.get(context.store, name)
    except ResourceNotFound:
        raise PipelineNotFoundException(
            f"Account '{context.place.account}' does not have a pipeline with name '{name}'"
        ) from None


def structure_of(row: CodePipelineRow) -> Structure:
    """What a pipeline's row declares."""
    return parse(row.declaration)


def arn_of(name: str, context: Context) -> str:
    """The pipeline's ARN."""
    return context.place.arn(name, SERVICE)


@handles("UpdatePipeline", SERVICE)
def update(request: Request, context: Context) -> Response:
    """Executions that run go on as they were started; the new version holds from the next start on."""
    with context.store.transaction():
        row = get(request["pipeline"]["name"], context)
        declaration = add_defaults(request["pipeline"]) | {"version": row.version + 1}
        structure.check(declaration, context.place.region)
        stages = {stage["name"] for stage in declaration["stages"]}
        transitions = {name: kept for name, kept in row.transitions.items() if name in stages}
        result = changes(
            CodePipelineResult,
            versions=[*row.versions, declaration],
            transitions=transitions,
            updated=time.time(),
        )
        CodePipelineRow.amend(context.store, row.name, "update", doc=declaration, result=result)
    context.on_change(DELIVERY_PIPELINE.slug, row.name)
    return {"pipeline": declaration}


def add_defaults(declared: dict[str, Any]) -> dict[str, Any]:
    """With the members that AWS fills in."""
    declaration = copy.deepcopy(declared)
    declaration.setdefault("pipelineType", "V1")
    declaration.setdefault("executionMode", "SUPERSEDED")
    for stage in declaration["stages"]:
        for action in stage["actions"]:
            action.setdefault("runOrder", 1)
            for member, empty in (("configuration", {}), ("inputArtifacts", []), ("outputArtifacts", [])):
                action.setdefault(member, empty)
    return declaration


def caller(context: Context) -> str:
    """Who is said to have asked for something."""
    return f"arn:aws:iam::{context.place.account}:root"


@handles("GetPipeline", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """The newest version, or the one asked for."""
    row = get(request["name"], context)
    version = request.get("version", row.version)
    found = next((each for each in row.versions if each["version"] == version), None)
    if found is None:
        raise PipelineVersionNotFoundException(f"Pipeline '{row.name}' has no version {version}")
    times = {"created": row.created, "updated": update_time(row)}
    return {"pipeline": found, "metadata": {"pipelineArn": arn_of(row.name, context), **times}}


def update_time(row: CodePipelineRow) -> float:
    """When the declaration changed last."""
    return row.created if row.updated is None else row.updated


@handles("ListPipelines", SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """By name."""
    by_name = Selection(DELIVERY_PIPELINE, order=NAME)
    return PAGING.of_rows(
        context.store, request, [by_name], Items("pipelines", view_of(CodePipelineRow, _summary), 1000)
    )


def _summary(row: CodePipelineRow) -> dict[str, Any]:
    shown = {key: row.declaration.get(key) for key in ("name", "version", "pipelineType", "executionMode")}
    return shown | {"created": row.created, "updated": update_time(row)}


@handles("TagResource", SERVICE)
def tag(request: Request, context: Context) -> Response:
    """Add or replace."""
    context.store.tag(_tagged_pipeline(request, context), {tag["key"]: tag["value"] for tag in request["tags"]})
    return {}


@handles("UntagResource", SERVICE)
def untag(request: Request, context: Context) -> Response:
    """Remove by key."""
    context.store.untag(_tagged_pipeline(request, context), request["tagKeys"])
    return {}


@handles("ListTagsForResource", SERVICE)
def list_tags(request: Request, context: Context) -> Response:
    """By key."""
    tags = context.store.tags(_tagged_pipeline(request, context))
    return PAGING.of_items(request, [{"key": key, "value": value} for key, value in tags.items()], "tags", 100)


def _tagged_pipeline(request: Request, context: Context) -> str:
    arn: str = request["resourceArn"]
    name = arn.rpartition(":")[2]
    if arn != arn_of(name, context):
        raise InvalidArnException(f"{arn} is not the ARN of a pipeline of this account and region")
    if not context.store.exists(DELIVERY_PIPELINE, name):
        raise ResourceNotFoundException(f"There is no pipeline with ARN {arn}")
    return arn


def valid_stage(structure_: Structure, name: str) -> int:
    """The place of a stage. Raises StageNotFoundException."""
    index = structure_.index(name)
    if index is None:
        raise StageNotFoundException(f"Pipeline '{structure_.name}' has no stage with name '{name}'")
    return index


def refuse_unknown(names: set[str], known: set[str], what: str) -> None:
    """Raise ValidationException for names that are not known."""
    if names - known:
        raise ValidationException(f"{what} {', '.join(sorted(names - known))}: not in the pipeline")
