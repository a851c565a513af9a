"""Pages of what List operations show. A token is opaque: where its page ended, bound to the request that it is of."""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ServiceError, ValidationException
from loopback.core.queries import SCANNED, Key, Selection, Value
from loopback.core.store import Resource, Store

Request = Mapping[str, Any]
LONGEST_TOKEN = 2000  # characters; ours are shorter, and nothing has to read what is longer
LARGEST = 2**53  # a number that is exact in every JSON reader


@dataclass(frozen=True)
class Items:
    """What a page consists of: the answer's member, how a row is shown in it, how many there are unless a request says.

    `keep` is for filters that SQL cannot say.
    """

    member: str
    show: Callable[[Resource], Any]
    size: int
    keep: Callable[[Resource], bool] = lambda _: True


@dataclass(frozen=True)
class Paging:
    """How a service's operations are paged, and its error for a strange token.

    `start` is the member of a request with the token, `size` the one with how many items it wants ("" where there is
    none), and `following` the member of an answer with the next token.
    """

    start: str = "NextToken"
    size: str = "MaxResults"
    following: str = "NextToken"
    error: type[ServiceError] = ValidationException

    def of_rows(self, store: Store, request: Request, selections: Sequence[Selection], items: Items) -> dict[str, Any]:
        """A page of the rows of some selections, one selection after the other.

        A page may have fewer items, or none, and a token all the same: see queries.SCANNED.
        """
        part, after = 0, None
        if self.start in request:
            part, after = self._row_place(request, items.member, len(selections))
        wanted = request.get(self.size) or items.size
        rows: list[Resource] = []
        following: list[Any] | None = None
        while part < len(selections) and following is None:
            if len(rows) < wanted:
                found, last = _read_filtered(store, selections[part], after, wanted - len(rows), items.keep)
                rows += found
                following = None if last is None else [part, list(last)]
            else:
                following = [part, None] if store.first(selections[part]) else None
            part, after = part + 1, None
        return {items.member: [items.show(row) for row in rows]} | self._next(request, items.member, following)

    def of_items(self, request: Request, items: Sequence[Any], output: str, size: int) -> dict[str, Any]:
        """A page of things that are at hand, of which there are few; the token counts those before the page."""
        begin = self._item_place(request, output, len(items)) if self.start in request else 0
        end = begin + (request.get(self.size) or size)
        return {output: list(items[begin:end])} | self._next(request, output, [end] if end < len(items) else None)

    def _next(self, request: Request, output: str, place: list[Any] | None) -> dict[str, str]:
        if place is None:
            return {}
        text = json.dumps([self._mark(request, output), *place], separators=(",", ":"))
        return {self.following: base64.urlsafe_b64encode(text.encode()).decode()}

    def _mark(self, request: Request, output: str) -> str:
        """What a token is good for: the same list, filters and order."""
        bound = {name: value for name, value in request.items() if name not in (self.start, self.size)}
        text = json.dumps([output, bound], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _row_place(self, request: Request, output: str, parts: int) -> tuple[int, Key | None]:
        match self._place(request, output):
            case [int(part), None] if 0 <= part < parts:
                return part, None
            case [int(part), [value, str(name)]] if 0 <= part < parts and _is_value(value):
                return part, (value, name)
        raise self._strange()

    def _item_place(self, request: Request, output: str, number: int) -> int:
        match self._place(request, output):
            case [int(begin)] if 0 <= begin <= number:
                return begin
        raise self._strange()

    def _place(self, request: Request, output: str) -> list[Any]:
        token = str(request[self.start])
        try:
            found = json.loads(base64.urlsafe_b64decode(token)) if len(token) <= LONGEST_TOKEN else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or found[:1] != [self._mark(request, output)]:
            raise self._strange()
        return found[1:]

    def _strange(self) -> ServiceError:
        text = f"{self.start} is not one that this operation gave for this request; start again without it"
        return self.error(text)


def _read_filtered(
    store: Store, selection: Selection, after: Key | None, wanted: int, keep: Callable[[Resource], bool]
) -> tuple[list[Resource], Key | None]:
    """At most `wanted` rows that are kept of the next queries.SCANNED, and the key to go on after."""
    kept: list[Resource] = []
    looked_at = 0
    while True:
        found = store.page(selection, wanted - len(kept), after)
        kept += filter(keep, found.rows)
        looked_at, after = looked_at + len(found.rows), found.last
        if after is None or len(kept) == wanted or not found.rows or looked_at >= SCANNED:
            return kept, after


def _is_value(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, Value):
        return False
    return isinstance(value, str) or (math.isfinite(value) and abs(value) < LARGEST)
