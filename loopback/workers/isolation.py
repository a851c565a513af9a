"""Namespaces, mounts and process settings of a job host, through libc. Linux only; elsewhere `available` is False."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
import time
from pathlib import Path

NEWNS, NEWUTS, NEWUSER, NEWNET = 0x00020000, 0x04000000, 0x10000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
# What a user namespace may not take from a mount (nosuid, nodev, noexec, atimes): statvfs's bit, and mount's.
MS_KEPT = {0x2: 0x2, 0x4: 0x4, 0x8: 0x8, 0x400: 0x400, 0x800: 0x800, 0x1000: 0x200000}
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
OPT_ML = "/opt/ml"
JOIN_SECONDS = 10.0

available = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags`. Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, flags: int, kind: str = "none", options: str | None = None) -> None:
    """Attach one folder or file over another. Raises OSError."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode() if options else None
    )
    _check(result, f"mount {source} on {target}")


def die_with_parent() -> None:
    """SIGKILL to this process when the process that forked it ends."""
    if available:
        _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl PDEATHSIG")


def adopt_orphans() -> None:
    """Grandchildren that lose their parent become children of this process."""
    if available:
        _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl CHILD_SUBREAPER")


def enter_namespaces() -> bool:
    """Give this process its own mounts and host name. False where the system refuses."""
    if not available:
        return False
    uid, gid = os.geteuid(), os.getegid()
    try:
        try:
            unshare(NEWNS | NEWUTS)
        except PermissionError:  # an ordinary user, or root without capabilities
            unshare(NEWNS | NEWUTS | NEWUSER)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        mount("none", "/", MS_REC | MS_PRIVATE)
    except OSError:
        return False
    return True


def make_mount_point() -> None:
    """Create /opt/ml on this machine if allowed; hosts without it make one inside their own mounts."""
    try:
        Path(OPT_ML).mkdir(parents=True, exist_ok=True)
    except OSError:
        return


def mount_opt_ml(folder: str, hosts_file: str | None) -> None:
    """Show `folder` as /opt/ml and `hosts_file` as /etc/hosts, in this mount namespace. Raises OSError."""
    if not Path(OPT_ML).is_dir():
        _cover_opt(folder)
    mount(folder, OPT_ML, MS_BIND)
    if hosts_file:
        mount(hosts_file, "/etc/hosts", MS_BIND)


def _cover_opt(folder: str) -> None:
    """A private /opt that shows what the machine's has, plus an empty ml: the machine's own is not ours to change."""
    original = Path(folder).parent / "opt"
    original.mkdir(exist_ok=True)
    mount("/opt", str(original), MS_BIND | MS_REC)
    entries = list(original.iterdir())
    mount("tmpfs", "/opt", 0, "tmpfs")
    for entry in entries:
        shown = Path("/opt") / entry.name
        if entry.is_symlink():
            shown.symlink_to(entry.readlink())
        elif entry.is_dir():
            shown.mkdir()
            mount(str(entry), str(shown), MS_BIND | MS_REC)
        else:
            shown.touch()
            mount(str(entry), str(shown), MS_BIND)
    Path(OPT_ML).mkdir()


def cover_packages(prefix: str, root: str) -> None:
    """Let a virtual environment be written to without changing it: what pip does in a job stays the job's.

    The changes go to folders below `root`. Raises OSError where the system refuses.
    """
    upper, work = f"{root}/packages", f"{root}/packages-work"
    for folder in (upper, work):
        os.makedirs(folder, exist_ok=True)
    mount("overlay", prefix, 0, "overlay", f"lowerdir={prefix},upperdir={upper},workdir={work},userxattr")


def seal_packages(prefix: str) -> None:
    """Show a virtual environment as read-only, where it cannot be covered. Raises OSError where that is refused too."""
    mount(prefix, prefix, MS_BIND)
    found = os.statvfs(prefix).f_flag
    kept = sum(flag for bit, flag in MS_KEPT.items() if found & bit)
    mount(prefix, prefix, MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def name_host(name: str) -> None:
    """The host name in this UTS namespace."""
    socket.sethostname(name)


def isolate_network() -> None:
    """An empty network with only a loopback interface. Raises OSError."""
    unshare(NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(link, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def join_network(pid: int) -> None:
    """Enter the network (and the user namespace, if it has its own) of a process of ours. Raises OSError.

    The process may still be on its way there; it is waited for.
    """
    deadline = time.monotonic() + JOIN_SECONDS
    while _namespace(pid, "net") == _namespace(os.getpid(), "net"):
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, f"process {pid} has not entered its own network")
        time.sleep(0.001)
    kinds = [("net", NEWNET)]
    if _namespace(pid, "user") != _namespace(os.getpid(), "user"):
        kinds.insert(0, ("user", NEWUSER))
    for kind, flag in kinds:
        handle = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        try:
            _check(_libc.setns(handle, flag), f"setns {kind}")
        finally:
            os.close(handle)


def _namespace(pid: int, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def limit_resources() -> None:
    """No core files; as many open files as the system allows."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
