"""Load on one HTTP/1.1 server: `load.py ADDRESS CONNECTIONS SECONDS REQUEST`, a process of its own.

ADDRESS is a port of 127.0.0.1 or the path of a Unix socket, REQUEST a file with the bytes of one request. Each
connection sends it, waits for the whole answer and sends it again: so many requests are under way at any time. Prints
one JSON object. Imports nothing of this project: what it costs is taken from the server that shares the machine.
"""

import contextlib
import json
import os
import select
import socket
import sys
import time
from array import array

CHUNK = 1 << 16
END, LENGTH, OK = b"\r\n\r\n", b"content-length:", b"HTTP/1.1 200"


class Connection:
    """One connection with at most one request under way."""

    def __init__(self, made: socket.socket) -> None:
        self.socket, self.sent, self.got, self.needed = made, 0.0, b"", 0

    def whole(self) -> bytes | None:
        """Read what is there; the answer once all of it is."""
        data = self.socket.recv(CHUNK)
        if not data:
            raise ConnectionError("the server hung up")
        self.got = self.got + data if self.got else data
        if not self.needed and (end := self.got.find(END)) >= 0:
            self.needed = end + len(END) + length(self.got[:end])
        if not self.needed or len(self.got) < self.needed:
            return None
        answer, self.got, self.needed = self.got, b"", 0
        return answer


def length(head: bytes) -> int:
    """The Content-Length of a response's head."""
    start = head.lower().find(LENGTH) + len(LENGTH)
    return int(head[start:].partition(b"\r")[0])


def connect(address: str) -> socket.socket:
    """A connection to a port of this machine, or to a Unix socket."""
    made = socket.socket(socket.AF_INET if address.isdigit() else socket.AF_UNIX)
    if address.isdigit():
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.connect(("127.0.0.1", int(address)) if address.isdigit() else address)
    return made


def run(address: str, connections: int, seconds: float, request: bytes) -> dict[str, float | str]:
    """Load the server for so long; what has been begun by then is waited for and counted."""
    poll, waiting, latencies = select.epoll(), dict[int, Connection](), array("f")
    other, first = 0, b""
    clock = time.perf_counter
    for _ in range(connections):
        made = Connection(connect(address))
        waiting[made.socket.fileno()] = made
        poll.register(made.socket, select.EPOLLIN)
    began = clock()
    until = began + seconds
    for made in waiting.values():
        made.sent = clock()
        made.socket.sendall(request)
    while waiting:
        for number, _ in poll.poll():
            connection = waiting[number]
            answer = connection.whole()
            if answer is None:
                continue
            now = clock()
            latencies.append(now - connection.sent)
            if not answer.startswith(OK):
                other, first = other + 1, first or answer
            if now < until:
                connection.sent = now
                connection.socket.sendall(request)
            else:
                del waiting[number]
                poll.unregister(connection.socket)
                connection.socket.close()
    took, ordered = clock() - began, sorted(latencies)
    return {
        "answers": len(ordered),
        "refused": other,
        "said": first[:300].decode(errors="replace"),
        "seconds": took,
        "rate": len(ordered) / took,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)],
        "cpu": time.process_time(),
    }


def main() -> None:
    """On the last processor, so that the server has the others."""
    address, connections, seconds, path = sys.argv[1:]
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with contextlib.suppress(OSError):
        os.nice(-10)
    with open(path, "rb") as file:
        request = file.read()
    print(json.dumps(run(address, int(connections), float(seconds), request)))


if __name__ == "__main__":
    main()
