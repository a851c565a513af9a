"""Sessions of assumed roles across a restart."""

import importlib
from typing import Any

import pytest

from loopback.ministack import records, sessions


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = importlib.import_module("ministack.services.sts")
    for name in sessions.HOOKS["ministack.services.sts"]:
        monkeypatch.setattr(module, name, getattr(module, name))
    module._sessions = {}
    sessions.install()
    return module


def test_a_session_outlives_the_control_plane(sts: Any) -> None:
    sts.register_session("ASIA1", {"Arn": "arn:aws:sts::000000000000:assumed-role/r/s", "Expiration": 9e9})
    kept = sts.get_state()
    sts._sessions.clear()
    sts.load_persisted_state(kept)
    assert sts._sessions["ASIA1"]["Arn"].endswith("assumed-role/r/s")


def test_a_session_is_among_the_records_that_an_answer_waits_for(sts: Any) -> None:
    uses = records.Uses()
    with records.note_uses(uses):
        sts.register_session("ASIA1", {"Arn": "a"})
    assert [key for store, keys in uses.close() if store.owner == "sts" for key in store.changed_keys(keys)] == [
        ("", "ASIA1")
    ]


def test_an_ended_session_is_known_as_one_for_a_week(sts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is forgotten would count as the account's."""
    monkeypatch.setattr("time.time", lambda: 10_000_000.0)
    sts.register_session("ASIA1", {"Arn": "a", "Expiration": 10_000_000.0 - 86400})
    sts.register_session("ASIA2", {"Arn": "a", "Expiration": 10_000_000.0 - 8 * 86400})
    sts.register_session("ASIA3", {"Arn": "a"})
    assert set(sts._sessions) == {"ASIA1", "ASIA3"}
