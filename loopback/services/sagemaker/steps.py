"""How each type of pipeline step begins, ends and stops: one function a type, in one table each.

A starter gets the resolved arguments and says what has begun: `Begun` when something now runs whose end the
driver hears of later, `StepEnded` when the step is over already. A ServiceError is the step's failure.
"""

import hashlib
import json
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.kinds import ENDPOINT, PACKAGE_GROUP, TUNING_JOB, Kind
from loopback.core.objects import split_uri
from loopback.core.permissions import PermissionCheck
from loopback.core.store import Resource
from loopback.engines.pipelines.plan import JOB_NAME, StartStep
from loopback.rows.endpoints import EndpointRow
from loopback.rows.jobs import JobRow
from loopback.rows.pipelines import CallbackAnswer, ExecutionRow, StepResult, StepRow
from loopback.rows.row import changes
from loopback.rows.tuning import TuningJobRow
from loopback.services.registry import Context, call, call_as
from loopback.services.sagemaker import checks, endpoints, jobs, models, packages
from loopback.services.sagemaker.tuning import tuning_jobs

_TOKEN = string.ascii_letters + string.digits
LONGEST_NAME, STEP_CHARACTERS = 63, 20
LAMBDA_SECONDS = 120.0  # AWS's default time-out of a Lambda step


@dataclass(frozen=True)
class StepEnded:
    """A step is over. `kind` is the exception type that retry policies match, None for the user's own failure."""

    status: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    kind: str | None = None


@dataclass(frozen=True)
class StepBegun:
    """A step runs. `job` is the row whose end is the step's end; `waits` what the step's row must remember."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    job: tuple[Kind, str] | None = None
    waits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepStart:
    """One step that begins: its execution, and where slow work goes (`executor`) and reports back (`done`)."""

    start: StartStep
    execution: ExecutionRow
    execution_arn: str
    context: Context
    executor: Executor
    done: Callable[[StepEnded], None]


def begin(work: StepStart) -> StepBegun | StepEnded:
    """Start the work of a step. Never raises for what the definition or the service refuses."""
    try:
        return STARTERS[work.start.step.type](work)
    except ServiceError as fault:
        kind = "SageMaker.RESOURCE_LIMIT" if fault.code == "ResourceLimitExceeded" else None
        return StepEnded(
            "Failed", reason=f"ClientError: Failed to invoke {work.start.step.type}. {fault.code}: {fault}", kind=kind
        )


def tuning_name(execution: str, step: str) -> str:
    """AWS's form, within the 32 characters of a tuning job's name: `<execution>-<7 of the step>-<10 random>`."""
    return f"{execution}-{step.replace('_', '-')[:7].strip('-')}-{_random(10)}"


def job_name(execution: str, step: str, attempt: int, prefix: str = "") -> str:
    """AWS's form, within the 63 characters of a job's name: `pipelines-<execution>-<step>-<10 random>`.

    A name in the step's arguments is a prefix: `<prefix>-<execution>-<10 of the step>-<failures before>` (SDK PR 3946).
    """
    if prefix:
        rest = f"-{execution}-{hashlib.sha256(step.encode()).hexdigest()[:10]}-{attempt - 1}"
        return prefix[: LONGEST_NAME - len(rest)].rstrip("-") + rest
    return f"pipelines-{execution}-{step.replace('_', '-')[:STEP_CHARACTERS].strip('-')}-{_random(10)}"


def _random(length: int) -> str:
    return "".join(secrets.choice(_TOKEN) for _ in range(length))


def _call(work: StepStart, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """With the permissions of the execution's role. Raises ServiceError."""
    return call_as(work.execution.role, "sagemaker", operation, request, work.context)


def _name_work(work: StepStart, member: str) -> tuple[str, StartStep]:
    """The name of what the step makes, and the step's start with that name in its place."""
    start = work.start
    name = job_name(work.execution.name, start.name, start.attempt, start.arguments.get(member, ""))
    return name, replace(
        start,
        arguments={**_with_name(start.arguments, name), member: name},
        envelope=_with_name(start.envelope, name),
    )


def _with_name(value: Any, name: str) -> Any:
    """With the name in every text that asks for it."""
    if isinstance(value, str):
        return value.replace(JOB_NAME, name)
    if isinstance(value, dict):
        return {key: _with_name(inner, name) for key, inner in value.items()}
    return [_with_name(inner, name) for inner in value] if isinstance(value, list) else value


def _job(work: StepStart, family: jobs.Family) -> StepBegun:
    name, start = _name_work(work, family.name)
    return _create_work(work, family, name, start.arguments)


def _create_work(work: StepStart, family: jobs.Family, name: str, request: dict[str, Any]) -> StepBegun:
    defaults = {"RoleArn": work.execution.role} if family is not jobs.TRANSFORM else {}
    answer = _call(work, f"Create{family.noun}", defaults | request)
    return StepBegun({family.noun: {"Arn": answer[f"{family.noun}Arn"]}}, job=(family.kind, name))


def _processing(work: StepStart) -> StepBegun:
    return _job(work, jobs.PROCESSING)


def _training(work: StepStart) -> StepBegun:
    return _job(work, jobs.TRAINING)


def _transform(work: StepStart) -> StepBegun:
    return _job(work, jobs.TRANSFORM)


def _tuning(work: StepStart) -> StepBegun:
    """A name in the arguments is not taken: the SDK removes it unless it is told not to, and each run needs its own."""
    name = tuning_name(work.execution.name, work.start.name)
    request = {**work.start.arguments, "HyperParameterTuningJobName": name}
    answer = _call(work, "CreateHyperParameterTuningJob", request)
    return StepBegun({"TuningJob": {"Arn": answer["HyperParameterTuningJobArn"]}}, job=(TUNING_JOB, name))


def _check(work: StepStart) -> StepBegun:
    name, start = _name_work(work, jobs.PROCESSING.name)
    check = checks.plan(start, work.context)
    begun = _create_work(work, jobs.PROCESSING, name, check.request)
    return StepBegun(
        {work.start.step.type: check.metadata}, job=begun.job, waits=changes(StepResult, check=check.metadata)
    )


def _model(work: StepStart) -> StepEnded:
    name, start = _name_work(work, "ModelName")
    defaults = {"ExecutionRoleArn": work.execution.role}
    answer = _call(work, "CreateModel", defaults | start.arguments)
    properties = _call(work, "DescribeModel", {"ModelName": name})
    return StepEnded("Succeeded", properties, {"Model": {"Arn": answer["ModelArn"]}})


def _endpoint_config(work: StepStart) -> StepEnded:
    """A name in the arguments is taken as it is: the endpoint's step, and what is outside, refer to it."""
    name = work.start.arguments.get("EndpointConfigName") or _name_work(work, "EndpointConfigName")[0]
    answer = _call(work, "CreateEndpointConfig", {**work.start.arguments, "EndpointConfigName": name})
    properties = _call(work, "DescribeEndpointConfig", {"EndpointConfigName": name})
    return StepEnded("Succeeded", properties, {"EndpointConfig": {"Arn": answer["EndpointConfigArn"]}})


def _endpoint(work: StepStart) -> StepBegun:
    """CreateEndpoint, or UpdateEndpoint where there is one: the SDK's EndpointStep says that the service chooses."""
    request = dict(work.start.arguments)
    name = endpoints.key(str(request.get("EndpointName", "")))
    there = work.context.store.exists(ENDPOINT, name)
    if there:
        request.pop("Tags", None)  # UpdateEndpoint has none
    answer = _call(work, "UpdateEndpoint" if there else "CreateEndpoint", request)
    waits = changes(StepResult, outputs=[{"EndpointConfigName": request["EndpointConfigName"]}])
    return StepBegun({"Endpoint": {"Arn": answer["EndpointArn"]}}, job=(ENDPOINT, name), waits=waits)


def _register(work: StepStart) -> StepEnded:
    """A group that does not exist yet is created, as the service does for a RegisterModel step."""
    request = dict(work.start.arguments)
    metadata = {**request.get("MetadataProperties", {})}
    metadata.setdefault("GeneratedBy", work.execution_arn)
    request["MetadataProperties"] = metadata
    group = request.get("ModelPackageGroupName", "")
    if group and not group.startswith("arn:") and not work.context.store.exists(PACKAGE_GROUP, group):
        _call(work, "CreateModelPackageGroup", {"ModelPackageGroupName": group})
    for container in request.get("InferenceSpecification", {}).get("Containers", []):
        models.require_data(container.get("ModelDataUrl"), work.context)
    answer = _call(work, "CreateModelPackage", request)
    row = packages.find(answer["ModelPackageArn"], work.context)
    return StepEnded(
        "Succeeded", packages.view(row, work.context), {"RegisterModel": {"Arn": answer["ModelPackageArn"]}}
    )


def _lambda(work: StepStart) -> StepBegun:
    arn = work.start.envelope["FunctionArn"]
    work.executor.submit(lambda: work.done(_invoke(work, arn)))
    return StepBegun({"Lambda": {"Arn": arn}})


def _invoke(work: StepStart, arn: str) -> StepEnded:
    """Call the function and turn the top level of what it returns into output parameters."""
    outputs = work.start.step.raw.get("OutputParameters") or []
    metadata: dict[str, Any] = {"Lambda": {"Arn": arn}}
    try:
        work.context.permit(work.execution.role, [PermissionCheck("lambda:InvokeFunction", arn)])
        returned = work.context.invoke(arn, work.start.arguments)
        values = returned if isinstance(returned, dict) else {}
        found = _outputs(outputs, values)
    except ServiceError as fault:
        return StepEnded("Failed", metadata=metadata, reason=f"ClientError: Lambda function {arn}: {fault}")
    metadata["Lambda"]["OutputParameters"] = [{"Name": name, "Value": _text(value)} for name, value in found.items()]
    return StepEnded("Succeeded", {"OutputParameters": found}, metadata)


_OUTPUT_TYPES: dict[str, Callable[[Any], Any]] = {
    "String": lambda value: _text(value),  # noqa: PLW0108 - defined below
    "Integer": int,
    "Float": float,
    "Boolean": lambda value: value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()],
}


def _outputs(declared: list[dict[str, str]], values: Mapping[str, Any]) -> dict[str, Any]:
    """The declared output parameters in their types. Raises ServiceError naming the one that is not there."""
    found = {}
    for entry in declared:
        name, kind = entry["OutputName"], entry["OutputType"]
        if name not in values:
            raise ServiceError(f"output parameter {name} is missing; the answer has {sorted(values)}")
        try:
            found[name] = _OUTPUT_TYPES[kind](values[name])
        except (ValueError, KeyError, TypeError):
            raise ServiceError(f"output parameter {name} is {values[name]!r}, which is not a {kind}") from None
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _callback(work: StepStart) -> StepBegun:
    token = _random(10)
    url = work.start.envelope["SqsQueueUrl"]
    message = {"token": token, "pipelineExecutionArn": work.execution_arn, "arguments": work.start.arguments}
    _send(url, message, work.context)
    declared = work.start.step.raw.get("OutputParameters") or []
    waits = changes(StepResult, callback_token=token, queue=url, outputs=declared)
    return StepBegun({"Callback": {"CallbackToken": token, "SqsQueueUrl": url}}, waits=waits)


def _send(url: str, message: Mapping[str, Any], context: Context) -> None:
    body = {"QueueUrl": url, "MessageBody": json.dumps(message)}
    if url.partition("?")[0].endswith(".fifo"):
        body |= {"MessageGroupId": "pipeline", "MessageDeduplicationId": uuid.uuid4().hex}
    context.base("sqs", "AmazonSQS.SendMessage", body)


def end_of_callback(step: StepRow, answer: CallbackAnswer) -> StepEnded:
    """What the answer to a Callback step means."""
    metadata = dict(step.metadata)
    if answer.refused is not None:
        return StepEnded(
            "Failed", metadata=metadata, reason=f"ClientError: {answer.refused or 'the callback reported a failure'}"
        )
    try:
        found = _outputs(step.outputs, answer.outputs or {})
    except ServiceError as fault:
        return StepEnded("Failed", metadata=metadata, reason=f"ClientError: {fault}")
    shown = [{"Name": name, "Value": _text(value)} for name, value in found.items()]
    metadata["Callback"] = {**metadata.get("Callback", {}), "OutputParameters": shown}
    return StepEnded("Succeeded", {"OutputParameters": found}, metadata)


def _cleanup(work: StepStart) -> StepEnded:
    """Delete S3 objects below the URIs that earlier steps of this execution wrote."""
    for source in work.start.arguments.get("Resources", {}).get("S3", []):
        for uri in source.get("S3Uris", []):
            bucket, prefix = split_uri(uri)
            for item in work.context.objects.list(bucket, prefix):
                work.context.objects.delete(bucket, item.key)
    return StepEnded("Succeeded")


STARTERS: dict[str, Callable[[StepStart], StepBegun | StepEnded]] = {
    "Processing": _processing,
    "Training": _training,
    "Transform": _transform,
    "Tuning": _tuning,
    "QualityCheck": _check,
    "ClarifyCheck": _check,
    "Model": _model,
    "RegisterModel": _register,
    "Lambda": _lambda,
    "Callback": _callback,
    "Cleanup": _cleanup,
    "EndpointConfig": _endpoint_config,
    "Endpoint": _endpoint,
}

TOO_LONG = {
    "MaxRuntimeExceeded": "ran longer than its MaxRuntimeInSeconds",
    "MaxWaitTimeExceeded": "waited and ran longer than its MaxWaitTimeInSeconds",
}
_JOB_KINDS = {"Completed": "Succeeded", "Failed": "Failed", "Stopped": "Stopped"}


def end_of_work(step: StepRow, row: Resource, context: Context) -> StepEnded | None:
    """What has become of a step whose work is in a row of its own; None while that goes on. Raises ServiceError."""
    return _ENDS[row.kind](step, row, context)


def _end_of_job(step: StepRow, row: Resource, context: Context) -> StepEnded | None:
    """What the end of a step's job means for the step."""
    if row.status not in _JOB_KINDS:
        return None
    job = JobRow.from_row(row)
    properties = jobs.view(job, context)
    metadata = step.metadata
    status = _JOB_KINDS[job.status]
    reason = job.failure_reason
    if step.type in ("QualityCheck", "ClarifyCheck") and status == "Succeeded":
        return _check_output(step, job, context)
    if status == "Stopped" and job.secondary in TOO_LONG:
        status, reason = "Failed", f"ClientError: {job.name} {TOO_LONG[job.secondary]} and was stopped"
    return StepEnded(status, properties, metadata, reason, job.failure_kind)


def _check_output(step: StepRow, job: JobRow, context: Context) -> StepEnded:
    found = checks.judge(step.check or {}, job, context)
    metadata = {step.type: found.metadata}
    properties = {**jobs.view(job, context), **found.metadata}
    return StepEnded("Failed" if found.violations else "Succeeded", properties, metadata, found.violations)


def _end_of_tuning(step: StepRow, row: Resource, context: Context) -> StepEnded | None:
    if row.status not in _JOB_KINDS:
        return None
    properties = tuning_jobs.properties(row.name, context)
    reason = TuningJobRow.from_row(row).failure_reason
    return StepEnded(_JOB_KINDS[row.status], properties, step.metadata, f"ClientError: {reason}" if reason else "")


def _end_of_deployment(step: StepRow, row: Resource, context: Context) -> StepEnded | None:
    """An endpoint that serves another configuration again has been rolled back."""
    if row.status not in ("InService", "Failed", "Deleting"):
        return None
    properties = endpoints.view(EndpointRow.from_row(row), context)
    wanted = step.outputs[0]["EndpointConfigName"]
    if row.status == "InService" and properties["EndpointConfigName"] == wanted:
        return StepEnded("Succeeded", properties, step.metadata)
    reason = properties.get("FailureReason") or f"the endpoint is {row.status}"
    return StepEnded("Failed", properties, step.metadata, f"ClientError: {reason}")


_ENDS: dict[str, Callable[[StepRow, Resource, Context], StepEnded | None]] = {
    **dict.fromkeys(jobs.BY_KIND, _end_of_job),
    TUNING_JOB.slug: _end_of_tuning,
    ENDPOINT.slug: _end_of_deployment,
}
AWAITED = frozenset(_ENDS)  # the kinds of rows that steps wait for


def stop(step: StepRow, execution_arn: str, context: Context) -> None:
    """Ask the work of a step to stop; its end is heard of as any other. A deployment goes on to its own end."""
    if step.job and step.job[0] == ENDPOINT.slug:
        return
    if step.job:
        kind, name = step.job
        noun = jobs.BY_KIND[kind].noun if kind in jobs.BY_KIND else "HyperParameterTuningJob"
        call("sagemaker", f"Stop{noun}", {f"{noun}Name": name}, context)
    elif step.queue is not None:
        message = {"token": step.callback_token, "pipelineExecutionArn": execution_arn, "status": "Stopping"}
        _send(step.queue, message, context)


def iso(moment: float) -> str:
    """Epoch seconds as AWS writes times in events."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
