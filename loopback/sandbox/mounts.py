"""Carrying out a plan in a mount namespace of one's own."""

import os
from contextlib import suppress

from loopback.sandbox import system
from loopback.sandbox.plan import Cover, Plan, Show
from loopback.sandbox.system import MS_BIND, MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_REC, mount

_COVER = "size=1m,mode=755"  # it holds names only: what is shown again is mounted on them
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_ACCELERATORS = ("nvidia", "dri", "kfd")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_SEALED_PROC = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")


def begin(plan: Plan) -> int:
    """Make everything read-only and give the plan's sources a door: a descriptor of this machine's root as it is.

    The door is a second mount of the root below the first folder that is covered: nothing but the descriptor leads
    there. Whoever has it sees everything, so it is closed before the program starts. Raises OSError.
    """
    place = next(m.path for m in plan if isinstance(m, Cover) and os.path.isdir(m.path))
    mount("none", "/", MS_REC | MS_PRIVATE)
    mount("/", place, MS_BIND | MS_REC)
    door = os.open(place, os.O_PATH | os.O_DIRECTORY)
    system.seal_all()
    return door


def carry_out(plan: Plan, door: int) -> None:
    """Cover and show, in the plan's order. What the machine does not have is left out. Raises OSError."""
    for step in plan:
        if isinstance(step, Cover):
            if os.path.isdir(step.path):
                mount("tmpfs", step.path, MS_NOSUID | MS_NODEV, "tmpfs", _COVER)
        else:
            _show(step, door)


def _show(step: Show, door: int) -> None:
    source = f"/proc/self/fd/{door}{step.source}"
    if not os.path.exists(source):
        return
    if os.path.isdir(source):
        os.makedirs(step.path, exist_ok=True)
    elif not os.path.exists(step.path):
        os.makedirs(os.path.dirname(step.path), exist_ok=True)
        os.close(os.open(step.path, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, step.path, MS_BIND)
    system.set_access(step.path, writable=step.writable)


def seal_covers(plan: Plan) -> None:
    """Make what lies over the covered folders read-only, once all is shown. Raises OSError."""
    for step in plan:
        if isinstance(step, Cover) and os.path.isdir(step.path):
            with suppress(OSError):  # something else may be shown in its place
                system.set_access(step.path, writable=False)


def make_devices(door: int) -> None:
    """A /dev with what a container has: no disks, no memory of the machine. Raises OSError."""
    machine = f"/proc/self/fd/{door}/dev"
    names = [*_DEVICES, *(name for name in os.listdir(machine) if name.startswith(_ACCELERATORS))]
    mount("tmpfs", "/dev", MS_NOSUID, "tmpfs", _COVER)
    for name in names:
        _show(Show(f"/dev/{name}", f"/dev/{name}", writable=True), door)
    for name, target in _LINKS.items():
        os.symlink(target, f"/dev/{name}")
    os.mkdir("/dev/pts")
    mount("devpts", "/dev/pts", MS_NOSUID, "devpts", "newinstance,ptmxmode=0666,mode=620")
    os.mkdir("/dev/shm")  # noqa: S108
    mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "tmpfs", "mode=1777")  # noqa: S108
    system.set_access("/dev", writable=False)


def mount_proc() -> None:
    """A /proc of this process's own process namespace, without what changes the machine. Raises OSError."""
    mount("proc", "/proc", MS_NOSUID | MS_NODEV, "proc")
    for path in _SEALED_PROC:
        if os.path.exists(path):
            mount(path, path, MS_BIND)
            system.set_access(path, writable=False)
