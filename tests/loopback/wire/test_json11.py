import json
from datetime import UTC, datetime

import pytest
from botocore.parsers import create_parser

from loopback.core.errors import ResourceNotFound, UnknownOperationException, ValidationException
from loopback.wire import json11, model


def test_an_answer_is_what_botocores_own_parser_reads_back() -> None:
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    answer = {
        "ModelName": "m",
        "ModelArn": "arn:aws:sagemaker:us-east-1:000000000000:model/m",
        "CreationTime": moment,
        "PrimaryContainer": {"Image": "i", "Environment": {"A": "ü"}, "unknown": 1},
        "not a member": True,
        "EnableNetworkIsolation": None,
    }
    body = json11.render(answer, "sagemaker", "DescribeModel")
    parsed = create_parser("json").parse(
        {"body": body, "headers": {}, "status_code": 200}, model.operation("sagemaker", "DescribeModel").output_shape
    )
    parsed.pop("ResponseMetadata")
    assert parsed.pop("CreationTime") == moment
    assert parsed == {
        "ModelName": "m",
        "ModelArn": answer["ModelArn"],
        "PrimaryContainer": {"Image": "i", "Environment": {"A": "ü"}},
    }


def test_an_error_is_what_botocore_raises_by_its_code() -> None:
    status, body = json11.render_error(ResourceNotFound("gone"))
    parsed = create_parser("json").parse({"body": body, "headers": {}, "status_code": status}, None)
    assert status == 400
    assert parsed["Error"] == {"Code": "ResourceNotFound", "Message": "gone"}


@pytest.mark.parametrize(("body", "message"), [(b"{", "not JSON"), (b"[1]", "a JSON list; expected an object")])
def test_a_body_that_is_no_request(body: bytes, message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        json11.parse_body(body)


def test_the_operation_is_in_the_target() -> None:
    assert json11.operation_name("SageMaker.CreateModel", "sagemaker") == "CreateModel"
    with pytest.raises(UnknownOperationException, match="sagemaker has no operation 'Nonsense'"):
        json11.operation_name("SageMaker.Nonsense", "sagemaker")


def test_an_empty_body_is_an_empty_request() -> None:
    assert json11.parse_body(b"") == {}
    assert json.loads(json11.render({}, "sagemaker", "DeleteModel")) == {}
