"""Roles as they are stored: found by their whole ARN, and whom they trust. Only where IAM is enforced.

The base finds a role by what follows the last `/` of an ARN, so that one role could be allowed and another one used.
"""

import importlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from loopback.core.arn import Place
from loopback.core.errors import ServiceError
from loopback.core.passed_roles import SERVICES, cannot_be_assumed, handed_over, hands_over, is_assumed
from loopback.core.permissions import PermissionCheck, pass_role

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": ("SERVICE_HANDLERS",),
    "ministack.core.iam_evaluator": ("EvalContext", "evaluate_resource_policy", "validate_role_arn"),
    "ministack.services.iam": ("_roles",),
    "ministack.services.sts": ("_assumed_role_arn", "_error"),
}
ASSUME = "sts:AssumeRole"
UNKNOWN_YET = frozenset({"aws:sourcearn"})  # condition keys of a resource that is only about to be made
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[tuple[int, dict[str, str], bytes]]]


class Trust:
    """Made once, before the base serves."""

    def __init__(self, place: Place) -> None:
        self._place = place
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._app, self._evaluator, self._iam, sts = modules
        assumed = sts._assumed_role_arn

        def assumed_role_arn(arn: str, session: str) -> Any:
            if self.role(arn) is None:
                return None, sts._error(403, "AccessDenied", f"There is no role {arn} to be assumed", ns="sts")
            return assumed(arn, session)

        sts._assumed_role_arn = assumed_role_arn
        self._evaluator.validate_role_arn = lambda arn: "" if not arn or self.role(arn) else f"There is no role {arn}"

    def role(self, arn: str) -> Mapping[str, Any] | None:
        """The role that has this ARN, path and all."""
        parts = arn.split(":")
        if len(parts) != 6 or not parts[5].startswith("role/"):
            return None
        found: Mapping[str, Any] | None = self._iam._roles.get_scoped(parts[4], None, parts[5].rpartition("/")[2])
        return found if found is not None and found.get("Arn") == arn and parts[4] == self._place.account else None

    def require(self, arn: str, principal: str) -> None:
        """Whether a service can assume a role that is handed to it. Raises RoleCannotBeAssumed, in its words."""
        if not is_assumed(principal):
            return
        role = self.role(arn)
        if role is None or not self._admits(role.get("AssumeRolePolicyDocument"), principal):
            raise cannot_be_assumed(arn, principal)

    def _admits(self, document: Any, principal: str) -> bool:
        context = self._evaluator.EvalContext(
            principal_arn="",
            principal_type="Service",
            principal_account="",
            action=ASSUME,
            resource_arn="*",
            region=self._place.region,
            secure_transport=True,
            service_context={"aws:sourceaccount": self._place.account},
        )
        service = principal.partition(".")[0]
        return any(
            self._evaluator.evaluate_resource_policy(trusts(document), context, service=name).decision == "Allow"
            for name in (principal, f"{service}.{self._place.region}.amazonaws.com")
        )

    def guard_services(self, permit_caller: Callable[[list[PermissionCheck]], None]) -> None:
        """Ask for iam:PassRole and the role's trust where the base's own services are handed a role."""
        for service in SERVICES:
            if service in self._app.SERVICE_HANDLERS:
                handler = self._app.SERVICE_HANDLERS[service]
                self._app.SERVICE_HANDLERS[service] = _guard(service, handler, permit_caller)


def trusts(document: Any) -> dict[str, Any]:
    """A trust policy in the form of a resource's policy: its resource is the role, which it does not name.

    What it says about the resource that will use the role is left out: there is none yet.
    """
    try:
        found = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        found = None
    statements = found.get("Statement", []) if isinstance(found, Mapping) else []
    statements = statements if isinstance(statements, list) else [statements]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {**each, "Resource": "*", "Condition": _decidable_conditions(each.get("Condition") or {})}
            for each in statements
            if isinstance(each, Mapping)
        ],
    }


def _decidable_conditions(condition: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        operator: {key: value for key, value in keys.items() if key.lower() not in UNKNOWN_YET}
        for operator, keys in condition.items()
    }
    return {operator: keys for operator, keys in kept.items() if keys}


def _guard(service: str, handler: Handler, permit_caller: Callable[[list[PermissionCheck]], None]) -> Handler:
    async def check_and_answer(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        """Refuse a role that can't be handed over, then answer."""
        operations = hands_over(service, method, path, headers.get("x-amz-target", ""))
        try:
            roles = handed_over(operations, json.loads(body or b"{}")) if operations else []
            permit_caller([pass_role(role, principal) for role, principal in roles])
        except ValueError:
            pass  # no JSON: the service says so
        except ServiceError as fault:
            status = 403 if fault.code == "AccessDeniedException" else 400
            message = {"__type": fault.code, "message": str(fault), "Message": str(fault)}
            content = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": fault.code}
            return status, content, json.dumps(message).encode()
        return await handler(method, path, headers, body, query)

    return check_and_answer
