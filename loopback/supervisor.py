"""The small parent process: one control plane per state folder, started again when it dies.

It imports the standard library only, so that it costs next to nothing beside the control plane. It holds
`<state>/lock`, the control plane `<state>/control.lock`; what `<state>/endpoint.json` says counts while both do.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from loopback import log_file
from loopback.core import locks
from loopback.core.settings import ACCOUNT, ENFORCE, EVENT_DAYS, IAM, ISSUERS, JOB_PYTHON, PACE, TESTING, Settings

PR_SET_PDEATHSIG = 1
STEP_SECONDS = 0.02
PROBE_BYTES = 1 << 16
STRAY_SECONDS = 0.5  # between two looks whether the parent is there
START_SECONDS = 60.0
END_SECONDS = 20.0  # for a control plane to end
REFUSED = 78  # exit code of a control plane that cannot run on this folder: EX_CONFIG
TAKEN = 75  # exit code of a supervisor whose folder has one already: EX_TEMPFAIL
REPORT = "LOOPBACK_REPORT"  # the descriptor on which a detached supervisor tells its starter why it ends
MOST_RESTARTS = 5  # within RESTART_WINDOW; then something is broken that a restart does not mend
RESTART_WINDOW = 30.0


class CannotStart(Exception):
    """loopback cannot come up; the message says why and what to do."""


class AlreadyRunning(CannotStart):
    """Another supervisor has the folder."""


def endpoint_file(state: Path) -> Path:
    """Written when the port answers, removed when loopback goes down."""
    return state / "endpoint.json"


def control_lock(state: Path) -> Path:
    """Held by the control plane."""
    return state / "control.lock"


def running(state: Path) -> dict[str, Any] | None:
    """pid, port and url of the loopback that holds this folder, or None."""
    supervisor, control = locks.holder(state / "lock"), locks.holder(control_lock(state))
    try:
        found: dict[str, Any] = json.loads(endpoint_file(state).read_text())
    except (OSError, ValueError):
        return None
    return found if (found.get("supervisor"), found.get("pid")) == (supervisor, control) else None


def supervise(settings: Settings, announce: Callable[[str], None]) -> int:
    """Hold the folder and keep a control plane running until SIGTERM or SIGINT. Returns an exit code."""
    with _hold_folder(settings.state):
        _end_orphan(settings.state)
        require_free_port(settings.port)
        child: list[subprocess.Popen[bytes]] = []
        stopping: list[int] = []

        def stop(number: int, _frame: Any) -> None:
            stopping.append(number)
            for process in child:
                process.terminate()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        log_file.keep_short(log_file.path(settings.state))
        deaths: list[float] = []
        accept_loss = settings.accept_loss
        try:
            while not stopping:
                child[:] = [_spawn(settings, accept_loss=accept_loss)]
                accept_loss = False  # what was damaged is aside now
                code = child[0].wait()
                if stopping:
                    break
                if code == REFUSED:
                    return 1
                deaths = [*(at for at in deaths if at > time.time() - RESTART_WINDOW), time.time()]
                if len(deaths) >= MOST_RESTARTS:
                    announce(
                        f"loopback died {len(deaths)} times in {RESTART_WINDOW:.0f} s (last exit code {code}). "
                        f"See {log_file.path(settings.state)}"
                    )
                    return 1
        finally:
            endpoint_file(settings.state).unlink(missing_ok=True)
    return 0


def start_detached(settings: Settings) -> tuple[dict[str, Any], bool]:
    """Start a supervisor that outlives this process, and wait until its port answers; whether it is this one.

    Raises CannotStart.
    """
    require_folder(settings.state)
    told, telling = os.pipe()
    command = [sys.executable, "-m", "loopback", "up", "--port", str(settings.port), "--state", str(settings.state)]
    with log_file.path(settings.state).open("ab") as log:
        process = subprocess.Popen(
            [*command, "--accept-loss"] if settings.accept_loss else command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(telling,),
            env=_environment(settings) | {REPORT: str(telling)},
        )
    os.close(telling)
    deadline = time.time() + START_SECONDS
    while time.time() < deadline and (code := process.poll()) in (None, TAKEN):
        found = running(settings.state)
        if found is not None:
            return found, code is None
        time.sleep(STEP_SECONDS)
    late = process.poll() is None
    if late:
        process.terminate()
    said = "" if late else os.read(told, 1 << 16).decode(errors="replace").strip()
    os.close(told)
    see = f"See {log_file.path(settings.state)}"
    raise CannotStart(said or (f"loopback does not answer after {START_SECONDS:.0f} s. {see}" if late else see))


def report(message: str) -> None:
    """Tell the process that waits for a detached start why there is none."""
    if (descriptor := os.environ.get(REPORT, "")).isdigit():
        with contextlib.suppress(OSError):  # it waits no more
            os.write(int(descriptor), f"{message}\n".encode())


def stop(state: Path, seconds: float = END_SECONDS) -> bool:
    """Ask the loopback of this folder to end and wait until it has; False when none ran."""
    pid = locks.holder(state / "lock") or locks.holder(control_lock(state))  # without a supervisor, an orphan
    if not pid:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.time() + seconds
    while is_held(state) and time.time() < deadline:
        time.sleep(STEP_SECONDS)
    if is_held(state):
        raise CannotStart(f"loopback (pid {pid}) has not ended within {seconds:.0f} s; see {log_file.path(state)}")
    return True


def reset(state: Path) -> None:
    """Delete everything in the state folder. Raises CannotStart while a loopback uses it, or if it is none."""
    if is_held(state):
        raise CannotStart(f"A loopback is running on {state}; run `down` first")
    if state.exists() and not (state / "lock").exists():
        raise CannotStart(f"{state} is not a state folder of loopback (it has no file named lock); nothing was deleted")
    shutil.rmtree(state, ignore_errors=True)


def is_held(state: Path) -> bool:
    """Whether a supervisor or a control plane is on this folder."""
    return any(locks.holder(path) is not None for path in (state / "lock", control_lock(state)))


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


def end_with_parent() -> None:
    """Send this process SIGTERM soon after its parent is gone, however that ended."""
    parent = os.getppid()

    def look(_number: int, _frame: Any) -> None:
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, STRAY_SECONDS, STRAY_SECONDS)


def require_folder(state: Path) -> None:
    """Make the state folder. Raises CannotStart when nothing can be written there."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = state / f"probe.{os.getpid()}"
        probe.write_bytes(bytes(PROBE_BYTES))
        probe.unlink()
    except OSError as fault:
        why = "it is a file" if state.is_file() else fault.strerror
        raise CannotStart(
            f"The state folder {state} cannot be used ({why}). Make it a folder that can be written to and has room, "
            "or choose another with --state"
        ) from None


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


def _spawn(settings: Settings, *, accept_loss: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "loopback", "serve", "--port", str(settings.port), "--state", str(settings.state)]
    told = {name: os.environ[name] for name in (REPORT,) if name in os.environ}
    return subprocess.Popen(
        [*command, "--accept-loss"] if accept_loss else command,
        stdin=subprocess.DEVNULL,
        env=_environment(settings) | told,
        pass_fds=[int(descriptor) for descriptor in told.values()],
        preexec_fn=partial(_die_with_parent, os.getpid()),  # noqa: PLW1509 - this process has one thread
    )


def _die_with_parent(parent: int) -> None:
    """A killed supervisor takes its control plane along: nothing is left behind on the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


_KEPT = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "LOOPBACK_STATE"),
    *("XDG_CACHE_HOME", "SSL_CERT_FILE"),  # where environments of images are, and whom their index is trusted by
)
_SETTINGS = (PACE, EVENT_DAYS, JOB_PYTHON, ISSUERS)


def _environment(settings: Settings) -> dict[str, str]:
    """What the control plane, and with it every Lambda function, may see of the caller's environment: no secrets.

    It imports loopback from where this file is, whatever folder it is started in.
    """
    root = str(Path(__file__).resolve().parent.parent)
    kept = {name: os.environ[name] for name in (*_KEPT, *_SETTINGS) if name in os.environ}
    if settings.enforce_iam:
        kept[IAM] = ENFORCE
    if settings.is_new_account:
        kept[ACCOUNT] = "new"
    if settings.testing:
        kept[TESTING] = "1"
    paths = [root, *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "AWS_DEFAULT_REGION": settings.place.region}


@contextlib.contextmanager
def _hold_folder(state: Path) -> Iterator[None]:
    require_folder(state)
    try:
        with locks.hold(state / "lock"):
            yield
    except locks.AlreadyHeld:
        found = running(state)
        where = f"at {found['url']} (pid {found['supervisor']})" if found else "(it is starting)"
        raise AlreadyRunning(f"loopback is already running on {state} {where}") from None


def _end_orphan(state: Path) -> None:
    """A control plane whose supervisor was killed is about to end; wait for it."""
    if not (pid := locks.holder(control_lock(state))):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.time() + END_SECONDS
    while locks.holder(control_lock(state)) is not None:
        if time.time() > deadline:
            raise CannotStart(
                f"The control plane of an earlier loopback (pid {pid}) is still on {state} and does not end; "
                f"end it with `kill -9 {pid}`"
            )
        time.sleep(STEP_SECONDS)
