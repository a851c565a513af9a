"""Code repositories: a Git URL, its branch and the secret that opens it, under a name that Studio shows."""

from dataclasses import replace
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import CODE_REPOSITORY
from loopback.core.queries import CHANGED
from loopback.rows.repositories import CodeRepositoryRow
from loopback.rows.row import view_of
from loopback.services.listing import ORDERS, Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("CodeRepositorySummaryList", CODE_REPOSITORY, orders={**ORDERS, "LastModifiedTime": CHANGED})


@handles("CreateCodeRepository")
def create(request: Request, context: Context) -> Response:
    """Nothing is cloned: the repository is looked at by those who use it."""
    name = request["CodeRepositoryName"]
    if context.store.exists(CODE_REPOSITORY, name):
        raise ValidationException(f"Cannot create already existing code repository {_arn(name, context)}")
    with context.store.transaction():
        CodeRepositoryRow(request=request, git=request["GitConfig"]).create(context.store, name)
        keep_tags(_arn(name, context), request, context)
    return {"CodeRepositoryArn": _arn(name, context)}


@handles("DescribeCodeRepository")
def describe(request: Request, context: Context) -> Response:
    """As it was created or updated."""
    return view(_find(request["CodeRepositoryName"], context), context)


@handles("UpdateCodeRepository")
def update(request: Request, context: Context) -> Response:
    """Another secret; the URL and the branch cannot change, as on AWS."""
    row = _find(request["CodeRepositoryName"], context)
    git = row.git | request.get("GitConfig", {})
    replace(row, git=git).with_doc(context.store, "update")
    return {"CodeRepositoryArn": _arn(row.name, context)}


@handles("DeleteCodeRepository")
def delete(request: Request, context: Context) -> Response:
    """Forget it; the Git repository itself is somebody else's."""
    name = _find(request["CodeRepositoryName"], context).name
    with context.store.transaction():
        context.store.delete(CODE_REPOSITORY, name)
        context.store.untag(_arn(name, context))
    return {}


@handles("ListCodeRepositories")
def list_repositories(request: Request, context: Context) -> Response:
    """A page of code repositories."""
    return select(request, context, LISTING, view_of(CodeRepositoryRow, view))


def view(row: CodeRepositoryRow, context: Context) -> dict[str, Any]:
    """The repository as Describe shows it."""
    return {
        "CodeRepositoryName": row.name,
        "CodeRepositoryArn": _arn(row.name, context),
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "GitConfig": row.git,
    }


def _find(name: str, context: Context) -> CodeRepositoryRow:
    try:
        return CodeRepositoryRow.get(context.store, name)
    except ResourceNotFound:
        raise ValidationException(f'Cannot find CodeRepository: "{_arn(name, context)}".') from None


def _arn(name: str, context: Context) -> str:
    return context.place.arn(f"code-repository/{name}")
