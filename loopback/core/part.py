"""What works beside the requests: threads that carry out what rows say, under one protocol and in one order."""

import threading
from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from loopback.core.kinds import BY_SLUG, Kind

Loop = Callable[[], None]


class Part(Protocol):
    """Works from `recover` until `close`; what it does not need it inherits, and that does nothing."""

    kinds: ClassVar[Sequence[Kind]] = ()  # it is told of changes of rows of these

    @property
    def loops(self) -> Sequence[Loop]:
        """What runs on threads of its own, each until `close`."""
        return ()

    def on_change(self, kind: str, name: str) -> None:  # noqa: ARG002 - for those that act on it
        """A row of one of `kinds` (its slug) changed: there may be something to do. May be called from any thread."""
        return

    def recover(self) -> None:
        """Go on with what an earlier process has left. Called once, when everything can be called."""
        return

    def forget(self) -> None:
        """All rows were deleted, after what worked on them had ended: drop what is remembered of them."""
        return

    def close(self) -> None:
        """Begin nothing more, and end the loops."""
        return


class Parts:
    """All parts in one order: what does work comes before what starts it, and ends after it."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._told: dict[str, list[Part]] = {slug: [] for slug in BY_SLUG}
        self._open = False
        for part in parts:
            for kind in part.kinds:
                self._told[kind.slug].append(part)

    def start(self) -> None:
        """From now on changes are told, and the loops run."""
        self._open = True
        for part in self._parts:
            for loop in part.loops:
                threading.Thread(target=loop, name=loop.__qualname__, daemon=True).start()

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: tell the parts that may have to act. A kind that there is not is a KeyError."""
        parts = self._told[kind]
        if self._open:
            for part in parts:
                part.on_change(kind, name)

    def recover(self) -> None:
        """In order: what waits for work finds it going on."""
        for part in self._parts:
            part.recover()

    def forget(self) -> None:
        """All rows were deleted: tell every part."""
        for part in self._parts:
            part.forget()

    def close(self) -> None:
        """In reverse: nothing is asked of what has ended."""
        for part in reversed(self._parts):
            part.close()
