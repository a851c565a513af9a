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
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from loopback.workers import interpreter, isolation
from loopback.workers.interpreter import Warmth
from loopback.workers.messages import HostSpec, load_spec, receive, send

SETUP_FAILED = 125  # as docker run: the container could not be made
NOT_EXECUTABLE, NOT_FOUND = 126, 127


def stand_by(link: socket.socket, warm: Warmth, *, prepared: bool) -> NoReturn:
    """Prepare, wait on `link` for a host spec and the descriptor of its output, become that host.

    A `prepared` standby enters its namespaces before it knows its job.
    """
    zygote = os.getppid()
    os.setsid()
    _reset_signals()
    os.closerange(3, link.fileno())
    os.closerange(link.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    private = prepared and isolation.enter_namespaces()
    isolation.die_with_parent()  # after the namespaces: a change of credentials would clear it
    if os.getppid() != zygote:
        os._exit(0)
    _get_ready()
    order = receive(link)
    if order is None:
        os._exit(0)
    message, (output,) = order
    _start(load_spec(message), output, link, private, warm, prepared)


def _start(spec: HostSpec, output: int, link: socket.socket, private: bool, warm: Warmth, prepared: bool) -> NoReturn:
    try:
        if not prepared:
            private = _enter_late(spec)
        spec = _settle(spec, private=private)
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


def _enter_late(spec: HostSpec) -> bool:
    """Namespaces of a host whose network is isolated: a new one, or that of the job's first host."""
    if spec.join is not None:
        isolation.join_network(spec.join)
        isolation.enter_namespaces()
        return True
    if not isolation.enter_namespaces():
        raise OSError("EnableNetworkIsolation: this system does not let a process have its own network")
    isolation.isolate_network()
    return True


def _settle(spec: HostSpec, *, private: bool) -> HostSpec:
    """Put the job's folder in its place; where mounts are refused, rewrite the paths instead."""
    if private:
        try:
            isolation.mount_opt_ml(spec.folder, spec.hosts_file)
        except OSError:
            if spec.isolated:
                raise
        else:
            isolation.name_host(spec.hostname)
            return _with_own_packages(spec)
    return with_target(rewritten(spec))


def _with_own_packages(spec: HostSpec) -> HostSpec:
    """Keep what the job's own pip does away from this machine's environment.

    Covering it costs 10 ms, which a program that runs warm does not pay: there pip gets a folder of its own.
    """
    if _is_warm(spec):
        return with_target(spec)
    python = spec.interpreter or sys.executable
    prefix = os.path.dirname(os.path.dirname(python))
    if os.path.exists(f"{prefix}/pyvenv.cfg"):
        try:
            isolation.cover_packages(prefix, os.path.dirname(spec.folder))
        except OSError:  # not every file system can be covered
            with suppress(OSError):
                isolation.seal_packages(prefix)
            return with_target(spec)
        return spec
    return with_target(spec)


def with_target(spec: HostSpec) -> HostSpec:
    """The spec with a folder of its own for pip, which is less than a container has: pip does not see what is there."""
    packages = f"{os.path.dirname(spec.folder)}/packages"
    paths = [packages, *filter(None, [spec.environ.get("PYTHONPATH")])]
    return replace(spec, environ={**spec.environ, "PIP_TARGET": packages, "PYTHONPATH": os.pathsep.join(paths)})


def rewritten(spec: HostSpec) -> HostSpec:
    """The spec for a system without mounts: every /opt/ml that we hand out names the job's folder, and
    SAGEMAKER_BASE_DIR, which the SageMaker toolkits read, says so. Paths inside the user's own code stay.
    """

    def moved(text: str) -> str:
        return text.replace(isolation.OPT_ML, spec.folder)

    environ = {key: moved(value) for key, value in spec.environ.items()} | {"SAGEMAKER_BASE_DIR": spec.folder}
    return replace(spec, argv=tuple(map(moved, spec.argv)), environ=environ, cwd=moved(spec.cwd))


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
        _execute(replace(spec, argv=_call_elsewhere(spec)) if spec.builtin else spec)
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


def _call_elsewhere(spec: HostSpec) -> tuple[str, ...]:
    """The command line that runs a program of this package in another interpreter."""
    module, _, function = (spec.builtin or "").partition(":")
    parent = str(Path(__file__).parents[2])
    start = f"import os, sys; sys.path.insert(0, {parent!r})"
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
