"""A room ends with the process that it is made for, also with one that is killed before it has taken it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loopback.sandbox import system

KILLED = """
import os, signal, sys
from loopback.sandbox import rooms
from loopback.sandbox.rooms import View, split

def killed(line):
    line.recv(1, 2)  # MSG_PEEK: the room is there, and stays under way
    os.kill(os.getpid(), signal.SIGKILL)

rooms._receive_room = killed
split(View((), (), ()), 1)
"""


def left_over(mark: str) -> list[int]:
    """The processes whose environment has a mark."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and f"MARK={mark}".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not system.available, reason="only Linux has namespaces")
def test_a_room_under_way_to_a_process_that_is_killed_ends() -> None:
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    code = subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "MARK": mark}, check=False).returncode
    assert code == -9, "it was killed with a room under way"
    for _ in range(100):
        if not left_over(mark):
            break
        time.sleep(0.05)
    assert left_over(mark) == []
