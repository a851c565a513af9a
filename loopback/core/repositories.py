"""Git repositories as the services see them: `owner/name` is behind a connection, a plain name is CodeCommit's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loopback.core.errors import ServiceError, ValidationException

SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


class RepositoryDoesNotExistException(ServiceError):
    """There is no repository of that name."""


class CommitDoesNotExistException(ServiceError):
    """The repository has no such branch or commit."""


@dataclass(frozen=True)
class Signature:
    """Who, and when in epoch seconds with the offset that git wrote, for example `+0000`."""

    name: str
    email: str
    seconds: int
    offset: str


@dataclass(frozen=True)
class Commit:
    """One commit."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True)
class Change:
    """A path that differs between two commits: A(dded), M(odified), D(eleted); blob id and mode of each side."""

    path: str
    kind: str
    before: tuple[str, str] | None
    after: tuple[str, str] | None


class Repositories(Protocol):
    """The git port. What needs a repository raises RepositoryDoesNotExistException."""

    def ensure(self, name: str) -> None:
        """Make an empty repository, unless it is there."""

    def exists(self, name: str) -> bool:
        """Whether it is there."""

    def names(self) -> list[str]:
        """Every repository that is there."""

    def remove(self, name: str) -> None:
        """Delete a repository and all that is in it; one that is not there is no error."""

    def refs(self, name: str) -> dict[str, str]:
        """Commit by ref, for example `refs/heads/main`."""

    def commit(self, name: str, revision: str) -> Commit:
        """What a branch or commit id names. Raises CommitDoesNotExistException."""

    def archive(self, name: str, commit: str, target: Path) -> None:
        """Write the files of a commit as a zip file; the same commit gives the same bytes."""

    def changed_files(self, name: str, old: str, new: str) -> list[str]:
        """The paths that differ between two commits; all paths of `new` where `old` is ""."""

    def changes(self, name: str, old: str, new: str) -> list[Change]:
        """The same, with the blobs on both sides."""

    def write(self, name: str, branch: str, files: Mapping[str, bytes | None], note: "Note") -> str:
        """Commit these files onto a branch (None deletes one) and return the new commit's id."""


@dataclass(frozen=True)
class Note:
    """What a commit made by an operation carries. `parent` is "" for the first commit of a branch."""

    message: str
    name: str
    email: str
    parent: str = ""


def check_name(name: str) -> str:
    """The name of a repository, safe as a path of at most two segments. Raises ValidationException."""
    parts: Sequence[str] = name.split("/")
    if len(parts) > 2 or not all(_plain(part) for part in parts):
        raise ValidationException(f"{name!r} is not a repository name; expected owner/name of letters, digits, . _ -")
    return name


def _plain(part: str) -> bool:
    return SEGMENT.fullmatch(part) is not None and ".." not in part and not part.endswith((".git", ".lock", "."))
