"""Git repositories: what was seen of their refs, CodeCommit's own, connections, and SageMaker's code repositories."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from loopback.core.kinds import CODE_REPOSITORY, CODECOMMIT_REPOSITORY, CONNECTION, GIT_REPOSITORY
from loopback.rows.row import Json, Result, Row, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class RefMove:
    """A ref that a push has moved from one commit to another, "" for none."""

    ref: str
    old: str
    new: str


def _read_moves(value: Mapping[str, Mapping[str, str]]) -> dict[str, RefMove]:
    return {number: RefMove(**each) for number, each in value.items()}


def _dump_moves(value: Mapping[str, RefMove]) -> Json:
    return {number: asdict(each) for number, each in value.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepositoryResult(Result):
    """The commit of each ref as it was seen last, and the newest pushes by number, for the events of CodeCommit."""

    refs: dict[str, str] = field(default_factory=dict)
    pushes: dict[str, RefMove] = field(default_factory=dict, metadata=key("", _read_moves, _dump_moves))


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepositoryRow(GitRepositoryResult):
    """A repository whose pushes start pipelines, named by its path."""

    KIND = GIT_REPOSITORY


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCommitResult(Result):
    """The id that CodeCommit gives a repository."""

    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCommitRepositoryRow(CodeCommitResult):
    """A repository of CodeCommit, named by its name. `request` is CreateRepository's."""

    KIND = CODECOMMIT_REPOSITORY

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow(Row):
    """A connection to a git provider, named by its id. `request` is CreateConnection's."""

    KIND = CONNECTION

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRepositoryRow(Row):
    """A code repository of SageMaker, named by its name. `request` is CreateCodeRepository's."""

    KIND = CODE_REPOSITORY

    request: Json = field(metadata=document())
    git: Json = field(metadata=key("GitConfig"))
