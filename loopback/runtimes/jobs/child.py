"""A forked process on its way to being a job host: a standby first, then the container's program."""

import importlib
import io
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from loopback.runtimes.jobs import interpreter, isolation
from loopback.runtimes.jobs.interpreter import Warmth
from loopback.runtimes.jobs.messages import HostSpec, load_spec, receive, send
from loopback.sandbox import mounts, system
from loopback.sandbox.plan import View, rest, show_paths
from loopback.sandbox.rooms import Room

SETUP_FAILED = 125  # as docker run: the container could not be made
NOT_EXECUTABLE, NOT_FOUND = 126, 127


@dataclass(frozen=True)
class Quarters:
    """Where a host is to live: its room, and the view that the room was made with."""

    room: Room
    view: View


def stand_by(link: socket.socket, warm: Warmth, quarters: Quarters | None, *, prepared: bool) -> NoReturn:
    """Prepare, wait on `link` for a host spec and the descriptor of its output, become that host.

    A `prepared` standby enters its room before it knows its job.
    """
    os.setsid()
    _reset_signals()
    _close_others(link, quarters)
    system.die_with_parent()
    if quarters and prepared:
        quarters.room.enter()
    _get_ready()
    if quarters:
        rest(quarters.view.plan, quarters.view.show_more(isolation.own_places("/", None)).plan)  # a rehearsal
    order = receive(link)
    if order is None:
        os._exit(0)
    message, (output,) = order
    _start(load_spec(message), output, link, quarters, warm, prepared)


def _close_others(link: socket.socket, quarters: Quarters | None) -> None:
    """Close what the process that forked this one has open, but for what leads to the room."""
    room = quarters.room if quarters else None
    kept = sorted({link.fileno(), *((room.mounts, room.names, room.door) if room else ())})
    for low, high in zip([2, *kept], [*kept, os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(low + 1, high)


def _start(
    spec: HostSpec, output: int, link: socket.socket, quarters: Quarters | None, warm: Warmth, prepared: bool
) -> NoReturn:
    try:
        if not prepared:
            _enter_late(spec, quarters)
        spec = _settle(spec, quarters)
        _redirect(output)
        os.chdir(spec.cwd)
    except OSError as error:
        send(link, {"fault": str(error)})
        os._exit(SETUP_FAILED)
    _become(spec, link, warm)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _enter_late(spec: HostSpec, quarters: Quarters | None) -> None:
    """The network of a host that is isolated, a new one or that of the job's first host; then its room."""
    if quarters is None:
        raise OSError("EnableNetworkIsolation: this system does not let a process have its own network")
    if spec.join is not None:
        isolation.join_network(spec.join)
    else:
        isolation.isolate_network()
    quarters.room.enter()


def _settle(spec: HostSpec, quarters: Quarters | None) -> HostSpec:
    """Put the job's folder in its place; where there are no rooms, rewrite the paths instead."""
    if quarters is None:
        return with_target(rewrite_paths(spec))
    room = quarters.room
    own = isolation.own_places(os.path.dirname(spec.folder), spec.hosts_file)
    isolation.furnish(
        room.door, quarters.view, (*own, *show_paths(spec.writable, writable=True), *show_paths(spec.readable))
    )
    for fd in (room.mounts, room.names, room.door):
        os.close(fd)
    mounts.enter_root(f"{os.path.dirname(spec.folder)}/{isolation.ROOT}")
    socket.sethostname(spec.hostname)
    spec = _with_own_packages(spec)
    system.drop_privileges()
    return spec


def _with_own_packages(spec: HostSpec) -> HostSpec:
    """Let what the job's own pip does end with the job: this machine's environment is read-only.

    Covering it costs 10 ms, which a program that runs warm does not pay: there pip gets a folder of its own.
    """
    python = spec.interpreter or sys.executable
    prefix = os.path.dirname(os.path.dirname(python))
    if not _is_warm(spec) and os.path.exists(f"{prefix}/pyvenv.cfg"):
        with suppress(OSError):  # not every file system can be covered
            isolation.cover_packages(prefix, os.path.dirname(spec.folder))
            return spec
    return with_target(spec)


def with_target(spec: HostSpec) -> HostSpec:
    """The spec with a folder of its own for pip, which is less than a container has: pip does not see what is there."""
    packages = f"{os.path.dirname(spec.folder)}/packages"
    paths = [packages, *filter(None, [spec.environ.get("PYTHONPATH")])]
    return replace(spec, environ={**spec.environ, "PIP_TARGET": packages, "PYTHONPATH": os.pathsep.join(paths)})


def rewrite_paths(spec: HostSpec) -> HostSpec:
    """The spec for a system without mounts: every /opt/ml that we hand out names the job's folder, and
    SAGEMAKER_BASE_DIR, which the SageMaker toolkits read, says so. Paths inside the user's own code stay.
    """

    def move_text(text: str) -> str:
        return text.replace(isolation.OPT_ML, spec.folder)

    environ = {key: move_text(value) for key, value in spec.environ.items()} | {"SAGEMAKER_BASE_DIR": spec.folder}
    cwd = move_text(spec.cwd) if spec.cwd != "/" else spec.environ.get("HOME", "/")
    return replace(spec, argv=tuple(map(move_text, spec.argv)), environ=environ, cwd=cwd)


def _redirect(output: int) -> None:
    """Output to the pipe, and Python's streams on top of it, line by line."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout = sys.__stdout__ = _writer(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _writer(2)  # type: ignore[misc]


def _writer(fd: int) -> io.TextIOWrapper:
    errors = "strict" if fd == 1 else "backslashreplace"
    buffer = io.BufferedWriter(io.FileIO(fd, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding="utf-8", errors=errors, line_buffering=True)


def _become(spec: HostSpec, link: socket.socket, warm: Warmth) -> NoReturn:
    """Run the host's program; `link` closes if that is another executable, or else tells the zygote its exit code."""
    host = os.getpid()

    def leave(code: int) -> NoReturn:
        if os.getpid() == host:  # not a child that the job forked
            try:
                send(link, {"code": code})
            except OSError:
                os._exit(code)
        os._exit(code)

    if not _is_warm(spec):
        _execute(replace(spec, argv=call_elsewhere(spec)) if spec.builtin else spec)
    _replace_environment(spec.environ)
    program = interpreter.parse(spec.argv)
    if spec.builtin or program is None:
        interpreter.end(lambda: _call(spec), leave)
    interpreter.end(lambda: interpreter.run(program, warm), leave)


def _is_warm(spec: HostSpec) -> bool:
    """Whether the program runs in this process."""
    return spec.interpreter is None and (spec.builtin is not None or interpreter.parse(spec.argv) is not None)


def _replace_environment(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()


def _get_ready() -> None:
    """What does not depend on the job, done before there is one; it also makes the pages it touches our own.

    Random state is what a fork must not share with its siblings (the standard library sees to its own).
    """
    isolation.limit_resources()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")  # type: ignore[misc]
    _replace_environment({"TZ": "UTC"})
    interpreter.parse(("python3", "-c", "pass"))
    exec(compile("pass", "<string>", "exec"), {})  # noqa: S102
    json.loads(json.dumps({"argv": ["python3"], "environ": {"TZ": "UTC"}}))
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _call(spec: HostSpec) -> None:
    """Run a program of this package: a function of the environment whose result is the exit code."""
    module, _, function = (spec.builtin or "").partition(":")
    sys.argv = list(spec.argv)
    sys.exit(getattr(importlib.import_module(module), function)(os.environ))


def call_elsewhere(spec: HostSpec) -> tuple[str, ...]:
    """The command line that runs a program of this package in another interpreter."""
    module, _, function = (spec.builtin or "").partition(":")
    parent = str(Path(__file__).parents[3])
    start = f"import os, sys; sys.path.append({parent!r})"  # behind its own packages
    code = f"{start}; from {module} import {function} as run; sys.exit(run(os.environ))"
    return ("python3", "-c", code, *spec.argv[1:])


def _execute(spec: HostSpec) -> NoReturn:
    """Become another program, as the container's entrypoint would be found and started."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, other programs rely on them
    command = spec.argv[0]
    if interpreter.is_python(command):
        command = spec.interpreter or sys.executable
    try:
        os.execvpe(command, [command, *spec.argv[1:]], dict(spec.environ))
    except FileNotFoundError:
        _refuse(f'exec: "{command}": executable file not found in $PATH', NOT_FOUND)
    except OSError as error:
        _refuse(f'exec: "{command}": {error.strerror}', NOT_EXECUTABLE)


def _refuse(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    os._exit(code)
