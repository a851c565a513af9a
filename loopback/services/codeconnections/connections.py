"""Connections to where code is kept. Here they lead to bare repositories in the state folder."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from loopback.core.errors import ResourceNotFound, ServiceError, ValidationException
from loopback.core.kinds import CONNECTION
from loopback.core.queries import Selection, equals
from loopback.rows.repositories import ConnectionRow
from loopback.rows.row import view_of
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context, Handler, Request, Response, handles

SERVICES = ("codeconnections", "codestar-connections")
SERVED = ("Bitbucket", "GitHub", "GitLab")  # those that need no host of one's own


class ResourceNotFoundException(ServiceError):
    """There is no connection of that ARN."""


def _both(operation: str) -> Callable[[Handler], Handler]:
    def register(function: Handler) -> Handler:
        for service in SERVICES:
            handles(operation, service)(function)
        return function

    return register


def arn_of(row: ConnectionRow, context: Context) -> str:
    """The ARN, under the service's present name."""
    return context.place.arn(f"connection/{row.name}", "codeconnections")


def find(arn: str, context: Context) -> ConnectionRow:
    """The row of a connection, by an ARN of either service. Raises ResourceNotFoundException."""
    identity = arn.rpartition(":connection/")[2]
    known = {context.place.arn(f"connection/{identity}", service) for service in SERVICES}
    try:
        if arn in known:
            return ConnectionRow.get(context.store, identity)
    except ResourceNotFound:
        pass
    raise ResourceNotFoundException(f"Connection {arn} not found")


@_both("CreateConnection")
def create(request: Request, context: Context) -> Response:
    """AVAILABLE at once: on AWS a connection is PENDING until somebody has clicked; here there is nothing to click."""
    if "HostArn" in request:
        raise ValidationException("HostArn: loopback has no hosts; it serves connections of " + ", ".join(SERVED))
    provider = request.get("ProviderType")
    if provider not in SERVED:
        raise ValidationException(f"ProviderType {provider}: loopback serves connections of {', '.join(SERVED)}")
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    with context.store.transaction():
        row = ConnectionRow(request=request).create(context.store, str(uuid.uuid4()))
        context.store.tag(arn_of(row, context), tags)
    return {"ConnectionArn": arn_of(row, context), "Tags": request.get("Tags") or []}


@_both("GetConnection")
def describe(request: Request, context: Context) -> Response:
    """By its ARN."""
    return {"Connection": _view(find(request["ConnectionArn"], context), context)}


@_both("ListConnections")
def list_all(request: Request, context: Context) -> Response:
    """Oldest first."""
    if "HostArnFilter" in request:
        raise ValidationException("HostArnFilter: loopback has no hosts")
    wanted = request.get("ProviderTypeFilter")
    oldest = Selection(CONNECTION, where=() if wanted is None else (equals("ProviderType", wanted),))
    shown = Items("Connections", partial(view_of(ConnectionRow, _view), context=context), 100)
    return Paging().of_rows(context.store, request, [oldest], shown)


@_both("DeleteConnection")
def delete(request: Request, context: Context) -> Response:
    """The repositories behind it stay."""
    row = find(request["ConnectionArn"], context)
    with context.store.transaction():
        context.store.untag(arn_of(row, context))
        context.store.delete(CONNECTION, row.name)
    return {}


@_both("TagResource")
def tag(request: Request, context: Context) -> Response:
    """Add or replace."""
    arn = arn_of(find(request["ResourceArn"], context), context)
    context.store.tag(arn, {tag["Key"]: tag["Value"] for tag in request["Tags"]})
    return {}


@_both("UntagResource")
def untag(request: Request, context: Context) -> Response:
    """Remove by key."""
    context.store.untag(arn_of(find(request["ResourceArn"], context), context), request["TagKeys"])
    return {}


@_both("ListTagsForResource")
def list_tags(request: Request, context: Context) -> Response:
    """By key."""
    tags = context.store.tags(arn_of(find(request["ResourceArn"], context), context))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _view(row: ConnectionRow, context: Context) -> dict[str, Any]:
    return {
        "ConnectionName": row.request["ConnectionName"],
        "ConnectionArn": arn_of(row, context),
        "ProviderType": row.request["ProviderType"],
        "OwnerAccountId": context.place.account,
        "ConnectionStatus": "AVAILABLE",
    }
