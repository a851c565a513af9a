"""State changes as EventBridge events: rows of the event table in, `put_event` out.

Delivery is at least once: how far it got is written down after each change, so a crash repeats one change at most. A
change that cannot be told is named in the log and passed over; the others do not wait for it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.kinds import ALL, BY_SLUG, Kind
from loopback.core.part import Loop, Part
from loopback.core.store import Event, Resource
from loopback.services.registry import Context

PutEvent = Callable[[str, list[str], Mapping[str, Any], str], None]
log = logging.getLogger("loopback")
CURSOR = "announced events"
GATHER_SECONDS = 0.05
LOOK_SECONDS = 60.0  # changes are told; this is for one that was not
KEEP_SECONDS = 7 * 86_400.0
TIDYING_SECONDS = 3600.0  # between two looks at what is old


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


class Announcer(Part):
    """Run `loop` on one thread. `listened` says whether any rule could match; without one nothing is sent.

    Changes that were announced are forgotten after `keep_seconds`. `now` returns epoch seconds.
    """

    kinds = ALL

    def __init__(
        self,
        context: Context,
        put_event: PutEvent,
        listened: Callable[[], bool],
        keep_seconds: float = KEEP_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keep_seconds, self._now = keep_seconds, now
        self._next_tidying = 0.0
        self._context = context
        self._put_event = put_event
        self._listened = listened
        self._wake = threading.Event()
        self._open = True

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, _kind: str, _name: str) -> None:
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
                self.forget_old()
            except Exception:
                log.exception("announcer")

    def forget_old(self) -> None:
        """Drop the rows of changes that are older than they are kept, once in a while; never one not announced yet."""
        store, now = self._context.store, self._now()
        if now < self._next_tidying:
            return
        self._next_tidying = now + TIDYING_SECONDS
        while self._open and store.drop_events(now - self._keep_seconds, store.counter(CURSOR)):
            pass

    def announce_some(self) -> int:
        """Send the events of the next rows; how many rows there were."""
        store = self._context.store
        rows = store.events(store.counter(CURSOR))
        if not rows:
            return 0
        if not self._listened():
            store.set_counter(CURSOR, rows[-1].seq)
            return len(rows)
        for row in rows:
            self._announce(row)
            store.set_counter(CURSOR, row.seq)
        return len(rows)

    def _announce(self, event: Event) -> None:
        try:
            for found in announcements(event, self._context):
                self._put_event(found.title, found.resources, found.detail, found.source)
        except CancelledError:  # the bus has closed: this change is told after the next start
            raise
        except ServiceError as fault:
            log.warning("no EventBridge event is sent for %s: %s", _describe(event), fault)
        except Exception:
            log.exception("no EventBridge event is sent for %s", _describe(event))


def _describe(event: Event) -> str:
    change = f"{event.old or 'nothing'} -> {event.new or 'nothing'}"
    return f"change {event.seq} of {event.kind} {event.name}, {event.event} ({change})"


def announcements(event: Event, context: Context) -> Iterator[Announcement]:
    """What AWS would tell the world about one change. Raises ResourceNotFound when its row is gone meanwhile."""
    build = _BUILDERS.get(event.kind)
    if build is not None and event.event != "delete":
        yield from build(event, context.store.get(BY_SLUG[event.kind], event.name), context)
