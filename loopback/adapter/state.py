"""The base's state: its loop, on which alone it may be touched, and when it is written to disk."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
HOOKS = {
    "ministack.app": ("_build_persistence_save_dict",),
    "ministack.core.persistence": ("save_all",),
}


class State:
    """What the base keeps in memory. It saves at a clean shutdown only; this also saves a moment after each change."""

    def __init__(self, modules: Mapping[str, Any], pause_seconds: float) -> None:
        self._modules, self._pause_seconds = modules, pause_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = threading.Event()
        self._saving = threading.Lock()  # the base writes each file by one temporary name

    def on_loop(self, function: Callable[[], T]) -> T:
        """Run a short function on the base's loop, whose state is not made for other threads."""

        async def run() -> T:
            return function()

        if self._loop is None:
            return function()
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def opened(self, loop: asyncio.AbstractEventLoop) -> None:
        """The base runs on this loop from now on; save what changes."""
        self._loop = loop
        threading.Thread(target=self._autosave, name="autosave", daemon=True).start()

    def closed(self) -> None:
        """The loop has ended: what is called from now on runs on the caller's thread."""
        self._loop = None

    def changed(self) -> None:
        """Something changed that is to be saved."""
        self._changed.set()

    def save(self) -> None:
        """Write everything now."""
        with self._saving:
            states = self._modules["ministack.app"]._build_persistence_save_dict()
            self._modules["ministack.core.persistence"].save_all({name: steady(get) for name, get in states.items()})

    def _autosave(self) -> None:
        """A large state takes longer to write; the pause grows with it, so that saving stays below a tenth of time."""
        pause = self._pause_seconds
        while True:
            self._changed.wait()
            time.sleep(pause)
            self._changed.clear()
            began = time.perf_counter()
            self.save()
            pause = max(self._pause_seconds, 10 * (time.perf_counter() - began))


def steady(get_state: Callable[[], Any], tries: int = 20) -> Callable[[], Any]:
    """The base copies dictionaries that its loop may change meanwhile; the copy is then made again."""

    def copied() -> Any:
        for _ in range(tries - 1):
            try:
                return get_state()
            except RuntimeError:  # "dictionary changed size during iteration"
                time.sleep(0.01)
        return get_state()

    return copied
