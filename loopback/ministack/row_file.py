"""The file of the base's state: an SQLite table of rows, written by one thread in the order in which it was asked to.

A commit is safe from `kill -9` at any moment and a power cut may take back the newest ones, as with `core.store`.
What waits while a commit is under way becomes one commit together.
"""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from loopback.ministack.rows import RecordPlace

SCHEMA = """
create table if not exists rows (
    state text not null, store text not null, key text not null, part text not null, value text not null,
    primary key (state, store, key, part)
)
"""
UPSERT = """
insert into rows values (?, ?, ?, ?, ?)
on conflict (state, store, key, part) do update set value = excluded.value
"""  # a row that is written again keeps its place, which is the order of what was divided
DELETE = "delete from rows where state = ? and store = ? and key = ? and part = ?"
FORMAT = 1
PRIVATE = 0o600


class NotWritten(Exception):
    """What was asked for could not be written; the message says why."""


class NewerFormat(Exception):
    """The file was written by a later version of loopback."""


class RowFile:
    """One per process. `write` may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch(mode=PRIVATE)
        path.chmod(PRIVATE)  # secrets and parameters are among the rows; SQLite's other files get the same mode
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        if (found := self._db.execute("pragma user_version").fetchone()[0]) > FORMAT:
            raise NewerFormat(f"{path} has format {found}; this version of loopback reads up to {FORMAT}")
        self._db.execute(SCHEMA)
        self._db.execute(f"pragma user_version={FORMAT}")
        self._waiting: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="base state", daemon=True)
        self._thread.start()
        self.fault = ""  # why the last commit failed; empty when it did not
        self.complain: Callable[[str], None] = lambda _fault: None  # called when that changes

    def read(self) -> list[tuple[RecordPlace, str]]:
        """All rows, oldest first."""
        found = self._db.execute("select state, store, key, part, value from rows order by rowid")
        return [(RecordPlace(*row[:4]), row[4]) for row in found]

    def write(
        self, changed: Mapping[RecordPlace, str], gone: Sequence[RecordPlace], undo: Callable[[], None]
    ) -> "Future[None]":
        """Put and delete rows, as one. The result is there when they are on disk, or NotWritten, after `undo`."""
        batch = _Batch(changed, gone, undo)
        self._waiting.put(batch)
        return batch.done

    def close(self) -> None:
        """Write what waits and give the file back."""
        self._waiting.put(None)
        self._thread.join()
        self._db.close()

    def _work(self) -> None:
        ended = False
        while not ended:
            batches = [self._waiting.get()]
            while not self._waiting.empty():
                batches.append(self._waiting.get())
            ended = None in batches
            self._commit([batch for batch in batches if batch is not None])

    def _commit(self, batches: "list[_Batch]") -> None:
        if not batches:
            return
        try:
            with _transaction(self._db):
                for batch in batches:
                    self._db.executemany(DELETE, batch.gone)
                    self._db.executemany(UPSERT, [(*row, text) for row, text in batch.changed.items()])
        except sqlite3.Error as fault:
            self._say(f"{self._path}: {fault}")
            for batch in batches:
                batch.undo()
                batch.done.set_exception(NotWritten(self.fault))
        else:
            self._say("")
            for batch in batches:
                batch.done.set_result(None)

    def _say(self, fault: str) -> None:
        if fault != self.fault:
            self.fault = fault
            self.complain(fault)


@dataclass(frozen=True)
class _Batch:
    changed: Mapping[RecordPlace, str]
    gone: Sequence[RecordPlace]
    undo: Callable[[], None]
    done: "Future[None]" = field(default_factory=Future)


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
