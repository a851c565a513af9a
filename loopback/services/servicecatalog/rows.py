"""What all families of Service Catalog share: ids, ARNs, tokens, pages."""

import secrets
import string
from collections.abc import Iterable
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import Kind
from loopback.core.store import Resource
from loopback.services.registry import Context, Request, Response
from loopback.services.servicecatalog.errors import InvalidParametersException, ResourceNotFoundException

_ALPHABET = string.ascii_lowercase + string.digits
PAGE = 20


def new_id(prefix: str) -> str:
    """For example `port-` and 13 letters and digits."""
    return f"{prefix}-" + "".join(secrets.choice(_ALPHABET) for _ in range(13))


def arn(slug: str, name: str, context: Context) -> str:
    """Portfolios and products are `catalog`'s, provisioned products `servicecatalog`'s, as on AWS."""
    if slug == "stack":
        return context.place.arn(f"stack/{name}", "servicecatalog")
    return context.place.arn(f"{slug}/{name}", "catalog")


def find(kind: Kind, name: str, context: Context) -> Resource:
    """Raises ResourceNotFoundException."""
    try:
        return context.store.get(kind, name)
    except ResourceNotFound:
        noun = kind.noun[0].upper() + kind.noun[1:]
        raise ResourceNotFoundException(f"{noun} {name} not found") from None


def made_with(kind: Kind, token: str, context: Context) -> Resource | None:
    """What a request with this token has made already: a client may send one twice."""
    same = (row for row in context.store.find(kind) if row.doc.get("IdempotencyToken") == token)
    return next(same, None)


def tags_of(resource: str, context: Context) -> list[dict[str, str]]:
    """As the answers show them."""
    return [{"Key": key, "Value": value} for key, value in context.store.tags(resource).items()]


def change_tags(resource: str, request: Request, context: Context) -> None:
    """AddTags and RemoveTags of an Update request."""
    context.store.untag(resource, request.get("RemoveTags", []))
    context.store.tag(resource, {tag["Key"]: tag["Value"] for tag in request.get("AddTags", [])})


def page(items: Iterable[tuple[str, Any]], request: Request, member: str) -> Response:
    """The page of (id, view) pairs that PageToken and PageSize ask for. A token is the id of the last item shown."""
    shown = list(items)
    if token := request.get("PageToken"):
        ids = [name for name, _ in shown]
        if token not in ids:
            raise InvalidParametersException("PageToken is not one that this operation gave; start again without it")
        shown = shown[ids.index(token) + 1 :]
    size = request.get("PageSize") or PAGE
    answer: Response = {member: [view for _, view in shown[:size]]}
    return answer | ({"NextPageToken": shown[size - 1][0]} if len(shown) > size else {})
