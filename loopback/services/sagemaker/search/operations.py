"""Search and GetSearchSuggestions.

A page goes through the rows in the order of an index and keeps what the filters want; of a page's answer there may be
fewer, or none, and a token all the same (queries.SCANNED). Another order is made of all rows, up to MOST_SORTED.
"""

from itertools import islice
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.queries import CHANGED, CREATED, NAME, Selection
from loopback.core.store import Resource
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.search import filters
from loopback.services.sagemaker.search.properties import kind_of, names_of, values_of
from loopback.services.sagemaker.search.records import Searched, record, searchable_kind

PAGING = Paging()
PAGE = 10
MOST_SORTED = 2000  # rows that are put in an order which no index has
MOST_SUGGESTIONS = 100
_ORDERS = {"LastModifiedTime": CHANGED, "CreationTime": CREATED}


@handles("Search")
def search(request: Request, context: Context) -> Response:
    """A page of resources, the one that was changed last first unless the request says otherwise."""
    if request.get("CrossAccountFilterOption") == "CrossAccount" or "VisibilityConditions" in request:
        raise ValidationException("CrossAccountFilterOption and VisibilityConditions: loopback has one account")
    of = searchable_kind(request["Resource"])
    expression = request.get("SearchExpression") or {}
    filters.check(expression, of.shape)
    descending = request.get("SortOrder", "Descending") == "Descending"
    order = _order(request.get("SortBy", "LastModifiedTime"), of)

    def keep(row: Resource) -> bool:
        return filters.holds(record(row, of, context), expression, of.shape)

    def show(row: Resource) -> dict[str, Any]:
        return {of.member: record(row, of, context)}

    if order is not None:
        items = Items("Results", show, PAGE, keep)
        return PAGING.of_rows(context.store, request, [Selection(of.kind, order=order, descending=descending)], items)
    rows = list(islice(context.store.scan(Selection(of.kind)), MOST_SORTED + 1))
    if len(rows) > MOST_SORTED:
        raise ValidationException(
            f"SortBy {request['SortBy']}: there are more than {MOST_SORTED} resources; sort by {', '.join(_ORDERS)}"
        )
    kept = [show(row) for row in rows if keep(row)]
    return PAGING.of_items(request, _sort(kept, of, request["SortBy"], descending=descending), "Results", PAGE)


def _order(property_: str, of: Searched) -> str | None:
    """The SQL of an order that an index has; None for another property. Raises ValidationException."""
    if property_ in _ORDERS:
        return _ORDERS[property_]
    if property_ == of.name and of.member not in ("ModelPackage", "PipelineVersion", "PipelineExecution", "Endpoint"):
        return NAME
    if kind_of(of.shape, property_) == "object":
        raise ValidationException(f"SortBy {property_}: it has no single value; name one of its members")
    return None


def _sort(shown: list[dict[str, Any]], of: Searched, property_: str, *, descending: bool) -> list[dict[str, Any]]:
    """By a property; what has none of it comes last."""
    found = [(values_of(each[of.member], of.shape, property_), each) for each in shown]
    having = sorted((pair for pair in found if pair[0]), key=lambda pair: pair[0][0], reverse=descending)
    return [each for _, each in (*having, *(pair for pair in found if not pair[0]))]


@handles("GetSearchSuggestions")
def suggestions(request: Request, _context: Context) -> Response:
    """The names of properties that contain the hint, as the service model has them."""
    of = searchable_kind(request["Resource"])
    query = (request.get("SuggestionQuery") or {}).get("PropertyNameQuery") or {}
    hint = str(query.get("PropertyNameHint", "")).lower()
    names = (name for name in names_of(of.shape) if hint in name.lower())
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in islice(names, MOST_SUGGESTIONS)]}
