"""What IAM is asked before CodeDeploy's operations."""

from typing import Any

import pytest

from loopback.core.arn import Place
from loopback.core.permissions import checks

WHERE = {"applicationName": "shop", "deploymentGroupName": "live"}
ROLE = "arn:aws:iam::000000000000:role/codedeploy"


@pytest.mark.parametrize(
    ("operation", "request_", "resource"),
    [
        ("CreateApplication", WHERE, "application:shop"),
        ("CreateDeployment", WHERE, "deploymentgroup:shop/live"),
        (
            "UpdateDeploymentGroup",
            {"applicationName": "shop", "currentDeploymentGroupName": "live"},
            "deploymentgroup:shop/live",
        ),
        ("GetDeploymentConfig", {"deploymentConfigName": "c"}, "deploymentconfig:c"),
    ],
)
def test_the_resource_is_the_one_that_is_named(operation: str, request_: dict[str, Any], resource: str) -> None:
    (asked,) = checks("codedeploy", operation, request_, Place())
    expected = f"arn:aws:codedeploy:us-east-1:000000000000:{resource}"
    assert (asked.action, asked.resource) == (f"codedeploy:{operation}", expected)


def test_a_group_is_handed_a_role_only_by_who_may_pass_it() -> None:
    _, passed = checks("codedeploy", "CreateDeploymentGroup", WHERE | {"serviceRoleArn": ROLE}, Place())
    assert (passed.action, passed.resource) == ("iam:PassRole", ROLE)
    assert passed.context == {"iam:passedtoservice": "codedeploy.amazonaws.com"}
