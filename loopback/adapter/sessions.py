"""Sessions of assumed roles: a shell or a job that holds their credentials outlives the control plane."""

import importlib
import time
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.sts": ("_sessions", "_evict_expired_sessions", "get_state", "load_persisted_state"),
}
REMEMBERED_SECONDS = 7 * 86400.0  # an ended session is told so; a key that is forgotten would count as the account's


def install() -> None:
    """Let the base save its sessions with everything else."""
    sts: Any = importlib.import_module(next(iter(HOOKS)))
    sts.get_state = lambda: {"sessions": dict(sts._sessions)}
    sts.load_persisted_state = lambda state: sts._sessions.update(state["sessions"])
    sts._evict_expired_sessions = lambda: _forget(sts._sessions, time.time() - REMEMBERED_SECONDS)


def _forget(sessions: dict[str, dict[str, Any]], before: float) -> None:
    for key in [key for key, session in sessions.items() if session.get("Expiration", before) < before]:
        del sessions[key]
