"""Build projects: what is built, with what, as whom."""

from collections.abc import Mapping
from typing import Any

from loopback.core.errors import ResourceInUse
from loopback.core.kinds import BUILD, BUILD_BATCH, BUILD_PROJECT
from loopback.core.queries import Selection
from loopback.rows.codebuild import BuildProjectRow
from loopback.services.codebuild import tags
from loopback.services.codebuild.checks import check
from loopback.services.codebuild.errors import (
    InvalidInputException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from loopback.services.codebuild.paging import ORDERS, is_descending, list_rows
from loopback.services.registry import Context, Request, Response, handles

DEFAULTS: Mapping[str, Any] = {"timeoutInMinutes": 60, "queuedTimeoutInMinutes": 480, "cache": {"type": "NO_CACHE"}}


@handles("CreateProject", service="codebuild")
def create(request: Request, context: Context) -> Response:
    """A project; the image is kept as a name, for builds run with this machine's tools."""
    doc = {**DEFAULTS, "encryptionKey": _default_key(context), **request}
    doc.pop("tags", None)
    check(doc)
    with context.store.transaction():
        try:
            row = BuildProjectRow(request=doc).create(context.store, request["name"])
        except ResourceInUse:
            raise ResourceAlreadyExistsException(
                f"Project already exists: {arn_of(request['name'], context)}"
            ) from None
        tags.keep(arn_of(row.name, context), request, context)
    context.on_change(BUILD_PROJECT.slug, row.name)
    return {"project": view(row, context)}


@handles("UpdateProject", service="codebuild")
def update(request: Request, context: Context) -> Response:
    """Members that the request names are replaced whole; the others stay."""
    row = existing(request["name"], context)
    doc = row.request | {key: value for key, value in request.items() if key != "tags"}
    check(doc)
    with context.store.transaction():
        row = row.amend(context.store, row.name, "update", doc=doc)
        if "tags" in request:
            context.store.untag(arn_of(row.name, context))
            tags.keep(arn_of(row.name, context), request, context)
    context.on_change(BUILD_PROJECT.slug, row.name)
    return {"project": view(row, context)}


@handles("DeleteProject", service="codebuild")
def delete(request: Request, context: Context) -> Response:
    """The project and the record of its builds and batches. One that is not there is no error, as on AWS."""
    name = context.place.name_in(request["name"], "project")
    if not context.store.exists(BUILD_PROJECT, name):
        return {}
    with context.store.transaction():
        for kind in (BUILD_BATCH, BUILD):
            if build := context.store.first(Selection(kind, name, ("IN_PROGRESS",))):
                raise InvalidInputException(f"Build {build.name} of project {name} is running; stop it first")
            for build in context.store.find(kind, parent=name):
                context.store.delete(kind, build.name)
        context.store.delete(BUILD_PROJECT, name)
        context.store.untag(arn_of(name, context))
    return {}


@handles("BatchGetProjects", service="codebuild")
def batch_get(request: Request, context: Context) -> Response:
    """Projects by name or ARN; names that are not there are listed, not refused."""
    found, missing = [], []
    for asked in request["names"]:
        name = context.place.name_in(asked, "project")
        if context.store.exists(BUILD_PROJECT, name):
            found.append(view(BuildProjectRow.get(context.store, name), context))
        else:
            missing.append(asked)
    return {"projects": found, "projectsNotFound": missing}


@handles("ListProjects", service="codebuild")
def list_projects(request: Request, context: Context) -> Response:
    """Names, in the order asked for."""
    order, descending = ORDERS[request.get("sortBy", "NAME")], is_descending(request, "ASCENDING")
    ordered = Selection(BUILD_PROJECT, order=order, descending=descending)
    return list_rows(ordered, lambda row: row.name, "projects", request, context)


def existing(asked: str, context: Context) -> BuildProjectRow:
    """The row of a project by name or ARN. Raises ResourceNotFoundException."""
    name = context.place.name_in(asked, "project")
    if not context.store.exists(BUILD_PROJECT, name):
        raise ResourceNotFoundException(f"Project cannot be found: {arn_of(name, context)}")
    return BuildProjectRow.get(context.store, name)


def arn_of(name: str, context: Context) -> str:
    """The ARN of a project, whether it exists or not."""
    return context.place.arn(f"project/{name}", "codebuild")


def view(row: BuildProjectRow, context: Context) -> Response:
    """A row as AWS's Project."""
    arn = arn_of(row.name, context)
    badge = {"badge": {"badgeEnabled": row.request.get("badgeEnabled", False)}}
    return (
        row.request
        | badge
        | {"arn": arn, "created": row.created, "lastModified": row.changed, "tags": tags.as_list(arn, context)}
    )


def _default_key(context: Context) -> str:
    return context.place.arn("alias/aws/s3", "kms")
