"""Batches of builds: started by StartBuildBatch or by a pipeline, shown and stopped. The driver carries them out."""

import uuid
from typing import Any

from loopback.core import states
from loopback.core.kinds import BUILD_BATCH
from loopback.core.queries import Selection
from loopback.engines.codebuild.batch import DOWNLOAD
from loopback.rows.codebuild import BuildBatchResult, BuildBatchRow, BuildProjectRow, BuildRow, PipelineArtifacts
from loopback.rows.row import changes
from loopback.services.codebuild import projects
from loopback.services.codebuild.builds import BuildOverrides, for_action, handed_over, initiator
from loopback.services.codebuild.checks import check_batch
from loopback.services.codebuild.errors import InvalidInputException, ResourceNotFoundException
from loopback.services.codebuild.overrides import effective
from loopback.services.codebuild.paging import list_ids, started_with
from loopback.services.registry import Context, Request, Response, handles

MINUTES = 480  # that a batch may take when its configuration does not say
_RENAMED = {"buildTimeoutInMinutesOverride": "timeoutInMinutesOverride"}  # to the member of StartBuild
_OWN = ("buildBatchConfigOverride",)
_SHOWN = (  # members of a build that a batch shows too
    "artifacts",
    "buildBatchConfig",
    "buildBatchNumber",
    "cache",
    "encryptionKey",
    "environment",
    "initiator",
    "projectName",
    "queuedTimeoutInMinutes",
    "secondarySources",
    "secondarySourceVersions",
    "serviceRole",
    "source",
    "sourceVersion",
    "vpcConfig",
)


@handles("StartBuildBatch", service="codebuild")
def start(request: Request, context: Context) -> Response:
    """A batch of a project's builds, with this request's overrides."""
    project = projects.existing(request["projectName"], context)
    if earlier := started_with(BUILD_BATCH, project.name, request.get("idempotencyToken"), context):
        return {"buildBatch": view(BuildBatchRow.from_row(earlier), context)}
    as_build = {_RENAMED.get(key, key): value for key, value in request.items() if key not in _OWN}
    doc = effective(project.request, as_build)
    if doc["source"]["type"] == "CODEPIPELINE":
        raise InvalidInputException(
            f"Project {project.name} takes its source from CodePipeline, which starts its batches"
        )
    config = _config(project, request.get("buildBatchConfigOverride", {}), doc["artifacts"])
    doc["initiator"] = initiator(context)
    return {"buildBatch": view(_create(project.name, doc, config, None, context), context)}


def start_for_pipeline(project: str, context: Context, asked: BuildOverrides, *, combine: bool) -> str:
    """Start a batch for a CodePipeline action; its id. Raises ResourceNotFoundException, InvalidInputException."""
    row = projects.existing(project, context)
    doc = for_action(row.request, asked)
    config = _config(row, {"combineArtifacts": combine}, doc["artifacts"])
    return _create(row.name, doc, config, handed_over(asked), context).name


def _config(project: BuildProjectRow, more: dict[str, Any], artifacts: dict[str, Any]) -> dict[str, Any]:
    config = (project.request.get("buildBatchConfig") or {}) | more
    if not config.get("serviceRole"):
        raise InvalidInputException(
            f"Project {project.name} has no buildBatchConfig with a serviceRole, which starts the builds of a batch"
        )
    check_batch(config, artifacts)
    return config


def _create(
    project: str, doc: dict[str, Any], config: dict[str, Any], pipeline: PipelineArtifacts | None, context: Context
) -> BuildBatchRow:
    name = f"{project}:{uuid.uuid4()}"
    number = context.store.next_number(f"batches of {project}")
    numbered = doc | {"projectName": project, "buildBatchNumber": number}
    row = BuildBatchRow(request=numbered, config=config, pipeline=pipeline).create(context.store, name, project)
    context.on_change(BUILD_BATCH.slug, name)
    return row


@handles("BatchGetBuildBatches", service="codebuild")
def batch_get(request: Request, context: Context) -> Response:
    """Batches by id or ARN; ids that are not there are listed, not refused."""
    found, missing = [], []
    for asked in request["ids"]:
        name = context.place.name_in(asked, "build-batch")
        if context.store.exists(BUILD_BATCH, name):
            found.append(view(BuildBatchRow.get(context.store, name), context))
        else:
            missing.append(asked)
    return {"buildBatches": found, "buildBatchesNotFound": missing}


@handles("ListBuildBatches", service="codebuild")
def list_batches(request: Request, context: Context) -> Response:
    """Ids of all batches, newest first unless asked otherwise."""
    return list_ids(Selection(BUILD_BATCH, statuses=_statuses(request)), request, context)


@handles("ListBuildBatchesForProject", service="codebuild")
def list_for_project(request: Request, context: Context) -> Response:
    """Ids of a project's batches, newest first unless asked otherwise."""
    if "projectName" not in request:
        raise InvalidInputException("ListBuildBatchesForProject needs a projectName")
    project = projects.existing(request["projectName"], context)
    return list_ids(Selection(BUILD_BATCH, project.name, _statuses(request)), request, context)


def _statuses(request: Request) -> tuple[str, ...]:
    status = request.get("filter", {}).get("status")
    return () if status is None else (status,)


@handles("StopBuildBatch", service="codebuild")
def stop(request: Request, context: Context) -> Response:
    """Ask for the end of a batch and of its builds. One that has ended stays as it is."""
    name = context.place.name_in(request["id"], "build-batch")
    if not context.store.exists(BUILD_BATCH, name):
        raise ResourceNotFoundException(f"There is no batch build {request['id']}")
    row = BuildBatchRow.get(context.store, name)
    if not states.is_final(BUILD_BATCH.lifecycle, row.status):
        stopping = changes(BuildBatchResult, stopping=True)
        row = BuildBatchRow.amend(context.store, name, "stop requested", result=stopping)
        context.on_change(BUILD_BATCH.slug, name)
    return {"buildBatch": view(row, context)}


def view(row: BuildBatchRow, context: Context) -> Response:
    """A row as AWS's BuildBatch."""
    doc = row.request
    shown = {key: doc[key] for key in _SHOWN if key in doc}
    shown["artifacts"] = {key: value for key, value in doc["artifacts"].items() if key != "type"}
    return shown | {
        "id": row.name,
        "arn": context.place.arn(f"build-batch/{row.name}", "codebuild"),
        "startTime": row.created,
        "endTime": row.ended,
        "currentPhase": row.current_phase,
        "buildBatchStatus": row.status,
        "complete": states.is_final(BUILD_BATCH.lifecycle, row.status),
        "resolvedSourceVersion": row.resolved_version or doc.get("resolvedSourceVersion"),
        "phases": row.phases,
        "logConfig": doc.get("logsConfig"),
        "buildTimeoutInMinutes": doc["timeoutInMinutes"],
        "buildGroups": _groups(row, context),
    }


def _groups(row: BuildBatchRow, context: Context) -> list[dict[str, Any]]:
    found = []
    if row.download is not None:
        found.append({"identifier": DOWNLOAD, "ignoreFailure": False, **_summary(row.download, context)})
    for task in row.tasks.tasks:
        group = {
            "identifier": task.identifier,
            "dependsOn": list(task.depends),
            "ignoreFailure": task.ignore_failure,
        }
        build = row.builds.get(task.identifier)
        found.append(group | (_summary(build, context) if build else {}))
    return found


def _summary(build: str, context: Context) -> dict[str, Any]:
    row = BuildRow.get(context.store, build)
    primary = row.outcome.get("artifacts") or {}
    artifact = {"type": row.request["artifacts"]["type"], **{k: primary[k] for k in ("location",) if k in primary}}
    summary = {
        "arn": context.place.arn(f"build/{build}", "codebuild"),
        "requestedOn": row.created,
        "buildStatus": row.status,
        "primaryArtifact": artifact,
    }
    return {"currentBuildSummary": summary}
