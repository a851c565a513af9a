"""What all families of Service Catalog share: ids, ARNs, tokens, pages."""

import secrets
import string
from collections.abc import Callable
from typing import Any, TypeVar

from loopback.core.errors import ResourceNotFound
from loopback.core.queries import Selection, equals
from loopback.core.store import Resource
from loopback.rows.row import Row
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context, Request, Response
from loopback.services.servicecatalog.errors import InvalidParametersException, ResourceNotFoundException

_ALPHABET = string.ascii_lowercase + string.digits
PAGE = 20
R = TypeVar("R", bound=Row)
PAGING = Paging("PageToken", "PageSize", "NextPageToken", InvalidParametersException)


def new_id(prefix: str) -> str:
    """For example `port-` and 13 letters and digits."""
    return f"{prefix}-" + "".join(secrets.choice(_ALPHABET) for _ in range(13))


def arn(slug: str, name: str, context: Context) -> str:
    """Portfolios and products are `catalog`'s, provisioned products `servicecatalog`'s, as on AWS."""
    if slug == "stack":
        return context.place.arn(f"stack/{name}", "servicecatalog")
    return context.place.arn(f"{slug}/{name}", "catalog")


def find(of: type[R], name: str, context: Context) -> R:
    """The record of an id. Raises ResourceNotFoundException."""
    try:
        return of.get(context.store, name)
    except ResourceNotFound:
        noun = of.KIND.noun[0].upper() + of.KIND.noun[1:]
        raise ResourceNotFoundException(f"{noun} {name} not found") from None


def made_with(of: type[R], token: str, context: Context) -> R | None:
    """What a request with this token has made already: a client may send one twice."""
    return of.first(context.store, Selection(of.KIND, equal=(equals("IdempotencyToken", token),)))


def tags_of(resource: str, context: Context) -> list[dict[str, str]]:
    """As the answers show them."""
    return [{"Key": key, "Value": value} for key, value in context.store.tags(resource).items()]


def change_tags(resource: str, request: Request, context: Context) -> None:
    """AddTags and RemoveTags of an Update request."""
    context.store.untag(resource, request.get("RemoveTags", []))
    context.store.tag(resource, {tag["Key"]: tag["Value"] for tag in request.get("AddTags", [])})


def page_of(
    selection: Selection,
    show: Callable[[Resource], Any],
    member: str,
    request: Request,
    context: Context,
    keep: Callable[[Resource], bool] = lambda _: True,
) -> Response:
    """The page of rows that PageToken and PageSize ask for, each as `show` makes it."""
    return PAGING.of_rows(context.store, request, [selection], Items(member, show, PAGE, keep))
