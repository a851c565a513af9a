"""Who gets to the data plane past the control plane."""

from typing import Any, cast

import pytest

from loopback.runtimes.endpoints.fd_receiver import Public
from loopback.runtimes.endpoints.http1 import Answer, Request

SIGNED = {b"host": b"127.0.0.1:4566", b"authorization": b"AWS4-HMAC-SHA256 Credential=..."}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (SIGNED, 200),
        ({b"host": b"127.0.0.1:4566"}, 403),
        ({**SIGNED, b"sec-fetch-site": b"cross-site"}, 403),
        ({**SIGNED, b"origin": b"http://localhost:3000"}, 403),
        ({**SIGNED, b"host": b"evil.example"}, 403),
    ],
)
def test_only_signed_requests_of_this_machine_s_programs(headers: dict[bytes, bytes], status: int) -> None:
    answers: list[Answer] = []
    public = Public(lambda _request, reply: reply(Answer(200)), cast(Any, set()), 4566)
    public._check_and_answer(Request(b"POST", "/endpoints/e/invocations", headers, b""), answers.append)
    assert [answer.status for answer in answers] == [status]
