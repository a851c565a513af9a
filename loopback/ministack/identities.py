"""What the base's IAM leaves out: the length of policies, and the permissions boundary of a role in a stack."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from loopback.core.policy_quotas import inline_fault, managed_fault, trust_fault

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.iam": (
        "_IAM_HANDLERS",
        "_boundary_policy_error",
        "_create_policy",
        "_create_policy_version",
        "_create_role",
        "_error",
        "_group_inline_policies",
        "_p",
        "_policies",
        "_put_group_policy",
        "_put_role_policy",
        "_put_user_policy",
        "_roles",
        "_update_assume_role_policy",
        "_user_inline_policies",
    ),
    "ministack.services.cloudformation.provisioners": ("_RESOURCE_HANDLERS",),
}
ROLE, POLICY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"
Request = Mapping[str, Any]


def install() -> None:
    """Let operations and stacks refuse what is too long, and roles of stacks keep their boundary. Once."""
    modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
    iam, provisioners = modules

    def member(request: Request, name: str) -> str:
        return str(iam._p(request, name) or "")

    def inline(kind: str, name: str, kept: Mapping[str, Any] | None) -> Callable[[Request], str | None]:
        def fault(request: Request) -> str | None:
            policies = {**(kept or {}), member(request, "PolicyName"): member(request, "PolicyDocument")}
            return inline_fault(kind, name, policies.values())

        return fault

    def of_role(request: Request) -> str | None:
        name = member(request, "RoleName")
        return inline("role", name, (iam._roles.get(name) or {}).get("InlinePolicies"))(request)

    def of_user(request: Request) -> str | None:
        name = member(request, "UserName")
        return inline("user", name, iam._user_inline_policies.get(name))(request)

    def of_group(request: Request) -> str | None:
        name = member(request, "GroupName")
        return inline("group", name, iam._group_inline_policies.get(name))(request)

    operations: dict[str, tuple[str, Callable[[Request], str | None]]] = {
        "_put_role_policy": ("PutRolePolicy", of_role),
        "_put_user_policy": ("PutUserPolicy", of_user),
        "_put_group_policy": ("PutGroupPolicy", of_group),
        "_create_policy": ("CreatePolicy", lambda request: managed_fault(member(request, "PolicyDocument"))),
        "_create_policy_version": (
            "CreatePolicyVersion",
            lambda request: managed_fault(member(request, "PolicyDocument")),
        ),
        "_create_role": ("CreateRole", lambda request: trust_fault(member(request, "AssumeRolePolicyDocument"))),
        "_update_assume_role_policy": (
            "UpdateAssumeRolePolicy",
            lambda request: trust_fault(member(request, "PolicyDocument")),
        ),
    }
    for name, (operation, fault) in operations.items():
        limited = _limit(getattr(iam, name), fault, iam._error)
        setattr(iam, name, limited)
        iam._IAM_HANDLERS[operation] = limited
    kinds = provisioners._RESOURCE_HANDLERS
    kinds[ROLE]["create"] = _wrap_role_creation(kinds[ROLE]["create"], iam)
    kinds[ROLE]["update"] = _wrap_role_update(kinds[ROLE]["update"], iam)
    kinds[POLICY]["create"] = _wrap_policy_creation(kinds[POLICY]["create"])
    kinds[POLICY]["update"] = _wrap_policy_update(kinds[POLICY]["update"])


def _limit(operation: Any, fault: Callable[[Request], str | None], error: Any) -> Any:
    def call_within_limits(request: Request) -> Any:
        if message := fault(request):
            return error(409, "LimitExceeded", message, ns="iam")
        return operation(request)

    return call_within_limits


def role_fault(name: str, properties: Mapping[str, Any]) -> str | None:
    """What is wrong with the length of the policies of a role in a template."""
    documents = [policy.get("PolicyDocument", {}) for policy in properties.get("Policies") or []]
    trust = properties.get("AssumeRolePolicyDocument", {})
    return trust_fault(trust) or inline_fault("role", name, documents)


def _wrap_role_creation(create: Any, iam: Any) -> Any:
    def create_role(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        _require_role(properties.get("RoleName") or logical_id, properties, iam)
        name, attributes = create(logical_id, properties, stack)
        iam._roles[name]["PermissionsBoundary"] = properties.get("PermissionsBoundary") or ""
        return name, attributes

    return create_role


def _wrap_role_update(update: Any, iam: Any) -> Any:
    def update_role(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        _require_role(physical_id, new, iam)
        name, attributes = update(physical_id, old, new, *rest)
        iam._roles[name]["PermissionsBoundary"] = new.get("PermissionsBoundary") or ""
        return name, attributes

    return update_role


def _require_role(name: str, properties: Mapping[str, Any], iam: Any) -> None:
    if message := role_fault(name, properties):
        raise ValueError(f"{message} (Service: Iam, Status Code: 409)")
    boundary = properties.get("PermissionsBoundary")
    if boundary and (refused := iam._boundary_policy_error(boundary)):
        raise ValueError(refused[2].decode().partition("<Message>")[2].partition("</Message>")[0])


def _wrap_policy_creation(create: Any) -> Any:
    def create_policy(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        _require_policy(properties)
        return create(logical_id, properties, stack)

    return create_policy


def _wrap_policy_update(update: Any) -> Any:
    def update_policy(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        _require_policy(new)
        return update(physical_id, old, new, *rest)

    return update_policy


def _require_policy(properties: Mapping[str, Any]) -> None:
    if message := managed_fault(properties.get("PolicyDocument", {})):
        raise ValueError(f"{message} (Service: Iam, Status Code: 409)")
