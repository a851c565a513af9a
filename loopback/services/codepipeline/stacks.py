"""CloudFormation actions. Each look is one short call; what it has to know is in the action's row.

An operation carries a client request token of its own, so that after a crash its events tell whether it was begun.

Source: AWS, action-reference-CloudFormation.
"""

import time
from typing import Any

from botocore.exceptions import ClientError

from loopback.rows.codepipeline import ActionResult
from loopback.rows.row import changes
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, Wait
from loopback.services.codepipeline.templates import Invalid, description, store_json

REPLACED = ("ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED", "ROLLBACK_COMPLETE")
ABSENT = ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
NOTHING = "No updates are to be performed"
FIRST_LOOK_SECONDS, LOOK_SECONDS = 0.03, 1.0
SETTLE_SECONDS = 10.0  # until the events of an operation that was accepted have to be there
AGAIN = changes(ActionResult, phase=None, stack_token=None, begun=0.0)


def run(work: ActionContext) -> Outcome:
    """Go one step on."""
    mode, phase = work.configuration["ActionMode"], work.row.phase
    try:
        if phase == "running":
            return _watch(work)
        if phase == "deleting":
            return _watch_delete(work)
        if mode == "CHANGE_SET_REPLACE":
            return _replace_change_set(work)
        if mode == "CHANGE_SET_EXECUTE":
            return _execute_change_set(work)
        return _delete(work) if mode == "DELETE_ONLY" else _deploy(work, replace=mode == "REPLACE_ON_FAILURE")
    except Invalid as fault:
        return ActionEnded("ConfigurationError", str(fault))
    except ClientError as fault:
        error = fault.response["Error"]
        return ActionEnded("JobFailed", f"{error['Message']} (Service: CloudFormation; Error Code: {error['Code']})")


def _name(work: ActionContext) -> str:
    return work.configuration["StackName"]


def _stack(work: ActionContext) -> dict[str, Any] | None:
    """The stack, or None where there is none or only an empty one that waits for a change set."""
    try:
        found: dict[str, Any] = work.client("cloudformation").describe_stacks(StackName=_name(work))["Stacks"][0]
    except ClientError as fault:
        if "does not exist" in fault.response["Error"]["Message"]:
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _deploy(work: ActionContext, *, replace: bool) -> Outcome:
    stack = _stack(work)
    status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
    if replace and status in REPLACED:
        work.client("cloudformation").delete_stack(StackName=_name(work))
        return _wait_in("deleting", work)
    if status.endswith("_IN_PROGRESS") and status not in ABSENT:
        return ActionEnded("JobFailed", f"Stack {_name(work)} is in {status} state and cannot be updated")
    request = description(work)
    policy = request.pop("StackPolicyBody", None)
    token = _begin(work)
    client = work.client("cloudformation")
    try:
        if status in ABSENT:
            client.create_stack(**request, ClientRequestToken=token)
        else:
            client.update_stack(**request, ClientRequestToken=token)
    except ClientError as fault:
        if NOTHING not in fault.response["Error"]["Message"]:
            raise
        return _finish(work, stack or {}, NOTHING)
    if policy is not None:
        client.set_stack_policy(StackName=_name(work), StackPolicyBody=policy)
    return Wait(FIRST_LOOK_SECONDS)


def _begin(work: ActionContext) -> str:
    """Write down which operation is about to be asked for, before it is."""
    token = f"{work.row.name}-{int(time.time() * 1000):x}"
    begun = changes(ActionResult, phase="running", stack_token=token, boot=work.boot, begun=time.time())
    work.note(begun | changes(ActionResult, external_id=_name(work)))
    return token


def _wait_in(phase: str, work: ActionContext) -> Wait:
    return Wait(FIRST_LOOK_SECONDS, changes(ActionResult, phase=phase, boot=work.boot, begun=time.time()))


def _watch(work: ActionContext) -> Outcome:
    """Look at the operation that was begun."""
    stack = _stack(work)
    events = _events(work) if stack else []
    if stack is None or not events:  # the operation was never begun, or ministack has lost it with a crash
        return Wait(0.0, AGAIN) if work.row.boot != work.boot else _report_no_changes(work)
    status = stack["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        elapsed = time.time() - work.row.begun
        return Wait(min(LOOK_SECONDS, max(FIRST_LOOK_SECONDS, elapsed / 10)))
    if status in DONE:
        return _finish(work, stack, f"Stack {status}")
    return ActionEnded(
        "JobFailed", _reason(work, events, stack), noted=changes(ActionResult, external_id=stack["StackId"])
    )


def _report_no_changes(work: ActionContext) -> Outcome:
    if time.time() - work.row.begun < SETTLE_SECONDS:
        return Wait(LOOK_SECONDS / 2)
    return ActionEnded("JobFailed", f"Stack {_name(work)} was deleted while the action waited for it")


def _watch_delete(work: ActionContext) -> Outcome:
    stack = _stack(work)
    if stack is None:
        if work.configuration["ActionMode"] == "DELETE_ONLY":
            return ActionEnded(summary=f"Stack {_name(work)} was deleted")
        return Wait(0.0, AGAIN)
    if stack["StackStatus"] == "DELETE_FAILED" and time.time() - work.row.begun > FIRST_LOOK_SECONDS:
        return ActionEnded("JobFailed", _reason(work, _events(work), stack))
    return Wait(LOOK_SECONDS / 4)


def _delete(work: ActionContext) -> Outcome:
    if _stack(work) is None:
        return ActionEnded(summary=f"Stack {_name(work)} does not exist")
    role = {"RoleARN": work.configuration["RoleArn"]} if "RoleArn" in work.configuration else {}
    work.client("cloudformation").delete_stack(StackName=_name(work), **role)
    return _wait_in("deleting", work)


def _replace_change_set(work: ActionContext) -> Outcome:
    """The change set of that name, made anew; a stack that is not there yet is made by executing it."""
    client, change_set = work.client("cloudformation"), work.configuration["ChangeSetName"]
    stack = _stack(work)
    request = description(work)
    request.pop("StackPolicyBody", None)
    if stack is not None:
        client.delete_change_set(StackName=_name(work), ChangeSetName=change_set)
    empty = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    kind = "CREATE" if empty else "UPDATE"
    client.create_change_set(**request, ChangeSetName=change_set, ChangeSetType=kind)
    while True:
        found = client.describe_change_set(StackName=_name(work), ChangeSetName=change_set)
        if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        time.sleep(FIRST_LOOK_SECONDS)
    reason = found.get("StatusReason", "")
    if found["Status"] == "FAILED" and "didn't contain changes" not in reason and NOTHING not in reason:
        return ActionEnded("JobFailed", reason)
    return _finish(work, stack or {}, f"Change set {change_set} was created. {reason}".strip())


def _execute_change_set(work: ActionContext) -> Outcome:
    client, change_set = work.client("cloudformation"), work.configuration["ChangeSetName"]
    found = client.describe_change_set(StackName=_name(work), ChangeSetName=change_set)
    if found["Status"] == "FAILED" and "didn't contain changes" in found.get("StatusReason", ""):
        return _finish(work, _stack(work) or {}, NOTHING)
    token = _begin(work)
    client.execute_change_set(StackName=_name(work), ChangeSetName=change_set, ClientRequestToken=token)
    return Wait(FIRST_LOOK_SECONDS)


def _events(work: ActionContext) -> list[dict[str, Any]]:
    """The events since this action's operation began, oldest first; those of a resumed one have no token."""
    pages = work.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=_name(work))
    found = [event for page in pages for event in page["StackEvents"]][::-1]
    token = work.row.stack_token
    begun = next((i for i, each in enumerate(found) if each.get("ClientRequestToken") == token), len(found))
    return found[begun:]


def _reason(work: ActionContext, events: list[dict[str, Any]], stack: dict[str, Any]) -> str:
    """Why: the first resource that failed, not those that were cancelled for it, nor the stack itself."""
    if any(event.get("DetailedStatus") == "VALIDATION_FAILED" for event in events):
        found = work.client("cloudformation").describe_events(StackName=_name(work))["OperationEvents"]
        for event in found:
            if event["EventType"] == "VALIDATION_ERROR":
                return f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ValidationStatusReason']}"
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    own = [event for event in failed if event["ResourceType"] == "AWS::CloudFormation::Stack"]
    for event in [*(event for event in failed if event not in own), *own]:
        reason = event.get("ResourceStatusReason", "")
        if reason and "cancelled" not in reason.lower():
            return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return str(stack.get("StackStatusReason") or f"Stack {stack['StackName']} is {stack['StackStatus']}")


def _finish(work: ActionContext, stack: dict[str, Any], summary: str) -> ActionEnded:
    """The stack's outputs are the action's variables, and the content of the output artifact."""
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    if work.outputs and "OutputFileName" in work.configuration:
        store_json(work, work.configuration["OutputFileName"], outputs)
    noted = changes(ActionResult, external_id=stack.get("StackId", _name(work)))
    return ActionEnded(summary=summary, variables=outputs, noted=noted)
