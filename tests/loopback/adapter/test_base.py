"""The door: only this machine's own clients get in."""

from pathlib import Path

import pytest

from loopback.adapter import base as adapter
from loopback.adapter.base import _steady, refuse
from loopback.core.settings import Settings


def scope(**headers: str) -> dict[str, object]:
    return {"headers": [(name.encode(), value.encode()) for name, value in headers.items()]}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:4566"},
        {"host": "localhost:4566", "origin": "http://localhost:4566"},
        {"host": "bucket.s3.us-east-1.amazonaws.com"},
        {"host": "bucket.localhost:4566"},
    ],
)
def test_clients_of_this_machine_get_in(headers: dict[str, str]) -> None:
    assert refuse(scope(**headers), 4566) is None


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"host": "evil.example:4566"}, "is not this machine"),
        ({"host": "127.0.0.1.evil.example"}, "is not this machine"),
        ({}, "is not this machine"),
        ({"host": "127.0.0.1:4566", "origin": "https://evil.example"}, "may not use this AWS"),
        ({"host": "127.0.0.1:4566", "origin": "http://127.0.0.1:9999"}, "may not use this AWS"),
        ({"host": "127.0.0.1:4566", "origin": "null"}, "may not use this AWS"),
    ],
)
def test_others_do_not(headers: dict[str, str], reason: str) -> None:
    assert reason in str(refuse(scope(**headers), 4566))


def test_a_state_that_changes_while_it_is_copied_is_copied_again() -> None:
    tries = []

    def get_state() -> dict[str, int]:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("dictionary changed size during iteration")
        return {"a": 1}

    assert _steady(get_state)() == {"a": 1}
    assert len(tries) == 3


def test_a_state_that_cannot_be_copied_is_not_kept_quiet() -> None:
    def get_state() -> None:
        raise RuntimeError("always")

    with pytest.raises(RuntimeError, match="always"):
        _steady(get_state, tries=2)()


def test_a_base_that_lacks_a_hook_is_named_at_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hooks = {"json": ("loads", "no_such_hook")}
    monkeypatch.setattr(adapter, "HOOKS", hooks)
    monkeypatch.setattr(adapter.os, "environ", {})
    with pytest.raises(adapter.BrokenBase, match=r"lacks json\.no_such_hook; install ministack==1\.5\.33"):
        adapter._load(Settings(tmp_path))
