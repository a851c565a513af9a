"""What AWS tells the world about executions, stages and actions, and about pushes to CodeCommit.

Source: AWS, detect-state-changes-cloudwatch-events.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from loopback.core.kinds import CODECOMMIT_REPOSITORY, DELIVERY, DELIVERY_ACTION, DELIVERY_STAGE, GIT_REPOSITORY
from loopback.core.store import Event, Resource
from loopback.rows.codepipeline import ActionRow, CodePipelineExecutionRow, StageRow
from loopback.rows.repositories import CodeCommitRepositoryRow, GitRepositoryRow
from loopback.services.announce import Announcement, announces
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.executions import locate
from loopback.services.registry import Context

SOURCE = "aws.codepipeline"


def _state(event: Event) -> str:
    """The word that the event has for a change: a retry is RESUMED, a first status STARTED."""
    if event.event in ("create", "retry"):
        return {"create": "STARTED", "retry": "RESUMED"}[event.event]
    return event.new.upper()


def _shared_detail(execution: CodePipelineExecutionRow, event: Event) -> dict[str, Any]:
    trigger = execution.trigger
    return {
        "pipeline": execution.parent,
        "execution-id": execution.name,
        "start-time": _iso(execution.created),
        "execution-trigger": {"trigger-type": trigger["triggerType"], "trigger-detail": trigger["triggerDetail"]},
        "state": _state(event),
        "version": float(execution.version),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _announcement(
    title: str, execution: CodePipelineExecutionRow, detail: dict[str, Any], context: Context
) -> Announcement:
    full = f"CodePipeline {title} Execution State Change"
    return Announcement(full, [pipelines.arn_of(execution.parent, context)], detail, SOURCE)


@announces(DELIVERY)
def _execution(event: Event, row: Resource, context: Context) -> Iterator[Announcement]:
    if event.old == event.new or not event.new:
        return
    execution = CodePipelineExecutionRow.from_row(row)
    detail = _shared_detail(execution, event) | {"pipeline-execution-attempt": 1.0}
    if event.new == "Stopping":
        detail["stop-execution-comments"] = execution.stop_reason or ""
    yield _announcement("Pipeline", execution, detail, context)


@announces(DELIVERY_STAGE)
def _stage(event: Event, row: Resource, context: Context) -> Iterator[Announcement]:
    if event.old == event.new or not event.new:
        return
    execution, stage = CodePipelineExecutionRow.get(context.store, row.parent), StageRow.from_row(row)
    yield _announcement("Stage", execution, _shared_detail(execution, event) | {"stage": stage.stage}, context)


@announces(DELIVERY_ACTION)
def _action(event: Event, row: Resource, context: Context) -> Iterator[Announcement]:
    if event.old == event.new or not event.new:
        return
    execution, action = CodePipelineExecutionRow.get(context.store, row.parent), ActionRow.from_row(row)
    outcome = {
        "external-execution-url": action.external_url,
        "external-execution-summary": action.summary,
        "external-execution-id": action.external_id,
        "error-code": action.error_code,
    }
    detail = _shared_detail(execution, event) | {
        "start-time": _iso(action.created),
        "stage": action.stage,
        "action": action.action,
        "region": context.place.region,
        "type": action.type,
        "input-artifacts": locate(action.inputs),
        "output-artifacts": locate(action.outputs),
    }
    if event.event != "create":
        detail["execution-result"] = {key: value for key, value in outcome.items() if value}
    yield _announcement("Action", execution, detail, context)


@announces(GIT_REPOSITORY)
def _push_announcements(event: Event, row: Resource, context: Context) -> Iterator[Announcement]:
    word, _, number = event.event.partition(" ")
    push = GitRepositoryRow.from_row(row).pushes.get(number)
    if word != "push" or push is None or not context.store.exists(CODECOMMIT_REPOSITORY, row.name):
        return
    repository = CodeCommitRepositoryRow.get(context.store, row.name)
    what = "Deleted" if not push.new else "Updated" if push.old else "Created"
    kind, name = ("tag", push.ref[10:]) if push.ref.startswith("refs/tags/") else ("branch", push.ref[11:])
    detail = {
        "callerUserArn": f"arn:aws:iam::{context.place.account}:root",
        "commitId": push.new or push.old,
        "event": f"reference{what}",
        "referenceFullName": push.ref,
        "referenceName": name,
        "referenceType": kind,
        "repositoryId": repository.id,
        "repositoryName": row.name,
    }
    detail |= {"oldCommitId": push.old} if what == "Updated" else {}
    arn = context.place.arn(row.name, "codecommit")
    yield Announcement("CodeCommit Repository State Change", [arn], detail, "aws.codecommit")
