"""What AWS tells the world about jobs, packages, endpoints, executions and steps.

Source: AWS, automating-sagemaker-with-eventbridge.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loopback.core.kinds import ENDPOINT, EXECUTION, JOBS, PACKAGE, STEP, TUNING_JOB
from loopback.core.store import Event, Resource
from loopback.rows.endpoints import EndpointRow
from loopback.rows.jobs import JobRow
from loopback.rows.models import PackageRow
from loopback.rows.pipelines import ExecutionRow, StepRow
from loopback.rows.tuning import TuningJobRow
from loopback.services.announce import Announcement, announces
from loopback.services.registry import Context
from loopback.services.sagemaker import endpoints, executions, jobs, packages
from loopback.services.sagemaker.steps import iso
from loopback.services.sagemaker.tuning import tuning_jobs

_JOB_TITLES = {
    "processing-job": "SageMaker Processing Job State Change",
    "training-job": "SageMaker Training Job State Change",
    "transform-job": "SageMaker Transform Job State Change",
}
# How each kind's events write times, in AWS's page automating-sagemaker-with-eventbridge.
_TIMES: dict[str, Callable[[float], Any]] = {
    "processing-job": lambda seconds: int(seconds * 1000),
    "training-job": lambda seconds: str(int(seconds * 1000)),
    "transform-job": iso,
}

One = Callable[[Event, Resource, Context], Announcement]


def _on_a_new_status(build: One) -> Callable[[Event, Resource, Context], list[Announcement]]:
    def announce_status(event: Event, row: Resource, context: Context) -> list[Announcement]:
        return [build(event, row, context)] if event.old != event.new else []

    return announce_status


@announces(*JOBS)
@_on_a_new_status
def _job(event: Event, row: Resource, context: Context) -> Announcement:
    family = jobs.BY_KIND[row.kind]
    shown = jobs.view(JobRow.from_row(row), context)
    status = "InProgress" if event.new == "Queued" else event.new
    written = _TIMES[row.kind]
    detail = {
        key: written(value) if _is_time(key, value) else value for key, value in shown.items() if key[0].isupper()
    }
    detail |= {f"{family.noun}Status": status, "Tags": context.store.tags(shown[f"{family.noun}Arn"])}
    return Announcement(_JOB_TITLES[row.kind], [shown[f"{family.noun}Arn"]], detail)


def _is_time(key: str, value: Any) -> bool:
    return key.endswith("Time") and isinstance(value, float | int)


@announces(TUNING_JOB)
@_on_a_new_status
def _tuning_job(event: Event, row: Resource, context: Context) -> Announcement:
    """Its members are those that AWS's event has. Times are written as a training job's.

    Source: AWS CDK, SageMakerHyperParameterTuningJobStateChangeProps (made of EventBridge's schema).
    """
    shown = tuning_jobs.view(TuningJobRow.from_row(row), context)
    members = (
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        "TrainingJobDefinition",
        "TrainingJobStatusCounters",
        "ObjectiveStatusCounters",
    )
    written = _TIMES["training-job"]
    detail = {member: shown.get(member) for member in members} | {
        "HyperParameterTuningJobStatus": event.new,
        "CreationTime": written(shown["CreationTime"]),
        "LastModifiedTime": written(shown["LastModifiedTime"]),
        "Tags": context.store.tags(shown["HyperParameterTuningJobArn"]),
    }
    arn = shown["HyperParameterTuningJobArn"]
    return Announcement("SageMaker HyperParameter Tuning Job State Change", [arn], _present(detail))


@announces(PACKAGE)
def _package(event: Event, row: Resource, context: Context) -> Iterator[Announcement]:
    package = PackageRow.from_row(row)
    shown = packages.view(package, context)
    detail = {key: iso(value) if key.endswith("Time") else value for key, value in shown.items() if key[0].isupper()}
    detail |= packages.read_event(event.event, package)
    yield Announcement("SageMaker Model Package State Change", [shown["ModelPackageArn"]], detail)


@announces(ENDPOINT)
def _endpoint(event: Event, row: Resource, context: Context) -> Iterator[Announcement]:
    """The endpoint's status when it is new, and each step of a deployment."""
    endpoint = EndpointRow.from_row(row)
    if event.old != event.new:
        yield _endpoint_state(event, endpoint, context)
    if event.event == "deployment":
        yield _deployment(event, endpoint, context)


def _deployment(event: Event, row: EndpointRow, context: Context) -> Announcement:
    """The same members, and what is pending."""
    state = _endpoint_state(event, row, context)
    summary = endpoints.view(row, context).get("PendingDeploymentSummary")
    detail = dict(state.detail)
    if summary:
        detail["PendingDeploymentSummary"] = _milliseconds(summary)
    return Announcement("SageMaker Endpoint Deployment State Change", state.resources, detail)


def _milliseconds(value: Any) -> Any:
    """Times anywhere in it as epoch milliseconds."""
    if isinstance(value, list):
        return [_milliseconds(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: int(one * 1000) if key == "StartTime" else _milliseconds(one) for key, one in value.items()}


def _endpoint_state(event: Event, row: EndpointRow, context: Context) -> Announcement:
    """Statuses are upper snake case here, times epoch milliseconds.

    Source: AWS, automating-sagemaker-with-eventbridge.
    """
    shown = endpoints.view(row, context)
    detail = {key: shown.get(key) for key in ("EndpointName", "EndpointArn", "EndpointConfigName", "FailureReason")}
    properties = ("VariantName", "CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
    variants = shown.get("ProductionVariants", [])
    detail["ProductionVariants"] = [{key: v[key] for key in properties if key in v} for v in variants]
    detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", event.new).upper()
    detail |= {key: int(shown[key] * 1000) for key in ("CreationTime", "LastModifiedTime")}
    detail["Tags"] = context.store.tags(shown["EndpointArn"])
    return Announcement("SageMaker Endpoint State Change", [shown["EndpointArn"]], _present(detail))


@announces(EXECUTION)
@_on_a_new_status
def _execution(event: Event, resource: Resource, context: Context) -> Announcement:
    row = ExecutionRow.from_row(resource)
    arn = executions.arn_of(row.parent, row.name, context)
    pipeline = context.place.arn(f"pipeline/{row.parent}")
    detail = {
        "pipelineExecutionDisplayName": executions.view(row, context)["PipelineExecutionDisplayName"],
        "currentPipelineExecutionStatus": event.new,
        "previousPipelineExecutionStatus": event.old or None,
        "executionStartTime": iso(row.created),
        "executionEndTime": iso(row.ended) if row.ended else None,
        "pipelineExecutionDescription": row.request.get("PipelineExecutionDescription"),
        "pipelineArn": pipeline,
        "pipelineExecutionArn": arn,
    }
    title = "SageMaker Model Building Pipeline Execution Status Change"
    return Announcement(title, [pipeline, arn], _present(detail))


@announces(STEP)
@_on_a_new_status
def _step(event: Event, resource: Resource, context: Context) -> Announcement:
    row = StepRow.from_row(resource)
    execution = context.store.get(EXECUTION, row.parent)
    arn = executions.arn_of(execution.parent, execution.name, context)
    pipeline = context.place.arn(f"pipeline/{execution.parent}")
    shown = executions.step_view(row)
    metadata = shown["Metadata"]
    detail = {
        "metadata": {key[0].lower() + key[1:]: _camel(value) for key, value in metadata.items()},
        "stepStartTime": iso(shown["StartTime"]),
        "stepEndTime": iso(shown["EndTime"]) if shown["EndTime"] else None,
        "stepName": row.step,
        "stepType": row.type,
        "previousStepStatus": event.old or None,
        "currentStepStatus": event.new,
        "failureReason": shown["FailureReason"],
        "cacheHitResult": _camel(shown["CacheHitResult"]) if shown["CacheHitResult"] else None,
        "pipelineArn": pipeline,
        "pipelineExecutionArn": arn,
    }
    title = "SageMaker Model Building Pipeline Execution Step Status Change"
    return Announcement(title, [pipeline, arn], _present(detail))


def _camel(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key[0].lower() + key[1:]: value for key, value in members.items()}


def _present(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in detail.items() if value is not None}
