"""Requests that do not fit their service model: what is refused, and with which code."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from loopback.ministack.request_faults import list_fault, request_fault, stumble_fault


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


@pytest.mark.parametrize(
    ("operation", "path", "body", "code"),
    [
        ("ListEventSourceMappings", "/x?MaxItems=x", "", "SerializationException"),
        ("ListEventSourceMappings", "/x?MaxItems=10", "", None),
        ("CreateEventSourceMapping", "/x", '{"FunctionName": 1e308}', "SerializationException"),
        ("CreateEventSourceMapping", "/x", "{}", None),  # what is missing may be in the path
        ("UpdateRestApi", "/restapis/", "", "MissingAuthenticationTokenException"),
    ],
)
def test_where_the_base_has_stumbled(operation: str, path: str, body: str, code: str | None) -> None:
    way, _, text = path.partition("?")
    found = stumble_fault(["lambda", "apigateway"], operation, way, parse_qs(text), body.encode())
    assert (found and found.code) == code


def test_a_list_that_no_parser_reads() -> None:
    assert list_fault("ListBuckets", b"<Prefix>a\x00b</Prefix>") is not None
    assert list_fault("ListBuckets", b"<Prefix>a&#10;b</Prefix>\n") is None
    assert list_fault("GetObject", b"\x00") is None
