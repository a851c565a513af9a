"""With whose permissions a stack is made: its RoleARN, which the base drops, or those of the caller, as on AWS.

The role sticks to the stack: operations without RoleARN use the one that was given last. The base carries an operation
out in a task that inherits the request's context, so the actor of the request is the actor of the resources.
"""

import contextvars
import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from loopback.core.errors import AccessDeniedException, ServiceError
from loopback.core.permissions import pass_role
from loopback.ministack.permissions import Permissions

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation": ("_stacks", "_change_sets", "handle_request"),
    "ministack.app": ("SERVICE_HANDLERS",),
}
OPERATIONS = frozenset(
    {
        "CreateStack",
        "UpdateStack",
        "DeleteStack",
        "CreateChangeSet",
        "ExecuteChangeSet",
        "RollbackStack",
        "ContinueUpdateRollback",
    }
)
ROLE = "RoleARN"
PRINCIPAL = "cloudformation.amazonaws.com"
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[tuple[int, dict[str, str], bytes]]]
_actor: contextvars.ContextVar[str] = contextvars.ContextVar("loopback_stack_actor", default="")


class StackRoles:
    """Made once, before the base serves; only where IAM is enforced."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions
        self._state, app = map(importlib.import_module, HOOKS)
        self._answer: Handler = app.SERVICE_HANDLERS["cloudformation"]
        app.SERVICE_HANDLERS["cloudformation"] = self._handle

    async def _handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        request = _request(body, query)
        if request.get("Action") not in OPERATIONS:
            return await self._answer(method, path, headers, body, query)
        given = request.get(ROLE, "")
        try:
            if given:
                self._permissions.permit_caller([pass_role(given, PRINCIPAL)])
        except ServiceError as fault:
            denied = isinstance(fault, AccessDeniedException)
            code = "AccessDenied" if denied else fault.code
            return 403 if denied else 400, {"Content-Type": "text/xml"}, _refuse(code, str(fault))
        name = request.get("StackName", "")
        kept = self._record(name) or self._of_change_set(request)
        role = given or kept.get(ROLE, "")
        token = _actor.set(role or self._permissions.caller())
        try:
            answer = await self._answer(method, path, headers, body, query)
        finally:
            _actor.reset(token)
        if given and answer[0] < 400 and (stack := self._record(name)):
            stack[ROLE] = given
        return answer

    def _record(self, name_or_id: str) -> dict[str, Any]:
        for name, stack in self._state._stacks.items():
            if name_or_id in (name, stack.get("StackId")) and stack.get("StackStatus") != "DELETE_COMPLETE":
                found: dict[str, Any] = stack
                return found
        return {}

    def _of_change_set(self, request: Mapping[str, str]) -> dict[str, Any]:
        found = self._state._change_sets.get(request.get("ChangeSetName", ""))
        return self._record(found["StackId"]) if found else {}


def actor(stack: Mapping[str, Any]) -> str:
    """Whose permissions the resources of a stack are made with: an ARN, or "" for the account."""
    return _actor.get() or stack.get(ROLE) or ""


def _request(body: bytes, query: Mapping[str, Any]) -> dict[str, str]:
    pairs = {**query, **parse_qs(body.decode(errors="replace"))}
    return {key: value[0] if isinstance(value, list) else value for key, value in pairs.items()}


def _refuse(code: str, message: str) -> bytes:
    from xml.sax.saxutils import escape

    return (
        '<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error></ErrorResponse>"
    ).encode()
