"""S3 sources with PollForSourceChanges: a new version of the object starts the pipeline."""

import logging
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from loopback.core.errors import ServiceError
from loopback.engines.codepipeline.model import Action
from loopback.rows.codepipeline import CodePipelineResult, CodePipelineRow
from loopback.rows.row import changes
from loopback.services.codepipeline import pipelines, starting
from loopback.services.registry import Context

log = logging.getLogger("loopback")
SECONDS = 2.0


def sources(row: CodePipelineRow) -> Iterator[Action]:
    """The S3 sources of a pipeline that are to be looked at."""
    for action in pipelines.structure_of(row).stages[0].actions:
        if action.provider == "S3" and action.configuration.get("PollForSourceChanges", "true") == "true":
            yield action


def wants(row: CodePipelineRow) -> bool:
    """Whether a pipeline has such a source."""
    return next(sources(row), None) is not None


def look(context: Context) -> None:
    """Start every pipeline whose object has another version than at the last look; the first look only remembers."""
    for row in CodePipelineRow.find(context.store):
        for action in sources(row):
            version = _version(row, action, context)
            if version is not None:
                _compare(row.name, action, version, context)


def _version(row: CodePipelineRow, action: Action, context: Context) -> str | None:
    where = {"Bucket": action.configuration["S3Bucket"], "Key": action.configuration["S3ObjectKey"]}
    try:
        found = context.client("s3", action.role or row.declaration["roleArn"]).head_object(**where)
    except (BotoCoreError, ClientError) as fault:
        log.debug("source %s of %s: %s", action.name, row.name, fault)
        return None
    return str(found.get("VersionId") or found["ETag"])


def _compare(name: str, action: Action, version: str, context: Context) -> None:
    """What was seen and what it starts are one commit."""
    where = f"s3://{action.configuration['S3Bucket']}/{action.configuration['S3ObjectKey']}"
    mark = f"{action.name} {where}"
    with context.store.transaction():
        row = pipelines.get(name, context)
        before = row.seen.get(mark)
        if before == version:
            return
        seen = row.seen | {mark: version}
        CodePipelineRow.amend(context.store, name, "see", result=changes(CodePipelineResult, seen=seen))
        if before is not None:
            try:
                starting.start(name, context, starting.Trigger("PollForSourceChanges", action.name))
            except ServiceError as fault:  # too many run already
                log.warning("start of %s: %s", name, fault)
