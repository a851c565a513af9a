"""Executions of pipelines: start, stop, retry, describe and list them and their steps. The driver runs them."""

import hashlib
from typing import Any

from loopback.core import states
from loopback.core.errors import ConflictException, ResourceNotFound, ValidationException
from loopback.core.kinds import EXECUTION, STEP
from loopback.core.queries import CREATED, NAME, Selection
from loopback.engines.pipelines import selective
from loopback.engines.pipelines.definition import NO_MLFLOW, parse
from loopback.engines.pipelines.parameters import InvalidParameters, bind
from loopback.engines.pipelines.plan import HANDLED, STEPS_FAILED
from loopback.rows.pipelines import (
    CallbackAnswer,
    ExecutionResult,
    ExecutionRow,
    PipelineResult,
    PipelineRow,
    PipelineVersionRow,
    StepResult,
    StepRow,
    waiting_for,
)
from loopback.rows.row import changes, view_of
from loopback.services.listing import PAGING, Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker import pipelines
from loopback.services.sagemaker.quotas import require_for_execution

_ORDERS = {"CreationTime": CREATED, "PipelineExecutionArn": NAME}
EXECUTIONS = Listing("PipelineExecutionSummaries", EXECUTION, page=100, orders=_ORDERS)
STEPS = Listing("PipelineExecutionSteps", STEP, page=100)
_NOT_ENDED = changes(ExecutionResult, failure_reason=None, ended=None)
_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@handles("StartPipelineExecution")
def start(request: Request, context: Context) -> Response:
    """Check parameters and selection, and write the execution down; the driver takes it from there.

    The execution's id is made from ClientRequestToken, so a repeated request finds the execution it started.
    """
    if "MlflowExperimentName" in request:
        raise ValidationException(f"MlflowExperimentName: {NO_MLFLOW}")
    row = pipelines.find(request["PipelineName"], context)
    pipeline = row if "PipelineVersionId" not in request else _version(row, request["PipelineVersionId"], context)
    definition = parse(pipeline.definition, max_steps=pipelines.MOST_STEPS)
    given = {entry["Name"]: entry["Value"] for entry in request.get("PipelineParameters", [])}
    try:
        parameters = bind(definition, given)
    except InvalidParameters as fault:
        raise ValidationException(str(fault)) from None
    identity = _execution_id(row.name, request["ClientRequestToken"])
    if context.store.exists(EXECUTION, identity):
        return {"PipelineExecutionArn": arn_of(row.name, identity, context)}
    parallelism = request.get("ParallelismConfiguration", row.request.get("ParallelismConfiguration"))
    asked = {
        **request,
        "PipelineName": row.name,
        "PipelineVersionId": request.get("PipelineVersionId", row.version),
        "PipelineDefinition": pipeline.definition,
        "RoleArn": pipeline.role,
        "ParallelismConfiguration": parallelism,
        "SelectiveExecutionConfig": _selection(request, row.name, definition, context),
    }
    new = ExecutionRow(request=asked, definition=pipeline.definition, role=pipeline.role, parameters=parameters)
    with context.store.transaction():
        require_for_execution(context)
        execution = new.create(context.store, identity, row.name)
        PipelineRow.amend(context.store, row.name, "run", result=changes(PipelineResult, last_run=execution.created))
    context.on_change(EXECUTION.slug, identity)
    return {"PipelineExecutionArn": arn_of(row.name, identity, context)}


def _version(row: PipelineRow, version: int, context: Context) -> PipelineVersionRow:
    return PipelineVersionRow.get(context.store, f"{row.name}/{version}")


def _selection(request: Request, pipeline: str, definition: Any, context: Context) -> dict[str, Any] | None:
    """The checked SelectiveExecutionConfig; without a source, the newest ended execution is borrowed from."""
    config: dict[str, Any] | None = request.get("SelectiveExecutionConfig")
    if config is None:
        return None
    selected = [entry["StepName"] for entry in config["SelectedSteps"]]
    try:
        selective.check(definition, selected)
    except selective.InvalidSelection as fault:
        raise ValidationException(str(fault)) from None
    needed = selective.sources(definition, selected)
    if not needed:
        return config
    source = find(config["SourcePipelineExecutionArn"], context) if "SourcePipelineExecutionArn" in config else None
    if source is None:
        raise ValidationException(
            f"SourcePipelineExecutionArn is required: the selection needs {', '.join(sorted(needed))}"
        )
    if source.parent != pipeline or source.status not in ("Succeeded", "Failed"):
        raise ValidationException(f"{source.name} is {source.status}; a source must be a Succeeded or Failed execution")
    done = {row.step for row in StepRow.find(context.store, parent=source.name) if row.status == "Succeeded"}
    if missing := sorted(needed - done):
        raise ValidationException(f"Execution {source.name} has no result of {', '.join(missing)}")
    return config


@handles("StopPipelineExecution")
def stop(request: Request, context: Context) -> Response:
    """Running steps are stopped; the execution ends when they have ended."""
    row = find(request["PipelineExecutionArn"], context)
    if row.status == "Executing":
        context.store.fire(EXECUTION, row.name, "stop")
        context.on_change(EXECUTION.slug, row.name)
    elif row.status != "Stopping":
        raise ConflictException(f"Pipeline execution {row.name} is {row.status}; only one that runs can be stopped")
    return {"PipelineExecutionArn": arn_of(row.parent, row.name, context)}


@handles("RetryPipelineExecution")
def retry(request: Request, context: Context) -> Response:
    """Succeeded steps are kept, failed and stopped ones run again, under the same ARN."""
    row = find(request["PipelineExecutionArn"], context)
    if row.status not in ("Failed", "Stopped"):
        raise ConflictException(
            f"Pipeline execution {row.name} is {row.status}; only a failed or stopped one can be retried"
        )
    steps = StepRow.find(context.store, parent=row.name)
    if any(step.type == "Fail" for step in steps):
        raise ConflictException(
            f"Pipeline execution {row.name} ended in a Fail step; such an execution cannot be retried"
        )
    doc = row.request | ({"ParallelismConfiguration": p} if (p := request.get("ParallelismConfiguration")) else {})
    with context.store.transaction():
        for step in steps:
            if step.status in ("Failed", "Stopped"):
                context.store.delete(STEP, step.name)
        context.store.amend(EXECUTION, row.name, "retry", doc=doc)
        ExecutionRow.fire(context.store, row.name, "retry", _NOT_ENDED)
    context.on_change(EXECUTION.slug, row.name)
    return {"PipelineExecutionArn": arn_of(row.parent, row.name, context)}


@handles("UpdatePipelineExecution")
def update(request: Request, context: Context) -> Response:
    """Names, descriptions and parallelism; the steps of a running execution heed the last."""
    row = find(request["PipelineExecutionArn"], context)
    given = {key: value for key, value in request.items() if key != "PipelineExecutionArn"}
    context.store.amend(EXECUTION, row.name, "update", doc=row.request | given)
    context.on_change(EXECUTION.slug, row.name)
    return {"PipelineExecutionArn": arn_of(row.parent, row.name, context)}


@handles("DescribePipelineExecution")
def describe(request: Request, context: Context) -> Response:
    """The execution as it stands."""
    return view(find(request["PipelineExecutionArn"], context), context)


@handles("ListPipelineExecutions")
def list_executions(request: Request, context: Context) -> Response:
    """The executions of one pipeline, newest first."""
    name = pipelines.find(request["PipelineName"], context).name
    return select(request, context, EXECUTIONS, view_of(ExecutionRow, view), Selection(EXECUTION, name))


@handles("ListPipelineExecutionSteps")
def list_steps(request: Request, context: Context) -> Response:
    """The steps that have started, newest first; those that never start are not listed, as on AWS."""
    row = find(request.get("PipelineExecutionArn", ""), context)  # optional in the model only
    return select(request, context, STEPS, lambda step, _: step_view(StepRow.from_row(step)), Selection(STEP, row.name))


@handles("ListPipelineParametersForExecution")
def list_parameters(request: Request, context: Context) -> Response:
    """Given and default values alike, as text."""
    row = find(request["PipelineExecutionArn"], context)
    shown = [{"Name": name, "Value": str(value)} for name, value in row.parameters.items()]
    return PAGING.of_items(request, shown, "PipelineParameters", 100)


@handles("DescribePipelineDefinitionForExecution")
def describe_definition(request: Request, context: Context) -> Response:
    """The definition that the execution runs, whatever the pipeline has become since."""
    row = find(request["PipelineExecutionArn"], context)
    return {"PipelineDefinition": row.definition, "CreationTime": row.created}


@handles("SendPipelineExecutionStepSuccess")
def callback_success(request: Request, context: Context) -> Response:
    """The answer that a Callback step waits for."""
    outputs = {entry["Name"]: entry["Value"] for entry in request.get("OutputParameters", [])}
    return _callback(request["CallbackToken"], CallbackAnswer(outputs=outputs), context)


@handles("SendPipelineExecutionStepFailure")
def callback_failure(request: Request, context: Context) -> Response:
    """The refusal that a Callback step may get."""
    return _callback(request["CallbackToken"], CallbackAnswer(refused=request.get("FailureReason", "")), context)


def _callback(token: str, answer: CallbackAnswer, context: Context) -> Response:
    step = next(
        (row for row in context.store.scan(waiting_for(token)) if row.status in ("Executing", "Stopping")), None
    )
    if step is None:
        raise ResourceNotFound(f"No step waits for the callback token {token}")
    context.store.amend(STEP, step.name, "callback", result=changes(StepResult, answer=answer))
    context.on_change(STEP.slug, step.name)
    execution = context.store.get(EXECUTION, step.parent)
    return {"PipelineExecutionArn": arn_of(execution.parent, execution.name, context)}


def find(arn: str, context: Context) -> ExecutionRow:
    """The execution of an ARN. Raises ResourceNotFound."""
    _, separator, identity = arn.partition("/execution/")
    if not separator:
        raise ValidationException(f"PipelineExecutionArn {arn!r} is not the ARN of a pipeline execution")
    return ExecutionRow.get(context.store, identity)


def arn_of(pipeline: str, identity: str, context: Context) -> str:
    """AWS's form of an execution's ARN."""
    return context.place.arn(f"pipeline/{pipeline}/execution/{identity}")


def _listed_reason(status: str, reason: str | None) -> str | None:
    """A list has AWS's words for every execution whose steps failed, the message of a Fail step behind them."""
    if status != "Failed" or (reason or "").startswith((STEPS_FAILED, HANDLED)):
        return reason
    return f"{STEPS_FAILED} {reason or ''}".strip()


def view(row: ExecutionRow, context: Context) -> Response:
    """The execution as Describe and List show it."""
    arn = arn_of(row.parent, row.name, context)
    shown = row.request | row.outcome
    return shown | {
        "PipelineArn": context.place.arn(f"pipeline/{row.parent}"),
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": row.request.get(
            "PipelineExecutionDisplayName", f"execution-{int(row.created * 1000)}"
        ),
        "PipelineExecutionStatus": row.status,
        "PipelineExecutionFailureReason": _listed_reason(row.status, row.failure_reason),
        "CreatedBy": {},
        "LastModifiedBy": {},
        "CreationTime": row.created,
        "StartTime": row.created,
        "LastModifiedTime": row.changed,
    }


def step_view(row: StepRow) -> Response:
    """A step as ListPipelineExecutionSteps shows it."""
    source = row.cache_source
    ended = row.ended if states.is_final(STEP.lifecycle, row.status) else None
    copied = row.copied_from
    return {
        "StepName": row.step,
        "StepDisplayName": row.display_name,
        "StepDescription": row.description,
        "StepStatus": row.status,
        "CreationTime": row.created,
        "StartTime": row.created if row.started is None else row.started,
        "EndTime": ended,
        "CacheHitResult": {"SourcePipelineExecutionArn": source} if source else None,
        "FailureReason": (row.failure_reason or None) if row.status == "Failed" else None,
        "Metadata": row.metadata,
        "AttemptCount": row.attempts,
        "SelectiveExecutionResult": {"SourcePipelineExecutionArn": copied} if copied else None,
    }


def _execution_id(pipeline: str, token: str) -> str:
    """12 lower-case letters and digits, as AWS's ids are."""
    number = int.from_bytes(hashlib.sha256(f"{pipeline}/{token}".encode()).digest())
    return "".join(_ID_ALPHABET[(number >> (8 * i)) % 36] for i in range(12))
