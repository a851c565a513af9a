"""State changes as EventBridge events: rows of the event table in, `put_event` out.

Delivery is at least once: how far it got is written down after a batch, so a crash repeats, and loses nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import BY_SLUG, Kind
from loopback.core.store import Event, Resource
from loopback.services.registry import Context

PutEvent = Callable[[str, list[str], Mapping[str, Any], str], None]
log = logging.getLogger("loopback")
CURSOR = "announced events"
GATHER_SECONDS = 0.05
LOOK_SECONDS = 60.0  # changes are told; this is for one that was not


@dataclass(frozen=True)
class Announcement:
    """One event, ready for the bus."""

    title: str
    resources: list[str]
    detail: Mapping[str, Any]
    source: str = "aws.sagemaker"


Builder = Callable[[Event, Resource, Context], Iterable[Announcement]]
_BUILDERS: dict[str, Builder] = {}


def announces(*kinds: Kind) -> Callable[[Builder], Builder]:
    """Register the function below as what AWS tells the world about a change of a row of these kinds.

    It sees the change, and the row as it is when the change is told: later changes may be in it already.
    """

    def register(function: Builder) -> Builder:
        for kind in kinds:
            if kind.slug in _BUILDERS:
                raise RuntimeError(f"{kind.slug} has two announcers")
            _BUILDERS[kind.slug] = function
        return function

    return register


class Announcer:
    """Run `loop` on one thread. `listened` says whether any rule could match; without one nothing is sent."""

    def __init__(self, context: Context, put_event: PutEvent, listened: Callable[[], bool]) -> None:
        self._context = context
        self._put_event = put_event
        self._listened = listened
        self._wake = threading.Event()
        self._open = True

    def changed(self, _kind: str, _name: str) -> None:
        """There may be new rows."""
        self._wake.set()

    def close(self) -> None:
        """End the loop."""
        self._open = False
        self._wake.set()

    def loop(self) -> None:
        """Work until `close`. Rows are gathered for a moment: announcing has time, the work itself has not."""
        while self._open:
            if self._wake.wait(timeout=LOOK_SECONDS):
                time.sleep(GATHER_SECONDS)
            self._wake.clear()
            try:
                while self.announce_some():
                    pass
            except Exception:
                log.exception("announcer")

    def announce_some(self) -> int:
        """Send the events of the next rows; how many rows there were."""
        store = self._context.store
        rows = store.events(store.counter(CURSOR))
        if rows and self._listened():
            for row in rows:
                for found in announcements(row, self._context):
                    self._put_event(found.title, found.resources, found.detail, found.source)
        if rows:
            store.set_counter(CURSOR, rows[-1].seq)
        return len(rows)


def announcements(event: Event, context: Context) -> Iterator[Announcement]:
    """What AWS would tell the world about one change."""
    build = _BUILDERS.get(event.kind)
    if build is None:
        return
    try:
        row = context.store.get(BY_SLUG[event.kind], event.name)
    except ResourceNotFound:
        return
    yield from build(event, row, context)
