"""What a role needs, from what it was asked for."""

import pytest

from slipway.cli.least_policy import Asked, generalise, least_policy, matches, statements, without_covered

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1f3e5d7c-aaaa-4bbb-8ccc-123456789abc"
SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111122223333:"


@pytest.mark.parametrize(
    ("resource", "pattern"),
    [
        ("*", "*"),
        (
            f"{SAGEMAKER}training-job/pipelines-f9xfduiwlfmd-Train-ZHat2XuqIN",
            f"{SAGEMAKER}training-job/pipelines-*-Train-*",
        ),
        (
            f"{SAGEMAKER}processing-job/pipelines-abcdefghijkl-Hello-yydSRKkWPR",
            f"{SAGEMAKER}processing-job/pipelines-*-Hello-*",
        ),
        (f"{SAGEMAKER}pipeline/churn", f"{SAGEMAKER}pipeline/churn"),
        (f"{SAGEMAKER}pipeline/customer-lifetime", f"{SAGEMAKER}pipeline/customer-lifetime"),
        (f"{SAGEMAKER}endpoint/churn-20261130221355", f"{SAGEMAKER}endpoint/churn-*"),
        (f"{SAGEMAKER}model-package/churn/12", f"{SAGEMAKER}model-package/churn/*"),
        ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"),
        ("arn:aws:s3:::bucket/data/a/b.csv", "arn:aws:s3:::bucket/data/*"),
        ("arn:aws:s3:::bucket/file.csv", "arn:aws:s3:::bucket/file.csv"),
        ("arn:aws:s3:::sagemaker-us-east-1-000000000000/x/y", "arn:aws:s3:::sagemaker-us-east-1-000000000000/x/*"),
        ("arn:aws:iam::111122223333:role/path/worker", "arn:aws:iam::111122223333:role/path/worker"),
        (KEY, KEY),
    ],
)
def test_what_is_generated_is_not_named(resource, pattern):
    assert generalise(resource) == pattern
    assert matches(pattern, resource)


def test_actions_on_the_same_resources_share_a_statement():
    asked = [
        Asked("s3:GetObject", "arn:aws:s3:::bucket/data/1.csv"),
        Asked("s3:GetObject", "arn:aws:s3:::bucket/data/x/2.csv"),
        Asked("s3:PutObject", "arn:aws:s3:::bucket/data/x/3.csv"),
        Asked("s3:ListBucket", "arn:aws:s3:::bucket"),
        Asked("logs:PutLogEvents", "*"),
    ]
    policy = least_policy(asked)
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::bucket"]},
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::bucket/data/*"]},
        ],
    }
    allowed = list(statements("least", policy))
    assert all(any(statement.allows(one) for statement in allowed) for one in asked)


def test_a_pattern_covers_what_it_matches():
    assert without_covered(["a/b", "a/*", "b"]) == ["a/*", "b"]
    assert without_covered(["x/*", "x/*"]) == ["x/*"]


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:Put*"], "Resource": "arn:aws:s3:::bucket/*"},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"},
        {"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*"},
        {"Sid": "Rest", "Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
    ],
}
READ, SEND = statements("p", POLICY)


@pytest.mark.parametrize(
    ("statement", "asked", "unused"),
    [
        (READ, [], ("s3:GetObject", "s3:Put*")),
        (READ, [Asked("s3:getobject", "arn:aws:s3:::bucket/a")], ("s3:Put*",)),
        (READ, [Asked("s3:PutObjectTagging", "arn:aws:s3:::bucket/a/b")], ("s3:GetObject",)),
        (READ, [Asked("s3:GetObject", "arn:aws:s3:::other/a")], ("s3:GetObject", "s3:Put*")),
        (SEND, [Asked("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q")], ()),
    ],
)
def test_what_a_role_has_and_nothing_asked_for(statement, asked, unused):
    assert statement.unused_actions(asked) == unused


def test_a_statement_without_a_name_is_counted():
    assert (READ.sid, SEND.sid) == ("Read", "statement 2")
