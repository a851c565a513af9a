"""Resources of a stack are made and changed at once where none needs another, as CloudFormation does it.

The base goes through them one after the other. Here each is begun as soon as what it refers to is there; then the base
goes through its own loop, in which every resource answers with what was made of it, so that outputs, failures, cancels
and rollbacks stay the base's. A resource that an update leaves as it is has no events, and one that it adds is created,
as on AWS.
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
        "_custom_named_replacement_error",
        "_DEFERRED_PREDECESSOR_DELETES",
        "_deploy_stack_async",
        "_evaluate_conditions",
        "_fail_property_validation",
        "_NAME_SEED",
        "_NO_VALUE",
        "_provision_keeping_seed",
        "_replacing_change",
        "_resolve_dynamic_references",
        "_resolve_refs",
        "_resource_policy",
        "_RETAIN_REPLACED",
        "_RETAINING_POLICIES",
        "_runs_on_worker_thread",
        "_topological_sort",
        "_update_keeping_seed",
        "_with_stack_tags",
        "now_iso",
        "run_reentrant",
    ),
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.engine": ("_extract_deps",),
}
BEGUN, MADE, FAILED = "IN_PROGRESS", "COMPLETE", "FAILED"
CANCELLED = {  # CloudFormation's words for what was under way when another one failed
    "CREATE": "Resource creation cancelled",
    "UPDATE": "Resource update cancelled",
}
REPLACED = "Requested update requires the creation of a new physical resource; hence creating one."  # CloudFormation's
CUSTOM = "AWS::CloudFormation::CustomResource"
ALWAYS_TOLD = ("AWS::CloudFormation::Stack", CUSTOM)  # of an update: what is behind the properties may have changed
CANCEL, CANCEL_TOKEN = "_cancel_requested", "_cancel_token"  # how the base is told of CancelUpdateStack
Record = Mapping[str, Any]  # of a resource, as a stack keeps it
Known = tuple[Any, Any, Any]  # parameters, conditions, mappings


@dataclass(frozen=True)
class ProvisionedResource:
    """What was made: physical id and attributes, the seed of its name, what the base deletes after a good update."""

    made: tuple[str, dict[str, Any]]
    seed: str
    deferred: list[Any] = field(default_factory=list)


@dataclass
class Provisioning:
    """One stack that is being made or updated: what is there, in the order in which it came, and what was told of it.

    `before` has the records of an update's resources, `definitions` the template's that it had, `tags` the stack's.
    """

    stack_name: str
    stack_id: str
    resources: Mapping[str, Any]
    order: list[str]
    needs: dict[str, set[str]]
    updates: bool = False
    before: Mapping[str, Record] = field(default_factory=dict)
    definitions: Mapping[str, Any] = field(default_factory=dict)
    tags: list[Any] = field(default_factory=list)
    is_same: bool = False  # template and parameters are those that the stack has
    outcomes: dict[str, ProvisionedResource] = field(default_factory=dict)
    failed: str = ""
    reason: Exception | None = None
    cancel: str | None = None  # the token of who has cancelled the update
    unchanged: set[str] = field(default_factory=set)  # of which nothing is told
    told: list[tuple[str, str]] = field(default_factory=list)  # (logical id, status) that the base is not to tell again
    repeats: bool = False  # whether the base's loop goes through it now
    repeated: set[str] = field(default_factory=set)

    def ready(self, begun: set[str]) -> list[str]:
        """What can be begun now."""
        if self.failed or self.cancel is not None:
            return []
        return [name for name in self.order if name not in begun and self.needs[name] <= self.outcomes.keys()]

    def repeated_order(self) -> list[str]:
        """What was made, what failed, and the rest, to which the base's loop does not come."""
        first = [*self.outcomes, *([self.failed] if self.failed else [])]
        return [*first, *(name for name in self.order if name not in first)]

    def verb(self, name: str) -> str:
        """What CloudFormation calls what becomes of a resource."""
        return "UPDATE" if name in self.before else "CREATE"

    def kind(self, name: str) -> str:
        """The type of a resource."""
        return str(self.resources[name].get("Type", CUSTOM))

    def hide(self, name: str, stage: str) -> None:
        """Keep the base from telling it, which calls everything in an update an update."""
        self.told.append((name, f"{'UPDATE' if self.updates else 'CREATE'}_{stage}"))


class ParallelStacks:
    """Made once, before the base serves and before others take hold of what deploys a stack."""

    def __init__(self) -> None:
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._engine, self._state, self._graph = modules
        self._work: dict[str, Provisioning] = {}
        self._deploy: Callable[..., Awaitable[None]] = self._engine._deploy_stack_async
        self._signature = inspect.signature(self._deploy)
        self._sort = self._engine._topological_sort
        self._fails = self._engine._fail_property_validation
        self._add_event = self._engine._add_event
        self._provision = self._engine._provision_keeping_seed
        self._update = self._engine._update_keeping_seed
        self._engine._deploy_stack_async = self.deploy
        self._engine._topological_sort = self._sort_again
        self._engine._fail_property_validation = self._fail_once
        self._engine._add_event = self._add_event_once
        self._engine._provision_keeping_seed = self._repeat_creation
        self._engine._update_keeping_seed = self._repeat_update
        self._run, self._engine.run_reentrant = self._engine.run_reentrant, self._run_again

    async def deploy(self, *arguments: Any, **options: Any) -> None:
        """The base's operation; what is new or changed is made first."""
        given = self._signature.bind(*arguments, **options).arguments
        stack_name, stack_id = given["stack_name"], given["stack_id"]
        template, parameters = given["template"], given["param_values"]
        work = None if given.get("imports") else self._begin(given)
        if work is None:
            await self._deploy(*arguments, **options)
            return
        known = parameters, self._engine._evaluate_conditions(template, parameters), template.get("Mappings", {})
        stack = self._state._stacks[stack_name]
        around = (work.order, *known, given["disable_rollback"])
        more = {"previous_stack": given.get("previous_stack") or {}} if work.updates else {}
        looks = not stack.get("_disable_validation")
        if looks and self._fails(stack, stack_id, stack_name, work.resources, *around, **more):
            return
        self._work[stack_name] = work
        try:
            await self._make_all(work, stack, known)
            work.repeats = True
            await self._deploy(*arguments, **options)
            if work.updates and stack.get("StackStatus") == "UPDATE_COMPLETE":
                _restore_statuses(work, stack["_resources"])
        finally:
            self._work.pop(stack_name, None)

    def _begin(self, given: Mapping[str, Any]) -> Provisioning | None:
        """None where there is a circle, which the base has words for."""
        template, parameters = given["template"], given["param_values"]
        resources = template.get("Resources", {})
        try:
            order = self._sort(resources, self._engine._evaluate_conditions(template, parameters))
        except ValueError:
            return None
        active = set(order)
        needs = {name: (set(self._graph._extract_deps(resources[name], active)) & active) - {name} for name in order}
        work = Provisioning(given["stack_name"], given["stack_id"], resources, order, needs)
        if given.get("is_update"):
            previous = given.get("previous_stack") or {}
            work.updates, work.before = True, previous.get("_resources", {})
            work.definitions = (previous.get("_template") or {}).get("Resources", {})
            work.tags = previous.get("Tags") or []
            same = (previous.get("_template"), previous.get("_resolved_params"))
            work.is_same = bool(previous) and same == (template, parameters)
        return work

    async def _make_all(self, work: Provisioning, stack: dict[str, Any], known: Known) -> None:
        """Make everything, or what there is until something fails; what is under way then is waited for."""
        made: dict[str, Any] = stack.setdefault("_resources", {})
        begun: set[str] = set()
        running: dict[asyncio.Future[ProvisionedResource], tuple[str, Any]] = {}
        stack.pop(CANCEL, None)
        while True:
            self._look_for_cancel(work, stack)
            for name in work.ready(begun):
                begun.add(name)
                try:
                    properties, dynamic = self._resolve(work, name, made, known)
                    change = self._change(work, stack, name, properties, made, known)
                except Exception as fault:  # noqa: BLE001  # whatever the base raises is the resource's reason
                    self._fail(work, name, fault, running)
                    break
                running[asyncio.ensure_future(change)] = (name, (properties, dynamic))
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for future in sorted(done, key=lambda one: work.order.index(running[one][0])):
                name, given = running.pop(future)
                if failure := future.exception():
                    self._fail(work, name, failure, running)
                else:
                    self._keep(work, name, future.result(), made, given)

    def _look_for_cancel(self, work: Provisioning, stack: dict[str, Any]) -> None:
        """CancelUpdateStack: nothing is begun any more; the base rolls back when it has gone through what was made."""
        if work.updates and stack.pop(CANCEL, False):
            work.cancel = stack.pop(CANCEL_TOKEN, "")

    def _resolve(self, work: Provisioning, name: str, made: dict[str, Any], known: Known) -> tuple[Any, dict[str, Any]]:
        """The properties as the base resolves them, and what dynamic references of theirs have given."""
        raw = copy.deepcopy(work.resources[name].get("Properties", {}))
        found = self._engine._resolve_refs(raw, made, *known, work.stack_name, work.stack_id)
        if isinstance(found, dict):
            found = {key: value for key, value in found.items() if value is not self._engine._NO_VALUE}
        earlier = work.before.get(name)
        resolved: tuple[Any, dict[str, Any]] = self._engine._resolve_dynamic_references(
            found,
            (earlier or {}).get("_dynamic"),
            reuse_ssm=work.is_same,
            reuse_secrets=earlier is not None and work.definitions.get(name) == work.resources[name],
        )
        return resolved

    def _change(
        self,
        work: Provisioning,
        stack: Mapping[str, Any],
        name: str,
        properties: Any,
        made: Mapping[str, Any],
        known: Known,
    ) -> Awaitable[ProvisionedResource]:
        """What makes or updates a resource, which is told to have begun."""
        engine, kind, of = self._engine, work.kind(name), (work.stack_name, work.stack_id, name)
        new = engine._with_stack_tags(kind, properties, stack.get("Tags") or [], *of)
        earlier = work.before.get(name)
        if earlier is None:
            self._tell(work, name, BEGUN)
            return self._make(self._provision, kind, name, new, work.stack_name)
        old = engine._with_stack_tags(kind, earlier.get("Properties", {}), work.tags, *of)
        physical_id = earlier.get("PhysicalResourceId", name)
        if old == new and kind not in ALWAYS_TOLD and not kind.startswith("Custom::"):
            work.unchanged.add(name)
            work.hide(name, BEGUN)
        else:
            self._tell(work, name, BEGUN)
            refused = engine._custom_named_replacement_error(kind, old, new)
            if not refused and engine._replacing_change(kind, old, new):
                self._tell(work, name, BEGUN, REPLACED, physical_id)
        where = (dict(made), *known, work.stack_name, work.stack_id)
        policy = engine._resource_policy(work.resources[name], "UpdateReplacePolicy", *where)
        retains, seed = policy in engine._RETAINING_POLICIES, earlier.get("_name_seed", "")
        arguments = (kind, physical_id, old, new, work.stack_name, name, earlier.get("Attributes", {}))
        return self._make_update(arguments, retains=retains, seed=seed)

    async def _make_update(self, arguments: tuple[Any, ...], *, retains: bool, seed: str) -> ProvisionedResource:
        """In a task of its own, whose variables are the base's way of telling a handler more."""
        deferred: list[Any] = []
        self._engine._RETAIN_REPLACED.set(retains)
        self._engine._DEFERRED_PREDECESSOR_DELETES.set(deferred)
        self._engine._NAME_SEED.set(seed)
        outcome = await self._make(self._update, *arguments)
        return ProvisionedResource(outcome.made, outcome.seed, deferred)

    async def _make(self, function: Callable[..., Any], kind: str, *arguments: Any) -> ProvisionedResource:
        if self._engine._runs_on_worker_thread(kind):
            return ProvisionedResource(*await self._run(function, kind, *arguments))
        return ProvisionedResource(*function(kind, *arguments))

    def _keep(
        self, work: Provisioning, name: str, outcome: ProvisionedResource, made: dict[str, Any], given: tuple[Any, Any]
    ) -> None:
        """Write down what was made, for those that refer to it and for whoever looks at the stack."""
        physical_id, attributes = outcome.made
        work.outcomes[name] = outcome
        made[name] = {
            "PhysicalResourceId": physical_id,
            "ResourceType": work.kind(name),
            "ResourceStatus": f"{work.verb(name)}_{MADE}",
            "LogicalResourceId": name,
            "Properties": given[0],
            "Attributes": attributes,
            "Timestamp": self._engine.now_iso(),
            **({"_dynamic": given[1]} if given[1] else {}),
            **({"_name_seed": outcome.seed} if outcome.seed else {}),
        }
        if work.failed or name in work.unchanged:
            work.hide(name, MADE)  # of the former it was told that it is cancelled
        else:
            self._tell(work, name, MADE, "", physical_id)

    def _fail(self, work: Provisioning, name: str, fault: BaseException, running: Mapping[Any, Any]) -> None:
        """Nothing is begun any more; what is under way is told to be cancelled, and taken back when it is there."""
        if work.failed:
            return
        work.failed, work.reason = name, fault if isinstance(fault, Exception) else RuntimeError(str(fault))
        self._tell(work, name, FAILED, str(fault))
        for other in [name for name, _ in running.values() if name not in work.unchanged]:
            verb = work.verb(other)
            told = work.stack_id, work.stack_name, other, work.kind(other), f"{verb}_{FAILED}"
            self._add_event(*told, CANCELLED[verb])

    def _tell(self, work: Provisioning, name: str, stage: str, reason: str = "", physical_id: str = "") -> None:
        work.hide(name, stage)
        told = work.stack_id, work.stack_name, name, work.kind(name), f"{work.verb(name)}_{stage}"
        self._add_event(*told, reason, physical_id=physical_id)

    async def _run_again(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Without a thread where the answer is there: so nothing, a cancel for example, comes into the base's loop."""
        places = {self._repeat_creation: (3, 1), self._repeat_update: (4, 5)}  # of the stack's and the logical name
        if function in places:
            stack_name, name = (arguments[place] for place in places[function])
            work = self._work.get(stack_name)
            if work and work.repeats and (name in work.outcomes or name == work.failed):
                return function(*arguments)
        return await self._run(function, *arguments)

    def _repeat_creation(self, kind: str, name: str, properties: Any, stack_name: str) -> Any:
        """In the base's loop: what was made, or why it was not."""
        if outcome := self._outcome(stack_name, name):
            return outcome.made, outcome.seed
        return self._provision(kind, name, properties, stack_name)

    def _repeat_update(
        self, kind: str, physical_id: str, old: Any, new: Any, stack_name: str, name: str, *of: Any
    ) -> Any:
        """As above, with what is to be deleted when the update is good."""
        if outcome := self._outcome(stack_name, name):
            self._engine._DEFERRED_PREDECESSOR_DELETES.get().extend(outcome.deferred)
            return outcome.made, outcome.seed
        return self._update(kind, physical_id, old, new, stack_name, name, *of)

    def _outcome(self, stack_name: str, name: str) -> ProvisionedResource | None:
        """What was made already; raises what it failed with. After the last one the base hears of a cancel."""
        work = self._work.get(stack_name)
        if work is None or not work.repeats:
            return None
        work.repeated.add(name)
        if work.cancel is not None and work.repeated >= work.outcomes.keys():
            self._state._stacks[stack_name].update({CANCEL: True, CANCEL_TOKEN: work.cancel})
        if name == work.failed and work.reason:
            raise work.reason
        return work.outcomes.get(name)

    def _sort_again(self, resources: Mapping[str, Any], conditions: Any) -> Any:
        for work in self._work.values():
            if work.repeats and work.resources is resources:
                return work.repeated_order()
        return self._sort(resources, conditions)

    def _fail_once(self, stack: Any, stack_id: str, stack_name: str, *rest: Any, **more: Any) -> Any:
        return stack_name not in self._work and self._fails(stack, stack_id, stack_name, *rest, **more)

    def _add_event_once(
        self, stack_id: str, stack_name: str, name: str, kind: str, status: str, *rest: Any, **more: Any
    ) -> Any:
        work = self._work.get(stack_name)
        if work and work.repeats and (name, status) in work.told:
            work.told.remove((name, status))
            return None
        return self._add_event(stack_id, stack_name, name, kind, status, *rest, **more)


def _restore_statuses(work: Provisioning, records: Mapping[str, dict[str, Any]]) -> None:
    """The base calls every resource of an updated stack updated: what was added is created, the rest is as it was."""
    for name in work.outcomes.keys() & records.keys():
        if name in work.unchanged:
            records[name].update({key: work.before[name].get(key) for key in ("ResourceStatus", "Timestamp")})
        elif name not in work.before:
            records[name]["ResourceStatus"] = f"CREATE_{MADE}"
