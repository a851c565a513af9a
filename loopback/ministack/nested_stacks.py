"""Nested stacks as stacks: their templates checked, rolled back, exported from and deleted as those that hold them.

The base carries a nested stack out by a shorter way of its own, without transforms, exports, dynamic references, what
is to be retained, or a way back. Here its resource is an operation of the base's engine on a stack of its own.
"""

import asyncio
import copy
import importlib
import re
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any

from loopback.core.errors import ServiceError
from loopback.ministack.stacks import take_unfinished

_MODULE = "ministack.services.cloudformation"
HOOKS: dict[str, tuple[str, ...]] = {
    _MODULE: ("_stacks", "_stack_events"),
    f"{_MODULE}.stacks": ("_deploy_stack_async", "_delete_stack_async", "_add_event"),
    f"{_MODULE}.provisioners": (
        "_RESOURCE_HANDLERS",
        "_delete_resource",
        "_check_nested_stack_capabilities",
        "_inherited_capabilities",
        "_tag_map",
    ),
    f"{_MODULE}.handlers": (
        "_ACTION_HANDLERS",
        "_parse_template",
        "_apply_transforms",
        "_resolve_parameters",
        "_evaluate_conditions",
        "validate_template_support",
    ),
    f"{_MODULE}.helpers": ("_resolve_template",),
    "ministack.core.responses": ("now_iso",),
}
KIND = "AWS::CloudFormation::Stack"
LONGEST_NAME = 128
SUFFIX = 12  # characters
NOT_DONE = ("NotificationARNs", "TimeoutInMinutes")
PARENT, LOGICAL_ID, ROLE = "_parent_stack_name", "_logical_id", "RoleARN"
PREVIOUS = "_previous"  # the member with the properties and the template before the last update
RESTORED = ("_template", "_template_body", "_resolved_params", "_conditions", "Parameters", "Tags", "Outputs")
Made = tuple[str, dict[str, Any]]


class NestedStacks:
    """Made once, before the base serves and before `stack_recovery`. `loop` returns the base's loop."""

    def __init__(self, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._loop = loop
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._state, self._engine, self._provisioners, self._handlers, self._helpers, responses = modules
        self._now: Callable[[], str] = responses.now_iso
        self._deploy, self._delete = self._engine._deploy_stack_async, self._engine._delete_stack_async
        self._provisioners._RESOURCE_HANDLERS[KIND] = {
            "create": self.create,
            "update": self.update,
            "delete": self.delete,
        }
        describe = self._handlers._ACTION_HANDLERS["DescribeStacks"]
        self._handlers._ACTION_HANDLERS["DescribeStacks"] = lambda request: self._with_parents(describe(request))

    def create(self, logical_id: str, properties: dict[str, Any], parent: str) -> Made:
        """On a thread of its own, as the others; raises with what its first resource says."""
        for name, stack in self._interrupted_operations(parent, logical_id):
            self._remove(name, stack)
        asked = self._record_members(properties, parent, self._text(properties))
        name = f"{parent}-{logical_id}"[: LONGEST_NAME - SUFFIX - 1] + f"-{uuid.uuid4().hex[:SUFFIX].upper()}"
        above = self._state._stacks.get(parent, {})
        arn, _, _ = str(above["StackId"]).partition(":stack/")
        stack_id, now = f"{arn}:stack/{name}/{uuid.uuid4()}", self._now()
        stack = self._state._stacks[name] = {
            "StackName": name,
            "StackId": stack_id,
            "StackStatus": "CREATE_IN_PROGRESS",
            "StackStatusReason": "",
            "CreationTime": now,
            "LastUpdatedTime": now,
            "Outputs": [],
            "DisableRollback": False,
            "EnableTerminationProtection": False,
            "Capabilities": self._provisioners._inherited_capabilities(parent),
            "ParentId": above["StackId"],
            "RootId": above.get("RootId", above["StackId"]),
            "_region": above.get("_region"),
            "_resources": {},
            PARENT: parent,
            LOGICAL_ID: logical_id,
            **({ROLE: above[ROLE]} if ROLE in above else {}),
            **asked,
        }
        self._state._stack_events[stack_id] = []
        began = self._count_and_add_event(stack)
        self._run(self._deploy(name, stack_id, stack["_template"], stack["_resolved_params"], False, stack["Tags"]))
        if stack["StackStatus"] != "CREATE_COMPLETE":
            reason = self._reason(stack, began)
            if stack["StackStatus"] == "ROLLBACK_COMPLETE":
                self._run(self._delete(name, stack_id))
            raise ServiceError(f"Embedded stack {stack_id} was not successfully created: {reason}")
        return stack_id, _attributes(stack)

    def update(self, physical_id: str, old: dict[str, Any], new: dict[str, Any], parent: str) -> Made:
        """Also back, when what holds it rolls back: then with the template that it had."""
        name, stack = self._find(physical_id)
        before = stack.get(PREVIOUS) or {}
        back = "ROLLBACK" in str(self._state._stacks.get(parent, {}).get("StackStatus"))
        known = before.get("body") if back and before.get("properties") == new else None
        asked = self._record_members(new, parent, known or self._text(new))
        if all(asked[key] == stack.get(key) for key in ("_template", "_resolved_params", "Tags")) and not _nests(asked):
            return stack["StackId"], _attributes(stack)
        previous = {key: copy.deepcopy(stack.get(key)) for key in ("_resources", *RESTORED)}
        stack[PREVIOUS] = {"properties": old, "body": stack["_template_body"]}
        current = stack["_template"]
        stack.update(
            asked | {"StackStatus": "UPDATE_IN_PROGRESS", "LastUpdatedTime": self._now(), "_template": current}
        )
        began = self._count_and_add_event(stack)
        work = self._deploy(
            name,
            stack["StackId"],
            asked["_template"],
            asked["_resolved_params"],
            False,
            stack["Tags"],
            is_update=True,
            previous_stack=previous,
        )
        self._run(work)
        if stack["StackStatus"] != "UPDATE_COMPLETE":
            told = f"Currently in {stack['StackStatus']} with reason: {self._reason(stack, began)}"
            raise ServiceError(f"Embedded stack {stack['StackId']} was not successfully updated. {told}")
        return stack["StackId"], _attributes(stack)

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """What it retains stays; what cannot go keeps the stack that holds it."""
        del properties
        name, stack = self._find(physical_id)
        if stack and stack["StackStatus"] != "DELETE_COMPLETE":
            self._remove(name, stack)

    def _record_members(self, properties: Mapping[str, Any], parent: str, text: str) -> dict[str, Any]:
        """The members of a stack's record that come from its template and parameters. Raises ValueError."""
        if refused := [key for key in NOT_DONE if properties.get(key)]:
            raise ServiceError(f"loopback does not carry out {', '.join(refused)} of {KIND}")
        given = properties.get("Parameters") or {}
        if any(isinstance(value, list | dict) for value in given.values()):
            raise ServiceError("Value of property Parameters must be an object with String (or simple type) properties")
        values = [{"Key": key, "Value": "" if value is None else str(value)} for key, value in given.items()]
        steps = self._handlers
        template = steps._parse_template(text)
        self._provisioners._check_nested_stack_capabilities(parent, template)
        template = steps._apply_transforms(template, values)
        parameters = steps._resolve_parameters(template, values)
        conditions = steps._evaluate_conditions(template, parameters)
        steps.validate_template_support(template, conditions, params=parameters)
        tags = self._provisioners._tag_map(properties.get("Tags")).items()
        return {
            "Description": template.get("Description", ""),
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": one["Value"], "NoEcho": one["NoEcho"]}
                for key, one in parameters.items()
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in tags if not key.startswith("aws:")],
            "_template": template,
            "_template_body": text,
            "_resolved_params": parameters,
            "_conditions": conditions,
        }

    def _text(self, properties: Mapping[str, Any]) -> str:
        url = properties.get("TemplateURL")
        if not url:
            raise ServiceError(f"{KIND}: Property TemplateURL cannot be empty.")
        text, refused = self._helpers._resolve_template({"TemplateURL": [url]})
        if refused is not None or not text:
            said = re.search(r"<Message>(.*?)</Message>", str(refused))
            why = "" if said is None or "not found" in said[1] else f": {said[1]}"
            raise ServiceError(f"TemplateURL must reference a valid S3 object to which you have access{why} ({url})")
        return str(text)

    def _count_and_add_event(self, stack: Mapping[str, Any]) -> int:
        """The number of the stack's events before those of the operation."""
        before = len(self._state._stack_events.get(stack["StackId"], []))
        arguments = (stack["StackId"], stack["StackName"], stack["StackName"], KIND, stack["StackStatus"])
        self._engine._add_event(*arguments, physical_id=stack["StackId"])
        return before

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            asyncio.run_coroutine_threadsafe(work, self._loop()).result()
        except CancelledError:
            raise ServiceError("The stack operation was interrupted") from None

    def _find(self, physical_id: str) -> tuple[str, dict[str, Any]]:
        for name, stack in self._state._stacks.items():
            if stack.get("StackId") == physical_id:
                return name, stack
        return "", {}

    def _interrupted_operations(self, parent: str, logical_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """What an operation that was cut off has left of this one."""
        for name, stack in list(self._state._stacks.items()):
            ours = (stack.get(PARENT), stack.get(LOGICAL_ID)) == (parent, logical_id)
            if ours and stack["StackStatus"].endswith("_IN_PROGRESS"):
                yield name, stack

    def _remove(self, name: str, stack: dict[str, Any]) -> None:
        for one in take_unfinished(stack):
            self._provisioners._delete_resource(one["kind"], one["name"], one["properties"], name, "")
        began = len(self._state._stack_events.get(stack["StackId"], []))
        self._run(self._delete(name, stack["StackId"]))
        if stack["StackStatus"] != "DELETE_COMPLETE":
            raise ServiceError(
                f"Embedded stack {stack['StackId']} was not successfully deleted: {self._reason(stack, began)}"
            )

    def _reason(self, stack: Mapping[str, Any], began: int) -> str:
        """What failed first since then, in the words that CloudFormation has for the stack that holds it."""
        events = self._state._stack_events.get(stack["StackId"], [])[began:]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        for event in failed:
            said, logical_id = event.get("ResourceStatusReason", ""), event["LogicalResourceId"]
            if logical_id != stack["StackName"]:
                verb = event["ResourceStatus"].removesuffix("_FAILED").lower()
                return f"The following resource(s) failed to {verb}: [{logical_id}]. {said}"
        said = failed[0].get("ResourceStatusReason", "") if failed else ""
        return str(said or stack.get("StackStatusReason") or f"it is {stack['StackStatus']}")

    def _with_parents(self, answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
        """The answer of DescribeStacks with ParentId and RootId, which the base leaves out."""
        status, headers, body = answer
        text = body.decode()
        for stack in list(self._state._stacks.values()):
            if "ParentId" in stack:
                own = f"<StackId>{stack['StackId']}</StackId>"
                more = f"<ParentId>{stack['ParentId']}</ParentId><RootId>{stack['RootId']}</RootId>"
                text = text.replace(own, own + more)
        return status, headers, text.encode()


def _attributes(stack: Mapping[str, Any]) -> dict[str, Any]:
    return {f"Outputs.{output['OutputKey']}": output["OutputValue"] for output in stack["Outputs"]}


def _nests(asked: Mapping[str, Any]) -> bool:
    """Whether a stack holds more of its kind, whose templates may have changed behind the same address."""
    return any(resource.get("Type") == KIND for resource in asked["_template"].get("Resources", {}).values())
