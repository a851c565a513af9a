"""The control plane's end of the data plane: start it when needed, again when it dies, and tell it what is wanted."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from loopback.core.settings import Settings
from loopback.runtimes.endpoints.fleet import Setup, dump_all

SOCKET, ENTRANCE = "plane.sock", "door.sock"
SECONDS = b"x-loopback-seconds"  # header: how long a request from a queue may take
START_SECONDS = 30.0
APPLY_SECONDS = 3700.0  # the longest ContainerStartupHealthCheckTimeoutInSeconds, and a little
LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 104 to 108


Said = tuple[int, dict[str, str], bytes]  # status, headers in lower case, body


class Unreachable(Exception):
    """The data plane is not there."""


class FleetFailed(Exception):
    """A fleet did not come up; the message is AWS's FailureReason."""


def socket_folder(folder: Path) -> Path:
    """Where sockets of a state folder can be: in it, or, when its path is too long for a socket, in a temporary one."""
    inside = folder / "run"
    if len(os.fsencode(inside / "123456789012.sock.part")) <= LONGEST_SOCKET_PATH:
        return inside
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"loopback-{os.getuid()}-{mark}"


class Link:
    """One data plane for one state folder. `folder` is its part of the state."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self._sockets = socket_folder(folder)
        self.path, self.entrance = str(self._sockets / SOCKET), str(self._sockets / ENTRANCE)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._open = True
        self.wanted = threading.Event()  # who works for the data plane sleeps until there is one

    def ensure(self) -> None:
        """Have a data plane that answers. Raises Unreachable."""
        self.wanted.set()
        with self._lock:
            if not self._open or self._answers():
                return
            deadline = time.monotonic() + START_SECONDS
            while not self._answers():
                self._start()  # again, when the one that there was has ended meanwhile
                if time.monotonic() > deadline:
                    raise Unreachable(f"the data plane did not come up within {START_SECONDS:.0f} s")
                time.sleep(0.01)

    def _start(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self._sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._sockets.stat().st_uid != os.getuid():
            raise Unreachable(f"{self._sockets} belongs to somebody else")
        place = self._settings.place
        python = self._settings.job_python  # it forks model servers
        command = [python, "-m", "loopback.runtimes.endpoints.plane", str(self._folder), str(self._sockets)]
        self._process = subprocess.Popen(
            [*command, str(os.getppid()), str(self._settings.port), place.account, place.region],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.path) == 0

    def watch(self) -> None:
        """Wait until the data plane is gone; at once if there is none."""
        with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
            line.connect(self.path)
            line.recv(1)

    def apply(self, setup: Setup) -> None:
        """Bring an endpoint to this state. Raises Refused, Unreachable."""
        status, _, said = self._call("PUT", f"/fleets/{setup[0].key}", json.dumps(dump_all(setup)).encode())
        if status != 200:
            raise FleetFailed(said.decode(errors="replace"))

    def ask(self, key: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Said:
        """What a model answers to a request from its endpoint's queue. Raises Unreachable."""
        more = {**headers, SECONDS.decode(): f"{seconds:g}"}
        return self._call("POST", f"/queued/{key}", body, more)

    def delete(self, key: str) -> None:
        """Take an endpoint away. Raises Unreachable."""
        self._call("DELETE", f"/fleets/{key}", b"")

    def close(self) -> None:
        """End the data plane, and wait until what it had to say is in the outbox."""
        with self._lock:
            self._open = False
        self.drain()

    def drain(self) -> None:
        """End the data plane for now; `ensure` starts another."""
        with self._lock, contextlib.suppress(Unreachable):
            self._call("POST", "/drain", b"")
            self.watch()

    def _call(self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Said:
        connection = _UnixConnection(self.path)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the data plane cannot be reached: {error}") from None
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=APPLY_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
