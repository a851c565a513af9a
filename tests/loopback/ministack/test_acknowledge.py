"""An answer waits for the disk; one that only reads does not; a failed write is an error in the client's protocol."""

import asyncio
import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from loopback.ministack.acknowledge import Acknowledged, operation, reads
from loopback.ministack.records import Uses, note_uses
from loopback.ministack.row_file import NotWritten

JSON = [(b"content-type", b"application/x-amz-json-1.0"), (b"x-amz-target", b"AmazonSSM.PutParameter")]
QUERY = [(b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")]


def scope(method: str = "POST", path: str = "/", query: str = "", headers: Any = ()) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": list(headers)}


@pytest.mark.parametrize(
    ("request_scope", "body", "name"),
    [
        (scope(headers=JSON), b"", "PutParameter"),
        (scope(headers=[(b"X-Amz-Target", b"Logs_20140328.PutLogEvents")]), b"", "PutLogEvents"),
        (scope(headers=QUERY), b"Action=CreateRole&RoleName=a", "CreateRole"),
        (scope(headers=QUERY), b"RoleName=Action&Action=GetRole", "GetRole"),
        (scope(query="Action=ListRoles"), b"", "ListRoles"),
        (scope(path="/service/GraniteServiceVersion20100801/operation/PutMetricData"), b"\xbf", "PutMetricData"),
        (scope("PUT", "/bucket/key"), b"Action=GetRole", ""),
    ],
)
def test_the_operation_of_a_request(request_scope: dict[str, Any], body: bytes, name: str) -> None:
    assert operation(request_scope, body) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[(name, True) for name in ("GetRole", "ListQueues", "DescribeStacks", "BatchGetItem", "Query", "Scan")],
        *[(name, False) for name in ("CreateQueue", "ReceiveMessage", "BatchWriteItem", "Invoke", "", "Getaway")],
        *[(name, False) for name in ("GetSessionToken", "TestamentPut", "PutParameter", "AssumeRole")],
    ],
)
def test_which_operations_only_read(name: str, expected: bool) -> None:
    assert reads(name) is expected


class Disk:
    """Writes when it is told to."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.asked = fault, 0
        self.note_uses = note_uses

    async def wait_until_saved(self, _uses: Uses) -> None:
        self.asked += 1
        if self.fault:
            raise NotWritten(self.fault)


async def application(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def answered(disk: Disk, request_scope: dict[str, Any], body: bytes = b"") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Acknowledged(application, disk)(request_scope, receive, send))  # type: ignore[arg-type]
    return sent


def test_a_request_that_changes_something_waits_and_one_that_reads_does_not() -> None:
    for request_scope, body, asked in [
        (scope(headers=JSON), b"", 1),
        (scope("PUT", "/bucket/key"), b"x", 1),
        (scope("GET", "/bucket/key"), b"", 0),
        (scope(headers=QUERY), b"Action=ListRoles", 0),
    ]:
        disk = Disk()
        assert answered(disk, request_scope, body)[1]["body"] == b"done"
        assert disk.asked == asked


@pytest.mark.parametrize("headers", [JSON, QUERY, []])
def test_what_could_not_be_written_is_no_success(headers: Any) -> None:
    start, body = answered(Disk("the disk is <full>"), scope(headers=headers), b"Action=CreateRole")
    assert start["status"] == 500
    text = body["body"].decode()
    if headers is JSON:
        assert json.loads(text)["__type"] == "InternalFailure"
    else:
        assert ET.fromstring(text).find(".//Code").text in ("InternalFailure", "InternalError")  # type: ignore[union-attr]
    assert "could not be written to disk" in text
