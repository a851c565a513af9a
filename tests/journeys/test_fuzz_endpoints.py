"""Anything, sent to a deployed endpoint: an answer, or the container's refusal; never a fault of the endpoint."""

import random
from collections import Counter

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from tests.journeys.launched import NAME, Launched

pytestmark = pytest.mark.journey

KINDS = ["text/csv", "application/json", "application/json; charset=utf-8", "text/libsvm", "application/x-npy", "x", ""]
PARTS = [b",", b"\n", b"[", b"{", b"}", b'"', b"1", b"nan", b"\x00", b"\xff", b"CA", b"null", b'"instances":', b" "]


def test_whatever_is_sent_is_answered_or_refused(mill: Launched) -> None:
    chance, client, seen = random.Random(7), mill.client("sagemaker-runtime"), Counter[str]()
    row, unexpected = mill.row(), list[str]()
    for number in range(300):
        body = b"".join(chance.choices(PARTS, k=chance.randrange(30)))
        if number % 3 == 0:  # a right request with a few bytes that are others
            changed = bytearray(row)
            for _ in range(chance.randrange(1, 4)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            body = bytes(changed)
        try:
            answer = client.invoke_endpoint(
                EndpointName=f"{NAME}-prod", ContentType=chance.choice(KINDS), Accept=chance.choice(KINDS), Body=body
            )
            answer["Body"].read()
            seen["answered"] += 1
        except ParamValidationError:
            seen["not sent"] += 1
        except ClientError as fault:
            seen[fault.response["Error"]["Code"]] += 1
            unexpected += [str(fault)] if of_ours(fault) else []
    assert unexpected == []
    assert seen["ModelError"] > 100, seen
    answered = client.invoke_endpoint(EndpointName=f"{NAME}-prod", ContentType="application/json", Body=row)
    assert 0 < float(answered["Body"].read()) < 1


def of_ours(fault: ClientError) -> bool:
    """Neither the container's 4xx nor a refusal; text that is not UTF-8 gets a 500 from the real container, too."""
    if fault.response["Error"]["Code"] in ("ValidationError", "ValidationException"):
        return False
    status = fault.response.get("OriginalStatusCode", 0)
    return not (400 <= status < 500 or (status == 500 and "UnicodeDecodeError" in str(fault)))
