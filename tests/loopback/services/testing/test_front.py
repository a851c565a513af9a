"""The paths for tests: closed where they were not asked for, and what they answer where they were."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from loopback.core.callers import Access, access
from loopback.core.faults import CallFault, Faults
from loopback.services.testing.front import LARGEST, REFUSED, RequestsOfTests, late
from loopback.services.testing.reset import StillWorking

PATH = "/_loopback/testing/"


def ask(front: Any, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(front({"method": method, "path": PATH + path}, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def refusing() -> None:
    raise StillWorking("not ended within 60 s: build b")


@pytest.mark.parametrize("path", ["reset", "faults"])
def test_a_loopback_that_is_not_for_tests_refuses(path: str) -> None:
    assert ask(RequestsOfTests(Faults(), None), "POST", path) == (403, {"message": REFUSED})


@pytest.mark.parametrize("path", ["reset", "faults"])
def test_nobody_gets_there_without_a_signature(path: str) -> None:
    assert access("POST", PATH + path, {}, {}) is Access.CLOSED
    assert access("POST", PATH + path, {}, {"authorization": "AWS4-HMAC-SHA256 ..."}) is Access.SIGNED


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "reset", b"", 200, None),
        ("POST", "faults", b'{"operation": "s3:*", "code": "X"}', 200, None),
        ("DELETE", "faults", b"", 200, None),
        ("GET", "reset", b"", 404, "There is no GET reset"),
        ("POST", "faults", b"[]", 400, "expected a JSON object"),
        ("POST", "faults", b"{", 400, "Expecting"),
        ("POST", "faults", b"[" * LARGEST * 2, 400, ""),
        ("POST", "faults", b'{"operation": "s3"}', 400, "service:Operation"),
    ],
)
def test_answers(method: str, path: str, body: bytes, status: int, message: str | None) -> None:
    front = RequestsOfTests(Faults(), SimpleNamespace(run=lambda: None))  # type: ignore[arg-type]
    answered, said = ask(front, method, path, body)
    assert answered == status
    assert message is None if said == {} else str(message) in said["message"]


def test_a_reset_drops_faults_and_says_what_does_not_end() -> None:
    faults = Faults()
    faults.add(CallFault("s3:*", "X"))
    front = RequestsOfTests(faults, SimpleNamespace(run=refusing))  # type: ignore[arg-type]
    assert ask(front, "POST", "reset") == (409, {"message": "not ended within 60 s: build b"})
    assert not faults


def test_requests_to_an_endpoint_meet_faults() -> None:
    faults = Faults()
    passed: list[str] = []

    async def inner(scope: Any, _receive: Any, send: Any) -> None:
        passed.append(scope["path"])
        await send({"status": 200})
        await send({"body": b"{}"})

    front = late(inner, faults, "sagemaker:InvokeEndpoint")
    faults.add(CallFault("sagemaker:InvokeEndpoint", "ModelError", "said so", status=424))
    faults.add(CallFault("sagemaker:InvokeEndpoint", seconds=0.001))
    assert ask(front, "POST", "e") == (424, {"message": "said so", "Message": "said so"})
    assert ask(front, "POST", "e") == (200, {})
    assert passed == [PATH + "e"]
    assert not faults
