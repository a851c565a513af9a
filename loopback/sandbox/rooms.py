"""Rooms for job hosts: mounts, processes and a host name of their own, made by a small process before they are needed.

Forking the warm process takes milliseconds, so nothing of this happens there: before the large imports it splits off
from a parent that makes rooms from then on. Each room has a first process, which collects what loses its parent. A room
ends with every process in it when `Room.life` is closed, or when whoever holds that is gone.
"""

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass
from typing import NoReturn

from loopback.sandbox import mounts, system
from loopback.sandbox.plan import Plan, View

_FDS = 5


@dataclass(frozen=True)
class Room:
    """A prepared room. `processes` is its process namespace, or -1 where the system refuses to have one."""

    mounts: int
    names: int
    processes: int
    door: int
    life: int

    def fork(self, own_processes: int) -> int:
        """As os.fork; the child is among the room's processes. `own_processes` is this process's own namespace."""
        if self.processes < 0:
            return os.fork()
        system.enter(self.processes, system.NEWPID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid:
                system.enter(own_processes, system.NEWPID)
        return pid

    def enter(self) -> None:
        """Take this process, which the room has forked, into its mounts and its host name. Raises OSError."""
        system.enter(self.names, system.NEWUTS)
        system.enter(self.mounts, system.NEWNS)

    def close(self) -> None:
        """Close every descriptor: the room ends where this is the last process that has them."""
        for fd in (self.mounts, self.names, self.processes, self.door, self.life):
            if fd >= 0:
                os.close(fd)


class NoRoom(Exception):
    """The system refuses to make rooms; the message says why."""


class Nursery:
    """Has rooms made by the process that this one was split off from."""

    def __init__(self, line: socket.socket, view: View, ahead: int, *, closed: bool) -> None:
        """Rooms are made before they are taken, `ahead` of them. `closed`: they have processes of their own."""
        self.view, self.closed = view, closed
        self._line, self._ahead = line, ahead
        self._own_processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._asked = 0

    def take(self) -> Room:
        """A room, which is waited for. Raises NoRoom."""
        try:
            while self._asked <= self._ahead:
                self._line.send(b"+")
                self._asked += 1
        except OSError:
            raise NoRoom("the process that makes rooms has ended") from None
        self._asked -= 1
        return _received(self._line)

    def fork(self, room: Room) -> int:
        """As os.fork, among the room's processes."""
        return room.fork(self._own_processes)


def split(view: View, ahead: int) -> Nursery:
    """Fork, while this process has one thread: the parent makes rooms until the child, which returns, has ended.

    The child has a process namespace of its own: a system that lets an ordinary user fork into namespaces wants the
    one that a process comes from to be the user's, too. Raises NoRoom, in the only process that there is then.
    """
    _become_privileged()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    plan = view.plan
    closed = _has_processes(plan, ours, theirs)
    if closed:
        system.unshare(system.NEWPID)
    if os.fork():
        ours.close()
        _serve(theirs, plan)
    theirs.close()
    system.die_with_parent()
    return Nursery(ours, view, ahead, closed=closed)


def _has_processes(plan: Plan, ours: socket.socket, theirs: socket.socket) -> bool:
    """Make a room to see whether rooms can have processes of their own here. Raises NoRoom if there can be none."""
    pid = os.fork()
    if pid == 0:
        _make(theirs, plan)
    os.waitpid(pid, 0)
    room = _received(ours)
    room.close()
    return room.processes >= 0


def _become_privileged() -> None:
    if not system.available:
        raise NoRoom("only Linux has namespaces")
    try:
        system.become_privileged()
    except OSError as fault:
        raise NoRoom(f"user namespaces are refused: {fault}") from None


def outer_pid(pid: int) -> int:
    """The id by which the rest of this machine knows a child of this process."""
    handle = os.pidfd_open(pid)
    try:
        with open(f"/proc/self/fdinfo/{handle}") as info:
            return next(int(line.split()[1]) for line in info if line.startswith("Pid:"))
    finally:
        os.close(handle)


def _received(line: socket.socket) -> Room:
    data, fds, _flags, _address = socket.recv_fds(line, 4096, _FDS)
    if not data:
        raise NoRoom("the process that makes rooms has ended")
    answer = json.loads(data)
    if "fault" in answer:
        raise NoRoom(answer["fault"])
    mounts, names, *processes, door, life = fds
    return Room(mounts, names, processes[0] if processes else -1, door, life)


def _serve(line: socket.socket, plan: Plan) -> NoReturn:
    """Make rooms until the other end of the line is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are collected by the system, here and in each room
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kept = {line.fileno(), 0, 1, 2}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)
    with contextlib.suppress(OSError):
        while line.recv(1):
            if os.fork() == 0:
                _make(line, plan)
    os._exit(0)


def _make(line: socket.socket, plan: Plan) -> NoReturn:
    """Make one room and send its descriptors."""
    try:
        own = os.open("/proc/self/ns", os.O_RDONLY | os.O_DIRECTORY)  # the room's /proc will not know this process
        system.unshare(system.NEWNS | system.NEWUTS)
        door = mounts.begin(plan)
        mounts.carry_out(plan, door)
        mounts.make_devices(door)
        life, held = os.pipe()
        kinds = ["mnt", "uts"]
        if _first_process((line.fileno(), own, held, door), life):
            kinds.append("pid_for_children")
        fds = [*(os.open(kind, os.O_RDONLY, dir_fd=own) for kind in kinds), door, held]
        socket.send_fds(line, [b"{}"], fds)
    except BaseException as fault:  # noqa: BLE001 - this process is a copy: nothing above may run
        line.send(json.dumps({"fault": f"{type(fault).__name__}: {fault}"}).encode())
    os._exit(0)


def _first_process(foreign: tuple[int, ...], life: int) -> bool:
    """Start the room's first process and its /proc; whether the system lets the room have processes of its own.

    It lives until the other end of `life` is closed, and keeps none of the `foreign` descriptors.
    """
    told, tell = os.pipe()
    try:
        system.unshare(system.NEWPID)
    except OSError:
        return False
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for fd in (*foreign, told):
            os.close(fd)
        try:
            mounts.mount_proc()
            os.write(tell, b"+")
        except OSError:
            os._exit(1)
        os.close(tell)
        os.read(life, 1)
        os._exit(0)
    os.close(tell)
    os.close(life)
    ready = os.read(told, 1) == b"+"
    os.close(told)
    return ready
