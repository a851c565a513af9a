"""Monitors of a stage whose engine is slipway: pipelines named after the endpoint, and schedules of the same names."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.cli.drift_report.analyses import EXPLAINABILITY, MODEL_BIAS
from slipway.cli.drift_report.executions import Execution
from slipway.cli.drift_report.report import DATA_QUALITY, MODEL_QUALITY
from slipway.cli.target import Target, UserError

NAMES = {  # after the endpoint's
    "data-quality": DATA_QUALITY,
    "model-quality": MODEL_QUALITY,
    "bias": MODEL_BIAS,
    "attribution": EXPLAINABILITY,
}
ASKED = "asked-"  # what the display names of executions begin with that somebody asked for
_STATUS = {"Executing": "InProgress"}  # as monitoring executions call it
_HOUR = timedelta(hours=1)


def monitor_types(endpoint: str) -> dict[str, str]:
    """The monitors that an endpoint may have: the type of each by the name of its pipeline."""
    return {f"{endpoint}-{name}": kind for name, kind in NAMES.items()}


def pipelines(target: Target, endpoint: str) -> dict[str, str]:
    """Those that are there."""
    pages = target.client("sagemaker").get_paginator("list_pipelines").paginate(PipelineNamePrefix=endpoint)
    there = {entry["PipelineName"] for page in pages for entry in page["PipelineSummaries"]}
    return {name: kind for name, kind in monitor_types(endpoint).items() if name in there}


@dataclass(frozen=True)
class Timer:
    """The schedule that starts a pipeline: its state and its expression."""

    state: str
    expression: str


def timer(target: Target, name: str) -> Timer:
    """The schedule of that name; `none` where somebody has deleted it."""
    client = target.client("scheduler")
    try:
        found = client.get_schedule(Name=name)
    except client.exceptions.ResourceNotFoundException:
        return Timer("none", "")
    return Timer("Scheduled" if found["State"] == "ENABLED" else "Stopped", found["ScheduleExpression"])


def executions(target: Target, pipeline: str) -> Iterator[Execution]:
    """The newest first. Each that has ended asks for its step and its job; take no more than are needed."""
    pages = target.client("sagemaker").get_paginator("list_pipeline_executions")
    for page in pages.paginate(PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending"):
        for entry in page["PipelineExecutionSummaries"]:
            yield _execution(target, entry)


def _execution(target: Target, entry: dict[str, Any]) -> Execution:
    at = entry["StartTime"].astimezone(UTC)
    asked = entry.get("PipelineExecutionDisplayName", "").startswith(ASKED)
    status = _STATUS.get(entry["PipelineExecutionStatus"], entry["PipelineExecutionStatus"])
    reason = entry.get("PipelineExecutionFailureReason") or ""
    job = job_of(target, entry["PipelineExecutionArn"])
    if status == "Succeeded":
        message = _message(target, job)
        status = message.partition(":")[0]  # Completed, CompletedWithViolations, NoData
        reason = message if status == "NoData" else ""
    elif status == "Failed" and job:
        reason = _message(target, job) or reason
    return Execution(at, status, job, reason, asked=asked)


def job_of(target: Target, execution: str) -> str:
    """The ARN of an execution's job; empty while it has none."""
    found = target.client("sagemaker").list_pipeline_execution_steps(PipelineExecutionArn=execution)
    steps = [step["Metadata"]["ProcessingJob"]["Arn"] for step in found["PipelineExecutionSteps"] if _has_job(step)]
    return steps[0] if steps else ""


def _has_job(step: dict[str, Any]) -> bool:
    return "ProcessingJob" in (step.get("Metadata") or {})


def _message(target: Target, job: str) -> str:
    client = target.client("sagemaker")
    try:
        found = client.describe_processing_job(ProcessingJobName=job.rpartition("/")[2])
    except client.exceptions.ClientError:
        return "Unreadable: the job is gone"
    return found.get("ExitMessage") or found.get("FailureReason") or ""


def start(target: Target, pipeline: str, hours: int, now: datetime) -> str:
    """Look at the running hour and so many before it; the ARN of the execution. Neither alarm nor retraining follow."""
    moment = now.astimezone(UTC)
    until = moment.replace(minute=0, second=0, microsecond=0) + _HOUR
    name = f"{moment:%Y%m%d-%H%M%S}"
    values = {"Until": f"{until:%Y-%m-%dT%H:%M:%SZ}", "Hours": str(hours + 1), "Asked": name}
    client = target.client("sagemaker")
    try:
        answer = client.start_pipeline_execution(
            PipelineName=pipeline,
            PipelineExecutionDisplayName=f"{ASKED}{name}",
            PipelineParameters=[{"Name": key, "Value": value} for key, value in values.items()],
        )
    except client.exceptions.ClientError as fault:
        raise UserError(f"{pipeline} cannot be started: {fault.response['Error']['Message']}") from None
    return str(answer["PipelineExecutionArn"])


def delete_timers(target: Target, endpoint: str) -> list[str]:
    """Delete the schedules of an endpoint's monitors, so that none begins any more; their names."""
    client, gone = target.client("scheduler"), []
    for name in monitor_types(endpoint):
        try:
            client.delete_schedule(Name=name)
        except client.exceptions.ResourceNotFoundException:
            continue
        gone.append(name)
    return gone
