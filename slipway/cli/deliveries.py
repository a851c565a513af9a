"""Executions of the project's CodePipelines: which one carries a change, how far it is, what it waits for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.cli.target import Target

FINAL = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")


@dataclass(frozen=True)
class Action:
    """One action of one execution, or a stage that was skipped. `waits` is the token of an approval not given yet."""

    stage: str
    name: str
    status: str
    began: datetime | None
    ended: datetime | None
    summary: str = ""
    link: str = ""
    waits: str = ""


def newest(target: Target, pipeline: str, since: datetime, *, commit: str = "", version: str = "") -> str | None:
    """The execution that started since, of a commit or of a model version where they are given; None so far."""
    client = target.client("codepipeline")
    for found in client.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]:
        if found["startTime"] < since:
            continue
        name = str(found["pipelineExecutionId"])
        revisions = [revision.get("revisionId", "") for revision in found.get("sourceRevisions", [])]
        if commit and revisions and commit not in revisions:
            continue
        if version and version not in variables(target, pipeline, name).values():
            continue
        return name
    return None


def variables(target: Target, pipeline: str, execution: str) -> dict[str, str]:
    """What an execution was started with."""
    found = describe(target, pipeline, execution)
    return {entry["name"]: entry["resolvedValue"] for entry in found.get("variables", [])}


def describe(target: Target, pipeline: str, execution: str) -> dict[str, Any]:
    """Status and revisions of an execution."""
    client = target.client("codepipeline")
    answer = client.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
    found: dict[str, Any] = answer["pipelineExecution"]
    return found


def actions(target: Target, pipeline: str, execution: str) -> list[Action]:
    """What has begun, the oldest first; of an action that was retried, the last attempt. Skipped stages come last."""
    client = target.client("codepipeline")
    pages = client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    details = [detail for page in pages for detail in page["actionExecutionDetails"]]
    state = client.get_pipeline_state(name=pipeline)
    tokens = _tokens(state, execution)
    found: dict[tuple[str, str], Action] = {}
    for detail in sorted(details, key=lambda detail: detail["startTime"]):
        made = _action(detail, tokens)
        found[made.stage, made.name] = made
    skipped = [stage["stageName"] for stage in state["stageStates"] if _status_in(stage, execution) == "Skipped"]
    return [*found.values(), *(Action(name, name, "Skipped", None, None) for name in skipped)]


def _action(detail: Mapping[str, Any], tokens: Mapping[tuple[str, str], str]) -> Action:
    where = detail["stageName"], detail["actionName"]
    result = detail.get("output", {}).get("executionResult", {})
    error = result.get("errorDetails", {}).get("message", "")
    ended = detail.get("lastUpdateTime") if detail["status"] != "InProgress" else None
    return Action(
        *where,
        detail["status"],
        detail.get("startTime"),
        ended,
        error or result.get("externalExecutionSummary", ""),
        result.get("externalExecutionId", ""),
        tokens.get(where, "") if detail["status"] == "InProgress" else "",
    )


def _status_in(stage: Mapping[str, Any], execution: str) -> str:
    """How an execution stands in a stage; "" where it was not the last one there."""
    latest = stage.get("latestExecution", {})
    return str(latest["status"]) if latest.get("pipelineExecutionId") == execution else ""


def _tokens(state: Mapping[str, Any], execution: str) -> dict[tuple[str, str], str]:
    return {
        (stage["stageName"], action["actionName"]): action["latestExecution"]["token"]
        for stage in state["stageStates"]
        if _status_in(stage, execution)
        for action in stage["actionStates"]
        if action.get("latestExecution", {}).get("token")
    }


def blocking_stage(target: Target, pipeline: str, execution: str) -> tuple[str, str] | None:
    """The stage that an execution waits for and the one in it, when that one waits for an approval; else None."""
    for stage in target.client("codepipeline").get_pipeline_state(name=pipeline)["stageStates"]:
        inside = stage.get("latestExecution", {})
        if stage.get("inboundExecution", {}).get("pipelineExecutionId") != execution:
            continue
        waits = any(action.get("latestExecution", {}).get("token") for action in stage["actionStates"])
        if inside.get("status") == "InProgress" and waits:
            return stage["stageName"], inside["pipelineExecutionId"]
    return None


def answer(target: Target, pipeline: str, action: Action, *, approved: bool, why: str) -> None:
    """Approve or reject what waits."""
    target.client("codepipeline").put_approval_result(
        pipelineName=pipeline,
        stageName=action.stage,
        actionName=action.name,
        token=action.waits,
        result={"summary": why[:512], "status": "Approved" if approved else "Rejected"},
    )


def build_log(target: Target, build: str, most: int = 20) -> Iterator[str]:
    """The last lines of a CodeBuild build, by its id."""
    builds = target.client("codebuild").batch_get_builds(ids=[build])["builds"]
    if not builds or not builds[0].get("logs", {}).get("streamName"):
        return
    where = builds[0]["logs"]
    events = target.client("logs").get_log_events(
        logGroupName=where["groupName"], logStreamName=where["streamName"], limit=most, startFromHead=False
    )["events"]
    yield from (event["message"].rstrip("\n") for event in events)
