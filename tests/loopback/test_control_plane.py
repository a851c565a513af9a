"""Why a control plane cannot start, as a person is told."""

import errno
import sqlite3
from pathlib import Path

import pytest

from loopback.control_plane import refusal
from loopback.core.damage import Damage, DamagedState
from loopback.core.locks import AlreadyHeld
from loopback.core.schema import UnknownSchema
from loopback.core.settings import Settings
from loopback.ministack.modules import BrokenBase
from loopback.ministack.row_file import NewerFormat


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (DamagedState([Damage(Path("/s/a.db"), "is empty")]), ["/s/a.db is empty", "--accept-loss"]),
        (AlreadyHeld("/s/control.lock"), ["Another control plane is on /s"]),
        (BrokenBase("ministack lacks x"), ["ministack lacks x"]),
        (NewerFormat("format 9"), ["format 9"]),
        (UnknownSchema("version 9"), ["version 9"]),
        (MemoryError("no"), ["not enough memory"]),
        (RuntimeError("can't start new thread"), ["not enough memory", "can't start new thread"]),
        (ImportError("failed to map segment from shared object"), ["not enough memory"]),
        (OSError(errno.ENOSPC, "No space left on device"), ["/s cannot be written to", "No space left"]),
        (OSError(errno.EROFS, "Read-only file system"), ["Read-only"]),
        (sqlite3.OperationalError("attempt to write a readonly database"), ["readonly"]),
    ],
)
def test_a_start_that_cannot_work_says_why(fault: Exception, words: list[str]) -> None:
    said = refusal(fault, Settings(Path("/s")))
    assert said is not None
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("fault", [ValueError("x"), OSError(errno.EADDRINUSE, "in use"), RuntimeError("x")])
def test_what_may_pass_or_is_a_fault_of_ours_is_not_explained_away(fault: Exception) -> None:
    assert refusal(fault, Settings(Path("/s"))) is None
