"""Lambda actions and rules: the function gets a job, and answers with PutJobSuccessResult or PutJobFailureResult."""

import json
import time
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.core.errors import ResourceNotFound, ServiceError
from loopback.core.permissions import PermissionCheck
from loopback.rows.codepipeline import ActionAnswer, ActionResult, ActionRow
from loopback.rows.row import changes
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, Wait
from loopback.services.codepipeline.errors import (
    InvalidJobStateException,
    JobNotFoundException,
    OutputVariablesSizeExceededException,
)
from loopback.services.codepipeline.from_rows import action_or_rule
from loopback.services.registry import Context, Request, Response, handles

MOST_VARIABLE_BYTES = 122_880
AGAIN_SECONDS = 1.0  # between two calls of a function that asked to be called again


def run(work: ActionContext) -> Outcome:
    """Call the function; it answers while it runs, or later, within the action's time limit."""
    if (ended := _read_answer(work.row)) is not None:
        return ended
    token, calls = work.row.continuation, work.row.calls
    if calls > 0 and token is None and work.row.boot == work.boot:
        return Wait(None)  # it was called, and has not answered yet
    if token is not None and (pause := work.row.continued + AGAIN_SECONDS - time.time()) > 0:
        return Wait(pause)
    work.permit(PermissionCheck("lambda:InvokeFunction", _function(work)))
    work.note(changes(ActionResult, calls=calls + 1, boot=work.boot, continuation=None))
    try:
        work.context.invoke(_function(work), {"CodePipeline.job": _job(work.row, work.context, token)})
    except ServiceError as fault:
        return _read_answer(_now(work)) or ActionEnded(
            "JobFailed", f"The AWS Lambda function failed to return a result: {fault}"
        )
    return _read_answer(_now(work)) or Wait(AGAIN_SECONDS if _now(work).continuation else None)


def _now(work: ActionContext) -> ActionRow:
    return action_or_rule(work.row.name, work.context.store)


def _read_answer(row: ActionRow) -> ActionEnded | None:
    answer = row.answer
    if answer is None:
        return None
    details = changes(ActionResult, external_id=answer.external_id) if answer.external_id else {}
    return ActionEnded(answer.error, answer.summary, answer.variables or {}, details)


def _function(work: ActionContext) -> str:
    name = work.configuration["FunctionName"]
    return name if name.startswith("arn:") else work.context.place.arn(f"function:{name}", "lambda")


def _job(row: ActionRow, context: Context, continuation: str | None) -> dict[str, Any]:
    """The event's job. Its id is that of the action execution.

    Source: AWS, reference-pipeline-structure.
    """
    data = _data(row, context)
    data.pop("actionTypeId")
    data.pop("pipelineContext")
    return {
        "id": row.name,
        "accountId": context.place.account,
        "data": data | ({"continuationToken": continuation} if continuation else {}),
    }


def _data(row: ActionRow, context: Context) -> dict[str, Any]:
    data = {
        "actionTypeId": row.type,
        "actionConfiguration": {"configuration": row.resolved},
        "pipelineContext": {
            "pipelineName": row.pipeline,
            "stage": {"name": row.stage},
            "action": {"name": row.action, "actionExecutionId": row.name},
            "pipelineArn": pipelines.arn_of(row.pipeline, context),
            "pipelineExecutionId": row.parent,
        },
        "inputArtifacts": [_artifact(each) for each in row.inputs],
        "outputArtifacts": [_artifact(each) for each in row.outputs],
        "artifactCredentials": _credentials(row, context),
    }
    return data | ({"encryptionKey": row.encryption_key} if row.encryption_key else {})


def _artifact(each: Artifact) -> dict[str, Any]:
    location = {"type": "S3", "s3Location": {"bucketName": each.bucket, "objectKey": each.key}}
    return {"name": each.name, "revision": None, "location": location}


def _credentials(row: ActionRow, context: Context) -> dict[str, str]:
    """Of the action's role, for an hour."""
    session = {"RoleArn": row.role, "RoleSessionName": row.name}
    found = context.client("sts", "").assume_role(**session)["Credentials"]
    return {
        "accessKeyId": found["AccessKeyId"],
        "secretAccessKey": found["SecretAccessKey"],
        "sessionToken": found["SessionToken"],
    }


@handles("GetJobDetails", pipelines.SERVICE)
def details(request: Request, context: Context) -> Response:
    """The job that a function was called with."""
    row = _row(request["jobId"], context)
    data = _data(row, context) | {"continuationToken": row.continuation}
    return {"jobDetails": {"id": row.name, "accountId": context.place.account, "data": data}}


@handles("PutJobSuccessResult", pipelines.SERVICE)
def put_success(request: Request, context: Context) -> Response:
    """With a continuation token the action stays open and the function is called again with it."""
    execution = request.get("executionDetails") or {}
    variables = request.get("outputVariables") or {}
    size = len(json.dumps(variables).encode())
    if size > MOST_VARIABLE_BYTES:
        raise OutputVariablesSizeExceededException(
            f"The output variables have {size} bytes; at most {MOST_VARIABLE_BYTES}"
        )
    summary, external_id = execution.get("summary", ""), execution.get("externalExecutionId")
    noted = changes(ActionResult, percent=execution.get("percentComplete"))
    if token := request.get("continuationToken"):
        noted |= changes(ActionResult, continuation=token, continued=time.time())
        return _tell(request["jobId"], context, noted | changes(ActionResult, summary=summary, external_id=external_id))
    if revision := request.get("currentRevision"):
        described = revision.get("revisionSummary")
        noted |= changes(ActionResult, revision=revision["revision"], revision_summary=described)
    answer = ActionAnswer(variables=variables, summary=summary, external_id=external_id)
    return _tell(request["jobId"], context, noted | changes(ActionResult, answer=answer))


@handles("PutJobFailureResult", pipelines.SERVICE)
def put_failure(request: Request, context: Context) -> Response:
    """The action fails with the function's message."""
    failure = request["failureDetails"]
    answer = ActionAnswer(
        error=failure["type"], summary=failure["message"], external_id=failure.get("externalExecutionId")
    )
    return _tell(request["jobId"], context, changes(ActionResult, answer=answer))


def _tell(job: str, context: Context, noted: dict[str, Any]) -> Response:
    with context.store.transaction():
        row = _row(job, context)
        if row.status != "InProgress" or row.answer is not None:
            raise InvalidJobStateException(f"Job '{job}' is over: its result was put already, or its action has ended")
        row.amend(context.store, job, "answer", result=noted)
    context.on_change(row.kind, job)
    return {}


def _row(job: str, context: Context) -> ActionRow:
    try:
        row = action_or_rule(job, context.store)
    except ResourceNotFound:
        row = None
    if row is None or row.provider not in ("Lambda", "LambdaInvoke"):
        raise JobNotFoundException(f"There is no job with id '{job}'")
    return row
