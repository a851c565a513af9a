"""Roles as the record of this machine and IAM tell of them."""

import json
from dataclasses import replace

import pytest

from slipway.cli import iam
from slipway.cli.target import UserError, WrongUsage

OBJECTS = {"Sid": "Objects", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [OBJECTS]}
LINES = (
    ("jobs", "s3:GetObject", "arn:aws:s3:::bucket/in/1.csv"),
    ("jobs", "s3:GetObject", "arn:aws:s3:::bucket/in/2.csv"),
    ("jobs", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:q"),
    ("other", "s3:ListBucket", "arn:aws:s3:::bucket"),
)


@pytest.fixture
def state(tmp_path):
    lines = [json.dumps(dict(zip(("role", "action", "resource"), line, strict=True))) for line in LINES]
    (tmp_path / iam.RECORD).write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def having(aws):
    """IAM with one role, `jobs`; the other one is gone."""
    aws.answers |= {
        "ListRolePolicies": lambda asked: {"PolicyNames": ["wide"]} if asked["RoleName"] == "jobs" else "NoSuchEntity",
        "GetRolePolicy": {"PolicyDocument": json.dumps(DOCUMENT)},
        "ListAttachedRolePolicies": {"AttachedPolicies": []},
    }
    return aws


def told(having, state, capsys, role="", **how):
    iam.show(having.target, state, role, **{"policy": False, "as_json": True, **how})
    return json.loads(capsys.readouterr().out)


def test_all_roles(having, state, capsys):
    assert told(having, state, capsys) == [
        {"role": "jobs", "asked": 2, "refused": 1, "unused": 1},
        {"role": "other", "asked": 1, "refused": 1, "unused": 0},
    ]


@pytest.mark.parametrize("role", ["jobs", "arn:aws:iam::000000000000:role/path/jobs"])
def test_one_role(role, having, state, capsys):
    found = told(having, state, capsys, role)
    assert found["asked"] == [
        {"action": "s3:GetObject", "resource": "arn:aws:s3:::bucket/in/*", "allowed_by": "wide"},
        {"action": "sqs:SendMessage", "resource": "arn:aws:sqs:eu-west-1:111122223333:q", "allowed_by": "refused"},
    ]
    assert found["unused"] == [{"policy": "wide", "statement": "Objects", "action": "s3:PutObject"}]
    assert told(having, state, capsys, role, policy=True) == found["least_policy"]


@pytest.mark.parametrize(
    ("role", "how", "fault", "text"),
    [
        ("nobody", {}, UserError, "nothing has asked role nobody for anything; recorded: jobs, other"),
        ("", {"policy": True}, WrongUsage, "--policy needs a role; recorded: jobs, other"),
    ],
)
def test_what_cannot_be_told_is_said(role, how, fault, text, having, state):
    with pytest.raises(fault, match=text):
        iam.show(having.target, state, role, **{"policy": False, "as_json": True, **how})


def test_without_a_record_it_says_how_to_make_one(aws, tmp_path):
    with pytest.raises(UserError, match="LOOPBACK_IAM=enforce slipway local up --detach"):
        iam.show(aws.target, tmp_path, "", policy=False, as_json=False)


def test_aws_itself_is_not_asked(aws, state):
    with pytest.raises(WrongUsage, match="points at AWS"):
        iam.show(replace(aws.target, local=False), state, "", policy=False, as_json=False)
    assert aws.calls == []
