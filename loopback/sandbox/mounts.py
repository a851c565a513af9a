"""Carrying out a plan in a mount namespace of one's own."""

import errno
import os
from contextlib import suppress

from loopback.sandbox import system
from loopback.sandbox.plan import Cover, Plan, Show
from loopback.sandbox.system import MS_BIND, MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, mount

_COVER = "size=1m,mode=755"  # it holds names only: what is shown again is mounted on them
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_ACCELERATORS = ("nvidia", "dri", "kfd")
_BEHIND, DOOR = "/dev/pts", "/dev/door"
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_SEALED_PROC = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")


def begin() -> int:
    """Make everything read-only and give a plan's sources a door: a descriptor of this machine's root as it is.

    The door is a second mount of the root, in the folder that `make_devices` covers: nothing but the descriptor leads
    there. Whoever has it sees everything, so it is closed before the program starts. Raises OSError.
    """
    mount("none", "/", MS_REC | MS_PRIVATE)
    mount("/", _BEHIND, MS_BIND | MS_REC)
    door = os.open(_BEHIND, os.O_PATH | os.O_DIRECTORY)
    system.seal_all()
    return door


def carry_out(plan: Plan, door: int) -> None:
    """Cover and show, in the plan's order. What the machine does not have is not shown. Raises OSError.

    What a program shall write to has to be there.
    """
    for step in plan:
        if isinstance(step, Cover):
            if os.path.isdir(step.path):
                mount("tmpfs", step.path, MS_NOSUID | MS_NODEV, "tmpfs", _COVER)
        else:
            _show(step, door)


def make_places(plan: Plan) -> None:
    """Make the folders that fresh covers will lie over, where a cover lies around them."""
    for step in plan:
        if isinstance(step, Cover) and step.fresh:
            with suppress(OSError):  # read-only: it is there already, or never will be
                os.makedirs(step.path, exist_ok=True)


def _show(step: Show, door: int) -> None:
    source = f"/proc/self/fd/{door}{step.source}"
    if not os.path.exists(source):
        if step.writable:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), step.source)
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
    for name in ("pts", "shm", "door"):
        os.mkdir(f"/dev/{name}")
    system.set_access("/dev", writable=False)


def make_terminals_and_memory() -> None:
    """The parts of /dev that programs write to: each room has its own. Raises OSError."""
    mount("devpts", "/dev/pts", MS_NOSUID, "devpts", "newinstance,ptmxmode=0666,mode=620")
    mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "tmpfs", "mode=1777")  # noqa: S108


def enter_root(folder: str) -> None:
    """Make a folder this process's root, with all that the present root shows in it. Raises OSError.

    What is then written right below / goes into the folder: in a container, too, / can be written to.
    """
    os.makedirs(folder, exist_ok=True)
    mount(folder, folder, MS_BIND)
    system.set_access(folder, writable=True)
    # What the folder lies in comes first: the mounts of the others would be in it, too.
    for entry in sorted(os.scandir("/"), key=lambda entry: not folder.startswith(f"{entry.path}/")):
        place = f"{folder}{entry.path}"
        if entry.is_symlink():
            with suppress(FileExistsError):
                os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir():
            os.makedirs(place, exist_ok=True)
            mount(entry.path, place, MS_BIND | MS_REC)
        else:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
            mount(entry.path, place, MS_BIND)
    os.chroot(folder)
    os.chdir("/")


def keep_door(door: int) -> None:
    """Let copies of this namespace find the door at DOOR. Raises OSError."""
    mount(f"/proc/self/fd/{door}", DOOR, MS_BIND | MS_REC)


def take_door() -> int:
    """The door of a copied namespace, which is then to be found by the descriptor alone. Raises OSError."""
    door = os.open(DOOR, os.O_PATH | os.O_DIRECTORY)
    mount("tmpfs", DOOR, MS_NOSUID | MS_NODEV | MS_RDONLY, "tmpfs", _COVER)
    return door


def mount_proc() -> None:
    """A /proc of this process's own process namespace, without what changes the machine. Raises OSError."""
    mount("proc", "/proc", MS_NOSUID | MS_NODEV, "proc")
    for path in _SEALED_PROC:
        if os.path.exists(path):
            mount(path, path, MS_BIND)
            system.set_access(path, writable=False)
