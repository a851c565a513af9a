"""The zygote: a process that has imported what jobs use and forks a host for each.

`python -m loopback.runtimes.jobs.zygote FD STANDBYS IDLE_SECONDS HIDDEN FRESH SHOWN NEEDED MODULES`; the last five
are JSON: folders that hosts do not see, folders of which each sees something else, folders below them that all see,
whether no host may run without a room, and the modules to import; those that are not installed are left out. It has
one thread, reads orders from the control plane on a socket, and writes to each host's report pipe: one JSON line with
the pid when the host starts, one with the wait status when it has ended. A report pipe that closes without the second
line means that the host was lost. The end of the socket ends the zygote and all of its hosts.
"""

import sys

BARE = frozenset(name.partition(".")[0] for name in sys.modules)

import gc  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import selectors  # noqa: E402
import signal  # noqa: E402
import site  # noqa: E402
import socket  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from loopback.runtimes.jobs import child, interpreter, isolation, messages, pages, processes  # noqa: E402
from loopback.sandbox import system  # noqa: E402
from loopback.sandbox.plan import View, show_paths  # noqa: E402
from loopback.sandbox.rooms import NoRoom, Nursery, Room, outer_pid, split  # noqa: E402

REFILL_SECONDS = 0.002  # a burst of orders is served before standbys are replaced
ROOMS_AHEAD = 3


@dataclass(frozen=True)
class Standby:
    """A process that waits for its order, and its room, where there are rooms."""

    pid: int
    link: socket.socket
    room: Room | None

    def close(self) -> None:
        """Close what leads to it; its room ends."""
        self.link.close()
        if self.room:
            self.room.close()


@dataclass
class ForkedHost:
    """A running host: its process and the pipe on which its end is reported.

    `outer_pid` is how the rest of this machine knows the process, which its room numbers anew.
    """

    id: int
    pid: int
    outer_pid: int
    report: int
    link: socket.socket
    room: Room | None = None
    reported: bool = False


class ForkServer:
    """Forks standbys and turns them into hosts."""

    def __init__(
        self,
        link: socket.socket,
        standbys: int,
        idle_seconds: float,
        warm: interpreter.Warmth,
        nursery: Nursery | None = None,
    ) -> None:
        self.link, self.standbys, self.idle_seconds, self.warm = link, standbys, idle_seconds, warm
        self.nursery = nursery
        self.ready: list[Standby] = []
        self.hosts: dict[int, ForkedHost] = {}  # by pid
        self.busy_until = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.own_line = socket.socketpair()

    def fork(self, *, prepared: bool = True) -> Standby:
        """A new child that waits for its order. Raises OSError."""
        room = self._room()
        ours, theirs = socket.socketpair()
        pid = self.nursery.fork(room) if self.nursery and room else os.fork()
        if pid == 0:
            ours.close()
            quarters = child.Quarters(room, self.nursery.view) if self.nursery and room else None
            child.stand_by(theirs, self.warm, quarters, prepared=prepared)
        theirs.close()
        return Standby(pid, ours, room)

    def _room(self) -> Room | None:
        if self.nursery is None:
            return None
        try:
            return self.nursery.take()
        except NoRoom as fault:
            raise OSError(str(fault)) from None

    def refill(self) -> None:
        """One more standby if there are too few.

        A fork makes every page of this process shared; the next order would pay for making those that it writes
        its own again. So one is rehearsed.
        """
        if len(self.ready) < self.standbys:
            self.ready.append(self.fork())
            order = {"op": "spawn", "id": 0, "spec": {"argv": ["python3"], "environ": {}}}
            messages.send(self.own_line[0], order, (self.own_line[0].fileno(),))
            for fd in (messages.receive(self.own_line[1]) or ({}, []))[1]:
                os.close(fd)

    def obey(self, message: dict[str, Any], fds: list[int]) -> None:
        """Carry out one order of the control plane."""
        if message["op"] == "signal":
            self.signal(message["id"], message["signal"])
            return
        output, report = fds
        try:
            self.spawn(message["id"], message["spec"], output, report)
        except OSError as error:  # no more processes or memory: the job is told, the zygote goes on
            _tell(report, {"fault": f"cannot start a process: {error}", "capacity": True})
            os.close(report)
        finally:
            os.close(output)

    def spawn(self, id: int, spec: dict[str, Any], output: int, report: int) -> None:
        """Hand a spec to a standby (isolated networks: to a new child) and report its pid."""
        chosen = self._order_child(spec, output)
        chosen.link.setblocking(False)
        outer = outer_pid(chosen.pid) if chosen.room else chosen.pid
        host = self.hosts[chosen.pid] = ForkedHost(id, chosen.pid, outer, report, chosen.link, chosen.room)
        self.selector.register(chosen.link, selectors.EVENT_READ, host)
        _tell(report, {"pid": outer})

    def _order_child(self, spec: dict[str, Any], output: int) -> Standby:
        """A child that has taken the spec. A standby may have died without anybody having noticed yet."""
        prepared = not spec["isolated"]
        while prepared and self.ready:
            chosen = self.ready.pop(0)
            try:
                messages.send(chosen.link, spec, (output,))
            except (BrokenPipeError, ConnectionResetError):
                chosen.close()
            else:
                return chosen
        chosen = self.fork(prepared=prepared)
        messages.send(chosen.link, spec, (output,))
        return chosen

    def signal(self, id: int, number: int) -> None:
        """Signal the process group of a host that still runs."""
        for host in self.hosts.values():
            if host.id == id:
                processes.signal_group(host.pid, number)

    def reap(self) -> None:
        """Report every child that has ended, and end what it left behind."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._forget_standby(pid)
            if host := self.hosts.pop(pid, None):
                processes.signal_group(pid, signal.SIGKILL)
                if host.link.fileno() in self.selector.get_map():
                    self.hear(host, usage.ru_maxrss)
                self._report(host, {"status": status, "peak_kb": usage.ru_maxrss})
                if host.link.fileno() in self.selector.get_map():
                    self.selector.unregister(host.link)
                host.link.close()
                os.close(host.report)
                if host.room:
                    host.room.close()
                self._end_orphans()

    def _forget_standby(self, pid: int) -> None:
        for standby in self.ready:
            if standby.pid == pid:
                standby.close()
        self.ready = [standby for standby in self.ready if standby.pid != pid]

    def hear(self, host: ForkedHost, peak_kb: int = 0) -> None:
        """What a host says itself: why it could not be set up, or its exit code a moment before it is gone.

        Giving back the memory of a warm process takes the system milliseconds that nobody needs to wait for. On a busy
        machine it may be gone before it is heard: nothing but `peak_kb` is known of its process then.
        """
        try:
            message = messages.receive(host.link)
        except BlockingIOError:
            return
        if message is None:
            self.selector.unregister(host.link)
        elif "code" in message[0]:
            processes.signal_group(host.pid, signal.SIGKILL)
            peak_kb = peak_kb or processes.peak_kb(host.outer_pid)
            self._report(host, {"status": message[0]["code"] << 8, "peak_kb": peak_kb})
        else:
            self._report(host, {"status": child.SETUP_FAILED << 8, "peak_kb": 0, **message[0]})

    def _report(self, host: ForkedHost, message: dict[str, Any]) -> None:
        if not host.reported:
            host.reported = True
            _tell(host.report, {"fault": None, **message})

    def _end_orphans(self) -> None:
        """Kill processes that left the group of a host and lost their parent since: they are children of ours now.

        Where rooms have processes of their own, those end with the room.
        """
        if self.nursery and self.nursery.closed:
            return
        known = {*self.hosts, *(standby.pid for standby in self.ready), *([self.nursery.maker] if self.nursery else [])}
        groups = {os.getpgid(pid) for pid in self.hosts}
        for pid in processes.children():
            if pid not in known and processes.group_of(pid) not in groups and not self._belongs(pid):
                processes.kill(pid)

    def _belongs(self, pid: int) -> bool:
        """Whether a process lives in the mounts of a host that still runs."""
        mounts = processes.mounts_of(pid)
        return any(processes.mounts_of(host) == mounts for host in self.hosts)

    def end(self) -> None:
        """Kill every host and what it started."""
        for pid in self.hosts:
            processes.signal_group(pid, signal.SIGKILL)
        for pid in processes.children():
            processes.kill(pid)

    def idle(self) -> bool:
        """Whether nobody has asked for anything for so long that the memory is better given back."""
        if self.hosts:
            self.busy_until = time.monotonic()
        return bool(self.idle_seconds) and time.monotonic() - self.busy_until > self.idle_seconds


def _tell(report: int, message: dict[str, Any]) -> None:
    try:
        os.write(report, json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        return  # nobody waits for this host any more


def serve(forge: ForkServer) -> None:
    """Obey until the control plane hangs up or has been silent for too long."""
    waker, wakened = socket.socketpair()
    for end in (waker, wakened):
        end.setblocking(False)
    signal.set_wakeup_fd(wakened.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    forge.selector.register(forge.link, selectors.EVENT_READ)
    forge.selector.register(waker, selectors.EVENT_READ)
    while True:
        wanting = len(forge.ready) < forge.standbys
        found = [key for key, _ in forge.selector.select(REFILL_SECONDS if wanting else 1.0)]
        for host in [key.data for key in found if key.data]:
            forge.hear(host)
        keys = {key.fileobj for key in found}
        if waker in keys:
            waker.recv(4096)
            forge.reap()
        if forge.link in keys:
            order = messages.receive(forge.link)
            if order is None:
                return
            forge.busy_until = time.monotonic()
            forge.obey(*order)
        if not keys:  # never while an order waits
            if forge.idle():
                return
            forge.refill()


def warm_up(modules: list[str]) -> None:
    """Import those of the modules that are installed, and have one thread afterwards.

    OpenBLAS starts its threads when it is loaded, ends them before the first fork, and starts them again in a child
    that multiplies something large: the fork here is that first one.
    """
    for module in modules:
        if importlib.util.find_spec(module.partition(".")[0]):
            importlib.import_module(module)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # 3.12: fork beside threads
        pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _finds_us(finder: Any) -> bool:
    """Whether an import hook was put there by an editable installation of this project."""
    if "__editable__" not in getattr(finder, "__module__", ""):
        return False
    return not set(interpreter.OWN).isdisjoint(getattr(sys.modules.get(finder.__module__), "MAPPING", {}))


def _nursery(hidden: list[str], fresh: list[str], seen: list[str], needed: bool) -> Nursery | None:
    """None where this system refuses what rooms need: hosts then run without. Raises NoRoom where they are needed."""
    try:
        nursery = split(View(tuple(hidden), show_paths(seen), tuple(fresh)), ROOMS_AHEAD)
    except NoRoom:
        if needed:
            raise
        return None
    system.bound_privileges()
    return nursery


def main() -> None:
    """Start on the socket whose descriptor is the first argument."""
    link = socket.socket(fileno=int(sys.argv[1]))
    link.set_inheritable(False)
    sys.path[:] = [entry for entry in sys.path if entry not in {"", os.getcwd()}]
    system.adopt_orphans()
    isolation.make_mount_point()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the control plane's to answer
    nursery = _nursery(*map(json.loads, sys.argv[4:8]))
    gc.disable()  # what is imported stays: looking through it again and again takes a sixth of the time
    warm_up(json.loads(sys.argv[8]))
    importlib.import_module("slipway")  # while it can still be found: a program of ours may need it, a job never
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _finds_us(finder)]
    own = frozenset({str(Path(__file__).parents[3])}.difference(site.getsitepackages()))  # pip puts us beside the rest
    forge = ForkServer(link, int(sys.argv[2]), float(sys.argv[3]), interpreter.warmth(BARE, own), nursery)
    gc.freeze()
    gc.enable()
    pages.enlarge()
    try:
        serve(forge)
    finally:
        signal.set_wakeup_fd(-1)
        forge.end()


if __name__ == "__main__":
    main()
