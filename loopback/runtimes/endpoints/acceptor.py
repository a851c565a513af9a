"""The public port: connections whose first request is for an endpoint go to the data plane, descriptor and all.

From then on the control plane has nothing to do with them: they cost it nothing and outlive it. All others, and
those that the data plane is not there to take, are for ministack's HTTP server, which takes this for its listening
socket: a `Acceptor` is readable when a connection waits, and `accept` gives it.
"""

import asyncio
import errno
import logging
import resource
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

MARK = b"POST /endpoints/"
HAND_OVER_SECONDS = 1.0
PAUSE_SECONDS = 0.005
FIRST_BYTE_SECONDS = 60.0  # for a connection that says nothing
SPARE = 16  # descriptors that are left for the work that requests make
REST_SECONDS = 0.2  # without accepting, when there are no descriptors
SAY_SECONDS = 60.0  # between two lines about it
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
log = logging.getLogger("loopback")


class Acceptor(socket.socket):
    """Made on the loop's thread. `listener` is bound; `plane` is the path of the socket that takes descriptors.

    Without `plane` ministack gets every connection: where IAM is enforced, requests are looked at before anybody else.
    """

    def __init__(self, listener: socket.socket, plane: str | None) -> None:
        ours, theirs = socket.socketpair()
        super().__init__(theirs.family, theirs.type, theirs.proto, theirs.detach())
        for end in (self, ours, listener):
            end.setblocking(False)
        self._bell, self._listener, self._plane = ours, listener, plane
        self._waiting: deque[tuple[socket.socket, Any]] = deque()
        self._line: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self._sorting: dict[socket.socket, asyncio.TimerHandle] = {}  # oldest first
        self._full = RepeatedWarning(log.warning)

    def listen(self, backlog: int = 128, /) -> None:
        """Called by the server when it starts."""
        self._listener.listen(backlog)
        self._loop.add_reader(self._listener, self._arrive)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection for ministack. Raises BlockingIOError when there is none."""
        self.recv(1)
        return self._waiting.popleft()

    def close(self) -> None:
        """Called by the server at its end."""
        self._loop.remove_reader(self._listener)
        for connection in list(self._sorting):
            self._hang_up(connection)
        for end in (self._listener, self._bell, self._line):
            if end is not None:
                end.close()
        super().close()

    def _arrive(self) -> None:
        try:
            connection, address = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as fault:
            if fault.errno not in FULL:
                raise
            self._full.say(f"no connection can be accepted: {fault.strerror}")
            if not self._shed():
                self._rest()
            return
        connection.setblocking(False)
        late = self._loop.call_later(FIRST_BYTE_SECONDS, self._hang_up, connection)
        self._sorting[connection] = late
        self._loop.add_reader(connection, self._sort, connection, address)
        if connection.fileno() >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE:
            self._full.say("almost all files and connections that may be open (ulimit -n) are; idle ones are closed")
            self._shed()

    def _shed(self) -> bool:
        """Hang up on whoever has been connected longest without having said anything."""
        if not self._sorting:
            return False
        self._hang_up(next(iter(self._sorting)))
        return True

    def _hang_up(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: socket.socket) -> None:
        """It is sorted, or gone."""
        self._loop.remove_reader(connection)
        if (late := self._sorting.pop(connection, None)) is not None:
            late.cancel()

    def _rest(self) -> None:
        """The listener stays readable while nothing can be accepted: look away for a moment."""
        self._loop.remove_reader(self._listener)
        self._loop.call_later(REST_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._arrive)

    def _sort(self, connection: socket.socket, address: Any) -> None:
        """Its first bytes are here: they say whose it is."""
        try:
            seen = connection.recv(len(MARK), socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            seen = b""
        if seen and len(seen) < len(MARK) and MARK.startswith(seen):
            self._loop.remove_reader(connection)
            self._loop.call_later(PAUSE_SECONDS, self._look_again, connection, address)
            return
        self._forget(connection)
        if not seen or (seen == MARK and self._handed_over(connection)):
            connection.close()
            return
        self._waiting.append((connection, address))
        self._bell.send(b".")

    def _look_again(self, connection: socket.socket, address: Any) -> None:
        """The rest of the first bytes is on its way; until then the socket stays readable."""
        if connection.fileno() >= 0:
            self._loop.add_reader(connection, self._sort, connection, address)

    def _handed_over(self, connection: socket.socket) -> bool:
        if self._plane is None:
            return False
        for _ in range(2):  # the line may be one to a data plane that is gone
            try:
                if self._line is None:
                    self._line = socket.socket(socket.AF_UNIX)
                    self._line.settimeout(HAND_OVER_SECONDS)
                    self._line.connect(self._plane)
                socket.send_fds(self._line, [b"."], [connection.fileno()])
                return True
            except OSError:
                if self._line is not None:
                    self._line.close()
                self._line = None
        return False


class RepeatedWarning:
    """One line per period about what goes on being wrong."""

    def __init__(self, write: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._write, self._now, self._next = write, now, 0.0

    def say(self, line: str) -> None:
        """Write it, unless something was written a moment ago."""
        if (now := self._now()) >= self._next:
            self._next = now + SAY_SECONDS
            self._write(line)


def listening_socket(port: int) -> socket.socket:
    """A socket bound to the port, on 127.0.0.1 only. Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.bind(("127.0.0.1", port))
    return made
