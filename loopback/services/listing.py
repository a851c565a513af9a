"""What all List operations share: filters, sorting and pages over views of rows. Pure."""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loopback.core.errors import ValidationException

View = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """How one List operation shows its items: `name` and `status` are the members that filters look at."""

    output: str
    name: str
    status: str = ""
    page: int = 10
    order: str = "Descending"


def select(views: Iterable[View], request: dict[str, Any], listing: Listing) -> dict[str, Any]:
    """The page of `views` that `request` asks for, and NextToken when there is more.

    A token names the last item shown, so items that arrive in between neither repeat nor hide others.
    """
    key = _sort_key(request.get("SortBy", "CreationTime"), listing)
    descending = request.get("SortOrder", listing.order) == "Descending"
    kept = sorted((v for v in views if _passes(v, request, listing)), key=key, reverse=descending)
    if "NextToken" in request:
        last = _decode(request["NextToken"])
        kept = [v for v in kept if (key(v) < last if descending else key(v) > last)]
    size = request.get("MaxResults", listing.page)
    answer: dict[str, Any] = {listing.output: kept[:size]}
    if len(kept) > size:
        answer["NextToken"] = _encode(key(kept[size - 1]))
    return answer


def _sort_key(sort_by: str, listing: Listing) -> Callable[[View], tuple[Any, ...]]:
    member = {"Name": listing.name, "Status": listing.status, "LastModifiedTime": "LastModifiedTime"}.get(
        sort_by, "CreationTime"
    )
    return lambda view: (view.get(member) or 0, view["CreationTime"], str(view[listing.name]))


_TIMES = {
    "CreationTimeAfter": ("CreationTime", 1),
    "CreationTimeBefore": ("CreationTime", -1),
    "CreatedAfter": ("CreationTime", 1),
    "CreatedBefore": ("CreationTime", -1),
    "LastModifiedTimeAfter": ("LastModifiedTime", 1),
    "LastModifiedTimeBefore": ("LastModifiedTime", -1),
}


def _passes(view: View, request: dict[str, Any], listing: Listing) -> bool:
    name = str(view[listing.name])
    if request.get("NameContains", "").lower() not in name.lower():
        return False
    if not name.startswith(request.get("PipelineNamePrefix", "")):
        return False
    if "StatusEquals" in request and view[listing.status] != request["StatusEquals"]:
        return False
    return all(
        (view[member] - seconds(request[bound])) * sign > 0
        for bound, (member, sign) in _TIMES.items()
        if bound in request
    )


def seconds(moment: float | str | datetime) -> float:
    """A timestamp of a request as epoch seconds; JSON 1.1 allows numbers and ISO 8601."""
    if isinstance(moment, datetime):
        return moment.timestamp()
    try:
        return float(moment)
    except ValueError:
        return datetime.fromisoformat(str(moment)).timestamp()


def _encode(key: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode(token: str) -> tuple[Any, ...]:
    try:
        return tuple(json.loads(base64.urlsafe_b64decode(token)))
    except ValueError:
        raise ValidationException("NextToken is not one that this operation gave; start again without it") from None
