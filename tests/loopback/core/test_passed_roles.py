"""Roles that requests to the base hand over, and the words of the services."""

import json
from typing import Any

import pytest

from loopback.core.passed_roles import cannot_be_assumed, handed_over, hands_over, is_assumed
from loopback.core.permissions import ROLES

ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.mark.parametrize(
    ("service", "method", "path", "target", "request_", "principal"),
    [
        ("lambda", "POST", "/2015-03-31/functions", "", {"Role": ROLE}, "lambda"),
        ("lambda", "PUT", "/2015-03-31/functions/f/configuration", "", {"Role": ROLE}, "lambda"),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", {"Role": ROLE}, None),
        ("events", "POST", "/", "AWSEvents.PutTargets", {"Targets": [{"Id": "1"}, {"RoleArn": ROLE}]}, "events"),
        ("events", "POST", "/", "AWSEvents.PutEvents", {"RoleArn": ROLE}, None),
        ("scheduler", "POST", "/schedules/s", "", {"Target": {"RoleArn": ROLE}}, "scheduler"),
        ("states", "POST", "/", "AWSStepFunctions.CreateStateMachine", {"roleArn": ROLE}, "states"),
        ("pipes", "POST", "/v1/pipes/p", "", {"RoleArn": ROLE}, "pipes"),
        ("sqs", "POST", "/", "AmazonSQS.CreateQueue", {"RoleArn": ROLE}, None),
        ("lambda", "POST", "/2015-03-31/functions", "", [1], None),
    ],
)
def test_a_role_goes_to_the_service_s_principal(
    service: str, method: str, path: str, target: str, request_: Any, principal: str | None
) -> None:
    found = handed_over(hands_over(service, method, path, target), json.loads(json.dumps(request_)))
    assert found == ([(ROLE, f"{principal}.amazonaws.com")] if principal else [])


def test_every_service_that_assumes_a_role_has_words_of_its_own() -> None:
    principals = {principal for members in ROLES.values() for _, principal in members}
    assert {name for name in principals if not is_assumed(name)} == {"application-autoscaling.amazonaws.com"}


def test_sagemaker_says_it_as_on_aws() -> None:
    # https://repost.aws/knowledge-center/sagemaker-validationexception-assume-role
    fault = cannot_be_assumed(ROLE, "sagemaker.amazonaws.com")
    assert fault.code == "ValidationException"
    assert str(fault) == (
        f"Could not assume role {ROLE}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role."
    )
