"""Stack operations that a kill has cut off are begun again: what the cut-off one had made is deleted.

What is in the way goes first. What an update had made under a name of its own may be in use by then, as an endpoint's
configuration is by its endpoint: that goes when the update has ended.

The base runs an operation as a task in memory. Here its arguments are kept in the stack's record, which is written
before the request is answered, until it has ended.
"""

import asyncio
import copy
import importlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

from loopback.ministack.row_file import NotWritten
from loopback.ministack.stacks import OPERATION, take_unfinished
from loopback.ministack.state import SavedState

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.provisioners": ("_delete_resource",),
    "ministack.services.cloudformation.stacks": ("_deploy_stack_async", "_delete_stack_async"),
    "ministack.services.cloudformation.handlers": ("_deploy_stack_async", "_delete_stack_async"),
    "ministack.services.cloudformation.changesets": ("_deploy_stack_async",),
}
Stack = dict[str, Any]
Made = tuple[str, str, dict[str, Any], str]  # type, physical id, properties, logical id
LEFT = "_left"  # the member with what a cut-off update has made and may still be in use
CLEANING = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
DELETION = "_deletion"  # the member of a stack's record with what its deletion was asked to keep
log = logging.getLogger("loopback")


class Recovery:
    """Made once, before the base serves; `resume` runs once it does."""

    def __init__(self, kept: SavedState) -> None:
        self._kept = kept
        state, self._provisioners, self._engine, *callers = (importlib.import_module(name) for name in HOOKS)
        self._stacks: Any = state
        self._deploy: Callable[..., Awaitable[None]] = self._engine._deploy_stack_async
        self._delete_stack: Callable[..., Awaitable[None]] = self._engine._delete_stack_async
        modules: list[Any] = [self._engine, *callers]
        for module in modules:
            module._deploy_stack_async = self._note_deployment
            if hasattr(module, "_delete_stack_async"):
                module._delete_stack_async = self._note_deletion

    def _note_deployment(
        self, stack_name: str, stack_id: str, *arguments: Any, **options: Any
    ) -> Coroutine[Any, Any, None]:
        """The base's task, whose arguments are in the record before the request that begins it is answered."""
        stack = self._stacks._stacks[stack_name]
        stack[OPERATION] = {"arguments": list(arguments), "options": options}

        async def deploy() -> None:
            """Deploy once the operation is on disk; fail it where it can't be written."""
            try:
                await self._kept.wait_until_saved()
            except NotWritten as fault:
                stack["StackStatus"] = "UPDATE_FAILED" if options.get("is_update") else "CREATE_FAILED"
                stack["StackStatusReason"] = str(fault)
                return
            await self._deploy(stack_name, stack_id, *arguments, **options)
            await self._clean_up(stack_name, stack)
            stack.pop(OPERATION, None)
            await self._forget_operation(
                stack_name
            )  # without a pause before it: what is acknowledged from here on comes after

        return deploy()

    def _note_deletion(
        self, stack_name: str, stack_id: str, retain: Iterable[str] = (), force: bool = False
    ) -> Coroutine[Any, Any, None]:
        """As `_deploying`."""
        if stack := self._stacks._stacks.get(stack_name):
            stack["StackStatus"] = "DELETE_IN_PROGRESS"
            stack[DELETION] = {"retain_resources": sorted(retain), "force": force}

        async def delete() -> None:
            await self._delete_stack(stack_name, stack_id, frozenset(retain), force)
            await self._forget_operation(stack_name)

        return delete()

    async def _forget_operation(self, stack_name: str) -> None:
        try:
            await self._kept.wait_until_saved()
        except NotWritten as fault:  # the next look for changes tries again
            log.warning("the end of an operation on stack %s is not on disk: %s", stack_name, fault)

    async def resume(self) -> None:
        """Begin again what was cut off."""
        for name, stack in list(self._stacks._stacks.items()):
            status = stack.get("StackStatus", "")
            if "ParentId" in stack:
                continue  # what holds it carries it on
            if status == "DELETE_IN_PROGRESS":
                task = self._note_deletion(name, stack["StackId"], *stack.get(DELETION, {}).values())
            elif OPERATION in stack and status.endswith("_IN_PROGRESS"):
                task = self._again(name, stack, stack[OPERATION])
            else:
                continue
            log.warning("stack %s was %s; it is carried on", name, status)
            _running.add(begun := asyncio.ensure_future(task))
            begun.add_done_callback(_running.discard)

    async def _again(self, name: str, stack: Stack, operation: dict[str, Any]) -> None:
        update = bool(operation["options"].get("is_update"))
        before = (operation["options"].get("previous_stack") or {}).get("_resources", {})
        made = made_since(stack.get("_resources", {}), before)
        made[:0] = [(one["kind"], one["name"], one["properties"], "") for one in take_unfinished(stack)]
        first = [one for one in made if not (update and is_generated(name, one))]
        stack[LEFT] = [*stack.get(LEFT, []), *(one for one in made if one not in first)]
        await asyncio.to_thread(self._delete_all, name, first)
        stack["_resources"] = copy.deepcopy(before)
        stack["StackStatus"] = "UPDATE_IN_PROGRESS" if update else "CREATE_IN_PROGRESS"
        await self._note_deployment(name, stack["StackId"], *operation["arguments"], **operation["options"])

    async def _clean_up(self, name: str, stack: Stack) -> None:
        """Delete what a cut-off update has left, now that nothing of this one uses it."""
        if left := stack.pop(LEFT, None):
            ended = stack["StackStatus"]
            stack["StackStatus"] = CLEANING if ended == "UPDATE_COMPLETE" else ended
            await asyncio.to_thread(self._delete_all, name, left)
            stack["StackStatus"] = ended

    def _delete_all(self, name: str, made: Iterable[Made]) -> None:
        for kind, physical_id, properties, logical_id in made:
            self._delete(name, kind, physical_id, properties, logical_id)

    def _delete(self, name: str, kind: str, physical_id: str, properties: dict[str, Any], logical_id: str) -> None:
        """What cannot be deleted is in the way of its successor, which says so in the stack's events."""
        try:
            self._provisioners._delete_resource(kind, physical_id, properties, name, logical_id)
        except Exception as fault:  # noqa: BLE001  # every handler of the base raises its own
            log.warning("stack %s: %s %s of the cut-off operation: %s", name, kind, physical_id, fault)


def made_since(resources: Mapping[str, Any], before: Mapping[str, Any]) -> list[Made]:
    """What the records of a stack's resources have beyond those of before, the newest first."""
    kept = {logical_id: found["PhysicalResourceId"] for logical_id, found in before.items()}
    return [
        (found["ResourceType"], found["PhysicalResourceId"], found["Properties"], logical_id)
        for logical_id, found in reversed(list(resources.items()))
        if kept.get(logical_id) != found["PhysicalResourceId"]
    ]


def is_generated(stack_name: str, made: Made) -> bool:
    """Whether its name was made up from the stack's, so that another one for the same resource is not in its way.

    What was just being made has no logical id, and a name only where one was made up.
    """
    _, physical_id, _, logical_id = made
    return f"{stack_name}-{logical_id}-" in physical_id if logical_id else bool(physical_id)


_running: set[asyncio.Future[None]] = set()  # the loop itself keeps only weak references
