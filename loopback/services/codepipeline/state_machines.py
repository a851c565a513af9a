"""Step Functions actions: an execution is started and, unless the state machine is an express one, waited for."""

import json
from typing import Any

from botocore.exceptions import ClientError

from loopback.rows.codepipeline import ActionResult
from loopback.rows.row import changes
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, Wait
from loopback.services.codepipeline.templates import Invalid, file_of, store_json

LOOK_SECONDS = 1.0


def run(work: ActionContext) -> Outcome:
    """Go one step on. An execution lives in the process that began it: what a kill has cut off is begun again."""
    if work.row.external_id is None:
        return _start(work)
    found = _describe_execution(work)
    if found is None or (found["status"] == "RUNNING" and work.row.boot != work.boot):
        return _start(work)
    if found["status"] == "RUNNING":
        return Wait(LOOK_SECONDS)
    if found["status"] == "SUCCEEDED":
        return _succeed(work, found)
    why = found.get("cause") or found.get("error") or "no cause given"
    return ActionEnded("JobFailed", f"State machine execution {found['executionArn']} is {found['status']}: {why}")


def _start(work: ActionContext) -> Outcome:
    asked, client = work.configuration, work.client("stepfunctions")
    machine = asked["StateMachineArn"]
    try:
        given = _input(work)
    except Invalid as fault:
        return ActionEnded("ConfigurationError", str(fault))
    attempt = work.row.attempts
    names = (asked.get("ExecutionNamePrefix"), work.row.name, str(attempt) if attempt else None)
    express = client.describe_state_machine(stateMachineArn=machine)["type"] == "EXPRESS"
    begun = client.start_execution(stateMachineArn=machine, name="-".join(filter(None, names)), input=given)
    if express:
        return ActionEnded(summary="The express state machine was started", variables={"StateMachineArn": machine})
    arn = begun["executionArn"]
    work.note(changes(ActionResult, external_id=arn, boot=work.boot, attempts=attempt + 1))
    return Wait(0.0)


def _input(work: ActionContext) -> str:
    """The execution's input. Raises Invalid."""
    asked = work.configuration
    if asked.get("InputType", "Literal") == "Literal":
        return asked.get("Input", "{}")
    if not work.inputs or "Input" not in asked:
        raise Invalid("InputType FilePath needs an input artifact, and Input with a path in it")
    return file_of(work, f"{work.inputs[0].name}::{asked['Input']}").decode()


def _describe_execution(work: ActionContext) -> dict[str, Any] | None:
    client = work.client("stepfunctions")
    try:
        found: dict[str, Any] = client.describe_execution(executionArn=work.row.external_id)
    except ClientError as fault:
        if fault.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return None
        raise
    return found


def _succeed(work: ActionContext, found: dict[str, Any]) -> Outcome:
    arns = {"StateMachineArn": found["stateMachineArn"], "ExecutionArn": found["executionArn"]}
    if work.outputs:
        store_json(work, "output.json", json.loads(found.get("output") or "null"))
    return ActionEnded(summary=f"State machine execution {found['executionArn']} succeeded", variables=arns)
