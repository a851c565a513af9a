"""Members of stack requests that the base does not read are refused by name, rather than left out in silence."""

import importlib
from collections.abc import Mapping
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation.handlers": ("_ACTION_HANDLERS", "_error"),
}
# That a set of changes shows those of nested stacks, or that a client's token repeats, changes nothing that is made.
NOT_DONE: dict[str, tuple[str, ...]] = {
    "CreateStack": (
        "DeploymentConfig",
        "NotificationARNs",
        "ResourceTypes",
        "RollbackConfiguration",
        "TimeoutInMinutes",
    ),
    "UpdateStack": (
        "DeploymentConfig",
        "NotificationARNs",
        "ResourceTypes",
        "RollbackConfiguration",
        "StackPolicyDuringUpdateBody",
        "StackPolicyDuringUpdateURL",
    ),
    "CreateChangeSet": (
        "DeploymentConfig",
        "DeploymentMode",
        "NotificationARNs",
        "ResourceTypes",
        "RollbackConfiguration",
    ),
    "DeleteStack": ("DeploymentConfig",),
    "RollbackStack": ("DeploymentConfig",),
}

# What a client may say although it is so anyhow: the CDK names the mode of every change set.
DEFAULTS = {"DeploymentConfig.Mode": "STANDARD", "DeploymentConfig.DisableRollback": "false"}


def install() -> None:
    """Look at each request first. Once, before the base serves."""
    handlers: Any = importlib.import_module(next(iter(HOOKS)))
    for action, members in NOT_DONE.items():
        handlers._ACTION_HANDLERS[action] = _check_first(action, members, handlers._ACTION_HANDLERS[action], handlers)


def _check_first(action: str, members: tuple[str, ...], answer: Any, handlers: Any) -> Any:
    def check_and_answer(request: Mapping[str, Any]) -> Any:
        if refused := members_given_in(request, members):
            return handlers._error("ValidationError", f"loopback does not carry out {', '.join(refused)} of {action}")
        return answer(request)

    return check_and_answer


def members_given_in(request: Mapping[str, Any], members: tuple[str, ...]) -> list[str]:
    """Which of the members a request has, as a form names them (`A.member.1`) or as JSON does; empty ones count not.

    >>> given({"A.member.1": ["x"], "B": [""], "C": ["1"]}, ("A", "B", "C", "D"))
    ['A', 'C']
    """
    return [
        name
        for name in members
        if any(
            (key == name or key.startswith(f"{name}.")) and _has_value(value, DEFAULTS.get(key))
            for key, value in request.items()
        )
    ]


def _has_value(value: Any, default: str | None) -> bool:
    if isinstance(value, list):
        return any(_has_value(item, default) for item in value)
    return value not in ("", None, "{}", "[]", default)
