"""Resources of a new stack are made at once where none needs another, as CloudFormation makes them.

The base makes them one after the other. Here each is made as soon as what it refers to is there; then the base goes
through its own loop, in which every resource answers with what was made, so that outputs, failures and rollbacks stay
the base's. An update goes through the base's loop alone.
"""

import asyncio
import copy
import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation.stacks": (
        "_add_event",
        "_deploy_stack_async",
        "_evaluate_conditions",
        "_fail_property_validation",
        "_NO_VALUE",
        "_provision_keeping_seed",
        "_resolve_dynamic_references",
        "_resolve_refs",
        "_runs_on_worker_thread",
        "_topological_sort",
        "_with_stack_tags",
        "now_iso",
        "run_reentrant",
    ),
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.engine": ("_extract_deps",),
}
BEGUN, MADE, FAILED = "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_FAILED"
CANCELLED = "Resource creation cancelled"  # CloudFormation's words for what was under way when another one failed
CUSTOM = "AWS::CloudFormation::CustomResource"
Outcome = tuple[tuple[str, dict[str, Any]], str]  # (physical id, attributes), the seed of its name


@dataclass
class Creation:
    """One stack that is being made: what is there, in the order in which it was made, and what was told of it."""

    stack_name: str
    stack_id: str
    resources: Mapping[str, Any]
    order: list[str]
    needs: dict[str, set[str]]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failed: str = ""
    reason: Exception | None = None
    told: list[tuple[str, str]] = field(default_factory=list)  # (logical id, status): not to be told again
    repeats: bool = False  # whether the base's loop goes through it now

    def ready(self, begun: set[str]) -> list[str]:
        """What can be begun now."""
        if self.failed:
            return []
        return [name for name in self.order if name not in begun and self.needs[name] <= self.outcomes.keys()]

    def repeated_order(self) -> list[str]:
        """What was made, what failed, and the rest, to which the base's loop does not come."""
        first = [*self.outcomes, *([self.failed] if self.failed else [])]
        return [*first, *(name for name in self.order if name not in first)]


class ParallelStacks:
    """Made once, before the base serves and before others take hold of what deploys a stack."""

    def __init__(self) -> None:
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._engine, self._state, self._graph = modules
        self._creations: dict[str, Creation] = {}
        self._deploy: Callable[..., Awaitable[None]] = self._engine._deploy_stack_async
        self._signature = inspect.signature(self._deploy)
        self._sort = self._engine._topological_sort
        self._fails = self._engine._fail_property_validation
        self._add_event = self._engine._add_event
        self._provision = self._engine._provision_keeping_seed
        self._engine._deploy_stack_async = self.deploy
        self._engine._topological_sort = self._sort_again
        self._engine._fail_property_validation = self._fail_once
        self._engine._add_event = self._add_event_once
        self._engine._provision_keeping_seed = self._repeat

    async def deploy(self, *arguments: Any, **options: Any) -> None:
        """The base's operation; what is new is made first."""
        given = self._signature.bind(*arguments, **options).arguments
        stack_name, stack_id = given["stack_name"], given["stack_id"]
        template, parameters = given["template"], given["param_values"]
        creation = None
        if not (given.get("is_update") or given.get("imports")):
            creation = self._begin(stack_name, stack_id, template, parameters)
        if creation is None:
            await self._deploy(*arguments, **options)
            return
        conditions, mappings = self._engine._evaluate_conditions(template, parameters), template.get("Mappings", {})
        stack = self._state._stacks[stack_name]
        looks = not stack.get("_disable_validation")
        around = (creation.order, parameters, conditions, mappings, given["disable_rollback"])
        if looks and self._fails(stack, stack_id, stack_name, creation.resources, *around):
            return
        self._creations[stack_name] = creation
        try:
            await self._make_all(creation, stack, parameters, conditions, mappings)
            creation.repeats = True
            await self._deploy(*arguments, **options)
        finally:
            self._creations.pop(stack_name, None)

    def _begin(self, stack_name: str, stack_id: str, template: Mapping[str, Any], parameters: Any) -> Creation | None:
        """None where there is a circle, which the base has words for."""
        resources = template.get("Resources", {})
        try:
            order = self._sort(resources, self._engine._evaluate_conditions(template, parameters))
        except ValueError:
            return None
        active = set(order)
        needs = {name: (set(self._graph._extract_deps(resources[name], active)) & active) - {name} for name in order}
        return Creation(stack_name, stack_id, resources, order, needs)

    async def _make_all(
        self, creation: Creation, stack: dict[str, Any], parameters: Any, conditions: Any, mappings: Any
    ) -> None:
        """Make everything, or what there is until something fails; what is under way then is waited for."""
        made: dict[str, Any] = stack.setdefault("_resources", {})
        begun: set[str] = set()
        running: dict[asyncio.Future[Outcome], tuple[str, Any]] = {}
        while True:
            for name in creation.ready(begun):
                begun.add(name)
                try:
                    properties, dynamic = self._resolve(creation, name, made, (parameters, conditions, mappings))
                except Exception as fault:  # noqa: BLE001  # whatever the base raises is the resource's reason
                    self._fail(creation, name, fault, running)
                    break
                self._tell(creation, name, BEGUN)
                work = self._make(creation, name, properties, stack.get("Tags") or [])
                running[asyncio.ensure_future(work)] = (name, (properties, dynamic))
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for future in sorted(done, key=lambda one: creation.order.index(running[one][0])):
                name, (properties, dynamic) = running.pop(future)
                if failure := future.exception():
                    self._fail(creation, name, failure, running)
                else:
                    self._keep(creation, name, future.result(), made, (properties, dynamic))

    def _resolve(
        self, creation: Creation, name: str, made: dict[str, Any], known: tuple[Any, Any, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """The properties as the base resolves them, and what dynamic references of theirs have given."""
        raw = copy.deepcopy(creation.resources[name].get("Properties", {}))
        found = self._engine._resolve_refs(raw, made, *known, creation.stack_name, creation.stack_id)
        if isinstance(found, dict):
            found = {key: value for key, value in found.items() if value is not self._engine._NO_VALUE}
        resolved: tuple[Any, dict[str, Any]] = self._engine._resolve_dynamic_references(
            found, None, reuse_ssm=False, reuse_secrets=False
        )
        return resolved

    async def _make(self, creation: Creation, name: str, properties: Any, tags: list[Any]) -> Outcome:
        kind, stack = self._kind(creation, name), creation.stack_name
        tagged = self._engine._with_stack_tags(kind, properties, tags, stack, creation.stack_id, name)
        if self._engine._runs_on_worker_thread(kind):
            found: Outcome = await self._engine.run_reentrant(self._provision, kind, name, tagged, stack)
            return found
        outcome: Outcome = self._provision(kind, name, tagged, stack)
        return outcome

    def _keep(
        self, creation: Creation, name: str, outcome: Outcome, made: dict[str, Any], given: tuple[Any, Any]
    ) -> None:
        """Write down what was made, for those that refer to it and for whoever looks at the stack."""
        (physical_id, attributes), seed = outcome
        creation.outcomes[name] = outcome
        made[name] = {
            "PhysicalResourceId": physical_id,
            "ResourceType": self._kind(creation, name),
            "ResourceStatus": MADE,
            "LogicalResourceId": name,
            "Properties": given[0],
            "Attributes": attributes,
            "Timestamp": self._engine.now_iso(),
            **({"_dynamic": given[1]} if given[1] else {}),
            **({"_name_seed": seed} if seed else {}),
        }
        if creation.failed:
            creation.told.append((name, MADE))  # it was told that this is cancelled
        else:
            self._tell(creation, name, MADE, physical_id=physical_id)

    def _fail(self, creation: Creation, name: str, fault: BaseException, running: Mapping[Any, Any]) -> None:
        """Nothing is begun any more; what is under way is told to be cancelled, and deleted when it is there."""
        if creation.failed:
            return
        creation.failed, creation.reason = name, fault if isinstance(fault, Exception) else RuntimeError(str(fault))
        self._tell(creation, name, FAILED, str(fault))
        for other, _ in running.values():
            self._tell(creation, other, FAILED, CANCELLED)

    def _tell(self, creation: Creation, name: str, status: str, *reason: str, **more: Any) -> None:
        creation.told.append((name, status))
        kind = self._kind(creation, name)
        self._add_event(creation.stack_id, creation.stack_name, name, kind, status, *reason, **more)

    def _kind(self, creation: Creation, name: str) -> str:
        return str(creation.resources[name].get("Type", CUSTOM))

    def _repeat(self, kind: str, name: str, properties: Any, stack_name: str) -> Outcome:
        """In the base's loop: what was made, or why it was not."""
        creation = self._creations.get(stack_name)
        if creation and creation.repeats:
            if name in creation.outcomes:
                return creation.outcomes[name]
            if name == creation.failed and creation.reason:
                raise creation.reason
        outcome: Outcome = self._provision(kind, name, properties, stack_name)
        return outcome

    def _sort_again(self, resources: Mapping[str, Any], conditions: Any) -> Any:
        for creation in self._creations.values():
            if creation.repeats and creation.resources is resources:
                return creation.repeated_order()
        return self._sort(resources, conditions)

    def _fail_once(self, stack: Any, stack_id: str, stack_name: str, *rest: Any, **more: Any) -> Any:
        return stack_name not in self._creations and self._fails(stack, stack_id, stack_name, *rest, **more)

    def _add_event_once(
        self, stack_id: str, stack_name: str, name: str, kind: str, status: str, *rest: Any, **more: Any
    ) -> Any:
        creation = self._creations.get(stack_name)
        if creation and creation.repeats and (name, status) in creation.told:
            creation.told.remove((name, status))
            return None
        return self._add_event(stack_id, stack_name, name, kind, status, *rest, **more)
