"""Whose endpoint counts, and which folders can be used."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loopback import supervisor
from loopback.core import locks


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        for path in (tmp_path / "lock", supervisor.control_lock(tmp_path)):
            stack.enter_context(locks.hold(path))
        yield tmp_path


def endpoint(state: Path, **changes: int) -> None:
    found = {"pid": os.getpid(), "supervisor": os.getpid(), "port": 1}
    supervisor.endpoint_file(state).write_text(json.dumps(found | changes))


def test_an_endpoint_counts_while_those_that_it_names_hold_the_folder(held: Path) -> None:
    assert supervisor.running(held) is None
    endpoint(held)
    assert supervisor.running(held) is not None
    assert supervisor.is_held(held)
    for other in ({"pid": 1}, {"supervisor": 1}):
        endpoint(held, **other)
        assert supervisor.running(held) is None
    supervisor.endpoint_file(held).write_text("{")
    assert supervisor.running(held) is None


def test_an_endpoint_that_was_left_behind_counts_for_nothing(tmp_path: Path) -> None:
    endpoint(tmp_path)
    assert supervisor.running(tmp_path) is None
    with locks.hold(tmp_path / "lock"):
        assert supervisor.running(tmp_path) is None
    with locks.hold(supervisor.control_lock(tmp_path)):
        assert supervisor.running(tmp_path) is None
        assert supervisor.is_held(tmp_path)


def test_a_state_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(supervisor.CannotStart, match=f"{path} cannot be used"):
            supervisor.require_folder(path)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_can_be_used_is_left_as_it_is(tmp_path: Path) -> None:
    supervisor.require_folder(tmp_path / "new" / "state")
    assert list((tmp_path / "new" / "state").iterdir()) == []
