"""Repositories: create, read, list, delete; their branches and commits; single commits without a clone."""

import base64
import uuid
from typing import Any

from loopback.core.errors import ResourceInUse, ResourceNotFound, ServiceError
from loopback.core.kinds import CODECOMMIT_REPOSITORY, GIT_REPOSITORY
from loopback.core.queries import CHANGED, NAME, Selection
from loopback.core.repositories import (
    Change,
    Commit,
    CommitDoesNotExistException,
    Note,
    Repositories,
    RepositoryDoesNotExistException,
    Signature,
    check_name,
)
from loopback.rows.repositories import CodeCommitRepositoryRow
from loopback.rows.row import view_of
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context, Request, Response, handles, refuse_with

SERVICE = "codecommit"
HEADS = "refs/heads/"


class RepositoryNameExistsException(ServiceError):
    """There is a repository of that name already."""


class InvalidRepositoryNameException(ServiceError):
    """The name is not one for a repository."""


class BranchDoesNotExistException(ServiceError):
    """The repository has no such branch."""


class CommitIdDoesNotExistException(ServiceError):
    """The repository has no such commit."""


class ParentCommitIdOutdatedException(ServiceError):
    """The branch is not at that commit any more."""


class ParentCommitIdRequiredException(ServiceError):
    """The branch has commits, and the request does not say which it goes on from."""


class FileNameConflictsWithDirectoryNameException(ServiceError):
    """A path is not one for a file."""


class InvalidPathException(ServiceError):
    """The path is not one inside the repository."""


class InvalidContinuationTokenException(ServiceError):
    """The token is not one that the operation gave."""


class RepositoryNameRequiredException(ServiceError):
    """The repository is not named."""


NAME_RULE = (  # AWS's words, as moto's tests against AWS have them
    "The repository name is not valid. Repository names can be any valid combination of letters, numbers, periods, "
    "underscores, and dashes. Names must be between 1 and 100 characters in length."
)


def _name_refusal(fault: ServiceError) -> ServiceError:
    return InvalidRepositoryNameException(NAME_RULE) if "'repositoryName'" in str(fault) else fault


refuse_with(SERVICE, _name_refusal)
PAGING = Paging("nextToken", "", "nextToken", InvalidContinuationTokenException)


class BranchNameRequiredException(ServiceError):
    """The branch is not named. The service model leaves these members optional; AWS does not."""


class FileContentRequiredException(ServiceError):
    """A file is put without its content."""


class SerializationException(ServiceError):
    """Content that is not base64."""


def get(name: str, context: Context) -> CodeCommitRepositoryRow:
    """The row of a repository. Raises RepositoryDoesNotExistException."""
    try:
        return CodeCommitRepositoryRow.get(context.store, name)
    except ResourceNotFound:
        raise RepositoryDoesNotExistException(f"{name} does not exist") from None


def _git(context: Context) -> Repositories:
    if context.repositories is None:
        raise RepositoryDoesNotExistException("This loopback keeps no git repositories")
    return context.repositories


@handles("CreateRepository", SERVICE)
def create(request: Request, context: Context) -> Response:
    """Empty."""
    name = request["repositoryName"]
    try:
        if "/" in check_name(name):
            raise InvalidRepositoryNameException(f"{name}: a repository name has no /")
    except ServiceError as fault:
        raise InvalidRepositoryNameException(str(fault)) from None
    try:
        with context.store.transaction():
            row = CodeCommitRepositoryRow(request=request, id=str(uuid.uuid4())).create(context.store, name)
            context.store.tag(context.place.arn(name, SERVICE), request.get("tags") or {})
            _git(context).ensure(name)
    except ResourceInUse:
        raise RepositoryNameExistsException(f"Repository named {name} already exists") from None
    return {"repositoryMetadata": _view(row, context)}


@handles("GetRepository", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """With the address that git clones it from."""
    return {"repositoryMetadata": _view(get(request["repositoryName"], context), context)}


@handles("ListRepositories", SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """A page of names and ids."""
    order = NAME if request.get("sortBy", "repositoryName") == "repositoryName" else CHANGED
    ordered = Selection(CODECOMMIT_REPOSITORY, order=order, descending=request.get("order") == "descending")
    show = view_of(CodeCommitRepositoryRow, lambda row: {"repositoryName": row.name, "repositoryId": row.id})
    return PAGING.of_rows(context.store, request, [ordered], Items("repositories", show, 100))


@handles("DeleteRepository", SERVICE)
def delete(request: Request, context: Context) -> Response:
    """With all its commits. One that is not there is no error, as on AWS."""
    name = request["repositoryName"]
    if not context.store.exists(CODECOMMIT_REPOSITORY, name):
        return {}
    row = get(name, context)
    with context.store.transaction():
        context.store.delete(CODECOMMIT_REPOSITORY, name)
        context.store.untag(context.place.arn(name, SERVICE))
        if context.store.exists(GIT_REPOSITORY, name):
            context.store.delete(GIT_REPOSITORY, name)
    _git(context).remove(name)
    return {"repositoryId": row.id}


@handles("ListBranches", SERVICE)
def list_branches(request: Request, context: Context) -> Response:
    """By name, all on one page."""
    return {"branches": sorted(_branches(request["repositoryName"], context))}


@handles("GetBranch", SERVICE)
def branch(request: Request, context: Context) -> Response:
    """The commit that it is at."""
    if "repositoryName" not in request:
        raise RepositoryNameRequiredException("repositoryName is required")
    if "branchName" not in request:
        raise BranchNameRequiredException("branchName is required")
    name, wanted = request["repositoryName"], request["branchName"]
    found = _branches(name, context)
    if wanted not in found:
        raise BranchDoesNotExistException(f"Branch {wanted} does not exist in repository {name}")
    return {"branch": {"branchName": wanted, "commitId": found[wanted]}}


@handles("GetCommit", SERVICE)
def commit(request: Request, context: Context) -> Response:
    """By its id."""
    name, wanted = get(request["repositoryName"], context).name, request["commitId"]
    try:
        found = _git(context).commit(name, wanted)
    except CommitDoesNotExistException:
        raise CommitIdDoesNotExistException(f"Commit {wanted} does not exist in repository {name}") from None
    return {"commit": _commit_view(found)}


@handles("GetDifferences", SERVICE)
def differences(request: Request, context: Context) -> Response:
    """The files that differ between two commits, or all files of one; one page."""
    if refused := [key for key in ("beforePath", "afterPath") if key in request]:
        raise InvalidPathException(f"loopback does not carry out {refused[0]} of GetDifferences")
    name = get(request["repositoryName"], context).name
    ends = [request.get("beforeCommitSpecifier", ""), request["afterCommitSpecifier"]]
    try:
        old, new = (_git(context).commit(name, end).id if end else "" for end in ends)
    except CommitDoesNotExistException as fault:
        raise CommitIdDoesNotExistException(str(fault)) from None
    return {"differences": [_difference(change) for change in _git(context).changes(name, old, new)]}


def _difference(change: Change) -> Response:
    sides = {"beforeBlob": change.before, "afterBlob": change.after}
    blobs = {key: {"blobId": s[0], "path": change.path, "mode": s[1]} for key, s in sides.items() if s}
    return {"changeType": change.kind, **blobs}


@handles("PutFile", SERVICE)
def put_file(request: Request, context: Context) -> Response:
    """One file onto a branch, as a commit."""
    files = {request["filePath"]: request["fileContent"]}
    made = _write(request, request.get("commitMessage", ""), files, context)
    return {"commitId": made.id, "treeId": made.tree}


@handles("CreateCommit", SERVICE)
def create_commit(request: Request, context: Context) -> Response:
    """Files put and deleted, as one commit."""
    files: dict[str, Any] = {}
    for each in request.get("putFiles") or ():
        if "sourceFile" in each:
            raise InvalidPathException("putFiles.sourceFile: loopback puts files by their content")
        if "fileContent" not in each:
            raise FileContentRequiredException(f"putFiles: {each['filePath']} has no fileContent")
        files[each["filePath"]] = each["fileContent"]
    files |= {each["filePath"]: None for each in request.get("deleteFiles") or ()}
    made = _write(request, request.get("commitMessage", ""), files, context)
    return {"commitId": made.id, "treeId": made.tree}


def _write(request: Request, message: str, files: dict[str, Any], context: Context) -> Commit:
    name, at = get(request["repositoryName"], context).name, request["branchName"]
    head, parent = _branches(name, context).get(at, ""), request.get("parentCommitId", "")
    if head and not parent:
        raise ParentCommitIdRequiredException(f"Branch {at} is at {head}; parentCommitId has to say so")
    if head != parent:
        raise ParentCommitIdOutdatedException(f"Branch {at} is at {head or 'no commit'}, not at {parent}")
    contents = {_path(path): _bytes(content) for path, content in files.items()}
    who = {"name": request.get("name") or request.get("authorName") or "root", "email": request.get("email", "")}
    made = _git(context).write(name, at, contents, Note(message or "-", parent=parent, **who))
    context.on_change(CODECOMMIT_REPOSITORY.slug, name)
    return _git(context).commit(name, made)


def _path(path: str) -> str:
    inside = path.strip("/")
    if not inside or any(part in ("", ".", "..", ".git") for part in inside.split("/")):
        raise InvalidPathException(f"{path!r} is not a path inside the repository")
    return inside


def _bytes(content: Any) -> bytes | None:
    """Blobs travel as base64 in JSON."""
    if content is None or isinstance(content, bytes):
        return content
    try:
        return base64.b64decode(content)
    except ValueError as fault:
        raise SerializationException(f"fileContent is not base64: {fault}") from None


def _branches(name: str, context: Context) -> dict[str, str]:
    refs = _git(context).refs(get(name, context).name)
    return {ref.removeprefix(HEADS): at for ref, at in refs.items() if ref.startswith(HEADS)}


def _view(row: CodeCommitRepositoryRow, context: Context) -> dict[str, Any]:
    url = context.client("sts", "").meta.endpoint_url
    branches = _branches(row.name, context)
    return {
        "accountId": context.place.account,
        "repositoryId": row.id,
        "repositoryName": row.name,
        "repositoryDescription": row.request.get("repositoryDescription"),
        "defaultBranch": "main" if "main" in branches else next(iter(sorted(branches)), None),
        "lastModifiedDate": row.changed,
        "creationDate": row.created,
        "cloneUrlHttp": f"{url}/v1/repos/{row.name}",
        "Arn": context.place.arn(row.name, SERVICE),
    }


def _commit_view(found: Commit) -> dict[str, Any]:
    return {
        "commitId": found.id,
        "treeId": found.tree,
        "parents": list(found.parents),
        "message": found.message,
        "author": _who(found.author),
        "committer": _who(found.committer),
    }


def _who(signature: Signature) -> dict[str, str]:
    date = f"{signature.seconds} {signature.offset}"
    return {"name": signature.name, "email": signature.email, "date": date}
