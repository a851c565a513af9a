"""Monitoring schedules of an endpoint, their executions, and the documents that those wrote."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from slipway.analysis.errors import BadInput
from slipway.cli import own_monitors
from slipway.cli.drift_report.analyses import EXPLAINABILITY, MODEL_BIAS
from slipway.cli.drift_report.executions import Execution
from slipway.cli.drift_report.report import DATA_QUALITY, MODEL_QUALITY, Documents
from slipway.cli.monitor_job import job_prefix
from slipway.cli.target import Target, UserError
from slipway.monitoring.settings import ESTIMATED, MonitorSettings

_MOST = 100  # executions that are looked at
LABELLED = (MODEL_QUALITY, MODEL_BIAS)
_ANALYSIS = (MODEL_BIAS, EXPLAINABILITY)  # their documents are one, before and now
_PERFORMANCE = "/opt/ml/processing/baseline/performance"  # an input of the jobs that estimate it
_ANALYSIS_INPUT = "/opt/ml/processing/baseline/analysis"
_INPUTS = {"statistics": "/opt/ml/processing/baseline/stats", "constraints": "/opt/ml/processing/baseline/constraints"}

Doc = Mapping[str, Any]


@dataclass(frozen=True)
class Schedule:
    """What looks at an endpoint again and again: a schedule of Model Monitor, or a pipeline of ours (`own`).

    `definition` is empty when a schedule has its job definition inline.
    """

    name: str
    type: str
    status: str
    endpoint: str
    definition: str = ""
    own: bool = False


def schedules(target: Target, endpoint: str) -> list[Schedule]:
    """Of an endpoint, by type and name; whatever they are called."""
    pages = target.client("sagemaker").get_paginator("list_monitoring_schedules").paginate(EndpointName=endpoint)
    found = [
        Schedule(
            entry["MonitoringScheduleName"],
            entry.get("MonitoringType", "DataQuality"),
            entry["MonitoringScheduleStatus"],
            endpoint,
            entry.get("MonitoringJobDefinitionName", ""),
        )
        for page in pages
        for entry in page["MonitoringScheduleSummaries"]
    ]
    found += [
        Schedule(name, kind, "", endpoint, own=True) for name, kind in own_monitors.pipelines(target, endpoint).items()
    ]
    return sorted(found, key=lambda schedule: (schedule.type, schedule.name))


def executions(target: Target, schedule: Schedule, hours: float, most: int = _MOST) -> list[Execution]:
    """The newest first, back to so many hours before the newest; those that somebody asked for are among them.

    Violations are not read yet.
    """
    if schedule.own:
        return _own(target, schedule, hours, most)
    found = sorted(
        (*_scheduled_executions(target, schedule, most), *_executions_on_demand(target, schedule, most)),
        key=_time,
        reverse=True,
    )
    if not found:
        return []
    oldest = found[0].at - timedelta(hours=hours)
    return [execution for execution in found if execution.at >= oldest][:most]


def _own(target: Target, schedule: Schedule, hours: float, most: int) -> list[Execution]:
    """Each costs two calls, so those that are too old are not asked about."""
    found: list[Execution] = []
    for execution in islice(own_monitors.executions(target, schedule.name), most):
        if found and execution.at < found[0].at - timedelta(hours=hours):
            break
        found.append(execution)
    return found


def _time(execution: Execution) -> datetime:
    return execution.at


def _scheduled_executions(target: Target, schedule: Schedule, most: int) -> Iterator[Execution]:
    answer = target.client("sagemaker").list_monitoring_executions(
        MonitoringScheduleName=schedule.name, SortBy="ScheduledTime", SortOrder="Descending", MaxResults=most
    )
    for entry in answer["MonitoringExecutionSummaries"]:
        yield Execution(
            entry["ScheduledTime"].astimezone(UTC),
            entry["MonitoringExecutionStatus"],
            entry.get("ProcessingJobArn") or "",
            entry.get("FailureReason") or "",
        )


def _executions_on_demand(target: Target, schedule: Schedule, most: int) -> Iterator[Execution]:
    """Jobs of `slipway monitor run` for this schedule."""
    prefix = job_prefix(schedule.endpoint, schedule.name)
    entries = (entry for entry in _jobs(target, prefix) if entry["ProcessingJobName"].startswith(prefix))
    yield from map(of_job, islice(entries, most))


def _jobs(target: Target, text: str) -> Iterator[Doc]:
    """The processing jobs with a text in their name, the newest first. A page may be empty, and others follow."""
    pages = target.client("sagemaker").get_paginator("list_processing_jobs")
    found = pages.paginate(NameContains=text, SortBy="CreationTime", SortOrder="Descending")
    return (entry for page in found for entry in page["ProcessingJobSummaries"])


def of_job(job: Doc) -> Execution:
    """The execution that a processing job is, from its description or its summary."""
    status, message = job["ProcessingJobStatus"], job.get("ExitMessage") or ""
    if status == "Completed" and message.startswith("CompletedWithViolations"):
        status = "CompletedWithViolations"
    reason = job.get("FailureReason") or (message if status in ("Failed", "Stopped") else "")
    return Execution(job["CreationTime"].astimezone(UTC), status, job["ProcessingJobArn"], reason, asked=True)


def read(target: Target, execution: Execution) -> Execution:
    """With its folder and violations. Raises UserError when they cannot be read."""
    if not execution.has_verdict or not execution.job:
        return execution
    folder = folder_of(describe_job(target, execution.job))
    if execution.status == "Completed":
        return replace(execution, folder=folder)
    document = _json(target, f"{folder}/constraint_violations.json")
    return replace(execution, folder=folder, violations=tuple(document.get("violations") or []))


def read_past(target: Target, execution: Execution) -> Execution:
    """As `read`; one whose documents are gone has no verdict any more."""
    try:
        return read(target, execution)
    except UserError as fault:
        return replace(execution, status="Unreadable", reason=str(fault))


def describe_job(target: Target, job: str) -> dict[str, Any]:
    """A processing job by its ARN. Raises UserError when it is gone."""
    client = target.client("sagemaker")
    try:
        found: dict[str, Any] = client.describe_processing_job(ProcessingJobName=job.rpartition("/")[2])
    except client.exceptions.ClientError as fault:
        raise UserError(f"{job} cannot be described: {fault.response['Error']['Message']}") from None
    return found


def folder_of(job: Doc) -> str:
    """Where a job writes its documents. A job of ours writes those of its hour into a folder of the hour."""
    uri: str = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    environ = job.get("Environment") or {}
    if not {"monitor", "started", "asked"} <= environ.keys():
        return uri.rstrip("/")
    try:
        return f"{uri.rstrip('/')}/{MonitorSettings.from_environment(environ).folder}"
    except BadInput as fault:
        raise UserError(f"{job['ProcessingJobArn']} does not say which hour it looked at: {fault}") from None


def documents(target: Target, schedule: Schedule, execution: Execution) -> Documents:
    """What an execution found, and the baseline that it compared with, which later ones may not have any more."""
    job = describe_job(target, execution.job)
    baseline = _baseline_inputs(job)
    if not baseline and not schedule.own:
        baseline = baseline_uris(target, definition(target, schedule), schedule.type)
    found = "analysis" if schedule.type in _ANALYSIS else "statistics"
    uris = {found: f"{execution.folder}/{found}.json"}
    if schedule.own and _PERFORMANCE in _paths(job):
        uris["estimated performance"] = f"{execution.folder}/{ESTIMATED}"
    if execution.violations:
        uris["violations"] = f"{execution.folder}/constraint_violations.json"
    uris |= {f"baseline {name}": uri for name, uri in baseline.items()}
    return Documents(
        _json(target, uris[found]),
        _json(target, uris["estimated performance"]) if "estimated performance" in uris else {},
        _json(target, baseline["statistics"]) if "statistics" in baseline and schedule.type == DATA_QUALITY else {},
        _json(target, baseline["constraints"]) if "constraints" in baseline else {},
        uris,
    )


def labels(target: Target, schedule: Schedule, execution: Execution) -> str:
    """What the job that joined the requests with their labels said; empty where there is none."""
    if schedule.type not in LABELLED or execution.asked:
        return ""
    if schedule.own:
        return _told_of_labels(str(describe_job(target, execution.job).get("ExitMessage") or ""))
    name = f"groundtruth-merge-{execution.at.astimezone(UTC):%Y%m%d%H%M}"
    for entry in _jobs(target, name):
        job = describe_job(target, entry["ProcessingJobArn"])
        if (job.get("Environment") or {}).get("sagemaker_monitoring_schedule_name") == schedule.name:
            return str(job.get("ExitMessage") or "").removeprefix("Completed: ")
    return ""


def _told_of_labels(message: str) -> str:
    """What an exit message of ours says beside how the execution ended.

    >>> _told_of_labels("Completed: Job completed successfully with no violations. merged 5 of 6 captured records.")
    'merged 5 of 6 captured records.'
    """
    return message[message.find("merged ") :] if "merged " in message else ""


def _baseline_inputs(job: Doc) -> dict[str, str]:
    """The baseline among a job's inputs."""
    paths = _paths(job)
    if _ANALYSIS_INPUT in paths:  # of our bias or explanations: constraints only name the columns
        return {"constraints": paths[_ANALYSIS_INPUT]}
    found = {name: paths[folder] for name, folder in _INPUTS.items() if folder in paths}
    return found if all(uri.endswith(".json") for uri in found.values()) else {}


def _paths(job: Doc) -> dict[str, str]:
    """Where a job's inputs come from, by their folders in the container."""
    inputs = [entry["S3Input"] for entry in job.get("ProcessingInputs", []) if "S3Input" in entry]
    return {entry.get("LocalPath", "").rstrip("/"): entry["S3Uri"] for entry in inputs}


def definition(target: Target, schedule: Schedule) -> dict[str, Any]:
    """The job definition of a schedule in one form, whether it has a name or is inline.

    Members: app, baseline, input, output, resources, environment, and AWS's RoleArn, NetworkConfig, StoppingCondition.
    """
    client = target.client("sagemaker")
    if not schedule.definition:
        config = client.describe_monitoring_schedule(MonitoringScheduleName=schedule.name)["MonitoringScheduleConfig"]
        if config.get("MonitoringJobDefinition"):
            return _inline(config["MonitoringJobDefinition"])
        schedule = replace(schedule, definition=config.get("MonitoringJobDefinitionName", ""))
    ask = {
        DATA_QUALITY: client.describe_data_quality_job_definition,
        MODEL_QUALITY: client.describe_model_quality_job_definition,
        MODEL_BIAS: client.describe_model_bias_job_definition,
        EXPLAINABILITY: client.describe_model_explainability_job_definition,
    }[schedule.type]
    return _job_definition(ask(JobDefinitionName=schedule.definition), schedule.type)


def _job_definition(found: Doc, kind: str) -> dict[str, Any]:
    return {
        "app": found[f"{kind}AppSpecification"],
        "baseline": found.get(f"{kind}BaselineConfig") or {},
        "input": found[f"{kind}JobInput"].get("EndpointInput"),
        "output": found[f"{kind}JobOutputConfig"],
        "resources": found["JobResources"],
        "environment": found[f"{kind}AppSpecification"].get("Environment") or {},
        **_common(found),
    }


def _inline(found: Doc) -> dict[str, Any]:
    return {
        "app": found["MonitoringAppSpecification"],
        "baseline": found.get("BaselineConfig") or {},
        "input": found["MonitoringInputs"][0].get("EndpointInput"),
        "output": found["MonitoringOutputConfig"],
        "resources": found["MonitoringResources"],
        "environment": found.get("Environment") or {},
        **_common(found),
    }


def _common(found: Doc) -> dict[str, Any]:
    return {name: found[name] for name in ("RoleArn", "NetworkConfig", "StoppingCondition") if found.get(name)}


def baseline_uris(target: Target, found: Doc, kind: str) -> dict[str, str]:
    """Where `statistics` and `constraints` are, as far as there are any: named one by one, or by the job's name."""
    given = found["baseline"]
    names = {"statistics": "StatisticsResource", "constraints": "ConstraintsResource"}
    uris = {name: given[key]["S3Uri"] for name, key in names.items() if (given.get(key) or {}).get("S3Uri")}
    if uris or not given.get("BaseliningJobName"):
        return uris
    folder = folder_of(describe_job(target, given["BaseliningJobName"]))
    if kind in _ANALYSIS:
        return {"constraints": f"{folder}/analysis.json"}
    return {name: f"{folder}/{name}.json" for name in names if name == "constraints" or kind == DATA_QUALITY}


def _json(target: Target, uri: str) -> dict[str, Any]:
    try:
        found = json.loads(target.read(uri))
    except ValueError as fault:
        raise UserError(f"{uri} is not JSON ({fault}); a monitor or a baseline job should have written it") from None
    if not isinstance(found, dict):
        raise UserError(f"{uri} is not a JSON object; a monitor or a baseline job should have written it")
    return found
