"""What the base does not carry out is refused by name, in the protocol of the request."""

import asyncio
import importlib
import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from loopback.ministack import carried_out
from loopback.ministack.carried_out import CODE, match_route, operation, refusal, refused_properties

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSGlue.StartJobRun"}
WORDS = "loopback does not carry out"


@pytest.mark.parametrize(
    ("line", "headers", "body", "query", "asked"),
    [
        ("glue POST /", JSON, b"{}", {}, "StartJobRun"),
        ("ec2 POST /", FORM, b"Action=RunInstances&Version=1", {}, "RunInstances"),
        ("sqs GET /", {}, b"", {"Action": ["ListQueues"]}, "ListQueues"),
        ("monitoring POST /service/Granite/operation/PutMetricData", {}, b"", {}, "PutMetricData"),
        ("lambda GET /2015-03-31/functions", {}, b"", {}, "ListFunctions"),
        ("lambda POST /2015-03-31/functions/f/invocations", {}, b"", {}, "Invoke"),
        (
            "lambda PUT /2019-09-30/functions/f/provisioned-concurrency",
            {},
            b"",
            {"Qualifier": ["1"]},
            "PutProvisionedConcurrencyConfig",
        ),
        ("apigateway POST /restapis/a/stages", {}, b"", {}, "CreateStage"),
        ("apigateway POST /v2/vpclinks", {}, b"", {}, "CreateVpcLink"),
        ("apigateway POST /restapis/a/s/_user_request_/stages", {}, b"", {}, ""),
        ("s3 PUT /bucket", {}, b"", {"replication": [""]}, "PutBucketReplication"),
        ("s3 PUT /", {}, b"", {"versioning": [""]}, "PutBucketVersioning"),
        ("s3 GET /bucket", {}, b"", {"list-type": ["2"]}, "ListObjectsV2"),
        ("s3 PUT /bucket/key", {}, b"Action=x", {}, ""),
    ],
)
def test_the_operation_of_a_request(
    line: str, headers: dict[str, str], body: bytes, query: dict[str, Any], asked: str
) -> None:
    service, method, path = line.split()
    assert operation(service, method, path, headers, body, query) == asked


def test_the_most_specific_route_is_taken() -> None:
    routes = [
        ("GET", re.compile(".*"), "Any", 0, {}),
        ("GET", re.compile(".*"), "WithQuery", 0, {"a": ""}),
        ("PUT", re.compile(".*"), "Put", 5, {}),
    ]
    assert match_route(routes, "GET", "/x", {"a": [""]}, by_path=True) == "WithQuery"
    assert match_route(routes, "GET", "/x", {}, by_path=True) == "Any"
    assert match_route(routes, "GET", "/x", {}, by_path=False) == ""


def test_refusals_are_of_the_requests_protocol() -> None:
    status, headers, body = refusal("glue", "StartJobRun", JSON, "/", b"{}")
    assert (status, headers["x-amzn-errortype"], json.loads(body)["__type"]) == (501, CODE, CODE)
    assert json.loads(body)["message"].startswith(f"{WORDS} glue:StartJobRun")
    for service, path in {"rds": "Error/Code", "ec2": "Errors/Error/Code"}.items():
        _, _, body = refusal(service, "Any", FORM, "/", b"Action=Any")
        assert ET.fromstring(body).findtext(path) == CODE
    assert ET.fromstring(refusal("s3", "Any", {}, "/", b"")[2]).findtext("Code") == CODE
    _, headers, body = refusal("monitoring", "Any", {"smithy-protocol": "rpc-v2-cbor"}, "/", b"")
    assert headers["Content-Type"] == "application/cbor"
    assert CODE.encode() in body


def test_botocore_reads_a_refusal_in_cbor() -> None:
    from botocore.parsers import RpcV2CBORParser

    _, headers, body = refusal("monitoring", "Any", {"smithy-protocol": "rpc-v2-cbor"}, "/", b"")
    answer = {"status_code": 501, "headers": headers, "body": body}
    parsed = RpcV2CBORParser().parse(answer, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"][: len(WORDS)]) == (CODE, WORDS)


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, hooks in carried_out.HOOKS.items():
        module = importlib.import_module(name)
        for hook in hooks:
            monkeypatch.setattr(module, hook, getattr(module, hook))
    app: Any = importlib.import_module("ministack.app")
    states: Any = importlib.import_module("ministack.services.stepfunctions")
    monkeypatch.setattr(states, "_SERVICE_DISPATCH", dict(states._SERVICE_DISPATCH))

    async def answered(*_request: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b"{}"

    monkeypatch.setattr(app, "SERVICE_HANDLERS", dict.fromkeys(("glue", "rds", "apigateway"), answered))
    carried_out.CarriedOut()

    def ask(service: str, headers: dict[str, str], body: bytes = b"{}", path: str = "/") -> int:
        handler = app.SERVICE_HANDLERS.get(service)
        return int(asyncio.run(handler("POST", path, headers, body, {}))[0])

    return ask


def test_what_is_let_through(handlers: Any) -> None:
    assert handlers("glue", {"x-amz-target": "AWSGlue.GetTables"}, b'{"DatabaseName": "d"}') == 200
    assert handlers("glue", JSON) == 501
    assert handlers("rds", FORM, b"Action=DescribeDBInstances") == 501
    assert handlers("no-such-service", {}) == 501
    assert handlers("apigateway", {}, b'{"canarySettings": {}}', "/restapis/a/stages") == 501
    assert handlers("apigateway", {}, b'{"stageName": "s"}', "/restapis/a/stages") == 200


def test_state_machines_say_in_our_words_what_is_not_done(handlers: Any) -> None:
    states: Any = importlib.import_module("ministack.services.stepfunctions")
    assert not [name for name in states._SERVICE_DISPATCH if ":ecs:" in name]
    with pytest.raises(Exception, match=f"{WORDS} arn:aws:states:::glue:startJobRun.sync of a state machine"):
        states._invoke_resource("arn:aws:states:::glue:startJobRun.sync", {})


def test_properties_that_are_left_out() -> None:
    assert refused_properties("AWS::ApiGateway::Stage", {"CanarySetting": {}, "StageName": "s"}) == ["CanarySetting"]
    assert refused_properties("AWS::SQS::Queue", {"QueueName": "q"}) == []
