"""What can be changed of a repository that is there: its description and its tags."""

from typing import Any

from loopback.core.errors import ServiceError
from loopback.services.codecommit.repositories import SERVICE, get
from loopback.services.registry import Context, Request, Response, handles


class InvalidResourceArnException(ServiceError):
    """The ARN is not one of a repository here."""


@handles("UpdateRepositoryDescription", SERVICE)
def describe_as(request: Request, context: Context) -> Response:
    """Or without one."""
    row = get(request["repositoryName"], context)
    doc = {key: value for key, value in row.request.items() if key != "repositoryDescription"}
    if request.get("repositoryDescription"):
        doc["repositoryDescription"] = request["repositoryDescription"]
    row.amend(context.store, row.name, "update", doc=doc)
    return {}


@handles("TagResource", SERVICE)
def tag(request: Request, context: Context) -> Response:
    """Add or replace."""
    context.store.tag(_tagged_repository(request, context), request["tags"])
    return {}


@handles("UntagResource", SERVICE)
def untag(request: Request, context: Context) -> Response:
    """Remove by key."""
    context.store.untag(_tagged_repository(request, context), request["tagKeys"])
    return {}


@handles("ListTagsForResource", SERVICE)
def tags(request: Request, context: Context) -> Response:
    """All on one page."""
    return {"tags": context.store.tags(_tagged_repository(request, context))}


def _tagged_repository(request: Request, context: Context) -> str:
    arn: Any = request["resourceArn"]
    name = arn.rpartition(":")[2]
    if arn != context.place.arn(name, SERVICE):
        raise InvalidResourceArnException(f"{arn} is not the ARN of a repository of this account")
    get(name, context)
    return str(arn)
