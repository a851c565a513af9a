"""Pages of rows as SQL: which rows of a kind, in which order, from which row on. Pure.

A page is read by key: it begins after the last row of the page before, so that its cost does not grow with the number
of rows. The order, and what `member` selects by, must be the columns of an index of store.sql; a test looks at the
plan of each list. What no index answers is a `where` term: a page looks at `SCANNED` rows for it at most, and the next
page goes on from there.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from loopback.core.kinds import Kind

Value = str | float | int
Term = tuple[str, Value]  # SQL with one `?`, and what stands for it
Key = tuple[Value, str]  # where a row is in an order: the value that it is sorted by, and its name

CREATED, CHANGED, NAME = "created", "changed", "name"
COLUMNS = "kind, name, parent, status, created, changed, lease, doc, result"
SCANNED = 2000  # rows that one page looks at for its `where` terms, first WINDOW and then more at a time
WINDOW = 100
_AMONG = " in (select value from json_each(?))"
_LAST_NAME = "\U0010ffff"  # no name is greater


def member(path: str, column: str = "doc") -> str:
    """The SQL of a member of a row's JSON, for example `member("Source.SourceArn")`."""
    return f"json_extract({column}, '$.{path}')"


def has(path: str, column: str = "doc") -> str:
    """The SQL of a condition: the row's JSON has a value there."""
    return f"{member(path, column)} = ?"


def equals(path: str, value: Value, column: str = "doc") -> Term:
    """The rows whose JSON has this value there."""
    return has(path, column), value


def among(expression: str, values: Sequence[str] | None) -> tuple[Term, ...]:
    """The rows whose `expression` is one of some values; all rows where there are none."""
    if not values:
        return ()
    return ((expression + _AMONG, json.dumps(list(values))),)


def contains(expression: str, text: str) -> Term:
    """The rows whose `expression` contains a text, in upper or lower case."""
    return f"instr(lower({expression}), lower(?)) > 0", text


def around(prefix: str) -> tuple[str, str]:
    """What lies just before and just after the texts that begin with a prefix."""
    return f"{prefix[:-1]}{chr(ord(prefix[-1]) - 1)}{_LAST_NAME}", prefix + _LAST_NAME


@dataclass(frozen=True)
class Selection:
    """Rows of one kind in one order.

    `equal` terms are those that an index begins with; `where` terms are looked at row by row. `above` and `below`
    bound what the rows are sorted by, and are not part of it.
    """

    kind: Kind
    parent: str | None = None
    statuses: tuple[str, ...] = ()  # none: of any status
    order: str = CREATED
    descending: bool = False
    above: Value | None = None
    below: Value | None = None
    equal: tuple[Term, ...] = ()
    where: tuple[Term, ...] = ()

    def parts(self) -> "Iterator[Selection]":
        """One selection a status: each is a range of an index, and they are merged."""
        if not self.statuses:
            yield self
        for status in self.statuses:
            yield replace(self, statuses=(status,))

    def first(self, keys: Sequence[Key]) -> Key:
        """The key that comes first in this order."""
        return max(keys) if self.descending else min(keys)


def page(selection: Selection, after: Key | None, edge: Key | None, limit: int) -> tuple[str, list[Value]]:
    """The rows of one part of a selection that follow `after`, up to `edge` and with it, and at most `limit`."""
    terms = [*_of_index(selection), *_range(selection, after)]
    terms += ((f"+{text}", value) for text, value in selection.where)  # with a plus no index is chosen for it
    if edge is not None:
        terms += _beyond(selection, edge, "<=" if not selection.descending else ">=")
    columns = f"{COLUMNS}, {selection.order} as sort"
    return _text(selection, columns, terms, f"limit {int(limit)}")


def edge(selection: Selection, after: Key | None, number: int) -> tuple[str, list[Value]]:
    """The key of the row with that number after `after`, of one part of a selection; no row where there are fewer."""
    terms = [*_of_index(selection), *_range(selection, after)]
    return _text(selection, f"{selection.order} as sort, name", terms, f"limit 1 offset {int(number) - 1}")


def _text(selection: Selection, columns: str, terms: "Sequence[_Terms]", end: str) -> tuple[str, list[Value]]:
    way = " desc" if selection.descending else ""
    order = f"name{way}" if selection.order == NAME else f"{selection.order}{way}, name{way}"
    condition = " and ".join(term[0] for term in terms)
    parts = ["select", columns, "from resource where", condition, "order by", order, end]
    return " ".join(parts), [value for term in terms for value in term[1:]]


_Terms = tuple[str] | Term | tuple[str, Value, Value]


def _of_index(selection: Selection) -> Iterator[_Terms]:
    """The kind is written out: an index of one kind only is used only where the text says that it is this one."""
    yield (f"kind = '{selection.kind.slug}'",)
    if selection.parent is not None:
        yield "parent = ?", selection.parent
    for status in selection.statuses:
        yield "status = ?", status
    yield from selection.equal


def _range(selection: Selection, after: Key | None) -> Iterator[_Terms]:
    """What the order's key is between; of two bounds on one side only the nearer is said, for the index to use."""
    lower = [_boundary_key(selection, selection.above, _LAST_NAME)] if selection.above is not None else []
    upper = [_boundary_key(selection, selection.below, "")] if selection.below is not None else []
    if after is not None:
        (upper if selection.descending else lower).append(after)
    if lower:
        yield from _beyond(selection, max(lower), ">")
    if upper:
        yield from _beyond(selection, min(upper), "<")


def _boundary_key(selection: Selection, value: Value, name: str) -> Key:
    return value, str(value) if selection.order == NAME else name


def _beyond(selection: Selection, key: Key, comparison: str) -> Iterator[_Terms]:
    if selection.order == NAME:
        yield f"name {comparison} ?", key[1]
    elif selection.order in (CREATED, CHANGED):
        yield f"({selection.order}, name) {comparison} (?, ?)", *key
    else:  # SQLite takes no pair with an expression in it for a range of an index
        yield f"{selection.order} {comparison[0]}= ?", key[0]
        yield f"({selection.order}, name) {comparison} (?, ?)", *key
