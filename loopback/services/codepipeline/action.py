"""What a provider gets, and what it answers: the words between the driver and the actions that it runs."""

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.core.permissions import PermissionCheck
from loopback.core.repositories import Repositories, RepositoryDoesNotExistException
from loopback.rows.codepipeline import ActionRow
from loopback.services.registry import Context

_SEVEN = string.ascii_letters + string.digits


@dataclass(frozen=True)
class ActionEnded:
    """An action is over. `error` is AWS's code, "" for a success; `noted` are `changes` of the action's row."""

    error: str = ""
    summary: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    noted: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wait:
    """An action goes on elsewhere: look again after `seconds`, None when something will tell.

    `noted` are `changes` of the action's row.
    """

    seconds: float | None
    noted: Mapping[str, Any] = field(default_factory=dict)


Outcome = ActionEnded | Wait


@dataclass(frozen=True)
class ActionContext:
    """One action, or one rule of a condition, at work.

    `boot` is of this process: what was begun under another may have been cut off. `now` is the time of this look.
    """

    row: ActionRow
    context: Context
    boot: str
    now: float = 0.0

    @property
    def configuration(self) -> dict[str, str]:
        """With every variable replaced."""
        return self.row.resolved

    @property
    def inputs(self) -> Sequence[Artifact]:
        """The input artifacts, where they are."""
        return self.row.inputs

    @property
    def outputs(self) -> Sequence[Artifact]:
        """The output artifacts, where they have to be."""
        return self.row.outputs

    def note(self, noted: Mapping[str, Any]) -> None:
        """Remember `changes` of the row at once: they are there even when what follows is cut off."""
        self.row.amend(self.context.store, self.row.name, "work", result=noted)

    def client(self, service: str) -> Any:
        """A boto3 client that acts with the action's role."""
        return self.context.client(service, self.row.role)

    def permit(self, *checks: PermissionCheck) -> None:
        """Whether the action's role may do this. Raises AccessDeniedException."""
        self.context.permit(self.row.role, checks)

    def input(self, name: str) -> Artifact | None:
        """The input artifact of that name."""
        return next((each for each in self.inputs if each.name == name), None)


def artifact_key(pipeline: str, artifact: str) -> str:
    """Where a new artifact goes in the artifact bucket.

    Source: AWS, reference-pipeline-structure.
    """
    return f"{pipeline[:20]}/{artifact[:10]}/{''.join(secrets.choice(_SEVEN) for _ in range(7))}"


def repositories(context: Context) -> Repositories:
    """The git repositories of this loopback."""
    if context.repositories is None:
        raise RepositoryDoesNotExistException("This loopback keeps no git repositories")
    return context.repositories
