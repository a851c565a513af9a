"""Executions of a pipeline: what runs and ran, the steps of one, their jobs and logs."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from slipway.cli import names
from slipway.cli.target import Target, UserError

LOG_GROUPS = {
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs",
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
    "TransformJob": "/aws/sagemaker/TransformJobs",
}
ACTIVE = ("Executing", "Stopping")


def executions(target: Target, pipeline: str, most: int = 20) -> list[dict[str, Any]]:
    """The newest executions of a pipeline, by its full name."""
    pages = target.client("sagemaker").get_paginator("list_pipeline_executions")
    found = pages.paginate(
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"MaxItems": most, "PageSize": min(most, 100)},
    )
    return [summary for page in found for summary in page["PipelineExecutionSummaries"]]


def execution_arn(target: Target, pipeline: str, execution: str) -> str:
    """The ARN of an execution: its id, the id's first letters, or the newest one of a pipeline.

    Letters without a pipeline are looked for in all of them.
    """
    if execution.startswith("arn:"):
        return execution
    searched = names.pipelines(target) if execution and not pipeline else [names.pipeline(target, pipeline)]
    matches = [
        str(summary["PipelineExecutionArn"])
        for name in searched
        for summary in executions(target, name, most=100)
        if summary["PipelineExecutionArn"].rpartition("/")[2].startswith(execution)
    ]
    if not matches:
        where = searched[0] if len(searched) == 1 else f"No pipeline on {target.title}"
        raise UserError(f"{where} has {'no' if len(searched) == 1 else 'an'} execution {execution or 'yet'}")
    if execution and len(matches) > 1:
        raise UserError(f"{execution} stands for {len(matches)} executions; give more letters of the id")
    return matches[0]


def steps(target: Target, arn: str) -> list[dict[str, Any]]:
    """The steps that have started, in the order they did."""
    pages = target.client("sagemaker").get_paginator("list_pipeline_execution_steps")
    found = [s for page in pages.paginate(PipelineExecutionArn=arn) for s in page["PipelineExecutionSteps"]]
    return sorted(found, key=lambda step: step["StartTime"])


def seconds(step: dict[str, Any], now: datetime | None = None) -> float | None:
    """How long a step took, or takes so far."""
    if "StartTime" not in step:
        return None
    end = step.get("EndTime") or now or datetime.now(UTC)
    return float((end - step["StartTime"]).total_seconds())


def job_of(step: dict[str, Any]) -> tuple[str, str] | None:
    """(log group, job name) of the job behind a step, or None."""
    metadata = step.get("Metadata", {})
    for kind, group in LOG_GROUPS.items():
        if kind in metadata:
            return group, metadata[kind]["Arn"].rpartition("/")[2]
    check = (metadata.get("QualityCheck") or metadata.get("ClarifyCheck") or {}).get("CheckJobArn")
    return (LOG_GROUPS["ProcessingJob"], check.rpartition("/")[2]) if check else None


def registered_version(step: dict[str, Any]) -> str:
    """The ARN of the version that a step has registered; "" for any other step."""
    return str(step.get("Metadata", {}).get("RegisterModel", {}).get("Arn", ""))


def log_lines(target: Target, arn: str, name: str, *, follow: bool = False) -> Iterator[str]:
    """What a step printed; with `follow`, also what it goes on to print until it ends."""
    logs, read = target.client("logs"), dict[str, int]()
    while True:
        step = find_step(target, arn, name)
        job = job_of(step) or _best_training(target, step)
        if job is None:
            raise UserError(f"{name} has no job, so it has no logs")
        fresh = list(_new_lines(logs, *job, read))
        yield from fresh
        if not follow or (step["StepStatus"] not in ("Starting", "Executing", "Stopping") and not fresh):
            return
        time.sleep(0.3)


def _best_training(target: Target, step: dict[str, Any]) -> tuple[str, str] | None:
    """(log group, job name) of a tuning step's best training so far, of its newest where none has ended; or None."""
    if "TuningJob" not in step.get("Metadata", {}):
        return None
    sagemaker, name = target.client("sagemaker"), step["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    best = described.get("BestTrainingJob", {}).get("TrainingJobName")
    if best is None:
        found = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, SortBy="CreationTime", SortOrder="Descending"
        )["TrainingJobSummaries"]
        best = found[0]["TrainingJobName"] if found else None
    return (LOG_GROUPS["TrainingJob"], best) if best else None


def find_step(target: Target, arn: str, name: str) -> dict[str, Any]:
    """A step of an execution that has started, by its name in any case. Raises UserError."""
    found = {step["StepName"].lower(): step for step in steps(target, arn)}
    if name.lower() not in found:
        started = ", ".join(step["StepName"] for step in found.values()) or "none"
        raise UserError(f"{arn.rpartition('/')[2]} has no step {name} that has started; started: {started}")
    return found[name.lower()]


def _new_lines(logs: Any, group: str, job: str, read: dict[str, int]) -> Iterator[str]:
    """Lines of every host of a job that were not read before; `read` counts them by stream."""
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return
    for stream in sorted(found["logStreamName"] for found in streams):
        events = list(_events(logs, group, stream))
        host = stream.partition("/")[2].rpartition("-")[0]
        for event in events[read.get(stream, 0) :]:
            yield f"{host}  {event['message']}" if len(streams) > 1 else event["message"]
        read[stream] = len(events)


def _events(logs: Any, group: str, stream: str) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        yield from page["events"]
        following = page.get("nextForwardToken")
        if not page["events"] or following == token.get("nextToken"):
            return
        token = {"nextToken": following}
