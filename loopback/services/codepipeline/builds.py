"""CodeBuild actions and rules, of category Build, Test and Rule: a build with the action's artifacts."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import BUILD, BUILD_BATCH, Kind
from loopback.core.permissions import checks
from loopback.rows.codebuild import BuildBatchRow, BuildRow
from loopback.rows.codepipeline import ActionResult, CodePipelineExecutionRow
from loopback.rows.row import changes
from loopback.services import registry
from loopback.services.codebuild import batches
from loopback.services.codebuild import builds as codebuild
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, Wait
from loopback.services.codepipeline.from_rows import actions_of
from loopback.wire import documents

LOOK_SECONDS = 5.0  # a build that ends is told; this is for one that was changed unseen


def run(work: ActionContext) -> Outcome:
    """Start the build or the batch, then wait for its end. It and its place in the action are one commit."""
    build = work.row.external_id
    if build is None:
        return _start(work)
    return build_outcome(work, build, kind=BUILD_BATCH if _is_batch(work) else BUILD)


def _is_batch(work: ActionContext) -> bool:
    return work.configuration.get("BatchEnabled") == "true"


def build_outcome(
    work: ActionContext, build: str, more: Mapping[str, str] = MappingProxyType({}), *, kind: Kind = BUILD
) -> Outcome:
    """How the build of an action stands; its variables are those that it exports, and `more`.

    A batch has none: its builds export the same ones.
    """
    noun = kind.noun.capitalize()
    try:
        row = (BuildBatchRow if kind is BUILD_BATCH else BuildRow).get(work.context.store, build)
    except ResourceNotFound:
        return ActionEnded("JobFailed", f"{noun} {build} does not exist any more")
    if row.status == "IN_PROGRESS":
        return Wait(LOOK_SECONDS)
    exported = {key: str(value) for key, value in (row.exported or {}).items()} if isinstance(row, BuildRow) else {}
    exported |= more
    if row.status == "SUCCEEDED":
        return ActionEnded(variables=exported)
    reason = row.failure or f"{noun} terminated with state: {row.status}"
    return ActionEnded("JobFailed", str(reason), exported)


def _start(work: ActionContext) -> Outcome:
    configuration = work.configuration
    try:
        environment = _environment(configuration.get("EnvironmentVariables", "[]"))
    except ValueError as fault:
        return ActionEnded("ConfigurationError", f"EnvironmentVariables: {fault}")
    project, wanted = configuration["ProjectName"], overrides_of(work, environment)
    operation = "StartBuildBatch" if _is_batch(work) else "StartBuild"
    work.permit(*checks("codebuild", operation, {"projectName": project}, work.context.place))
    with work.context.store.transaction():
        if _is_batch(work):
            combine = configuration.get("CombineArtifacts") == "true"
            build = batches.start_for_pipeline(project, work.context, wanted, combine=combine)
        else:
            build = codebuild.start_for_pipeline(project, work.context, wanted)
        work.note(changes(ActionResult, external_id=build))
    return Wait(0.0)  # it may have ended before anyone knew whose it is


def overrides_of(work: ActionContext, environment: Sequence[dict[str, Any]]) -> codebuild.BuildOverrides:
    """What an action wants of a build."""
    return codebuild.BuildOverrides(
        initiator=f"codepipeline/{work.row.pipeline}",
        environment=environment,
        inputs=work.inputs,
        primary=work.configuration.get("PrimarySource", work.inputs[0].name),
        outputs=work.outputs,
        source_version=_source_version(work),
        timeout_minutes=work.row.timeout_minutes,
    )


def _environment(text: str) -> list[dict[str, Any]]:
    found = documents.json_value(text)
    if not isinstance(found, list) or not all(isinstance(each, dict) and "name" in each for each in found):
        raise ValueError('expected a JSON array of {"name": ..., "value": ..., "type": ...}')
    return [{"type": "PLAINTEXT", "value": "", **each} for each in found]


def _source_version(work: ActionContext) -> str:
    """The revision of the source that the primary artifact goes back to; "" when it was made by a build."""
    execution = CodePipelineExecutionRow.get(work.context.store, work.row.parent)
    origin = execution.target or execution.name
    primary = work.configuration.get("PrimarySource", work.inputs[0].name)
    for row in actions_of(origin, work.context.store):
        if row.revision and primary in {each.name for each in row.outputs}:
            return row.revision
    return next((row.revision for row in actions_of(origin, work.context.store) if row.revision), "")


def stop(work: ActionContext) -> None:
    """Stop the build of an action that was given up. Raises ServiceError."""
    if build := work.row.external_id:
        operation = "StopBuildBatch" if _is_batch(work) else "StopBuild"
        registry.call_as(work.row.role, "codebuild", operation, {"id": build}, work.context)
