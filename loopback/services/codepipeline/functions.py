"""Lambda actions and rules: the function gets a job, and answers with PutJobSuccessResult or PutJobFailureResult."""

import json
import time
from typing import Any

from loopback.core.errors import ResourceNotFound, ServiceError
from loopback.core.kinds import BY_SLUG
from loopback.core.permissions import PermissionCheck
from loopback.core.store import Resource
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, Wait
from loopback.services.codepipeline.errors import (
    InvalidJobStateException,
    JobNotFoundException,
    OutputVariablesSizeExceededException,
)
from loopback.services.codepipeline.from_rows import begun
from loopback.services.registry import Context, Request, Response, handles

MOST_VARIABLE_BYTES = 122_880
AGAIN_SECONDS = 1.0  # between two calls of a function that asked to be called again


def run(work: ActionContext) -> Outcome:
    """Call the function; it answers while it runs, or later, within the action's time limit."""
    if (ended := _answered(work.noted)) is not None:
        return ended
    token = work.noted.get("continuation")
    calls = work.noted.get("calls", 0)
    if calls > 0 and token is None and work.noted.get("boot") == work.boot:
        return Wait(None)  # it was called, and has not answered yet
    if token is not None and (pause := work.noted["continued"] + AGAIN_SECONDS - time.time()) > 0:
        return Wait(pause)
    work.permit(PermissionCheck("lambda:InvokeFunction", _function(work)))
    work.note(calls=calls + 1, boot=work.boot, continuation=None)
    try:
        work.context.invoke(_function(work), {"CodePipeline.job": _job(work.row, work.context, token)})
    except ServiceError as fault:
        return _answered(_now(work)) or ActionEnded(
            "JobFailed", f"The AWS Lambda function failed to return a result: {fault}"
        )
    return _answered(_now(work)) or Wait(AGAIN_SECONDS if _now(work).get("continuation") else None)


def _now(work: ActionContext) -> dict[str, Any]:
    return begun(work.row.name, work.context.store).result


def _answered(noted: dict[str, Any]) -> ActionEnded | None:
    answer = noted.get("answer")
    if answer is None:
        return None
    details = {"external_id": answer["external_id"]} if answer.get("external_id") else {}
    return ActionEnded(answer["error"], answer["summary"], answer.get("variables") or {}, details)


def _function(work: ActionContext) -> str:
    name = work.configuration["FunctionName"]
    return name if name.startswith("arn:") else work.context.place.arn(f"function:{name}", "lambda")


def _job(row: Resource, context: Context, continuation: str | None) -> dict[str, Any]:
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


def _data(row: Resource, context: Context) -> dict[str, Any]:
    doc = row.doc
    data = {
        "actionTypeId": doc["type"],
        "actionConfiguration": {"configuration": doc["resolved"]},
        "pipelineContext": {
            "pipelineName": doc["pipeline"],
            "stage": {"name": doc["stage"]},
            "action": {"name": doc["action"], "actionExecutionId": row.name},
            "pipelineArn": pipelines.arn_of(doc["pipeline"], context),
            "pipelineExecutionId": row.parent,
        },
        "inputArtifacts": [_artifact(each) for each in doc["inputs"]],
        "outputArtifacts": [_artifact(each) for each in doc["outputs"]],
        "artifactCredentials": _credentials(row, context),
    }
    return data | ({"encryptionKey": doc["encryption_key"]} if doc.get("encryption_key") else {})


def _artifact(each: dict[str, str]) -> dict[str, Any]:
    location = {"type": "S3", "s3Location": {"bucketName": each["bucket"], "objectKey": each["key"]}}
    return {"name": each["name"], "revision": None, "location": location}


def _credentials(row: Resource, context: Context) -> dict[str, str]:
    """Of the action's role, for an hour."""
    session = {"RoleArn": row.doc["role"], "RoleSessionName": row.name}
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
    data = _data(row, context) | {"continuationToken": row.result.get("continuation")}
    return {"jobDetails": {"id": row.name, "accountId": context.place.account, "data": data}}


@handles("PutJobSuccessResult", pipelines.SERVICE)
def succeeded(request: Request, context: Context) -> Response:
    """With a continuation token the action stays open and the function is called again with it."""
    execution = request.get("executionDetails") or {}
    variables = request.get("outputVariables") or {}
    size = len(json.dumps(variables).encode())
    if size > MOST_VARIABLE_BYTES:
        raise OutputVariablesSizeExceededException(
            f"The output variables have {size} bytes; at most {MOST_VARIABLE_BYTES}"
        )
    told = {"summary": execution.get("summary", ""), "external_id": execution.get("externalExecutionId")}
    if request.get("continuationToken"):
        noted = {"continuation": request["continuationToken"], "continued": time.time()}
        return _tell(request["jobId"], context, noted | told | {"percent": execution.get("percentComplete")})
    noted = {"percent": execution.get("percentComplete")}
    if revision := request.get("currentRevision"):
        noted |= {"revision": revision["revision"], "revision_summary": revision.get("revisionSummary")}
    return _tell(request["jobId"], context, noted | {"answer": {"error": "", "variables": variables, **told}})


@handles("PutJobFailureResult", pipelines.SERVICE)
def failed(request: Request, context: Context) -> Response:
    """The action fails with the function's message."""
    failure = request["failureDetails"]
    answer = {
        "error": failure["type"],
        "summary": failure["message"],
        "external_id": failure.get("externalExecutionId"),
    }
    return _tell(request["jobId"], context, {"answer": answer})


def _tell(job: str, context: Context, noted: dict[str, Any]) -> Response:
    with context.store.transaction():
        row = _row(job, context)
        if row.status != "InProgress" or "answer" in row.result:
            raise InvalidJobStateException(f"Job '{job}' is over: its result was put already, or its action has ended")
        context.store.amend(BY_SLUG[row.kind], job, "answer", result=noted)
    context.changed(row.kind, job)
    return {}


def _row(job: str, context: Context) -> Resource:
    try:
        row = begun(job, context.store)
    except ResourceNotFound:
        row = None
    if row is None or row.doc["type"]["provider"] not in ("Lambda", "LambdaInvoke"):
        raise JobNotFoundException(f"There is no job with id '{job}'")
    return row
