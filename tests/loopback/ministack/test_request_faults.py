"""Requests that do not fit their service model: what is refused, and with which code."""

import json
from typing import Any

import pytest

from loopback.ministack.request_faults import request_fault


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("events", "CreateEventBus", {"Name": "a", "NoSuchMember": 1, "Tags": None}),
        ("kinesis", "CreateStream", {"StreamName": "a", "ShardCount": 500}),
        ("kms", "ListKeys", {}),
        ("dynamodb", "PutItem", {"TableName": "a", "Item": {"id": {"S": "a"}, "n": {"NULL": True}}}),
    ],
)
def test_taken(service: str, operation: str, request_: dict[str, Any]) -> None:
    assert request_fault(service, operation, json.dumps(request_).encode()) is None


@pytest.mark.parametrize(
    ("service", "operation", "body", "code", "words"),
    [
        ("events", "CreateEventBus", '{"Name": 7}', "SerializationException", "Invalid type for parameter Name"),
        ("events", "CreateEventBus", "[1]", "SerializationException", "no JSON object"),
        ("events", "CreateEventBus", "{", "SerializationException", "no JSON"),
        ("events", "CreateEventBus", "[" * 100_000, "SerializationException", "no JSON"),
        ("events", "CreateEventBus", "{}", "ValidationException", 'Missing required parameter in input: "Name"'),
        ("events", "PutEvents", '{"Entries": []}', "ValidationException", "Invalid length for parameter Entries"),
        ("sqs", "SendMessage", '{"QueueUrl": [[]], "MessageBody": ""}', "SerializationException", "QueueUrl"),
        ("kinesis", "CreateStream", '{"StreamName": "a", "ShardCount": 501}', "LimitExceededException", "Limit: 500"),
        (
            "kinesis",
            "CreateStream",
            '{"StreamName": "a", "ShardCount": 2147483648}',
            "SerializationException",
            "larger",
        ),
    ],
)
def test_refused(service: str, operation: str, body: str, code: str, words: str) -> None:
    found = request_fault(service, operation, body.encode())
    assert found is not None
    assert (found.code, words in found.message) == (code, True), found
