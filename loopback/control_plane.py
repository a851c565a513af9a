"""The control plane's process: it holds its lock, looks at the state, and says why it cannot start."""

import errno
import gc
import logging
import sqlite3
import sys
from collections.abc import Callable

from loopback import limits, state_check, supervisor
from loopback.core import locks
from loopback.core.damage import DamagedState
from loopback.core.settings import Settings

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
log = logging.getLogger("loopback")


def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. The exit code is REFUSED when it could not start and would not the next time."""
    started: list[bool] = []

    def announce() -> None:
        supervisor.announce_started(settings)
        started.append(True)

    try:
        with locks.hold(supervisor.control_lock(settings.state), supervisor.END_SECONDS) as hold:
            _run(settings, announce, hold.complain)
    except (Exception, MemoryError) as fault:
        why = None if started else refusal(fault, settings)
        if why is None:
            raise
        print(f"loopback: {why}", file=sys.stderr, flush=True)
        supervisor.report(why)
        return supervisor.REFUSED
    return 0


def _run(settings: Settings, announce: Callable[[], None], complain: Callable[[str], None]) -> None:
    few = limits.raise_files()
    state_check.require_sound(settings)
    gc.disable()  # what is loaded stays: looking through it again and again takes its time, now and later
    from loopback.app import Control  # takes a second, and memory

    if few:
        log.warning("%s", few)
    control = Control(settings)
    gc.freeze()
    gc.enable()
    control.ground.base.state.complain_to(complain)
    control.run(announce)


def refusal(fault: BaseException, settings: Settings) -> str | None:
    """Why the control plane cannot start, as a person is told; None for what may pass or is a fault of its own."""
    if isinstance(fault, DamagedState):
        return state_check.advice(fault)
    if isinstance(fault, locks.AlreadyHeld):
        return f"Another control plane is on {settings.state} and does not end"
    if type(fault).__name__ in ("BrokenBase", "NewerFormat", "UnknownSchema"):  # of modules that take long to import
        return str(fault)
    if _is_memory(fault):
        return f"There is not enough memory, or too few threads are allowed ({fault}). {limits.memory()}".rstrip()
    if (isinstance(fault, OSError) and fault.errno in NO_ROOM) or isinstance(fault, sqlite3.OperationalError):
        return f"The state folder {settings.state} cannot be written to: {fault}"
    return None


def _is_memory(fault: BaseException) -> bool:
    text = str(fault)
    words = ("can't start new thread", "Cannot allocate memory", "failed to map segment")
    return isinstance(fault, MemoryError) or any(word in text for word in words)
