"""CodeDeploy's operations, called as from the wire."""

from typing import Any

import pytest

from loopback.services import registry
from loopback.services.codedeploy import handlers as _registered  # noqa: F401  # it registers the handlers

ROLE = "arn:aws:iam::000000000000:role/codedeploy"
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


class Ask:
    """`ask("GetApplication", applicationName=...)`."""

    def __init__(self, context: registry.Context) -> None:
        self.context = context

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        return registry.call("codedeploy", operation, request, self.context)

    def group(self, **more: Any) -> None:
        """The application `shop` and its deployment group `live`."""
        self("CreateApplication", applicationName="shop", computePlatform="Lambda")
        given = {"applicationName": "shop", "deploymentGroupName": "live", "serviceRoleArn": ROLE}
        self("CreateDeploymentGroup", **{**given, "deploymentStyle": STYLE, **more})


@pytest.fixture
def ask(context: registry.Context) -> Ask:
    return Ask(context)
