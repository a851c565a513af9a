"""Builds: started by StartBuild or by a pipeline, shown, stopped, repeated. Those that run them read the rows."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from loopback.core import states
from loopback.core.artifacts import Artifact
from loopback.core.kinds import BUILD, BUILD_PROJECT
from loopback.core.queries import Selection
from loopback.core.quota_rules import Demand
from loopback.core.service_quotas import build_quota
from loopback.rows.codebuild import BuildProjectRow, BuildResult, BuildRow, PipelineArtifacts
from loopback.rows.row import changes
from loopback.services.codebuild import projects
from loopback.services.codebuild.errors import (
    AccountLimitExceededException,
    InvalidInputException,
    ResourceNotFoundException,
)
from loopback.services.codebuild.overrides import effective, for_pipeline
from loopback.services.codebuild.paging import list_ids, started_with
from loopback.services.registry import Context, Request, Response, handles

MOST_COUNTED = 100  # builds, for the account's quota


@handles("StartBuild", service="codebuild")
def start(request: Request, context: Context) -> Response:
    """A build of a project, with this request's overrides."""
    project = projects.existing(request["projectName"], context)
    if earlier := started_with(BUILD, project.name, request.get("idempotencyToken"), context):
        return {"build": view(BuildRow.from_row(earlier), context)}
    doc = effective(project.request, request)
    if doc["source"]["type"] == "CODEPIPELINE":
        raise InvalidInputException(
            f"Project {project.name} takes its source from CodePipeline, which starts its builds; "
            f"to start one without a pipeline give sourceTypeOverride and artifactsOverride"
        )
    _check_limit(project, context)
    new = BuildRow(request=doc | {"initiator": initiator(context)})
    return {"build": view(_create(project.name, new, context), context)}


@dataclass(frozen=True)
class BuildOverrides:
    """What an action of a pipeline wants of a build.

    `inputs` are zip objects that are there, `primary` names the one whose files are CODEBUILD_SRC_DIR; `outputs` are
    the zip objects that the build has to make. `environment` has the action's EnvironmentVariables (name, value,
    type). `source_version` is told to the build as CODEBUILD_RESOLVED_SOURCE_VERSION. `initiator` is
    `codepipeline/<pipeline>`.
    """

    initiator: str
    environment: Sequence[dict[str, Any]]
    inputs: Sequence[Artifact]
    primary: str
    outputs: Sequence[Artifact]
    source_version: str
    timeout_minutes: int | None = None


def start_for_pipeline(project: str, context: Context, asked: BuildOverrides) -> str:
    """Start a build for a CodePipeline action; its id. Raises ResourceNotFoundException, InvalidInputException."""
    row = projects.existing(project, context)
    _check_limit(row, context)
    return _create(row.name, _for_pipeline(row.request, asked), context).name


def start_of_batch(project: str, new: BuildRow, context: Context) -> str:
    """Start a build of a batch, which says all that it is; its id."""
    return _create(project, new, context).name


def start_without_project(name: str, project: dict[str, Any], context: Context, asked: BuildOverrides) -> str:
    """Start a build that no project describes but the action itself; its id, which begins with `name`."""
    return _create(name, _for_pipeline(project, asked), context).name


def _for_pipeline(project: dict[str, Any], asked: BuildOverrides) -> BuildRow:
    return BuildRow(request=for_action(project, asked), pipeline=handed_over(asked))


def handed_over(asked: BuildOverrides) -> PipelineArtifacts:
    """The artifacts that a build of an action reads and makes."""
    return PipelineArtifacts(asked.primary, tuple(asked.inputs), tuple(asked.outputs))


def for_action(project: dict[str, Any], asked: BuildOverrides) -> dict[str, Any]:
    """What a build of an action is asked to do. Raises InvalidInputException."""
    if asked.primary not in {artifact.name for artifact in asked.inputs}:
        named = ", ".join(artifact.name for artifact in asked.inputs) or "none"
        raise InvalidInputException(f"The primary source {asked.primary!r} is not among the input artifacts: {named}")
    return for_pipeline(project, asked.environment, asked.timeout_minutes) | {
        "initiator": asked.initiator,
        "sourceVersion": asked.source_version,
        "resolvedSourceVersion": asked.source_version,
    }


def _create(project: str, new: BuildRow, context: Context) -> BuildRow:
    number = context.store.next_number(f"builds of {project}")
    mark = str(uuid.uuid4())
    name = f"{project}:{mark}"
    doc = new.request | {"projectName": project, "buildNumber": number}
    _tell_of_quota(doc.get("environment") or {}, context)
    row = replace(new, request=doc, logs=_logs(doc, project, mark)).create(context.store, name, project)
    context.on_change(BUILD.slug, name)
    return row


def _tell_of_quota(environment: Mapping[str, Any], context: Context) -> None:
    """Beyond the account's quota AWS lets builds wait, and refuses them when too many do: how many is not known."""
    quota = build_quota(environment.get("type", ""), environment.get("computeType", ""))
    if quota is None:
        return
    running = BuildRow.scan(context.store, Selection(BUILD, statuses=("IN_PROGRESS",)))
    there = [row for row in islice(running, MOST_COUNTED) if _same(row.request.get("environment") or {}, environment)]
    context.quotas.tell(Demand(quota.name, quota.unit, quota.default, len(there), 1), "codebuild")


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two environments count towards one quota."""
    return all(one.get(member) == other.get(member) for member in ("type", "computeType"))


def _check_limit(project: BuildProjectRow, context: Context) -> None:
    limit = project.request.get("concurrentBuildLimit")
    if limit is None or limit < 1:
        return
    running = context.store.page(Selection(BUILD, project.name, ("IN_PROGRESS",)), limit).rows
    if len(running) >= limit:
        builds = "build" if limit == 1 else "builds"
        raise AccountLimitExceededException(f"Project {project.name} runs {limit} {builds} at a time; try again later")


def _logs(doc: dict[str, Any], project: str, mark: str) -> dict[str, str]:
    """Where the output goes: /aws/codebuild/<project> and the build's own part of the id, unless configured."""
    config = doc.get("logsConfig", {}).get("cloudWatchLogs", {})
    if config.get("status") == "DISABLED":
        return {}
    prefix = config.get("streamName")
    return {
        "groupName": config.get("groupName") or f"/aws/codebuild/{project}",
        "streamName": f"{prefix}/{mark}" if prefix else mark,
    }


def initiator(context: Context) -> str:
    """Who starts what a request starts."""
    return context.place.account


@handles("BatchGetBuilds", service="codebuild")
def batch_get(request: Request, context: Context) -> Response:
    """Builds by id or ARN; ids that are not there are listed, not refused."""
    found, missing = [], []
    for asked in request["ids"]:
        name = context.place.name_in(asked, "build")
        if context.store.exists(BUILD, name):
            found.append(view(BuildRow.get(context.store, name), context))
        else:
            missing.append(asked)
    return {"builds": found, "buildsNotFound": missing}


@handles("ListBuilds", service="codebuild")
def list_builds(request: Request, context: Context) -> Response:
    """Ids of all builds, newest first unless asked otherwise."""
    return list_ids(Selection(BUILD), request, context)


@handles("ListBuildsForProject", service="codebuild")
def list_for_project(request: Request, context: Context) -> Response:
    """Ids of a project's builds, newest first unless asked otherwise."""
    project = projects.existing(request["projectName"], context)
    return list_ids(Selection(BUILD, project.name), request, context)


@handles("StopBuild", service="codebuild")
def stop(request: Request, context: Context) -> Response:
    """Ask for the end of a build; its processes end a moment later. A build that has ended stays as it is."""
    row = existing(request["id"], context)
    if not states.is_final(BUILD.lifecycle, row.status):
        row = row.amend(context.store, row.name, "stop requested", result=changes(BuildResult, stopping=True))
        context.on_change(BUILD.slug, row.name)
    return {"build": view(row, context)}


@handles("RetryBuild", service="codebuild")
def retry(request: Request, context: Context) -> Response:
    """A new build as the old one was asked for."""
    if "id" not in request:
        raise InvalidInputException("RetryBuild needs the id of a build")
    row = existing(request["id"], context)
    if not states.is_final(BUILD.lifecycle, row.status):
        raise InvalidInputException(f"Build {row.name} has not ended; stop it, or wait")
    if row.request["source"]["type"] == "CODEPIPELINE":
        raise InvalidInputException(f"Build {row.name} belongs to a pipeline; retry the pipeline's stage")
    if row.part_of is not None:
        raise InvalidInputException(f"Build {row.name} belongs to a batch; start the batch again")
    if not context.store.exists(BUILD_PROJECT, row.parent):
        raise ResourceNotFoundException(f"Project {row.parent} of build {row.name} does not exist any more")
    doc = {key: value for key, value in row.request.items() if key not in ("buildNumber", "idempotencyToken")}
    project = BuildProjectRow.get(context.store, row.parent)
    _check_limit(project, context)
    new = BuildRow(request=doc | {"initiator": initiator(context)})
    return {"build": view(_create(project.name, new, context), context)}


def existing(asked: str, context: Context) -> BuildRow:
    """The row of a build by id or ARN. Raises ResourceNotFoundException."""
    name = context.place.name_in(asked, "build")
    if not context.store.exists(BUILD, name):
        raise ResourceNotFoundException(f"There is no build {asked}")
    return BuildRow.get(context.store, name)


_UNSHOWN = ("idempotencyToken", "logsConfig")


def view(row: BuildRow, context: Context) -> Response:
    """A row as AWS's Build."""
    done, place = row.outcome, context.place
    shown = {key: value for key, value in row.aws_request.items() if key not in _UNSHOWN}
    shown |= {
        "id": row.name,
        "arn": place.arn(f"build/{row.name}", "codebuild"),
        "startTime": row.created,
        "endTime": row.ended,
        "currentPhase": row.current_phase,
        "buildStatus": row.status,
        "buildComplete": states.is_final(BUILD.lifecycle, row.status),
        "phases": row.phases,
        "logs": _shown_logs(row, context),
        "artifacts": done.get("artifacts"),
        "secondaryArtifacts": done.get("secondaryArtifacts"),
        "reportArns": done.get("reportArns"),
        "resolvedSourceVersion": done.get("resolvedSourceVersion", row.request.get("resolvedSourceVersion")),
    }
    if row.part_of:
        shown["buildBatchArn"] = place.arn(f"build-batch/{row.part_of.id}", "codebuild")
    if row.exported is not None:
        shown["exportedEnvironmentVariables"] = [{"name": k, "value": v} for k, v in row.exported.items()]
    return shown


def _shown_logs(row: BuildRow, context: Context) -> Response:
    logs: Response = dict(row.logs)
    config = row.request.get("logsConfig", {})
    if logs:
        path = f"log-group:{logs['groupName']}:log-stream:{logs['streamName']}"
        logs["cloudWatchLogsArn"] = context.place.arn(path, "logs")
    logs |= {key: config[key] for key in ("cloudWatchLogs", "s3Logs") if key in config}
    return logs
