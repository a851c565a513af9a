"""CloudFormation stacks: what there is, deploy, follow, delete, and why it failed."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from slipway.cli import screen
from slipway.cli.target import Target, UserError

CANCELLED = ("Resource creation cancelled", "Resource update cancelled")  # these fell with another one
NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")  # what its creation came to
LONGEST = 3600.0  # seconds; endpoints with a canary take the longest
Say = Callable[[str], None]


def pause(target: Target) -> float:
    """Seconds between two looks at something that takes a while."""
    return 0.2 if target.local else 5.0


def describe(target: Target, name: str) -> dict[str, Any] | None:
    """The stack, or None when there is none (any more)."""
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = target.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as fault:
        if "does not exist" in str(fault):
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    """What a stack says about itself."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    """What a stack was made with."""
    return {given["ParameterKey"]: given.get("ParameterValue", "") for given in stack.get("Parameters", [])}


def events(target: Target, stack: str) -> list[dict[str, Any]]:
    """All events of a stack, the oldest first; none while it is about to be made."""
    from botocore.exceptions import ClientError

    pages = target.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    try:
        return [event for page in pages for event in page["StackEvents"]][::-1]
    except ClientError as fault:
        if "does not exist" in str(fault):
            return []
        raise


def first_failure(found: list[dict[str, Any]]) -> str:
    """The resource that failed first and why; those that fell with it say nothing."""
    for event in found:
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and reason and not reason.startswith(CANCELLED):
            return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return ""


def lines(found: list[dict[str, Any]], said: set[str]) -> Iterator[str]:
    """A line for each event that was not told before and ends something."""
    for event in found:
        ended = event["ResourceStatus"].endswith(("_COMPLETE", "_FAILED")) and "CLEANUP" not in event["ResourceStatus"]
        if event["EventId"] in said or not ended:
            continue
        said.add(event["EventId"])
        reason = f"  {event['ResourceStatusReason']}" if event["ResourceStatus"].endswith("_FAILED") else ""
        yield f"{event['ResourceStatus']:<16} {event['LogicalResourceId']} ({event['ResourceType']}){reason}"


def deploy(target: Target, name: str, template: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Create or update; `created`, `updated` or `unchanged`. Raises UserError with the first resource that failed.

    `template` is {"TemplateBody": ...} or {"TemplateURL": ...}; `given` are its parameters.
    """
    from botocore.exceptions import ClientError

    client, present = target.client("cloudformation"), describe(target, name)
    request = {
        "StackName": name,
        **template,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    if present and present["StackStatus"] in NEVER_MADE:  # CloudFormation can only delete it
        delete(target, name)
        present = None
    if present is None:
        client.create_stack(**request)
    else:
        try:
            client.update_stack(**request)
        except ClientError as fault:
            if "No updates are to be performed" in str(fault):
                return "unchanged"
            raise
    ended = wait_until_settled(target, name)
    if ended is None or ended["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        why = first_failure(events(target, name)) or (ended or {}).get("StackStatusReason", "no reason given")
        raise UserError(f"stack {name} failed: {why}")
    return "created" if present is None else "updated"


def delete(target: Target, name: str) -> bool:
    """Delete and wait; False when there was nothing. Raises UserError with the first resource that could not go."""
    found = describe(target, name)
    if found is None:
        return False
    wait_until_settled(target, name)  # a stack that is being changed can't be deleted
    target.client("cloudformation").delete_stack(StackName=found["StackId"])
    ended = wait_until_settled(target, found["StackId"])
    if ended is not None:
        why = first_failure(events(target, found["StackId"])[::-1]) or ended.get("StackStatusReason", "no reason given")
        raise UserError(f"stack {name} could not be deleted: {why}")
    return True


def wait_until_settled(target: Target, name: str) -> dict[str, Any] | None:
    """The stack when nothing is going on with it any more; None when it is gone."""
    until = time.monotonic() + LONGEST
    while (found := describe(target, name)) and found["StackStatus"].endswith("_IN_PROGRESS"):
        if time.monotonic() > until:
            raise UserError(f"stack {name} is still {found['StackStatus']} after an hour; look at it, then try again")
        time.sleep(pause(target))
    return found


def show(target: Target, name: str, *, as_json: bool) -> None:
    """All stacks of the account, or one with its resources and outputs."""
    if name:
        _show_stack(target, name, as_json=as_json)
        return
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = [_summary(target, stack) for page in pages for stack in page["Stacks"]]
    rows = sorted(found, key=lambda row: row["since"], reverse=True)
    if as_json:
        screen.show_json(rows)
        return
    screen.say(f"on {target.title}\n")
    if not rows:
        screen.say("no stack yet")
        return
    now = datetime.now(UTC)
    shown = [(row["stack"], row["status"], screen.ago(row["since"], now)) for row in rows]
    screen.console.print(screen.table(("stack", "state", "since"), shown))
    for row in rows:
        if row["failure"]:
            screen.say(f"\n{row['stack']}: {row['failure']}", style="red")


def _summary(target: Target, stack: Mapping[str, Any]) -> dict[str, Any]:
    """A stack as JSON data; `failure` says what failed first, where its last change did not succeed."""
    status = str(stack["StackStatus"])
    failed = "ROLLBACK" in status or status.endswith("_FAILED")
    return {
        "stack": stack["StackName"],
        "status": status,
        "since": stack.get("LastUpdatedTime", stack["CreationTime"]),
        "failure": (first_failure(_last_change(events(target, stack["StackId"]))) if failed else "")
        or (stack.get("StackStatusReason", "") if failed else ""),
    }


def _last_change(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of a stack since it was last asked to change, the oldest first."""
    begun = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
    starts = [
        index
        for index, event in enumerate(found)
        if event["PhysicalResourceId"] == event["StackId"] and event["ResourceStatus"] in begun
    ]
    return found[starts[-1] :] if starts else found


def _show_stack(target: Target, name: str, *, as_json: bool) -> None:
    stack = describe(target, name)
    if stack is None:
        raise UserError(f"There is no stack {name} on {target.title}; see: slipway stacks")
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack["StackId"])
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    facts = {**_summary(target, stack), "outputs": outputs(stack), "parameters": parameters(stack)}
    if as_json:
        screen.show_json({**facts, "resources": resources})
        return
    screen.say(f"{facts['stack']}: ", end="")
    screen.console.print(screen.cell(facts["status"]))
    screen.say()
    shown = [
        (each["LogicalResourceId"], each["ResourceType"], each["ResourceStatus"], each.get("PhysicalResourceId"))
        for each in resources
    ]
    screen.console.print(screen.table(("resource", "type", "state", "name"), shown))
    if facts["failure"]:
        screen.say(f"\n{facts['failure']}", style="red")
    if facts["outputs"]:
        screen.say()
        screen.console.print(screen.table(("output", "value"), facts["outputs"].items()))
