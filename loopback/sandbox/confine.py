"""A program in a room of its own: `confine.py PLAN COMMAND ...`. Every build and function waits for it to start.

PLAN is JSON: `{"hidden": [...], "shown": [[path, source, writable], ...], "root": path}`; where root is "", / cannot
be written to. The process waits for the command's end and ends the same way; when it is ended from outside, the command
and all that it has started end, too.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from loopback.sandbox import mounts, system
from loopback.sandbox.plan import Plan, Show, hidden_folders, plan

NO_ROOM = 125  # as docker run: the container could not be made
_PROGRAM = (sys.executable, "-I", "-S", __file__)


def command(
    argv: Sequence[str], state: Path, shows: Iterable[Show], covers: Iterable[str] = (), root: str = ""
) -> list[str]:
    """The command line that runs another one with the user's home, the state folder and everybody's files hidden.

    `covers` are further folders to hide; what is written right below / goes into the folder `root`, where there is one.
    Where the system refuses rooms it is that other one.
    """
    return list(argv) if refusal() else [*_PROGRAM, _document([str(state)], shows, covers, root), *argv]


@cache
def refusal() -> str | None:
    """Why programs cannot be confined on this machine; None where they can."""
    if not system.available:
        return "only Linux has namespaces"
    tried = subprocess.run([*_PROGRAM, _document([], ()), "true"], capture_output=True, text=True, check=False)
    return (tried.stderr.strip() or "the attempt failed") if tried.returncode else None


def _document(state: Sequence[str], shows: Iterable[Show], covers: Iterable[str] = (), root: str = "") -> str:
    hidden = (*hidden_folders(os.path.expanduser("~"), state), *covers)
    shown = [[show.path, show.source, show.writable] for show in shows]
    return json.dumps({"hidden": hidden, "shown": shown, "root": root})


def main(document: str, argv: list[str]) -> NoReturn:
    """Run the command."""
    wanted = json.loads(document)
    folder = os.getcwd()
    try:
        system.become_privileged()
        system.unshare(system.NEWPID)
        pid = os.fork()
    except OSError as fault:
        _refuse(fault)
    if pid == 0:
        _execute(plan(wanted["hidden"], [Show(*show) for show in wanted["shown"]]), wanted["root"], folder, argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches the command, whose end this one awaits
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _execute(wanted: Plan, root: str, folder: str, argv: list[str]) -> NoReturn:
    """Furnish the room and become the command in it, with the rights of a container."""
    try:
        system.die_with_parent()
        system.unshare(system.NEWNS | system.NEWUTS)
        door = mounts.begin()
        mounts.carry_out(wanted, door)
        mounts.make_devices(door)
        mounts.make_terminals_and_memory()
        os.close(door)
        mounts.seal_covers(wanted)
        mounts.mount_proc()
        if root:
            mounts.enter_root(root)
        system.bound_privileges()
        system.drop_privileges()
        os.chdir(folder)
        os.execvpe(argv[0], argv, os.environ)
    except OSError as fault:
        _refuse(fault)


def _refuse(fault: OSError) -> NoReturn:
    print(f"{fault.strerror or fault}", file=sys.stderr, flush=True)
    os._exit(NO_ROOM)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
