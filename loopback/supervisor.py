"""The small parent process: one control plane per state folder, started again when it dies.

It imports the standard library only, so that it costs next to nothing beside the control plane. What it knows
of a running loopback is in `<state>/endpoint.json`; who owns the folder is whoever holds the lock on `<state>/lock`.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from loopback.core.settings import ACCOUNT, ENFORCE, IAM, PACE, Settings

PR_SET_PDEATHSIG = 1
START_SECONDS = 30.0
MOST_RESTARTS = 5  # within RESTART_WINDOW; then something is broken that a restart does not mend
RESTART_WINDOW = 30.0


class CannotStart(Exception):
    """loopback cannot come up; the message says why and what to do."""


def endpoint_file(state: Path) -> Path:
    """Written when the port answers, removed when loopback goes down."""
    return state / "endpoint.json"


def log_file(state: Path) -> Path:
    """What the control plane prints."""
    return state / "loopback.log"


def running(state: Path) -> dict[str, Any] | None:
    """pid, port and url of the loopback that holds this folder, or None."""
    if not _is_locked(state):
        return None
    try:
        found: dict[str, Any] = json.loads(endpoint_file(state).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def supervise(settings: Settings, announce: Callable[[str], None]) -> int:
    """Hold the folder and keep a control plane running until SIGTERM or SIGINT. Returns an exit code."""
    with _lock(settings.state):
        require_free_port(settings.port)
        child: list[subprocess.Popen[bytes]] = []
        stopping: list[int] = []

        def stop(number: int, _frame: Any) -> None:
            stopping.append(number)
            for process in child:
                process.terminate()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        deaths: list[float] = []
        try:
            while not stopping:
                child[:] = [_spawn(settings)]
                code = child[0].wait()
                if stopping:
                    break
                deaths = [*(at for at in deaths if at > time.time() - RESTART_WINDOW), time.time()]
                if len(deaths) >= MOST_RESTARTS:
                    announce(f"loopback died {len(deaths)} times in {RESTART_WINDOW:.0f} s (last exit code {code})")
                    announce(f"See {log_file(settings.state)}")
                    return 1
        finally:
            endpoint_file(settings.state).unlink(missing_ok=True)
    return 0


def start_detached(settings: Settings) -> dict[str, Any]:
    """Start a supervisor that outlives this process, and wait until its port answers. Raises CannotStart."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_free_port(settings.port)
    before = log_file(settings.state).stat().st_size if log_file(settings.state).exists() else 0
    command = [sys.executable, "-m", "loopback", "up", "--port", str(settings.port), "--state", str(settings.state)]
    with log_file(settings.state).open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_environment(settings),
        )
    deadline = time.time() + START_SECONDS
    while time.time() < deadline and process.poll() is None:
        found = running(settings.state)
        if found is not None:
            return found
        time.sleep(0.02)
    process.terminate()
    said = log_file(settings.state).read_bytes()[before:].decode(errors="replace").strip().splitlines()
    raise CannotStart("loopback did not come up. " + (" ".join(said[-3:]) or f"See {log_file(settings.state)}"))


def stop(state: Path, seconds: float = 20.0) -> bool:
    """Ask the loopback of this folder to end and wait until it has; False when none ran."""
    found = running(state)
    if found is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(found["supervisor"], signal.SIGTERM)
    deadline = time.time() + seconds
    while _is_locked(state) and time.time() < deadline:
        time.sleep(0.02)
    if _is_locked(state):
        raise CannotStart(
            f"loopback (pid {found['supervisor']}) has not ended within {seconds:.0f} s; see {log_file(state)}"
        )
    return True


def reset(state: Path) -> None:
    """Delete everything in the state folder. Raises CannotStart while a loopback uses it, or if it is none."""
    if _is_locked(state):
        raise CannotStart(f"A loopback is running on {state}; run `down` first")
    if state.exists() and not (state / "lock").exists():
        raise CannotStart(f"{state} is not a state folder of loopback (it has no file named lock); nothing was deleted")
    shutil.rmtree(state, ignore_errors=True)


def announce_started(settings: Settings) -> None:
    """Called by the control plane once its port answers."""
    found = {
        "url": settings.url,
        "port": settings.port,
        "pid": os.getpid(),
        "supervisor": os.getppid(),
        "region": settings.place.region,
        "started": time.time(),
    }
    part = endpoint_file(settings.state).with_suffix(".part")
    part.write_text(json.dumps(found))
    part.replace(endpoint_file(settings.state))


def require_free_port(port: int) -> None:
    """Raises CannotStart when something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            raise CannotStart(
                f"Port {port} on 127.0.0.1 cannot be used ({fault.strerror}). "
                "Stop what listens there, or choose another port with --port"
            ) from None


def _spawn(settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "loopback", "serve", "--port", str(settings.port), "--state", str(settings.state)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env=_environment(settings),
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
    )


def _die_with_parent() -> None:
    """A killed supervisor takes its control plane along: nothing is left behind on the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


_KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "LOOPBACK_STATE", PACE)


def _environment(settings: Settings) -> dict[str, str]:
    """What the control plane, and with it every Lambda function, may see of the caller's environment: no secrets.

    It imports loopback from where this file is, whatever folder it is started in.
    """
    root = str(Path(__file__).resolve().parent.parent)
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if settings.enforce_iam:
        kept[IAM] = ENFORCE
    if settings.is_new_account:
        kept[ACCOUNT] = "new"
    paths = [root, *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "AWS_DEFAULT_REGION": settings.place.region}


@contextlib.contextmanager
def _lock(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = running(state)
            where = f"at {found['url']} (pid {found['supervisor']})" if found else "(it is starting)"
            raise CannotStart(f"loopback is already running on {state} {where}") from None
        yield


def _is_locked(state: Path) -> bool:
    try:
        with (state / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
