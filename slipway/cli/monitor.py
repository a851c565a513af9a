"""`slipway monitor`: look at a stage now, and how its monitors stand."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.live import Live
from rich.text import Text

from slipway.cli import drift, monitor_executions, monitor_job, own_monitors, projects, screen
from slipway.cli.drift_report.analyses import EXPLAINABILITY, MODEL_BIAS
from slipway.cli.drift_report.executions import Execution
from slipway.cli.drift_report.report import DATA_QUALITY, MODEL_QUALITY
from slipway.cli.monitor_executions import LABELLED, Schedule
from slipway.cli.own_monitors import Timer
from slipway.cli.target import Target, UserError, WrongUsage

POLL_SECONDS = 0.3  # of the local AWS; the real one is asked every five seconds
FINAL = ("Completed", "Failed", "Stopped")
_NAMESPACES = ("ModelMonitor", "aws/sagemaker/", "/aws/sagemaker/")
_KINDS = {
    "data_quality": DATA_QUALITY,
    "explainability": EXPLAINABILITY,
    "model_quality": MODEL_QUALITY,
    "bias": MODEL_BIAS,
}  # as a stage's file calls them; those that can be run first


@dataclass(frozen=True)
class Options:
    """Of a run: so many whole hours before the running one, whether to wait for its end, and which monitor."""

    hours: int = 1
    wait: bool = True
    history_hours: float = 24
    kind: str = ""


def run(target: Target, stage: str, options: Options, *, as_json: bool) -> int:
    """Look at the requests of the last hours now; exit code as of `slipway drift`.

    AWS cannot run an hourly schedule at once, and a second schedule with the expression NOW looks at whole hours only,
    begins when AWS likes to, counts for the stage's alarms, and has to be removed. So this is a processing job of its
    own, equal to what the schedule would run: image, script, environment, baseline and role are those of the schedule's
    job definition. It reads the running hour too, and starts neither an alarm nor a retraining. The caller needs
    iam:PassRole for the monitor's role, and s3:PutObject below the monitor's reports, for the list of captures.

    A monitor of ours is a pipeline, which runs at once: the caller needs sagemaker:StartPipelineExecution.
    """
    project = projects.require(target)
    endpoint = drift.stage_endpoint(project, stage)
    schedule = _schedule(target, endpoint, stage, options.kind)
    now = datetime.now(UTC)
    name = start(target, schedule, options.hours, now)
    if not options.wait:
        folder = monitor_executions.folder_of(monitor_executions.describe_job(target, name))
        if as_json:
            screen.show_json({"job": name, "folder": folder})
        else:
            screen.say(f"started {name}; when it has ended: slipway drift {stage}")
        return 0
    job = watch(target, name, quiet=as_json)
    reason = " ".join((job.get("ExitMessage") or job.get("FailureReason") or "without a reason").split())
    if job["ProcessingJobStatus"] != "Completed":
        raise UserError(f"The job {name} ended {job['ProcessingJobStatus']}: {reason}")
    if reason.startswith("NoData"):
        raise UserError(f"{reason}; send requests and wait for the capture, or look farther back with --hours")
    asked = {schedule.name: monitor_executions.of_job(job)}
    report = drift.gather(target, project, stage, options.history_hours, asked)
    return drift.show(report, drift.Wishes(opens=False), as_json=as_json)


def _schedule(target: Target, endpoint: str, stage: str, kind: str) -> Schedule:
    """The schedule to run: of that kind, or the first that can be run. Raises WrongUsage or UserError."""
    if kind and kind not in _KINDS:
        raise WrongUsage(f"There is no monitor {kind}; there is: {', '.join(_KINDS)}")
    if _KINDS.get(kind) in LABELLED:
        raise UserError(
            f"{kind} compares with labels, which the running hour cannot have yet; its schedule looks at requests "
            "whose labels are complete: slipway monitor status"
        )
    found = {one.type: one for one in reversed(monitor_executions.schedules(target, endpoint))}
    wanted = [name for name, type_ in _KINDS.items() if type_ not in LABELLED and kind in ("", name)]
    for name in wanted:
        if _KINDS[name] in found:
            return found[_KINDS[name]]
    raise UserError(
        f"The endpoint {endpoint} has no monitor of {' or '.join(wanted)}; set `monitor` in deploy/stages/{stage}.yml"
    )


def start(target: Target, schedule: Schedule, hours: int, now: datetime) -> str:
    """Start the job; its name. Raises UserError where there is nothing to analyze."""
    if schedule.own:
        return _wait_for_job(target, own_monitors.start(target, schedule.name, hours, now))
    definition = monitor_executions.definition(target, schedule)
    if not definition["input"]:
        raise UserError(f"The schedule {schedule.name} watches batch transforms; only those of endpoints can be run")
    capture, variants = _captures(target, schedule.endpoint)
    times = monitor_job.window(now, hours)
    bucket = capture.removeprefix("s3://").partition("/")[0]
    keys = [
        f"s3://{bucket}/{key}" for uri in monitor_job.prefixes(capture, variants, *times) for key in _keys(target, uri)
    ]
    if not keys:
        raise UserError(
            f"{schedule.endpoint} has captured nothing since {times[0]:%d %b %H:%M} UTC below {capture}/; "
            "send requests and wait for the capture (up to some minutes on AWS), or look farther back with --hours"
        )
    folder = monitor_job.output_folder(definition, schedule.endpoint, schedule.name, times[1])
    listed = f"{folder}/captures.manifest"
    baseline = monitor_executions.baseline_uris(target, definition, schedule.type)
    request = monitor_job.request(definition, schedule.name, capture, baseline, listed, times)
    place, _, key = listed.removeprefix("s3://").partition("/")
    body = json.dumps(monitor_job.manifest(capture, keys)).encode()
    target.client("s3").put_object(Bucket=place, Key=key, Body=body)
    target.client("sagemaker").create_processing_job(**request)
    return str(request["ProcessingJobName"])


def _wait_for_job(target: Target, execution: str) -> str:
    """The name of an execution's job, once it has one. Raises UserError when the execution ends without."""
    while not (job := own_monitors.job_of(target, execution)):
        found = target.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=execution)
        if found["PipelineExecutionStatus"] in ("Failed", "Stopped"):
            raise UserError(f"{execution} ended without a job: {found.get('FailureReason', 'no reason is told')}")
        time.sleep(_pause(target))
    return job.rpartition("/")[2]


def _captures(target: Target, endpoint: str) -> tuple[str, list[str]]:
    """(S3 URI of the endpoint's captures, names of its variants)."""
    client = target.client("sagemaker")
    try:
        found = client.describe_endpoint(EndpointName=endpoint)
    except client.exceptions.ClientError:
        raise UserError(f"There is no endpoint {endpoint}; deploy it first: slipway stages") from None
    capture = found.get("DataCaptureConfig") or {}
    if not capture.get("DestinationS3Uri"):
        raise UserError(f"The endpoint {endpoint} captures nothing; set `capture` in the stage's file")
    names = [variant["VariantName"] for variant in found.get("ProductionVariants", [])]
    return f"{capture['DestinationS3Uri'].rstrip('/')}/{endpoint}", names


def _keys(target: Target, prefix: str) -> Iterator[str]:
    """The objects below an S3 URI that hold something."""
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    pages = target.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    return (item["Key"] for page in pages for item in page.get("Contents", []) if item["Size"])


def watch(target: Target, name: str, *, quiet: bool) -> dict[str, Any]:
    """Wait for the end of a job; its description then. Ctrl-C leaves it running."""
    began, said = time.monotonic(), ""
    shows = screen.is_live() and not quiet
    with Live(console=screen.console, refresh_per_second=4) if shows else contextlib.nullcontext() as live:
        while True:
            job = monitor_executions.describe_job(target, name)
            status = job["ProcessingJobStatus"]
            if live:
                live.update(Text(f"{name}  {status}  {screen.duration(time.monotonic() - began)}"))
            elif not quiet and status != said:
                screen.say(f"{name}  {status}")
            said = status
            if status in FINAL:
                return job
            time.sleep(_pause(target))


def _pause(target: Target) -> float:
    return POLL_SECONDS if target.local else 5.0


def status(target: Target, *, as_json: bool) -> None:
    """Each schedule of the project's endpoints with its last execution, and the alarms of its stage."""
    project = projects.require(target)
    rows: list[dict[str, Any]] = []
    alarms: dict[str, str] = {}
    for stage in projects.STAGES:
        endpoint = project.endpoint(stage)
        rows += [_state(target, stage, schedule) for schedule in monitor_executions.schedules(target, endpoint)]
        alarms |= _alarms(target, endpoint)
    if as_json:
        screen.show_json({"monitors": rows, "alarms": alarms})
        return
    screen.say(f"project {project.name} on {target.title}\n")
    if not rows:
        screen.say("no monitor yet; set `monitor` in deploy/stages/<stage>.yml and deploy")
        return
    now = datetime.now(UTC)
    shown = [
        (
            row["stage"],
            row["type"],
            row["expression"],
            row["status"],
            screen.ago(row["time"], now) if row["time"] else "",
            "" if row["violations"] is None else row["violations"],
            row["message"],
        )
        for row in rows
    ]
    columns = ("stage", "monitor", "schedule", "state", "last", "violations", "what it said")
    screen.console.print(screen.table(columns, shown, right=("violations",)))
    if alarms:
        screen.say()
        screen.console.print(screen.table(("alarm", "state"), list(alarms.items())))


def _state(target: Target, stage: str, schedule: Schedule) -> dict[str, Any]:
    timer, fault = _timer(target, schedule)
    last = next(iter(monitor_executions.executions(target, schedule, 0, most=1)), None)
    state: dict[str, Any] = {
        "stage": stage,
        "endpoint": schedule.endpoint,
        "schedule": schedule.name,
        "type": schedule.type,
        "expression": timer.expression,
        "status": timer.state,
        "time": None,
        "execution": "",
        "violations": None,
        "message": fault or "no execution yet",
    }
    return state | _of_execution(target, schedule, last) if last else state


def _timer(target: Target, schedule: Schedule) -> tuple[Timer, str]:
    """When it looks, and what is wrong with that."""
    if schedule.own:
        return own_monitors.timer(target, schedule.name), ""
    found = target.client("sagemaker").describe_monitoring_schedule(MonitoringScheduleName=schedule.name)
    config = found["MonitoringScheduleConfig"].get("ScheduleConfig") or {}
    return Timer(schedule.status, config.get("ScheduleExpression", "")), found.get("FailureReason") or ""


def _of_execution(target: Target, schedule: Schedule, last: Execution) -> dict[str, Any]:
    message = last.reason
    with contextlib.suppress(UserError):  # the job or its documents are gone; what is known is shown
        if last.job and not message:
            message = monitor_executions.describe_job(target, last.job).get("ExitMessage") or ""
        if labels := monitor_executions.labels(target, schedule, last):
            message = f"{message} Labels: {labels}".strip()
    read = monitor_executions.read_past(target, last)
    violations = len(read.violations) if read.has_verdict else None
    return {
        "time": last.at,
        "execution": last.status,
        "violations": violations,
        "message": message or read.reason or last.status,
    }


def _alarms(target: Target, endpoint: str) -> dict[str, str]:
    """The states of the alarms about what an endpoint's monitors found."""
    pages = target.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{endpoint}-")
    return {
        alarm["AlarmName"]: alarm["StateValue"]
        for page in pages
        for alarm in page["MetricAlarms"]
        if of_monitor(alarm, endpoint)
    }


def of_monitor(alarm: Mapping[str, Any], endpoint: str) -> bool:
    """Whether an alarm watches a monitor of the endpoint."""
    about = {entry["Value"] for entry in alarm.get("Dimensions", [])}
    return endpoint in about and str(alarm.get("Namespace", "")).startswith(_NAMESPACES)
