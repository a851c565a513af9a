"""Sessions of assumed roles: a shell or a job that holds their credentials outlives the control plane."""

import copy
import importlib
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

from loopback.ministack import records

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.sts": ("_sessions", "_evict_expired_sessions", "get_state", "load_persisted_state"),
}
REMEMBERED_SECONDS = 7 * 86400.0  # an ended session is told so; a key that is forgotten would count as the account's
STATE = "sessions"


class Sessions(MutableMapping[str, Any]):
    """Session by access key, as the base has them in a dict, in a store whose records come to be on disk."""

    def __init__(self, store: Any) -> None:
        self._records: MutableMapping[tuple[str, str], Any] = store._data

    def __getitem__(self, key: str) -> Any:
        return self._records["", key]

    def __setitem__(self, key: str, session: Any) -> None:
        self._records["", key] = session

    def __delitem__(self, key: str) -> None:
        del self._records["", key]

    def __iter__(self) -> Iterator[str]:
        return iter([key for _, key in self._records])

    def __len__(self) -> int:
        return len(self._records)


def install() -> None:
    """Let the base save its sessions with everything else."""
    sts: Any = importlib.import_module(next(iter(HOOKS)))
    store = records.store_of("sts")
    sessions = sts._sessions = Sessions(store)
    sts.get_state = lambda: {STATE: copy.deepcopy(store)}
    sts.load_persisted_state = lambda state: store._data.update(_of(state[STATE]))
    sts._evict_expired_sessions = lambda: _forget(sessions, time.time() - REMEMBERED_SECONDS)


def _of(saved: Any) -> dict[tuple[str, str], Any]:
    """The sessions of a saved state: a store, or the dict that earlier versions have written."""
    return {("", key): session for key, session in saved.items()} if isinstance(saved, dict) else saved._data


def _forget(sessions: MutableMapping[str, Any], before: float) -> None:
    for key in [key for key, session in sessions.items() if session.get("Expiration", before) < before]:
        del sessions[key]
