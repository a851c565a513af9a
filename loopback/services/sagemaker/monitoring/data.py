"""Where an execution's data lies: which hours hold captures, merged captures or ground truth, and the baseline."""

from collections.abc import Mapping, Sequence
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import PROCESSING_JOB
from loopback.core.objects import NoSuchBucket, split_uri
from loopback.rows.endpoints import EndpointRow
from loopback.rows.jobs import JobRow
from loopback.services.registry import Context
from loopback.services.sagemaker.monitoring import job_requests, windows
from loopback.services.sagemaker.monitoring.definitions import capture_of
from loopback.services.sagemaker.monitoring.job_requests import ScheduledRun
from loopback.services.sagemaker.monitoring.specs import CLARIFY, Spec

NO_DATA = "Job inputs had no data"  # AWS's words


def run_of(schedule: str, config: Mapping[str, Any], spec: Spec, due: float, context: Context) -> ScheduledRun:
    """The work of the execution that is due then. Raises ValidationException without an endpoint that captures."""
    capture = capture_of(_endpoint(spec, context))
    if not capture:
        raise ValidationException(f'The endpoint "{spec.endpoint}" captures no data any more')
    window = windows.window(config["ScheduleConfig"], spec.offsets, due)
    return ScheduledRun(spec, schedule, due, window, f"{capture['DestinationS3Uri'].rstrip('/')}/{spec.endpoint}")


def _endpoint(spec: Spec, context: Context) -> EndpointRow:
    try:
        return EndpointRow.get(context.store, spec.endpoint.lower())
    except ResourceNotFound:
        raise ValidationException(f'Could not find endpoint "{spec.endpoint}".') from None


def captured_hours(run: ScheduledRun, context: Context) -> list[str]:
    """`<variant>/yyyy/mm/dd/HH` of every hour of the window in which a variant captured something."""
    return _with_data(run.captured, run, context)


def first_job(run: ScheduledRun, context: Context) -> tuple[str, dict[str, Any]]:
    """(stage, job) that the execution begins with. Raises ValidationException when there is nothing to analyze."""
    hours = captured_hours(run, context)
    if not hours:
        raise ValidationException(NO_DATA)
    if run.spec.truth is None:
        return "analysis", job_requests.analysis(run, hours, baseline(run.spec, context))
    prefix = str(run.spec.truth).rstrip("/")
    truths = [hour for hour in run.window.hours if _holds_data(f"{prefix}/{hour}/", context)]
    if not truths:
        raise ValidationException(f"{NO_DATA}: there is no ground truth below {prefix} for the hours analyzed")
    return "merge", job_requests.merge(run, hours, truths)


def analysis_of_merged(run: ScheduledRun, context: Context) -> dict[str, Any]:
    """The job that follows a merge."""
    return job_requests.analysis(run, _with_data(run.merged, run, context), baseline(run.spec, context))


def _with_data(prefix: str, run: ScheduledRun, context: Context) -> list[str]:
    endpoint = _endpoint(run.spec, context)
    fleet = endpoint.serving or endpoint.pending
    variants: Sequence[str] = list(fleet.variants if fleet else ())
    hours = [f"{variant}/{hour}" for variant in variants for hour in run.window.hours]
    return [hour for hour in hours if _holds_data(f"{prefix}/{hour}/", context)]


def _holds_data(uri: str, context: Context) -> bool:
    bucket, key = split_uri(uri)
    try:
        return any(item.size for item in context.objects.list(bucket, key))
    except NoSuchBucket:
        return False


def baseline(spec: Spec, context: Context) -> dict[str, str]:
    """S3 URIs of the baseline's documents: named one by one, or what a baselining job has written."""
    given = spec.baseline
    names = {"statistics": "StatisticsResource", "constraints": "ConstraintsResource"}
    found = {name: given[key]["S3Uri"] for name, key in names.items() if (given.get(key) or {}).get("S3Uri")}
    if found or not given.get("BaseliningJobName"):
        return found
    try:
        job = JobRow.from_row(context.store.get(PROCESSING_JOB, given["BaseliningJobName"]))
    except ResourceNotFound:
        raise ValidationException(f"There is no baselining job named {given['BaseliningJobName']}") from None
    folder = job.request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].rstrip("/")
    if spec.type in CLARIFY:
        return {"constraints": f"{folder}/analysis.json"}
    wanted = names if spec.type == "DataQuality" else ("constraints",)
    return {name: f"{folder}/{name}.json" for name in wanted}
