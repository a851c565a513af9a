"""The door: only this machine's own clients get in."""

import pytest

from loopback.adapter.server import refuse


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
