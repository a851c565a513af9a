"""Roles that a request hands to a service of ministack, and what AWS says of one that the service cannot assume. Pure.

The words are those of AWS's API references and of its answers to a role that is absent, of another account, or does not
trust the service.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ServiceError


class RoleCannotBeAssumed(ServiceError):
    """A role is absent, of another account, or does not trust the service that it is handed to."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self._code = code

    @property
    def code(self) -> str:
        """That of the service."""
        return self._code


@dataclass(frozen=True)
class RoleMembers:
    """Requests that hand over a role: `where` is a target's operation, or method and path; `members` hold the roles."""

    principal: str
    where: str
    members: tuple[str, ...]


_OPERATIONS: dict[str, tuple[RoleMembers, ...]] = {
    "lambda": (
        RoleMembers(
            "lambda.amazonaws.com", r"POST /[\d-]+/functions/?|PUT /[\d-]+/functions/[^/]+/configuration", ("Role",)
        ),
    ),
    "events": (RoleMembers("events.amazonaws.com", r"PutRule|PutTargets", ("RoleArn", "Targets.RoleArn")),),
    "scheduler": (RoleMembers("scheduler.amazonaws.com", r"(POST|PUT) /schedules/[^/]+", ("Target.RoleArn",)),),
    "states": (RoleMembers("states.amazonaws.com", r"(Create|Update)StateMachine", ("roleArn",)),),
    "pipes": (RoleMembers("pipes.amazonaws.com", r"(POST|PUT) /v1/pipes/[^/]+", ("RoleArn",)),),
}
SERVICES = tuple(_OPERATIONS)

# Principal -> code and words of its service. One that is not here takes a role of its own, whatever it is given.
_WORDS = {
    "sagemaker.amazonaws.com": (
        "ValidationException",
        (
            "Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        ),
    ),
    "codebuild.amazonaws.com": (
        "InvalidInputException",
        "CodeBuild is not authorized to perform: sts:AssumeRole on {role}",
    ),
    "codepipeline.amazonaws.com": (
        "InvalidStructureException",
        "CodePipeline is not authorized to perform AssumeRole on role {role}",
    ),
    "codedeploy.amazonaws.com": (
        "InvalidRoleException",
        "AWS CodeDeploy does not have the permissions required to assume the role {role}.",
    ),
    "cloudformation.amazonaws.com": ("ValidationError", "Role {role} is invalid or cannot be assumed"),
    "lambda.amazonaws.com": (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    ),
    "events.amazonaws.com": (
        "ValidationException",
        "Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'.",
    ),
    "scheduler.amazonaws.com": (
        "ValidationException",
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
    ),
    "states.amazonaws.com": (
        "AccessDeniedException",
        (
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
            "the provided role."
        ),
    ),
    "pipes.amazonaws.com": ("ValidationException", "Provided role '{role}' cannot be assumed by EventBridge Pipes."),
}


def hands_over(service: str, method: str, path: str, target: str) -> tuple[RoleMembers, ...]:
    """Which members of a request to ministack hold roles; empty for most requests, whose body nobody needs to read."""
    operation = target.rpartition(".")[2] or f"{method} {path}"
    return tuple(each for each in _OPERATIONS.get(service, ()) if re.fullmatch(each.where, operation))


def handed_over(operations: Iterable[RoleMembers], request: Any) -> list[tuple[str, str]]:
    """Each role of the request, with the principal that it is handed to."""
    return [
        (role, each.principal)
        for each in operations
        for member in each.members
        for role in _values(request, member.split("."))
    ]


def cannot_be_assumed(role: str, principal: str) -> RoleCannotBeAssumed:
    """The error of the service that a role was to be handed to."""
    code, words = _WORDS[principal]
    return RoleCannotBeAssumed(code, words.format(role=role))


def is_assumed(principal: str) -> bool:
    """Whether the service assumes the role that it is given. Application Auto Scaling takes one of its own."""
    return principal in _WORDS


def _values(document: Any, path: list[str]) -> Iterator[str]:
    if isinstance(document, list):
        for each in document:
            yield from _values(each, path)
    elif not path:
        if isinstance(document, str) and document:
            yield document
    elif isinstance(document, Mapping):
        yield from _values(document.get(path[0]), path[1:])
