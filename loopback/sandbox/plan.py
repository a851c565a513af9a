"""Which folders of this machine a sandboxed program does not see, and which it sees in spite of that.

A plan is a list of mounts. Folders are covered by empty ones; what a program needs is shown again, read-only
unless it is its own. Everything else of the machine is there as it is, read-only.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

HIDDEN = ("/home", "/root", "/run", "/media", "/mnt")
"""Everybody's files, sockets of the machine's own services (Docker, systemd, D-Bus), other disks."""
KEPT = frozenset(("/", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/dev", "/proc", "/sys", "/tmp"))  # noqa: S108


@dataclass(frozen=True)
class Cover:
    """An empty folder over one of this machine's; a `fresh` one is made for each room."""

    path: str
    fresh: bool = False


@dataclass(frozen=True)
class Show:
    """A folder or file of this machine at `path`, for example the one at that path itself."""

    path: str
    source: str
    writable: bool = False


Mount = Cover | Show
Plan = tuple[Mount, ...]


@dataclass(frozen=True)
class View:
    """What a program does not see, and what of that it sees in spite of it.

    Rooms have `hidden` in common. In `fresh` folders there is something else in each of them.
    """

    hidden: tuple[str, ...]
    shows: tuple[Show, ...]
    fresh: tuple[str, ...] = ()

    @cached_property
    def plan(self) -> Plan:
        """The mounts that make it."""
        return plan(self.hidden, self.shows, self.fresh)

    def show_more(self, more: Iterable[Show]) -> "View":
        """The same with something more."""
        return View(self.hidden, (*self.shows, *more), self.fresh)


def hidden_folders(home: str, state: Sequence[str]) -> tuple[str, ...]:
    """What is covered: the user's home folder wherever it is, the state folders, and everybody's places."""
    return tuple(dict.fromkeys(path for path in map(os.path.realpath, (*HIDDEN, home, *state)) if path not in KEPT))


def show_paths(paths: Iterable[str], *, writable: bool = False) -> tuple[Show, ...]:
    """Folders or files at their own places: where they are, and where a link leads to them."""
    found = [(os.path.abspath(path), os.path.realpath(path)) for path in paths]
    return tuple(dict.fromkeys(Show(place, real, writable) for path, real in found for place in (real, path)))


def plan(hidden: Iterable[str], shows: Iterable[Show], fresh: Iterable[str] = ()) -> Plan:
    """The mounts in their order: outer before inner, so that each lies on top of what surrounds it.

    >>> plan(["/home"], shown(["/home/a/venv", "/usr/bin"]))
    (Cover(path='/home'), Show(path='/home/a/venv', source='/home/a/venv', writable=False))
    """
    own = frozenset(fresh)
    wanted: list[Mount] = [*(Cover(path, path in own) for path in dict.fromkeys((*hidden, *own))), *shows]
    kept: list[Mount] = []
    for mount in sorted(dict.fromkeys(wanted), key=_order):
        around = _around(mount.path, kept)
        if isinstance(mount, Cover) and isinstance(around, Cover) and not mount.fresh:
            continue  # nothing of it is left to see
        if mount == Show(mount.path, mount.path) and _shows_itself(around):
            continue
        kept.append(mount)
    return tuple(kept)


def rest(done: Plan, whole: Plan) -> Plan:
    """What is left to do of a plan where another has been carried out: new mounts, and those that they lie over."""
    fresh = [mount for mount in whole if mount not in done]
    return tuple(m for m in whole if m in fresh or any(_is_below(m.path, other.path) for other in fresh))


def split_plan(whole: Plan) -> tuple[Plan, Plan]:
    """What rooms have in common, and what is made for each: fresh covers and what lies in them."""
    fresh = [mount.path for mount in whole if isinstance(mount, Cover) and mount.fresh]
    own = tuple(mount for mount in whole if any(_is_below(mount.path, path) for path in fresh))
    return tuple(mount for mount in whole if mount not in own), own


def holders(whole: Plan, steps: Iterable[Mount]) -> tuple[Cover, ...]:
    """The covers that some steps of a plan lie right in: these have to take their names."""
    found = (_around(step.path, [mount for mount in whole if mount != step]) for step in steps)
    return tuple(dict.fromkeys(mount for mount in found if isinstance(mount, Cover)))


def _order(mount: Mount) -> tuple[int, str, bool]:
    path = mount.path
    return (0 if path == "/" else path.count("/"), path, isinstance(mount, Show))


def _around(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The innermost mount that a path lies in."""
    return next((mount for mount in reversed(mounts) if _is_below(path, mount.path)), None)


def _shows_itself(around: Mount | None) -> bool:
    """Whether what lies in it can be seen at its own place anyway, read-only."""
    return around is None or (isinstance(around, Show) and around == Show(around.path, around.path))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
