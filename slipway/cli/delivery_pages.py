"""The pipelines of CodePipeline, whoever made them: how far each is, what it waits for, why it failed."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from slipway.cli import deliveries, names, screen
from slipway.cli.target import Target


def show(target: Target, name: str, last: int, *, as_json: bool) -> None:
    """The newest execution of each pipeline; of one the `last` executions, and the actions of the newest."""
    known = names.delivery_pipelines(target)
    if name:
        wanted = name.rpartition(":")[2] if name.startswith("arn:") else name
        known = [names.match_name(wanted, known, target.project, f"There is no pipeline {name} on {target.title}")]
    rows = [row for each in known for row in _executions(target, each, last if name else 1)]
    actions = deliveries.actions(target, known[0], rows[0]["execution"]) if name and rows else []
    if as_json:
        screen.show_json({"executions": rows, "actions": [asdict(action) for action in actions]})
        return
    screen.say(f"on {target.title}\n")
    if not rows:
        screen.say("no execution yet" if known else "no pipeline of CodePipeline yet")
        return
    now = datetime.now(UTC)
    shown = [
        (row["pipeline"], row["execution"][:8], row["status"], screen.ago(row["since"], now), row["where"], row["of"])
        for row in rows
    ]
    screen.console.print(screen.table(("pipeline", "execution", "state", "since", "stage", "of"), shown))
    for row in rows:
        if row["why"]:
            screen.say(f"\n{row['pipeline']}: {row['why']}", style="red" if row["status"] == "Failed" else "")
    if actions:
        screen.say()
        table = [(each.stage, each.name, each.status, _took(each), each.summary) for each in actions]
        screen.console.print(screen.table(("stage", "action", "state", "time", "summary"), table, right=("time",)))


def _executions(target: Target, pipeline: str, last: int) -> Iterator[dict[str, Any]]:
    """The newest executions of a pipeline as JSON data."""
    client = target.client("codepipeline")
    found = client.list_pipeline_executions(pipelineName=pipeline, maxResults=min(last, 100))
    for number, summary in enumerate(found["pipelineExecutionSummaries"][:last]):
        execution, status = str(summary["pipelineExecutionId"]), str(summary["status"])
        where, why = "", ""
        if number == 0 and status in ("InProgress", "Failed"):
            where, why = _place(deliveries.actions(target, pipeline, execution), pipeline)
        revisions = [revision.get("revisionId", "")[:12] for revision in summary.get("sourceRevisions", [])]
        yield {
            "pipeline": pipeline,
            "execution": execution,
            "status": status,
            "since": summary["startTime"],
            "where": where,
            "of": ", ".join(filter(None, revisions)) or summary.get("trigger", {}).get("triggerType", ""),
            "why": why,
        }


def _place(actions: list[deliveries.Action], pipeline: str) -> tuple[str, str]:
    """The stage that an execution is in, and why it stays there."""
    for action in actions:
        if action.waits:
            return action.stage, f"{action.name} waits for a person: slipway promote, or aws codepipeline ({pipeline})"
        if action.status == "Failed":
            return action.stage, f"{action.name} failed: {action.summary or 'it gives no reason'}"
    running = [action.stage for action in actions if action.status == "InProgress"]
    return (running[-1] if running else ""), ""


def _took(action: deliveries.Action) -> str:
    if action.began is None or action.ended is None:
        return ""
    return screen.duration((action.ended - action.began).total_seconds())
