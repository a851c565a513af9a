"""Watching an execution: a live table on a terminal, a line per change elsewhere."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.live import Live
from rich.table import Table

from slipway.cli import executions, screen
from slipway.cli.target import Target

POLL_SECONDS = 0.1  # of the local AWS; the real one is asked every five seconds
FINAL = ("Succeeded", "Failed", "Stopped")


def watch(target: Target, arn: str, *, quiet: bool = False) -> dict[str, Any]:
    """Show the steps until the execution ends; its description then. Ctrl-C leaves it running."""
    if screen.is_live() and not quiet:
        with Live(console=screen.console, refresh_per_second=10, transient=False) as live:
            for description, steps in _states(target, arn):
                live.update(progress(description, steps))
    else:
        said: dict[str, str] = {}
        for _, steps in _states(target, arn):
            if not quiet:
                _say_changes(steps, said)
    last: dict[str, Any] = target.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
    return last


def _states(target: Target, arn: str) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    client = target.client("sagemaker")
    while True:
        description = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        yield description, executions.steps(target, arn)
        if description["PipelineExecutionStatus"] in FINAL:
            return
        time.sleep(POLL_SECONDS if target.local else 5.0)


def progress(description: dict[str, Any], steps: list[dict[str, Any]], now: datetime | None = None) -> Table:
    """The steps as a table: state, duration, cache hit, and what went wrong."""
    made = screen.table(("step", "state", "time", ""), (), right=("time",))
    for step in steps:
        took = screen.duration(executions.seconds(step, now or datetime.now(UTC)))
        made.add_row(*map(screen.cell, (step["StepName"], step["StepStatus"], took, note(step))))
    made.caption = f"execution {description['PipelineExecutionArn'].rpartition('/')[2]}"
    made.caption_justify = "left"
    return made


def note(step: dict[str, Any]) -> str:
    """What is worth knowing about a step beside its state."""
    if "CacheHitResult" in step:
        return f"from cache ({step['CacheHitResult']['SourcePipelineExecutionArn'].rpartition('/')[2]})"
    if step.get("FailureReason"):
        return str(step["FailureReason"])
    metadata = step.get("Metadata", {})
    if "Condition" in metadata:
        return "holds" if metadata["Condition"]["Outcome"] == "True" else "does not hold"
    if "RegisterModel" in metadata:
        return f"version {metadata['RegisterModel']['Arn'].rpartition('/')[2]}"
    attempts = step.get("AttemptCount", 1)
    return f"attempt {attempts}" if attempts > 1 else ""


def _say_changes(steps: list[dict[str, Any]], said: dict[str, str]) -> None:
    for step in steps:
        name, status = step["StepName"], step["StepStatus"]
        if said.get(name) == status or (status == "Starting"):
            continue
        said[name] = status
        took = screen.duration(executions.seconds(step)) if status in FINAL else ""
        screen.write(f"{name:<16} {status:<10} {took:>8}  {note(step)}".rstrip())
