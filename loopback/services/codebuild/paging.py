"""Pages of projects, of builds and of what builds leave."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from loopback.core.kinds import Kind
from loopback.core.queries import CHANGED, CREATED, NAME, Selection, equals
from loopback.core.store import Resource
from loopback.services.codebuild.errors import InvalidInputException
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context, Request, Response

PAGING = Paging("nextToken", "maxResults", "nextToken", InvalidInputException)
ITEMS_A_PAGE = 100
ORDERS = {"NAME": NAME, "CREATED_TIME": CREATED, "LAST_MODIFIED_TIME": CHANGED}


def is_descending(request: Mapping[str, Any], default: str = "DESCENDING") -> bool:
    """Whether sortOrder, or what it is without one, has the greatest first."""
    return bool(request.get("sortOrder", default) == "DESCENDING")


def list_rows(
    selection: Selection, show: Callable[[Resource], Any], output: str, request: Request, context: Context
) -> Response:
    """A page of rows, each as `show` makes it."""
    return PAGING.of_rows(context.store, request, [selection], Items(output, show, ITEMS_A_PAGE))


def list_ids(selection: Selection, request: Request, context: Context) -> Response:
    """A page of ids, newest first unless asked otherwise."""
    ordered = replace(selection, descending=is_descending(request))
    return list_rows(ordered, lambda row: row.name, "ids", request, context)


def started_with(kind: Kind, project: str, token: str | None, context: Context) -> Resource | None:
    """The build or the batch that a request with this idempotencyToken has started already."""
    if not token:
        return None
    return context.store.first(Selection(kind, project, equal=(equals("idempotencyToken", token),)))
