"""Which policies a bucket may have, and what S3 says of the others: its users' reports name the words."""

import json
from typing import Any

import pytest

from loopback.engines.s3.bucket_policies import NOT_JSON, policy_fault

READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b1/*"}
ROLE = "arn:aws:iam::111122223333:role/r"
TLS = {
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b1", "arn:aws:s3:::b1/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def fault(*statements: Any, exists: Any = None, **more: Any) -> str:
    return policy_fault(json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more}), "b1", exists)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in READ.items() if key != name}


@pytest.mark.parametrize(
    "statement",
    [
        READ,
        TLS,
        {**READ, "Principal": {"AWS": [ROLE, "111122223333"], "Service": "cloudtrail.amazonaws.com"}},
        {**READ, "Action": ["s3:Get*", "S3:putobject"]},
        {**READ, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b1"},
        {**READ, "Resource": "arn:aws:s3:::b*"},
        {**without("Action"), "NotAction": "s3:DeleteObject"},
        {**without("Principal"), "NotPrincipal": {"AWS": ROLE}, "Effect": "Deny"},
        {
            **READ,
            "Sid": "a",
            "Condition": {"ForAnyValue:StringLikeIfExists": {"aws:x": "y"}, "Null": {"aws:y": "true"}},
        },
    ],
)
def test_taken(statement: dict[str, Any]) -> None:
    assert fault(statement) == ""


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({**READ, "Resource": "arn:aws:s3:::other/*"}, "Policy has invalid resource"),
        ({**READ, "Resource": "*"}, "Policy has invalid resource"),
        ({**READ, "Resource": "arn:aws:s3:::*"}, "Policy has invalid resource"),
        ({**READ, "Resource": 1}, "Policy has invalid resource"),
        (without("Principal"), "Missing required field Principal"),
        (without("Effect"), "Missing required field Effect"),
        (without("Action"), "Missing required field Action"),
        (without("Resource"), "Missing required field Resource"),
        ({**READ, "Action": "s3:Gett"}, "Policy has invalid action"),
        ({**READ, "Action": "ec2:RunInstances"}, "Policy has invalid action"),
        ({**READ, "Effect": "Maybe"}, "Invalid effect: Maybe"),
        ({**READ, "Foo": 1}, "Unknown field Foo"),
        ({**READ, "Principal": "me"}, "Invalid principal in policy"),
        ({**READ, "Principal": {"AWS": "arn:aws:iam::1:role/r"}}, "Invalid principal in policy"),
        ({**READ, "Principal": {"Foo": "*"}}, "Invalid principal in policy"),
        ({**READ, "Resource": "arn:aws:s3:::b1"}, "Action does not apply to any resource(s) in statement"),
        ({**READ, "Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
        ({**READ, "Condition": {"StringEqualz": {"a": "b"}}}, "Invalid Condition type : StringEqualz"),
        ("x", "Policies must have statements that are objects"),
    ],
)
def test_refused(statement: Any, words: str) -> None:
    assert fault(statement) == words


def test_principals_that_are_not_there() -> None:
    statement = {**READ, "Principal": {"AWS": ROLE}}
    assert fault(statement, exists=lambda arn: arn == ROLE) == ""
    assert fault(statement, exists=lambda _: False) == "Invalid principal in policy"


@pytest.mark.parametrize("text", ["", "{", "[]", " {}", '"a"', "[" * 5000])
def test_no_object(text: str) -> None:
    assert policy_fault(text, "b1") == NOT_JSON


def test_its_size_and_its_own_members() -> None:
    assert "at most 20480" in fault(*({**READ, "Sid": f"s{n}"} for n in range(300)))
    assert fault(READ, Foo=1) == "Unknown field Foo"
    assert fault(READ, Version="2020-01-01") == "The policy must contain a valid version string"
    assert policy_fault("{}", "b1") == "Missing required field Statement"
