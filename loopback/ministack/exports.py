"""Exports of stacks: a name belongs to one stack, and what others import stays as it is.

The base adds what a stack exports and keeps what it exports no more; it looks at importers when a stack is deleted by a
request of its own. Here every end of an operation and every deletion looks.
"""

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from loopback.core.errors import ServiceError

_MODULE = "ministack.services.cloudformation"
HOOKS: dict[str, tuple[str, ...]] = {
    _MODULE: ("_stacks", "_exports"),
    f"{_MODULE}.stacks": ("_resolve_stack_outputs", "_delete_stack_async", "_add_event"),
    f"{_MODULE}.handlers": ("_ACTION_HANDLERS", "_imported_export_names", "_resolve_stack", "_p", "_error"),
}
IN_USE = "Export {} cannot be {} as it is in use by {}"
Export = Mapping[str, Any]


class Exports:
    """Made once, before the base serves and before `nested_stacks`."""

    def __init__(self) -> None:
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._state, self._engine, self._handlers = modules
        self._resolve = self._engine._resolve_stack_outputs
        self._engine._resolve_stack_outputs = self._resolve_outputs
        self._delete, self._engine._delete_stack_async = self._engine._delete_stack_async, self._delete_unless_used
        self._refuse = self._handlers._ACTION_HANDLERS["DeleteStack"]
        self._handlers._ACTION_HANDLERS["DeleteStack"] = self._asked_to_delete

    def _resolve_outputs(self, *arguments: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        outputs, exports = self._resolve(*arguments)
        stack_id = arguments[-1]
        own = {name: export for name, export in self._state._exports.items() if export["StackId"] == stack_id}
        taken = {name: export["StackId"] for name, export in self._state._exports.items() if name not in own}
        if fault := changed_export(own, exports, taken, self._importers):
            raise ServiceError(fault)
        for name in own.keys() - exports.keys():
            self._state._exports.pop(name, None)
        return outputs, exports

    def _importers(self, export: str) -> list[str]:
        """The names of the stacks that import it."""
        return [
            name
            for name, stack in self._state._stacks.items()
            if not str(stack.get("StackStatus")).startswith(("DELETE_COMPLETE", "REVIEW_"))
            and export in self._handlers._imported_export_names(stack, name)
        ]

    def _in_use(self, stack: Mapping[str, Any]) -> str:
        """Why a stack cannot be deleted, or ""."""
        for name, export in self._state._exports.items():
            own = export["StackId"] == stack.get("StackId")
            others = [other for other in self._importers(name) if other != stack.get("StackName")] if own else []
            if others:
                return IN_USE.format(name, "deleted", _list_names(others))
        return ""

    def _asked_to_delete(self, request: Mapping[str, Any]) -> Any:
        stack = self._handlers._resolve_stack(self._handlers._p(request, "StackName"))
        if stack and (fault := self._in_use(stack)):
            return self._handlers._error("ValidationError", fault)
        return self._refuse(request)

    async def _delete_unless_used(self, stack_name: str, stack_id: str, *rest: Any, **options: Any) -> None:
        """Of a nested stack, too, for which there was no request."""
        stack = self._state._stacks.get(stack_name)
        if stack and (fault := self._in_use(stack)):
            stack["StackStatus"], stack["StackStatusReason"] = "DELETE_FAILED", fault
            kind = "AWS::CloudFormation::Stack"
            self._engine._add_event(stack_id, stack_name, stack_name, kind, "DELETE_FAILED", fault, stack_id)
            return
        await self._delete(stack_name, stack_id, *rest, **options)


def changed_export(
    own: Mapping[str, Export], new: Mapping[str, Export], taken: Mapping[str, str], importers: Any
) -> str:
    """Why a stack that exports `own` cannot export `new` in its place, or "".

    `taken` has the ids of the stacks that other names belong to; `importers(name)` lists those that import one.
    """
    for name in new:
        if name in taken:
            return f"Export with name {name} is already exported by stack {stack_of(taken[name])}"
    for name, export in own.items():
        if name in new and new[name]["Value"] == export["Value"]:
            continue
        if others := importers(name):
            return IN_USE.format(name, "updated" if name in new else "deleted", _list_names(others))
    return ""


def _list_names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def stack_of(stack_id: str) -> str:
    """The name in a stack's id."""
    return stack_id.split("/")[1] if "/" in stack_id else stack_id
