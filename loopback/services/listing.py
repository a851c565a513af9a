"""What SageMaker's List operations share: filters, orders and pages of rows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from loopback.core.kinds import Kind
from loopback.core.queries import CHANGED, CREATED, NAME, Selection, Term, Value, around, contains
from loopback.core.store import Resource
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context

View = dict[str, Any]
PAGING = Paging()
ORDERS = {"Name": NAME, "CreationTime": CREATED}
STATUS = "Status"
TIMES = {
    "CreationTimeAfter": (CREATED, ">"),
    "CreationTimeBefore": (CREATED, "<"),
    "CreatedAfter": (CREATED, ">"),
    "CreatedBefore": (CREATED, "<"),
    "LastModifiedTimeAfter": (CHANGED, ">"),
    "LastModifiedTimeBefore": (CHANGED, "<"),
}


@dataclass(frozen=True)
class Listing:
    """How one List operation shows the rows of a kind.

    `orders` are the SQL of what SortBy may ask for, `created` is that of the time of creation, and `name` that of what
    NameContains looks in. `times` are the members that bound a time: its SQL, and on which side. `shown` has the
    statuses that are shown as another one.
    """

    output: str
    kind: Kind
    page: int = 10
    order: str = "Descending"
    sort: str = "CreationTime"
    orders: Mapping[str, str] = field(default_factory=lambda: ORDERS)
    created: str = CREATED
    times: Mapping[str, tuple[str, str]] = field(default_factory=lambda: TIMES)
    name: str = NAME
    shown: Mapping[str, str] = field(default_factory=dict)


def select(
    request: Mapping[str, Any],
    context: Context,
    listing: Listing,
    view: Callable[[Resource, Context], View],
    within: Selection | None = None,
) -> dict[str, Any]:
    """The page that a request asks for, each row as `view` shows it, and NextToken when there is more.

    `within` says which rows of the kind it is about; without it, all.

    A token names the last row looked at, so rows that arrive in between neither repeat nor hide others.
    """
    selections = list(_selections(listing, request, within or Selection(listing.kind)))
    items = Items(listing.output, lambda row: view(row, context), listing.page)
    return PAGING.of_rows(context.store, request, selections, items)


def filters(request: Mapping[str, Any], members: Mapping[str, str]) -> tuple[Term, ...]:
    """The terms of those members that a request has; the SQL of each has one `?` for the member's value."""
    return tuple((text, request[name]) for name, text in members.items() if name in request)


def _selections(listing: Listing, request: Mapping[str, Any], of: Selection) -> Iterator[Selection]:
    """One, or one a status where statuses are what is sorted by."""
    sort, descending = request.get("SortBy", listing.sort), request.get("SortOrder", listing.order) == "Descending"
    order = listing.created if sort == STATUS else listing.orders[sort]
    bounds, terms = _bounds(listing, request, order)
    for statuses in _statuses(listing, request, sorted_by=sort == STATUS, descending=descending):
        yield Selection(
            of.kind, of.parent, statuses, order, descending, *bounds, equal=of.equal, where=(*of.where, *terms)
        )


def _statuses(
    listing: Listing, request: Mapping[str, Any], *, sorted_by: bool, descending: bool
) -> Iterator[tuple[str, ...]]:
    rows: dict[str, list[str]] = {}  # what is shown -> what rows have
    for status in listing.kind.lifecycle:
        rows.setdefault(listing.shown.get(status, status), []).append(status)
    if "StatusEquals" in request:
        yield tuple(rows.get(request["StatusEquals"], (request["StatusEquals"],)))
    elif sorted_by:
        yield from (tuple(rows[status]) for status in sorted(rows, reverse=descending))
    else:
        yield ()


def _bounds(
    listing: Listing, request: Mapping[str, Any], order: str
) -> tuple[tuple[Value | None, Value | None], list[Term]]:
    """Between which values of the order the rows are, and the terms of the filters that do not say so."""
    bounds: dict[str, Value] = {}
    terms: list[Term] = []
    for name, (column, comparison) in listing.times.items():
        expression = listing.created if column == CREATED else column
        if name in request and expression == order:
            bounds[comparison] = seconds(request[name])
        elif name in request:
            terms.append((f"{expression} {comparison} ?", seconds(request[name])))
    if request.get("NameContains"):
        terms.append(contains(listing.name, request["NameContains"]))
    if (prefix := request.get("PipelineNamePrefix")) and order == NAME:
        bounds[">"], bounds["<"] = around(prefix)
    elif prefix:
        terms.append((f"substr(name, 1, {len(prefix)}) = ?", prefix))
    return (bounds.get(">"), bounds.get("<")), terms


def seconds(moment: float | str | datetime) -> float:
    """A timestamp of a request as epoch seconds; JSON 1.1 allows numbers and ISO 8601."""
    if isinstance(moment, datetime):
        return moment.timestamp()
    try:
        return float(moment)
    except ValueError:
        return datetime.fromisoformat(str(moment)).timestamp()
