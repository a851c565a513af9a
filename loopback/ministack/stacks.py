"""Our resource types in the base's CloudFormation, and every resource's properties checked before it is touched."""

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from loopback.core.arn import Place
from loopback.core.permissions import Permit
from loopback.core.stack_permissions import stack_checks
from loopback.engines.cloudformation import schemas
from loopback.engines.cloudformation.properties import InvalidProperties, check_properties
from loopback.ministack import taken
from loopback.ministack.stack_roles import actor
from loopback.ministack.update_policies import ALIAS, code_deploy

Made = tuple[str, dict[str, Any]]
MAKING = "_making"  # what a stack's record says of the resources that are being made, by logical id
OPERATION = "_operation"  # and of what is being done with the stack: see `stack_recovery`
HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation": ("_stacks", "_stack_events"),
    "ministack.services.cloudformation.provisioners": (
        "_RESOURCE_HANDLERS",
        "_REPLACING_PROPERTIES",
        "_STACK_TAG_PROPERTY",
        "_physical_name",
        "_provision_resource",
        "_replacing_change",
        "_replace_resource",
        "_update_resource",
    ),
    "ministack.services.cloudformation.stacks": (
        "_runs_on_worker_thread",
        "_delete_resource",
        "_provision_resource",
        "_update_resource",
    ),
    "ministack.services.cloudwatch": ("cloudformation_set_metric_alarm_tags",),
}
ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


class StackResources(Protocol):
    """What makes, changes and deletes the resources of our types. `role` is the stack's, or ""."""

    types: tuple[str, ...]

    def create(self, kind: str, properties: dict[str, Any], name: Callable[[int], str], role: str) -> Made:
        """The physical id and the attributes; `name(longest)` generates a name."""

    def update(self, kind: str, made: Made, old: dict[str, Any], new: dict[str, Any], role: str) -> Made:
        """Change it in place."""

    def delete(self, kind: str, physical_id: str, properties: dict[str, Any], role: str) -> None:
        """Delete it."""

    def shift(self, policy: dict[str, str], alias: dict[str, Any], role: str) -> None:
        """Bring a Lambda alias (its properties) to its version as its UpdatePolicy says."""


class Stacks:
    """Made once, before the base serves. `save` writes the stacks' records."""

    def __init__(self, resources: StackResources, place: Place, permit: Permit, save: Callable[[], None]) -> None:
        self._resources, self._place, self._permit, self._save = resources, place, permit, save
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._state, self._provisioners, self._engine, self._cloudwatch = modules
        self._provision, self._update = self._provisioners._provision_resource, self._provisioners._update_resource
        for module in (self._provisioners, self._engine):
            module._provision_resource, module._update_resource = self._create, self._change
        self._delete, self._engine._delete_resource = self._engine._delete_resource, self._remove
        blocking = self._engine._runs_on_worker_thread
        own = {*resources.types, ALIAS}
        self._engine._runs_on_worker_thread = lambda kind: kind in own or blocking(kind)
        for kind in resources.types:
            self._register(kind)

    def _register(self, kind: str) -> None:
        def delete(physical_id: str, properties: dict[str, Any]) -> None:
            self._resources.delete(kind, physical_id, _plain(kind, "", properties), actor({}))

        handler = {"delete": delete, "create": self._create, "update": self._change, "ours": True}
        self._provisioners._RESOURCE_HANDLERS[kind] = handler
        self._provisioners._REPLACING_PROPERTIES[kind] = schemas.create_only(kind)
        if shape := schemas.tag_shape(kind):
            self._provisioners._STACK_TAG_PROPERTY[kind] = ("Tags", shape)

    def _create(self, kind: str, logical_id: str, properties: dict[str, Any], stack_name: str) -> Made:
        plain = _plain(kind, logical_id, properties)
        taken.check(kind, plain)
        if kind not in self._resources.types:
            self._ask("create", kind, properties, "", stack_name)
            made: Made = self._provision(kind, logical_id, plain, stack_name)
            return made

        stack = self._state._stacks.get(stack_name) or {}
        making = {"kind": kind, "name": "", "properties": plain}
        stack[MAKING] = {**stack.get(MAKING, {}), logical_id: making}

        def name(longest: int) -> str:
            making["name"] = self._provisioners._physical_name(stack_name, logical_id, max_len=longest)
            self._save()
            return str(making["name"])

        self._save()  # our services write at once: after a kill the record has to know of what they have made
        try:
            made = self._resources.create(kind, plain, name, self._role(stack_name))
        finally:
            stack[MAKING] = {other: row for other, row in stack[MAKING].items() if other != logical_id}
        self._tag(kind, made, plain)
        return made

    def _change(self, kind: str, physical_id: str, *rest: Any) -> Made:
        old, new, stack_name, logical_id, attributes = (*rest, None, None)[:5]  # as the base's _update_resource
        plain = _plain(kind, logical_id or physical_id, new)
        ours = kind in self._resources.types
        if not ours:
            self._ask("update", kind, new, physical_id, stack_name)
        if kind == ALIAS and old.get("FunctionVersion") != new.get("FunctionVersion"):
            self._shift(stack_name, logical_id, old, new)
        if not ours or self._provisioners._replacing_change(kind, old, new):
            made: Made = self._update(kind, physical_id, _existing_properties(kind, old), plain, *rest[2:])
            return made
        before = (physical_id, attributes or {})
        if old == new:
            return before
        made = self._resources.update(kind, before, _plain(kind, "", old), plain, self._role(stack_name))
        self._tag(kind, made, plain)
        return made

    def _tag(self, kind: str, made: Made, properties: dict[str, Any]) -> None:
        """The stack's own tags, `aws:...`, which no request may name."""
        if kind in ALARMS:
            self._cloudwatch.cloudformation_set_metric_alarm_tags(made[0], properties.get("Tags") or [])

    def _shift(self, stack_name: str, logical_id: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        stack = self._state._stacks.get(stack_name) or {}
        if any(old.get(name) != new.get(name) for name in ("FunctionName", "Name")):
            return  # it is another alias then
        if policy := code_deploy(stack, stack.get(OPERATION), logical_id):
            self._resources.shift(policy, new, self._role(stack_name))

    def _remove(self, kind: str, physical_id: str, properties: dict[str, Any], stack_name: str, *rest: Any) -> None:
        if kind not in self._resources.types:
            self._ask("delete", kind, properties, physical_id or "", stack_name)
        self._delete(kind, physical_id, properties, stack_name, *rest)

    def _role(self, stack_name: str) -> str:
        return actor(self._state._stacks.get(stack_name) or {})

    def _ask(self, verb: str, kind: str, properties: dict[str, Any], physical_id: str, stack_name: str) -> None:
        checks = stack_checks(verb, kind, properties, physical_id, self._place)
        self._permit(self._role(stack_name), checks)


def take_unfinished(stack: dict[str, Any]) -> list[dict[str, Any]]:
    """What was being made when an operation was cut off, which is forgotten with that: kind, name, properties."""
    found: dict[str, Any] = stack.pop(MAKING, None) or {}
    return [found] if isinstance(found.get("kind"), str) else list(found.values())  # the former: one at a time, of old


def _existing_properties(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Properties of a resource that is there; those of an older schema as they are."""
    try:
        return _plain(kind, "", properties)
    except InvalidProperties:
        return properties


def _plain(kind: str, logical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with scalars of the schema's types. Raises InvalidProperties."""
    if kind.startswith(("Custom::", "AWS::CloudFormation::")):
        return properties
    return check_properties(kind, logical_id, properties)
