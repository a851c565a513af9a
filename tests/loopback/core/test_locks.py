"""A lock says who holds it and how that one is, and ends with its process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loopback.core import locks

HOLDER = """
import sys, time
from pathlib import Path
from loopback.core import locks
with locks.hold(Path(sys.argv[1])) as hold:
    hold.complain("the disk is full")
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_names_its_holder_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert locks.holder(path) is None
    with locks.hold(path) as hold:
        assert locks.holder(path) == os.getpid()
        assert locks.complaint(path) == ""
        hold.complain("no room")
        assert locks.complaint(path) == "no room"
        hold.complain("")
        assert locks.complaint(path) == ""
        with pytest.raises(locks.AlreadyHeld), locks.hold(path):
            pass
    assert locks.holder(path) is None


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert (locks.holder(path), locks.complaint(path)) == (process.pid, "the disk is full")
    process.kill()
    with locks.hold(path, seconds=10):
        assert locks.holder(path) == os.getpid()
    process.communicate()


def test_a_complaint_never_makes_the_file_longer(tmp_path: Path) -> None:
    with locks.hold(tmp_path / "lock") as hold:
        before = (tmp_path / "lock").stat().st_size
        hold.complain("x" * 100_000)
        assert (tmp_path / "lock").stat().st_size == before
        assert locks.holder(tmp_path / "lock") == os.getpid()


@pytest.mark.parametrize("content", ["", "what", "12"])
def test_a_file_that_nobody_holds_names_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    assert locks.holder(tmp_path / "lock") is None
    assert locks.complaint(tmp_path / "lock") == ""
