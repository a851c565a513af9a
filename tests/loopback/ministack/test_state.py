"""What was changed is on disk before it is acknowledged, and no more than that is written."""

import asyncio
import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core.responses import AccountScopedDict

from loopback.ministack import records
from loopback.ministack.records import Records, Uses
from loopback.ministack.row_file import NotWritten, RowFile
from loopback.ministack.rows import key_text
from loopback.ministack.state import SavedState, steady


def test_a_state_that_changes_while_it_is_copied_is_copied_again() -> None:
    tries = []

    def get_state() -> dict[str, int]:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("dictionary changed size during iteration")
        return {"a": 1}

    assert steady(get_state)() == {"a": 1}
    assert len(tries) == 3


def test_a_state_that_cannot_be_copied_is_not_kept_quiet() -> None:
    def get_state() -> None:
        raise RuntimeError("always")

    with pytest.raises(RuntimeError, match="always"):
        steady(get_state, tries=2)()


class Service:
    """A module of the base with two stores, one of them derived, and a counter."""

    def __init__(self) -> None:
        self.things, self.tags, self.counter = AccountScopedDict(), AccountScopedDict(), 0
        self.things._data, self.tags._data = Records("service"), Records("service")

    def get_state(self) -> dict[str, Any]:
        named = AccountScopedDict()
        for key, record in self.things._data.items():
            named._data[key] = dict(record, name=key[1])
        return {"things": named, "tags": copy.deepcopy(self.tags), "counter": self.counter}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    monkeypatch.setattr(records, "_all", [made.things._data, made.tags._data])
    return made


def opened(service: Service, path: Path) -> tuple[SavedState, RowFile]:
    app = SimpleNamespace(
        _state_map={"service": "service"},
        _build_persistence_save_dict=lambda: {"service": service.get_state},
    )
    file = RowFile(path)
    return SavedState({"ministack.app": app}, file, 60), file


def on_disk(file: RowFile) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row, text in file.read():
        found.setdefault(row.store, {})[row.key] = json.loads(text)
    return found


A, B = ("1", "a"), ("1", "b")
A_TEXT, B_TEXT = key_text(A), key_text(B)


def test_what_a_request_has_changed_is_written_and_nothing_else_is_copied(service: Service, tmp_path: Path) -> None:
    state, file = opened(service, tmp_path / "base.db")
    service.things["old"] = {}
    state.save()
    uses = Uses()
    with state.note_uses(uses):
        service.things._data[A] = {"n": 1}
    service.things._data[B] = {"n": 2}  # not by this request
    state.save(uses)
    assert on_disk(file)["things"][A_TEXT] == {"n": 1, "name": "a"}
    assert B_TEXT not in on_disk(file)["things"]
    state.save()
    assert on_disk(file)["things"][B_TEXT] == {"n": 2, "name": "b"}


def test_a_key_of_two_stores_is_deleted_from_the_one_that_lost_it(service: Service, tmp_path: Path) -> None:
    state, file = opened(service, tmp_path / "base.db")
    service.things._data[A], service.tags._data[A] = {"n": 1}, {"t": 1}
    state.save()
    uses = Uses()
    with state.note_uses(uses):
        del service.tags._data[A]
    state.save(uses)
    assert on_disk(file) == {"things": {A_TEXT: {"n": 1, "name": "a"}}, "counter": {"": 0}}


def test_a_record_that_is_changed_in_place_is_written(service: Service, tmp_path: Path) -> None:
    state, file = opened(service, tmp_path / "base.db")
    service.things._data[A] = {"n": [1]}
    state.save()
    uses = Uses()
    with state.note_uses(uses):
        service.things._data[A]["n"].append(2)
    state.save(uses)
    assert on_disk(file)["things"][A_TEXT]["n"] == [1, 2]


def test_what_could_not_be_written_is_refused_and_written_later(service: Service, tmp_path: Path) -> None:
    state, file = opened(service, tmp_path / "base.db")
    service.things._data[A] = {"n": 1}
    file._db.execute("alter table rows rename to gone")
    uses = Uses()
    with state.note_uses(uses):
        service.things._data[A]["n"] = 2
    with pytest.raises(NotWritten, match="no such table"):
        state.save(uses)
    assert "no such table" in state.fault
    file._db.execute("alter table gone rename to rows")
    state.save()
    assert on_disk(file)["things"][A_TEXT]["n"] == 2


def test_one_record_that_has_no_text_is_named_and_stops_no_other(service: Service, tmp_path: Path) -> None:
    state, file = opened(service, tmp_path / "base.db")
    service.things._data[A], service.things._data[B] = {"n": 1}, {"lock": object()}
    with pytest.raises(NotWritten, match="things of service cannot be written"):
        state.save()
    uses = Uses()
    with state.note_uses(uses):
        service.things._data[A]["n"] = 2
    state.save(uses)
    assert on_disk(file)["things"][A_TEXT]["n"] == 2


def test_what_was_loaded_is_not_written_again(service: Service, tmp_path: Path) -> None:
    state, file = opened(service, tmp_path / "base.db")
    service.things._data[A] = {"n": 1}
    state.save()
    again, _ = opened(service, tmp_path / "base.db")
    service.things._data.prints.clear()
    again.mark_loaded(row for row, _ in file.read())
    assert service.things._data.changed_keys([A]) == []
    del service.things._data[A]
    again.save()
    assert "things" not in on_disk(file)


def test_the_loops_own_thread_does_not_wait_for_itself(service: Service, tmp_path: Path) -> None:
    state, _ = opened(service, tmp_path / "base.db")

    async def wait() -> None:
        state._loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="await kept"):
            state.save()

    asyncio.run(wait())
