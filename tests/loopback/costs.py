"""What a call costs in SQLite: the instructions that it carries out and the plans of its queries. No clock."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from loopback.core.kinds import Kind
from loopback.core.store import Store

START = 1_700_000_000.0


def seed(store: Store, kind: Kind, number: int, doc: Callable[[int], dict[str, Any]], **more: Any) -> None:
    """Write rows straight into the table, one a second: named `name(i)`, of `parent(i)`, in `status(i)`."""
    name, parent = more.get("name", lambda i: f"row-{i:06}"), more.get("parent", lambda _: "")
    status, result = more.get("status", lambda _: kind.first), more.get("result", lambda _: {})
    rows = (
        (kind.slug, name(i), parent(i), status(i), START + i, START + i, json.dumps(doc(i)), json.dumps(result(i)))
        for i in range(number)
    )
    text = "insert into resource (kind, name, parent, status, created, changed, doc, result) values (?,?,?,?,?,?,?,?)"
    with store.transaction():
        store._db.executemany(text, rows)


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """The statements that are carried out meanwhile, with their values."""
    found: list[str] = []
    store._db.set_trace_callback(found.append)
    try:
        yield found
    finally:
        store._db.set_trace_callback(None)


def plans(store: Store, text: str) -> list[str]:
    """How SQLite carries a query out."""
    return [row["detail"] for row in store._db.execute(f"explain query plan {text}")]


def faults(store: Store, made: list[str]) -> list[str]:
    """The plans that read a whole table, or sort rows of it."""
    found = []
    for text in made:
        if text.lstrip().lower().startswith("select"):
            steps = plans(store, text)
            if any(re.search(r"SCAN (?!CONSTANT|json_each)|TEMP B-TREE", step) for step in steps):
                found.append(f"{text}\n  {steps}")
    return found


def instructions(store: Store, call: Callable[[], Any]) -> int:
    """How many instructions SQLite carries out in a call."""
    count = [0]

    def step() -> int:
        count[0] += 1
        return 0

    store._db.set_progress_handler(step, 1)
    try:
        call()
    finally:
        store._db.set_progress_handler(None, 0)
    return count[0]
