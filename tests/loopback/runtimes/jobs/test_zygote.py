"""How the zygote learns of a host's end, in whichever order the system tells it."""

import json
import os
import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loopback.runtimes.jobs import messages
from loopback.runtimes.jobs.interpreter import Warmth
from loopback.runtimes.jobs.zygote import ForkedHost, ForkServer
from loopback.sandbox.rooms import Room


@contextmanager
def running_server() -> Iterator[ForkServer]:
    link, other = socket.socketpair()
    with link, other:
        server = ForkServer(link, 0, 0.0, Warmth({}, frozenset()))
        try:
            yield server
        finally:
            server.selector.close()
            for end in server.own_line:
                end.close()


def host_that_says(code: int, server: ForkServer) -> tuple[ForkedHost, int]:
    """A host in a room that has told its exit code and ended; and where its end is reported."""
    ours, theirs = socket.socketpair()
    report, report_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        messages.send(theirs, {"code": code})
        os._exit(code)
    theirs.close()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    ours.setblocking(False)
    host = ForkedHost(1, pid, pid, report_end, ours, Room(-1, -1, -1, -1, -1))
    server.hosts[pid] = host
    server.selector.register(ours, selectors.EVENT_READ, host)
    return host, report


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("heard_first", [True, False])
def test_a_host_is_heard_before_or_after_it_is_gone(code: int, heard_first: bool) -> None:
    with running_server() as server:
        host, report = host_that_says(code, server)
        if heard_first:
            server.hear(host)
        server.reap()
        lines = os.read(report, 4096).splitlines()
        os.close(report)
    told = json.loads(lines[0])
    assert len(lines) == 1
    assert os.waitstatus_to_exitcode(told["status"]) == code
    assert told["fault"] is None
    assert (told["peak_kb"] > 0) or heard_first
    assert not server.hosts
