"""The line between a control plane and its zygote: framed JSON with file descriptors beside it, and host specs."""

import array
import json
import socket
import struct
from dataclasses import asdict, dataclass
from typing import Any

HEADER = struct.Struct(">I")
FDS_SIZE = array.array("i").itemsize


@dataclass(frozen=True)
class HostSpec:
    """One container host: what runs in it and what it sees.

    `builtin` is `module:function` of this package's own programs and wins over `argv`. `interpreter` is a Python
    to use in place of the warm one. `folder` becomes /opt/ml; what is beside it is the host's own, too. Of what is
    hidden it sees the folders in `writable`, which it may change, and in `readable`.
    """

    argv: tuple[str, ...]
    environ: dict[str, str]
    folder: str
    cwd: str = "/"
    hostname: str = "algo-1"
    hosts_file: str | None = None
    builtin: str | None = None
    interpreter: str | None = None
    isolated: bool = False
    join: int | None = None  # pid of the host whose isolated network this one shares
    writable: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)


def load_spec(data: dict[str, Any]) -> HostSpec:
    """The inverse of `HostSpec.dump` after JSON."""
    tuples = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    return HostSpec(**{**data, **tuples})


def send(link: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Write one message; descriptors travel with its header."""
    body = json.dumps(message).encode()
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = link.sendmsg([HEADER.pack(len(body)), body], ancillary)
    if sent < HEADER.size + len(body):
        link.sendall((HEADER.pack(len(body)) + body)[sent:])


def receive(link: socket.socket, most_fds: int = 2) -> tuple[dict[str, Any], list[int]] | None:
    """Read one message and its descriptors; None at the end of the line."""
    try:
        header, ancillary, _flags, _address = link.recvmsg(HEADER.size, socket.CMSG_SPACE(most_fds * FDS_SIZE))
    except ConnectionResetError:
        return None
    fds = [fd for level, kind, data in ancillary for fd in _descriptors(level, kind, data)]
    header += _exactly(link, HEADER.size - len(header)) if header else b""
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    body = _exactly(link, size)
    return (json.loads(body), fds) if len(body) == size else None


def _descriptors(level: int, kind: int, data: bytes) -> list[int]:
    if (level, kind) != (socket.SOL_SOCKET, socket.SCM_RIGHTS):
        return []
    fds = array.array("i")
    fds.frombytes(data[: len(data) - len(data) % FDS_SIZE])
    return list(fds)


def _exactly(link: socket.socket, size: int) -> bytes:
    parts = []
    while size and (part := link.recv(min(size, 1 << 16))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
