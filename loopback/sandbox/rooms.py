"""Rooms for job hosts: mounts, processes and a host name of their own, made by a small process before they are needed.

Forking the warm process takes milliseconds, so nothing of this happens there: before the large imports it splits off
from a process that makes rooms from then on. Each room has a first process, which collects what loses its parent. A
room ends with every process in it when `Room.life` is closed, or when whoever holds that is gone.
"""

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass
from typing import NoReturn

from loopback.sandbox import mounts, system
from loopback.sandbox.plan import Plan, View, split_plan

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

    def __init__(self, line: socket.socket, view: View, ahead: int, *, closed: bool, maker: int) -> None:
        """Rooms are made before they are taken, `ahead` of them. `closed`: they have processes of their own.

        `maker` is the child that makes them, 0 where it is no child.
        """
        self.view, self.closed, self.maker = view, closed, maker
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
        return _receive_room(self._line)

    def fork(self, room: Room) -> int:
        """As os.fork, among the room's processes."""
        return room.fork(self._own_processes)


def split(view: View, ahead: int) -> Nursery:
    """Fork, while this process has one thread: one of both makes rooms, the other one returns. Raises NoRoom.

    It is the child that makes rooms, where the system lets this process come back from a room's process namespace.
    That namespace has to be the user's for it: an ordinary user's process gets one of its own, as a child, and its
    parent makes the rooms. The rooms end with the process that returns.
    """
    _become_privileged()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    common, own = split_plan(view.plan)
    closed = _has_processes(common, own, ours, theirs)
    comes_back = not closed or _comes_back()
    if not comes_back:
        system.unshare(system.NEWPID)
    maker = os.fork()
    parent = maker != 0
    if parent != comes_back:
        ours.close()
        if not parent:
            system.die_with_parent()
        _serve(theirs, common, own)
    theirs.close()
    if not parent:
        system.die_with_parent()
    return Nursery(ours, view, ahead, closed=closed, maker=maker)


def _comes_back() -> bool:
    """Whether this process may enter the process namespace that it is in, as it has to after each fork into a room."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY)
    try:
        system.enter(own, system.NEWPID)
    except OSError:
        return False
    finally:
        os.close(own)
    return True


def _has_processes(common: Plan, own: Plan, ours: socket.socket, theirs: socket.socket) -> bool:
    """Make a room to see whether rooms can have processes of their own here. Raises NoRoom if there can be none."""
    pid = os.fork()
    if pid == 0:
        ours.close()  # a room that is under way to a process that has ended would keep its own end open there
        try:
            _prepare(common, own)
        except OSError as fault:
            _tell_fault(theirs, fault)
        _make(theirs, own)
    os.waitpid(pid, 0)
    room = _receive_room(ours)
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


def _receive_room(line: socket.socket) -> Room:
    data, fds, _flags, _address = socket.recv_fds(line, 4096, _FDS)
    if not data:
        raise NoRoom("the process that makes rooms has ended")
    answer = json.loads(data)
    if "fault" in answer:
        raise NoRoom(answer["fault"])
    mounts, names, *processes, door, life = fds
    return Room(mounts, names, processes[0] if processes else -1, door, life)


def _prepare(common: Plan, own: Plan) -> None:
    """Take this process into a namespace of which rooms are copies: a copy costs a tenth. Raises OSError."""
    system.unshare(system.NEWNS)
    door = mounts.begin()
    mounts.carry_out(common, door)
    mounts.make_places(own)
    mounts.seal_covers(common)
    mounts.make_devices(door)
    mounts.keep_door(door)
    os.close(door)


def _serve(line: socket.socket, common: Plan, own: Plan) -> NoReturn:
    """Make rooms until the other end of the line is closed."""
    system.adopt_orphans()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are collected by the system, here and in each room
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kept = {line.fileno(), 0, 1, 2}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)
    with contextlib.suppress(OSError):
        _prepare(common, own)
        while line.recv(1):
            if os.fork() == 0:
                _make(line, own)
    os._exit(0)


def _make(line: socket.socket, own: Plan) -> NoReturn:
    """Make one room and send its descriptors."""
    try:
        kept = os.open("/proc/self/ns", os.O_RDONLY | os.O_DIRECTORY)  # the room's /proc will not know this process
        system.unshare(system.NEWNS | system.NEWUTS)
        door = mounts.take_door()
        mounts.carry_out(own, door)
        mounts.seal_covers(own)
        mounts.make_terminals_and_memory()
        life, held = os.pipe()
        kinds = ["mnt", "uts"]
        if _first_process((line.fileno(), kept, held, door), life):
            kinds.append("pid_for_children")
        fds = [*(os.open(kind, os.O_RDONLY, dir_fd=kept) for kind in kinds), door, held]
        socket.send_fds(line, [b"{}"], fds)
    except BaseException as fault:  # noqa: BLE001 - this process is a copy: nothing above may run
        _tell_fault(line, fault)
    os._exit(0)


def _tell_fault(line: socket.socket, fault: BaseException) -> NoReturn:
    line.send(json.dumps({"fault": f"{type(fault).__name__}: {fault}"}).encode())
    os._exit(1)


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
