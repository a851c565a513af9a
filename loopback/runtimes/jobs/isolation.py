"""What a job host has of its own beyond a room: /opt/ml, an environment to install in, a network, limits. Linux."""

import errno
import fcntl
import os
import resource
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path

from loopback.sandbox import mounts, system
from loopback.sandbox.plan import Show, View, holders, rest, show_paths

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
OPT_ML = "/opt/ml"
ROOT = "root"  # in a host's folder: what it has as /, where it may write
JOIN_SECONDS = 10.0


def make_mount_point() -> None:
    """Create /opt/ml on this machine if allowed; hosts without it make one inside their own mounts."""
    try:
        Path(OPT_ML).mkdir(parents=True, exist_ok=True)
    except OSError:
        return


def furnish(door: int, view: View, own: Iterable[Show]) -> None:
    """Show a host's own folders in its room, which was made with a view. Raises OSError."""
    prepared, whole = view.plan, view.show_more(own).plan
    if not Path(OPT_ML).is_dir():
        _cover_opt(door)
    steps = rest(prepared, whole)
    taking = holders(whole, steps)
    for cover in taking:
        system.set_access(cover.path, writable=True)
    mounts.carry_out(steps, door)
    mounts.seal_covers(taking)


def own_places(root: str, hosts_file: str | None) -> tuple[Show, ...]:
    """What is a host's own, for its folder `root`: that folder, /opt/ml, temporary files, /etc/hosts."""
    places = {OPT_ML: f"{root}/ml", "/tmp": f"{root}/tmp", "/var/tmp": f"{root}/tmp"}  # noqa: S108
    real = {path: os.path.realpath(source) for path, source in places.items()}
    hosts = (Show("/etc/hosts", os.path.realpath(hosts_file)),) if hosts_file else ()
    return (*show_paths([root], writable=True), *(Show(path, source, True) for path, source in real.items()), *hosts)


def _cover_opt(door: int) -> None:
    """A private /opt that shows what the machine's has, plus an empty ml: the machine's own is not ours to change."""
    original = f"/proc/self/fd/{door}/opt"
    entries = list(os.scandir(original))
    system.mount("tmpfs", "/opt", system.MS_NOSUID | system.MS_NODEV, "tmpfs", "mode=755")
    for entry in entries:
        if entry.is_symlink():
            Path("/opt", entry.name).symlink_to(os.readlink(entry.path))
    places = [f"/opt/{entry.name}" for entry in entries if not entry.is_symlink()]
    mounts.carry_out(tuple(Show(place, place) for place in places), door)
    Path(OPT_ML).mkdir()


def cover_packages(prefix: str, root: str) -> None:
    """Let a virtual environment be written to without changing it: what pip does in a job stays the job's.

    The changes go to folders below `root`. Raises OSError where the system refuses.
    """
    upper, work = f"{root}/packages", f"{root}/packages-work"
    for folder in (upper, work):
        os.makedirs(folder, exist_ok=True)
    options = f"lowerdir={prefix},upperdir={upper},workdir={work},userxattr"
    system.mount("overlay", prefix, 0, "overlay", options)


def isolate_network() -> None:
    """An empty network with only a loopback interface. Raises OSError."""
    system.unshare(system.NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(link, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def join_network(pid: int) -> None:
    """Enter the network of a process of ours. Raises OSError.

    The process may still be on its way there; it is waited for.
    """
    deadline = time.monotonic() + JOIN_SECONDS
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, f"process {pid} has not entered its own network")
        time.sleep(0.001)
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        system.enter(network, system.NEWNET)
    finally:
        os.close(network)


def limit_resources() -> None:
    """No core files; as many open files as the system allows."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
