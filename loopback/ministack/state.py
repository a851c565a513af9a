"""The base's state: its loop, on which alone it may be touched, and how it comes to be on disk.

A request notes the records that it uses (`records`); those that it has changed become rows (`rows`) and its answer
waits until these are on disk (`row_file`). What changes without a request is looked for every few seconds.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from loopback.ministack import records
from loopback.ministack.records import UNKNOWN, Key, Records, Uses, fingerprint
from loopback.ministack.row_file import NotWritten, RowFile
from loopback.ministack.rows import WHOLE, RecordPlace, Unwritable, encode, is_store, key_text, split_state

T = TypeVar("T")
HOOKS = {"ministack.app": ("_state_map", "_build_persistence_save_dict", "_load_persisted_state", "save_all")}
SHARE = 50  # looking for changes takes at most the 50th part of the time
log = logging.getLogger("loopback")


class SavedState:
    """What the base keeps in memory, and what of it is on disk."""

    def __init__(self, modules: Mapping[str, Any], file: RowFile, pause_seconds: float) -> None:
        self._app, self._file, self._pause_seconds = modules["ministack.app"], file, pause_seconds
        self._app.save_all = lambda _states: None  # at a clean shutdown; `save` has done it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rows: dict[
            str, dict[str, dict[RecordPlace, int | None]]
        ] = {}  # state, key, what is on disk and its fingerprint
        self._irregular: set[str] = set()  # modules that keep something outside of their stores
        self._is_loaded = False
        self._last = _DONE
        self._failures = 0

    @property
    def fault(self) -> str:
        """Why the last write failed; empty when it did not."""
        return self._file.fault

    def complain_to(self, listener: Callable[[str], None]) -> None:
        """Tell a listener when writing fails, and with an empty text when it works again."""
        self._file.complain = listener

    def on_loop(self, function: Callable[[], T]) -> T:
        """Run a short function on the base's loop, whose state is not made for other threads."""

        async def run() -> T:
            return function()

        if self._loop is None:
            return function()
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def enter_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """The base runs on this loop from now on; save what changes."""
        self._loop = loop
        threading.Thread(target=self._look_for_changes, name="autosave", daemon=True).start()

    def leave_loop(self) -> None:
        """The loop has ended: what is called from now on runs on the caller's thread."""
        self._loop = None

    def mark_loaded(self, rows: Iterable[RecordPlace]) -> None:
        """The base has loaded these rows: they are known, and their records need not be written."""
        self._is_loaded = True
        for row in rows:
            self._rows.setdefault(row.state, {}).setdefault(row.key, {})[row] = None
        for store in records.every():
            known = [self._rows.get(state, {}) for state in self._states(store.owner)]
            store.mark_saved([key for key in store.known_keys() if any(key_text(key) in keys for keys in known)])

    def note_uses(self, uses: Uses) -> AbstractContextManager[None]:
        """Note in `uses` the records that are used inside."""
        return records.note_uses(uses)

    async def wait_until_saved(self, uses: Uses | None = None) -> None:
        """Wait until what was used, or everything, is on disk. For the base's loop. Raises NotWritten."""
        used = _everything() if uses is None else uses.close()
        while True:
            failures, begun = self._failures, self._submit(used)
            if not begun.done():
                await asyncio.wrap_future(begun)
            begun.result()
            if failures == self._failures:
                return

    def save(self, uses: Uses | None = None) -> None:
        """As `kept`, for other threads."""
        if self._loop is None:
            asyncio.run(self.wait_until_saved(uses))
            return
        if asyncio._get_running_loop() is self._loop:
            raise RuntimeError("this thread would wait for itself: await kept() on the loop")
        asyncio.run_coroutine_threadsafe(self.wait_until_saved(uses), self._loop).result()

    def close(self) -> None:
        """Write everything and give the file back. What was not loaded whole is left as it is."""
        if self._is_loaded:
            self.save()
        self._file.close()

    def _look_for_changes(self) -> None:
        pause, said = self._pause_seconds, ""
        while True:
            time.sleep(pause)
            began = time.perf_counter()
            used = [(store, keys) for store in records.every() if (keys := store.changed_keys(store.known_keys()))]
            used += [(store, []) for store in records.every() if store.owner in self._irregular]
            try:
                if used:
                    self.on_loop(partial(self._submit, used)).result()
                said = ""
            except (NotWritten, RuntimeError) as fault:
                if said != (said := str(fault)):
                    log.error("what changed is not on disk: %s", fault)  # noqa: TRY400  # the reason is in the message
            pause = max(self._pause_seconds, SHARE * (time.perf_counter() - began))

    def _submit(self, used: Iterable[tuple[Records, Iterable[Key]]]) -> "Future[None]":
        """Give what has changed to the file; the last write that is under way, which others may have asked for."""
        changed: dict[str, list[tuple[Records, list[Key]]]] = {}
        for store, keys in used:
            if (found := store.changed_keys(keys)) or store.owner in self._irregular:
                changed.setdefault(store.owner, []).append((store, found))
        write = _Write()
        for owner, stores in changed.items():
            faults = len(write.faults)
            self._collect(owner, frozenset(key for _, keys in stores for key in keys), write)
            if faults == len(write.faults):
                for store, keys in stores:
                    store.mark_saved(keys)
            write.stores.extend(stores)
        if write.texts or write.gone:
            self._last = self._file.write(write.texts, write.gone, lambda: self._undo(write))
        if write.faults:
            failed: Future[None] = Future()
            failed.set_exception(NotWritten("; ".join(write.faults)))
            return failed
        return _DONE if self._last.done() and not write.texts and not write.gone else self._last

    def _collect(self, owner: str, keys: frozenset[Key], write: "_Write") -> None:
        """Find the rows of these records that differ from those on disk."""
        for state, get_state in self._states(owner).items():
            stores = _copy_state(get_state, None if owner in self._irregular else keys)
            if owner not in self._irregular and _is_irregular(stores):
                self._irregular.add(owner)
                stores = _copy_state(get_state, None)
            on_disk = self._rows.setdefault(state, {})
            found: set[RecordPlace] = set()
            for row, value in split_state(state, stores):
                found.add(row)
                rows, seen = on_disk.setdefault(row.key, {}), _print(row, value)
                if row in rows and rows[row] == seen:
                    continue
                try:
                    write.texts[row], rows[row] = encode(row, value), seen
                except Unwritable as fault:
                    write.faults.append(str(fault))
            for key in list(on_disk) if owner in self._irregular else [WHOLE, *map(key_text, keys)]:
                rows = on_disk.get(key, {})
                for row in [row for row in rows if row not in found]:
                    write.gone.append(row)
                    del rows[row]

    def _undo(self, write: "_Write") -> None:
        """Nothing of it is on disk: the next look finds it changed."""
        self._failures += 1
        for store, keys in write.stores:
            for key in keys:
                store.prints[key] = UNKNOWN
        for row in (*write.texts, *write.gone):
            self._rows.setdefault(row.state, {}).setdefault(row.key, {})[row] = None

    def _states(self, owner: str) -> dict[str, Callable[[], Any]]:
        """The names and `get_state` of what a module of the base keeps."""
        found = self._app._build_persistence_save_dict()
        return {n: found[n] for n, module in self._app._state_map.items() if module == owner and n in found}


@dataclass(frozen=True)
class _Write:
    texts: dict[RecordPlace, str] = field(default_factory=dict)
    gone: list[RecordPlace] = field(default_factory=list)
    stores: list[tuple[Records, list[Key]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def _everything() -> list[tuple[Records, list[Key]]]:
    return [(store, store.known_keys()) for store in records.every()]


def _print(row: RecordPlace, value: Any) -> int:
    if row.state == "sqs" and row.part:  # of a message, these change; a queue may have thousands of them
        return hash((value["visible_at"], value["receipt_handle"], len(value)))
    return fingerprint(value)


def _copy_state(get_state: Callable[[], Any], only: frozenset[Key] | None) -> dict[str, Any]:
    with records.show_only(only):
        return steady(get_state)() or {}  # None of a module that could not be imported


def _is_irregular(stores: Mapping[str, Any]) -> bool:
    """Whether something in a state is neither a store, of which a part can be copied, nor a number."""
    return any(isinstance(value, (dict, list)) for value in stores.values() if not is_store(value))


_DONE: "Future[None]" = Future()
_DONE.set_result(None)


def steady(get_state: Callable[[], T], tries: int = 20) -> Callable[[], T]:
    """The base copies dictionaries that its threads may change meanwhile; the copy is then made again."""

    def copy_state() -> T:
        for _ in range(tries - 1):
            try:
                return get_state()
            except RuntimeError:  # "dictionary changed size during iteration"
                time.sleep(0.001)
        return get_state()

    return copy_state
