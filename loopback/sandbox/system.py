"""Namespaces, mounts and privileges of a process, through libc. Linux only; elsewhere `available` is False."""

import ctypes
import os
import signal
import sys

NEWNS, NEWUTS, NEWUSER, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
# What a user namespace may not take from a mount (nosuid, nodev, noexec, atimes): statvfs's bit, and mount's.
_STATVFS_FLAGS = {0x2: 0x2, 0x4: 0x4, 0x8: 0x8, 0x400: 0x400, 0x800: 0x800, 0x1000: 0x200000}
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 1, 24, 36
_CAPABILITY_VERSION, _CAP_SYS_ADMIN, _CAPABILITIES = 0x20080522, 21, 41
# What a container's root may do to its own files and processes: chown, dac_override, fowner, fsetid, kill, setgid,
# setuid, setpcap, net_bind_service, sys_chroot. Nothing of it reaches the machine.
KEPT_CAPABILITIES = frozenset((0, 1, 3, 4, 5, 6, 7, 8, 10, 18))

available = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise OSError for the result of a libc function that failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags`. Raises OSError."""
    check(_libc.unshare(flags), "unshare")


def enter(namespace: int, flag: int) -> None:
    """Enter the namespace of a descriptor. Raises OSError."""
    check(_libc.setns(namespace, flag), "setns")


def mount(source: str, target: str, flags: int, kind: str = "none", options: str | None = None) -> None:
    """Attach one folder or file over another. Raises OSError."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode(),
        ctypes.c_ulong(flags),
        os.fsencode(options) if options else None,
    )
    check(result, f"mount {source} on {target}")


def set_access(target: str, *, writable: bool) -> None:
    """Make a mount read-only, or writable again. Raises OSError."""
    found = os.statvfs(target).f_flag
    kept = sum(flag for bit, flag in _STATVFS_FLAGS.items() if found & bit)
    mount("none", target, MS_REMOUNT | MS_BIND | kept | (0 if writable else MS_RDONLY))


def seal_all() -> None:
    """Make every mount of this namespace read-only. Raises OSError."""
    attributes = (ctypes.c_uint64 * 4)(MS_RDONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    where = (ctypes.c_int(_AT_FDCWD), b"/", ctypes.c_uint(_AT_RECURSIVE))
    if _libc.syscall(ctypes.c_long(_MOUNT_SETATTR), *where, ctypes.byref(attributes), size) == 0:
        return
    with open("/proc/self/mountinfo", "rb") as mounts:  # before Linux 5.12: one by one
        targets = [line.split()[4].decode("unicode_escape") for line in mounts]
    for target in targets:
        try:
            set_access(target, writable=False)
        except OSError:  # one that lies below another cannot be reached by its path, by nobody
            continue


def die_with_parent() -> None:
    """SIGKILL to this process when the process that forked it ends."""
    if available:
        check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl PDEATHSIG")


def adopt_orphans() -> None:
    """Grandchildren that lose their parent become children of this process."""
    if available:
        check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl CHILD_SUBREAPER")


def become_privileged() -> None:
    """Be allowed to make namespaces: an ordinary user in a user namespace of its own. Raises OSError.

    Only for a process with one thread.
    """
    with open("/proc/self/status") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    if effective >> _CAP_SYS_ADMIN & 1:
        return
    uid, gid = os.geteuid(), os.getegid()
    unshare(NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def bound_privileges() -> None:
    """From now on no program that is started gets more of root's capabilities than a container's root has."""
    for number in range(_CAPABILITIES):
        if number not in KEPT_CAPABILITIES:
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # an older kernel does not know the last ones


def drop_privileges() -> None:
    """Keep of root's capabilities what a container's root has. A program can then undo no mount. Raises OSError."""
    kept = sum(1 << number for number in KEPT_CAPABILITIES)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)
    check(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")
