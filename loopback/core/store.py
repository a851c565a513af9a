"""The durable core: resources, their events and tags in one SQLite file. SQL lives in store.sql and queries.py."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from loopback.core import queries, schema, states
from loopback.core.errors import ResourceInUse, ResourceNotFound
from loopback.core.kinds import Kind
from loopback.core.queries import Key, Selection
from loopback.core.schema import SQL

RESERVE = 4 << 20
_WIDTH = len(queries.COLUMNS.split(", "))
BATCH = 100  # rows that are read at a time where all are wanted


@dataclass(frozen=True)
class Resource:
    """One row: what was asked for (`doc`), what became of it (`result`), and how far it got."""

    kind: str
    name: str
    parent: str
    status: str
    doc: dict[str, Any]
    result: dict[str, Any]
    created: float
    changed: float
    lease: str | None


@dataclass(frozen=True)
class Event:
    """One change of one resource. `seq` grows by one with each."""

    seq: int
    kind: str
    name: str
    event: str
    old: str
    new: str
    at: float


@dataclass(frozen=True)
class Page:
    """Some rows of a selection, in its order. `last` is the key to go on after; None where nothing follows.

    There may be fewer rows than were asked for, or none, and others still follow: see queries.SCANNED.
    """

    rows: tuple[Resource, ...]
    last: Key | None


class Store:
    """One per process; its threads share the connection, SQLite does the locking between processes.

    A commit is safe from `kill -9` of the process at any moment (WAL, synchronous=NORMAL); a power cut may
    take back the newest commits, never a part of one. `now` returns epoch seconds.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        schema.prepare(self._db, path)
        self._db.execute("drop table if exists ballast")  # left by a start that was cut off, see `reserve`

    def reserve(self) -> None:
        """Take RESERVE bytes of disk now, in the file and in its log, so that a full disk does not stop the record.

        Dropped pages stay with the file, and the log starts over inside its own length: later commits use both.
        """
        with self._lock:
            self._db.execute("create table ballast (bytes blob)")
            self._db.execute("insert into ballast values (zeroblob(?))", (RESERVE,))
            self._db.execute("drop table ballast")
            self._db.execute("pragma wal_checkpoint(restart)")

    def close(self) -> None:
        """Give the file back; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything written inside is kept or dropped as one; nests."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("begin immediate")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("rollback")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("commit")

    def create(
        self,
        kind: Kind,
        name: str,
        doc: Mapping[str, Any],
        *,
        parent: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> Resource:
        """Write a new row in the kind's first status. Raises ResourceInUse."""
        at = float(self._now())
        row = {"kind": kind.slug, "name": name, "parent": parent, "status": kind.first, "at": at}
        row |= {"doc": (given := json.dumps(doc)), "result": (became := json.dumps(result or {}))}
        try:
            with self.transaction():
                self._db.execute(SQL["insert"], row)
                self._record(kind, name, "create", "", kind.first)
        except sqlite3.IntegrityError:
            raise ResourceInUse(f"A {kind.noun} named {name} already exists") from None
        return Resource(kind.slug, name, parent, kind.first, json.loads(given), json.loads(became), at, at, None)

    def get(self, kind: Kind, name: str) -> Resource:
        """Raises ResourceNotFound."""
        with self._lock:
            row = self._db.execute(SQL["get"], {"kind": kind.slug, "name": name}).fetchone()
        if row is None:
            raise ResourceNotFound(f"There is no {kind.noun} named {name}")
        return _resource(row)

    def exists(self, kind: Kind, name: str) -> bool:
        """Whether `get` would find it."""
        with self._lock:
            return self._db.execute(SQL["get"], {"kind": kind.slug, "name": name}).fetchone() is not None

    def find(self, kind: Kind, *, parent: str | None = None, status: str | None = None) -> list[Resource]:
        """All rows of a kind, of one parent, in one status, or both; oldest first."""
        statuses = () if status is None else (status,)
        return list(self.scan(Selection(kind, parent, statuses)))

    def scan(self, selection: Selection, batch: int = BATCH) -> Iterator[Resource]:
        """All rows of a selection, read some at a time."""
        found = self.page(selection, batch)
        yield from found.rows
        while found.last is not None:
            found = self.page(selection, batch, found.last)
            yield from found.rows

    def first(self, selection: Selection) -> Resource | None:
        """The first row of a selection, or None."""
        return next(self.scan(selection, 1), None)

    def page(self, selection: Selection, limit: int, after: Key | None = None) -> Page:
        """At most `limit` rows of a selection, from the row after the one with that key on."""
        if not selection.where:
            return self._within(selection, limit, after, None)
        rows: tuple[Resource, ...] = ()
        window, looked_at = queries.WINDOW, 0
        while True:
            found = self._within(selection, limit - len(rows), after, window)
            rows, after, looked_at = rows + found.rows, found.last, looked_at + window
            if after is None or len(rows) == limit or looked_at >= queries.SCANNED:
                return Page(rows, after)
            window = min(4 * window, queries.SCANNED - looked_at)

    def _within(self, selection: Selection, limit: int, after: Key | None, window: int | None) -> Page:
        """What is found in the next rows of a selection, as many as the window has; in all without one."""
        with self._lock:
            parts = list(selection.parts())
            edges = [edge for part in parts if window and (edge := self._edge(part, after, window)) is not None]
            edge = selection.first(edges) if edges else None
            rows = [row for part in parts for row in self._part(part, after, edge, limit)]
        rows.sort(key=_key, reverse=selection.descending)
        if len(rows) > limit:
            return Page(tuple(map(_resource, rows[:limit])), _key(rows[limit - 1]))
        return Page(tuple(map(_resource, rows)), edge)

    def _edge(self, part: Selection, after: Key | None, window: int) -> Key | None:
        """The key of the last row of a window; None where the window reaches the end."""
        row = self._db.execute(*queries.edge(part, after, window)).fetchone()
        return None if row is None else _key(row)

    def _part(self, part: Selection, after: Key | None, edge: Key | None, limit: int) -> list[sqlite3.Row]:
        return self._db.execute(*queries.page(part, after, edge, limit + 1)).fetchall()

    def fire(
        self,
        kind: Kind,
        name: str,
        event: str,
        result: Mapping[str, Any] | None = None,
        lease: str | None = None,
    ) -> Resource:
        """Move one resource along its lifecycle and merge `result` into what became of it.

        A None inside `result` removes that member (JSON merge patch). Raises IllegalTransition.
        """
        with self.transaction():
            was = self.get(kind, name)
            new = states.advance(kind.lifecycle, was.status, event)
            row = {"kind": kind.slug, "name": name, "old": was.status, "new": new, "at": self._now()}
            row |= {"lease": lease, "result": json.dumps({**was.result, **(result or {})})}
            self._db.execute(SQL["move"], row)
            self._record(kind, name, event, was.status, new)
        return self.get(kind, name)

    def amend(
        self,
        kind: Kind,
        name: str,
        event: str,
        *,
        doc: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> Resource:
        """Replace `doc` and merge `result` without a change of status; `event` says what happened."""
        with self.transaction():
            was = self.get(kind, name)
            row = {"kind": kind.slug, "name": name, "at": self._now()}
            row |= {"doc": json.dumps(was.doc if doc is None else doc)}
            row |= {"result": json.dumps({**was.result, **(result or {})})}
            self._db.execute(SQL["amend"], row)
            self._record(kind, name, event, was.status, was.status)
        return self.get(kind, name)

    def delete(self, kind: Kind, name: str) -> None:
        """Raises ResourceNotFound."""
        with self.transaction():
            was = self.get(kind, name)
            self._db.execute(SQL["delete"], {"kind": kind.slug, "name": name})
            self._record(kind, name, "delete", was.status, "")

    def clear(self) -> None:
        """Delete every row, change, number and tag."""
        with self.transaction():
            for table in ("resource", "event", "counter", "tag"):
                self._db.execute(f"delete from {table}")  # noqa: S608 - names of our own

    def lease(self, kind: Kind, worker: str) -> Resource | None:
        """Hand the oldest waiting resource to `worker`, or None."""
        with self.transaction():
            waiting = self.first(Selection(kind, statuses=(kind.first,)))
            return self.fire(kind, waiting.name, "lease", lease=worker) if waiting else None

    def next_number(self, name: str) -> int:
        """Count up from 1; a number is never given twice, deleted or not."""
        with self.transaction():
            return int(self._db.execute(SQL["count"], {"name": name}).fetchone()[0])

    def counter(self, name: str) -> int:
        """The last number given or set; 0 when there is none."""
        with self._lock:
            row = self._db.execute(SQL["read_counter"], {"name": name}).fetchone()
        return 0 if row is None else int(row[0])

    def set_counter(self, name: str, value: int) -> None:
        """Remember a number, for example how far a reader of `events` got."""
        with self.transaction():
            self._db.execute(SQL["set_counter"], {"name": name, "value": value})

    def events(self, after: int, limit: int = 500) -> list[Event]:
        """The changes that follow number `after`, in order."""
        with self._lock:
            return [Event(**dict(row)) for row in self._db.execute(SQL["events"], {"after": after, "limit": limit})]

    def drop_events(self, before: float, announced: int, limit: int = 1000) -> int:
        """Forget the oldest changes that happened before a moment, up to number `announced`; how many they were.

        At most `limit`, so that nobody waits long for the lock; call again as long as there are some.
        """
        with self.transaction():
            rows = self._db.execute(SQL["oldest_events"], {"announced": announced, "limit": limit})
            old = [row["seq"] for row in takewhile(lambda row: row["at"] < before, rows)]
            if old:
                self._db.execute(SQL["drop_events"], {"last": old[-1]})
        return len(old)

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add or replace tags."""
        with self.transaction():
            for key, value in tags.items():
                self._db.execute(SQL["tag"], {"arn": arn, "key": key, "value": value})

    def untag(self, arn: str, keys: list[str] | None = None) -> None:
        """Remove these tags; all of them when `keys` is None."""
        with self.transaction():
            if keys is None:
                self._db.execute(SQL["untag_all"], {"arn": arn})
            for key in keys or ():
                self._db.execute(SQL["untag"], {"arn": arn, "key": key})

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of one resource, by key."""
        with self._lock:
            return {row["key"]: row["value"] for row in self._db.execute(SQL["tags"], {"arn": arn})}

    def _record(self, kind: Kind, name: str, event: str, old: str, new: str) -> None:
        row = {"kind": kind.slug, "name": name, "event": event, "old": old, "new": new, "at": self._now()}
        self._db.execute(SQL["record"], row)


def _key(row: sqlite3.Row) -> Key:
    return row["sort"], row["name"]


def _resource(row: sqlite3.Row) -> Resource:
    kind, name, parent, status, created, changed, lease, doc, result = row[:_WIDTH]  # the order of queries.COLUMNS
    return Resource(kind, name, parent, status, json.loads(doc), json.loads(result), created, changed, lease)
