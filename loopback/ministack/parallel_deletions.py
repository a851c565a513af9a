"""Resources of a stack go at once where none needs another, the dependents first, as CloudFormation deletes them.

The base deletes them one after the other. Here those of a stack that is deleted, and those that an update removes, go
as soon as what refers to them is gone; what cannot go is then told by the base, which keeps it in the stack. While an
update deletes what it has replaced and removed, the stack is UPDATE_COMPLETE_CLEANUP_IN_PROGRESS.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation.stacks": (
        "_add_event",
        "_delete_resource",
        "_delete_stack_async",
        "_deploy_stack_async",
        "_resource_policy",
        "_RETAINING_POLICIES",
        "_resolve_stack_outputs",
        "_runs_on_worker_thread",
        "run_reentrant",
    ),
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.engine": ("_extract_deps",),
}
KIND = "AWS::CloudFormation::Stack"
BEGUN, GONE, FAILED = "DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_FAILED"
UPDATING, CLEANING = "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
SNAPSHOT = "Snapshot"


@dataclass
class Deletion:
    """What is deleted of one stack. `before` has for each resource those that must be gone first."""

    stack_name: str
    stack_id: str
    records: Mapping[str, Mapping[str, Any]]
    before: Mapping[str, set[str]]
    ended: dict[str, Exception | None] = field(default_factory=dict)  # None: it is gone
    told: list[tuple[str, str]] = field(default_factory=list)  # (logical id, status) that the base is not to tell again

    def ready(self, begun: set[str]) -> list[str]:
        """What can be begun now. What could not go holds nothing up, as in the base."""
        return [name for name in self.records if name not in begun and self.before[name] <= self.ended.keys()]


class ParallelDeletions:
    """Made once, before the base serves, before others take hold of what deletes a stack."""

    def __init__(self) -> None:
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._engine, self._state, self._graph = modules
        self._deletions: dict[str, Deletion] = {}
        self._previous: dict[str, Mapping[str, Any]] = {}  # what a stack was before its update
        self._removed: dict[str, set[str]] = {}  # what the update removes, until that is begun
        self._delete: Callable[..., Awaitable[None]] = self._engine._delete_stack_async
        self._deploy: Callable[..., Awaitable[None]] = self._engine._deploy_stack_async
        self._delete_one = self._engine._delete_resource
        self._add_event, self._run = self._engine._add_event, self._engine.run_reentrant
        self._engine._delete_stack_async, self._engine._deploy_stack_async = self.delete, self.deploy
        self._engine._delete_resource = self._delete_once
        self._engine._add_event = self._add_event_once
        self._engine.run_reentrant = self._run_after_cleanup

    def watch_updates(self) -> None:
        """Call when everybody has taken hold of a stack's outputs: once they are there, an update is good."""
        self._resolve = self._engine._resolve_stack_outputs
        self._engine._resolve_stack_outputs = self._begin_cleanup

    async def delete(
        self, stack_name: str, stack_id: str, retain_resources: Iterable[str] = (), force: bool = False
    ) -> None:
        """The base's operation; what can be deleted has gone before. A forced one keeps the base's order."""
        stack = self._state._stacks.get(stack_name)
        if stack and not force:
            template = stack.get("_template") or {}
            known = stack.get("_resolved_params", {}), stack.get("_conditions", {}), template.get("Mappings", {})
            definitions, kept = template.get("Resources", {}), set(retain_resources)
            names = stack.get("_resources", {}).keys() - kept
            deletion = self._plan(stack, names, definitions, known)
            stack["StackStatus"] = BEGUN
            self._tell(deletion, stack_name, KIND, BEGUN, stack_id)
            self._deletions[stack_name] = deletion
        try:
            if stack and stack_name in self._deletions:
                await self._delete_all(self._deletions[stack_name], stack)
            await self._delete(stack_name, stack_id, retain_resources, force)
        finally:
            self._deletions.pop(stack_name, None)

    async def deploy(self, stack_name: str, *arguments: Any, **options: Any) -> None:
        """The base's operation; of an update it is known here what the stack was."""
        if options.get("is_update"):
            self._previous[stack_name] = options.get("previous_stack") or {}
        try:
            await self._deploy(stack_name, *arguments, **options)
        finally:
            for known in (self._previous, self._removed, self._deletions):
                known.pop(stack_name, None)

    def _plan(
        self,
        stack: Mapping[str, Any],
        names: Iterable[str],
        definitions: Mapping[str, Any],
        known: tuple[Any, Any, Any],
    ) -> Deletion:
        """What no policy retains, dependents first; nothing where one asks for a snapshot, which the base makes first.

        What no template knows any more has no dependents.
        """
        resources, where = stack.get("_resources", {}), (stack["StackName"], stack["StackId"])
        policies = {
            name: self._engine._resource_policy(definitions.get(name), "DeletionPolicy", resources, *known, *where)
            for name in resources
            if name in names
        }
        goes = [name for name, policy in policies.items() if policy not in self._engine._RETAINING_POLICIES]
        records = {name: resources[name] for name in goes if resources[name] and SNAPSHOT not in policies.values()}
        before: dict[str, set[str]] = {name: set() for name in records}
        for name in records.keys() & definitions.keys():
            for needed in self._graph._extract_deps(definitions[name], set(records)):
                if needed != name and needed in before:
                    before[needed].add(name)
        return Deletion(*where, records, before)

    async def _delete_all(self, deletion: Deletion, stack: dict[str, Any]) -> None:
        """Delete everything; what is gone leaves the stack's record at once."""
        begun: set[str] = set()
        running: dict[asyncio.Future[None], str] = {}
        while True:
            for name in deletion.ready(begun):
                begun.add(name)
                record = deletion.records[name]
                self._tell(deletion, name, record["ResourceType"], BEGUN, record["PhysicalResourceId"])
                running[asyncio.ensure_future(self._delete_record(deletion, name))] = name
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for future in sorted(done, key=lambda one: list(deletion.records).index(running[one])):
                self._note(deletion, running.pop(future), future.exception(), stack)

    async def _delete_record(self, deletion: Deletion, name: str) -> None:
        record, delete = deletion.records[name], self._engine._delete_resource
        arguments = (record["ResourceType"], record["PhysicalResourceId"], record.get("Properties", {}))
        if self._engine._runs_on_worker_thread(record["ResourceType"]):
            await self._run(delete, *arguments, deletion.stack_name, name)
        else:
            delete(*arguments, deletion.stack_name, name)

    def _note(self, deletion: Deletion, name: str, fault: BaseException | None, stack: dict[str, Any]) -> None:
        record = deletion.records[name]
        told = (deletion, name, record["ResourceType"])
        if fault is None:
            deletion.ended[name] = None
            self._tell(*told, GONE, record["PhysicalResourceId"])
            stack["_resources"].pop(name, None)
        else:
            deletion.ended[name] = fault if isinstance(fault, Exception) else RuntimeError(str(fault))
            self._tell(*told, FAILED, record["PhysicalResourceId"], str(fault))

    def _tell(self, deletion: Deletion, name: str, kind: str, status: str, physical_id: str, reason: str = "") -> None:
        deletion.told.append((name, status))
        told = deletion.stack_id, deletion.stack_name, name, kind, status, reason
        self._add_event(*told, physical_id=physical_id)

    def _begin_cleanup(self, *arguments: Any) -> Any:
        """The outputs of an update are there: nothing takes it back any more."""
        found = self._resolve(*arguments)
        surviving, stack_name, stack_id = arguments[2], arguments[-2], arguments[-1]
        stack = self._state._stacks[stack_name]
        if stack["StackStatus"] == UPDATING:
            stack["StackStatus"] = CLEANING
            self._add_event(stack_id, stack_name, stack_name, KIND, CLEANING, physical_id=stack_id)
            self._removed[stack_name] = stack.get("_resources", {}).keys() - surviving.keys()
        return found

    async def _run_after_cleanup(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """With the first resource that an update removes go all that it removes."""
        if function is self._engine._delete_resource:
            stack_name, name = arguments[3:5]
            if name in self._removed.get(stack_name, ()):
                await self._clean_up(stack_name, self._removed.pop(stack_name))
        return await self._run(function, *arguments)

    async def _clean_up(self, stack_name: str, removed: set[str]) -> None:
        stack, previous = self._state._stacks[stack_name], self._previous.get(stack_name, {})
        template = previous.get("_template") or {}
        known = previous.get("_resolved_params", {}), previous.get("_conditions", {}), template.get("Mappings", {})
        self._deletions[stack_name] = deletion = self._plan(stack, removed, template.get("Resources", {}), known)
        await self._delete_all(deletion, stack)

    def _delete_once(self, kind: str, physical_id: str, properties: dict[str, Any], stack_name: str, name: str) -> None:
        """What was deleted here is not deleted again; what an update deletes is told, which the base leaves out."""
        deletion = self._deletions.get(stack_name)
        if deletion and name in deletion.ended:
            if fault := deletion.ended[name]:
                raise fault
            return
        stack = self._state._stacks.get(stack_name) or {}
        tells = stack.get("StackStatus") == CLEANING and not (deletion and name in deletion.records)
        told = stack.get("StackId"), stack_name, name, kind
        self._removed.get(stack_name, set()).discard(name)
        if tells:
            self._add_event(*told, BEGUN, physical_id=physical_id)
        self._delete_one(kind, physical_id, properties, stack_name, name)
        if tells:
            self._add_event(*told, GONE, physical_id=physical_id)

    def _add_event_once(
        self, stack_id: str, stack_name: str, name: str, kind: str, status: str, *rest: Any, **more: Any
    ) -> Any:
        deletion = self._deletions.get(stack_name)
        if deletion and (name, status) in deletion.told:
            deletion.told.remove((name, status))
            return None
        return self._add_event(stack_id, stack_name, name, kind, status, *rest, **more)
