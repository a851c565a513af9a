"""CodeDeploy's resources in a stack, against the operations themselves."""

from collections.abc import Mapping
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.services import registry
from loopback.services.cloudformation.resources import TYPES
from loopback.services.cloudformation.types import TemplateResource

ROLE = "arn:aws:iam::000000000000:role/codedeploy"
GROUP = {
    "ApplicationName": "generated",
    "ServiceRoleArn": ROLE,
    "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
    "AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": "errors"}]},
}


class Called:
    """The operations, as a stack calls them."""

    def __init__(self, context: registry.Context) -> None:
        self._context = context

    def __call__(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return registry.call(service, operation, request, self._context)

    def pause(self, seconds: float) -> None:
        raise ServiceError(f"nothing here takes {seconds} s")


def wanted(properties: dict[str, Any]) -> TemplateResource:
    return TemplateResource(properties, lambda longest: "generated"[:longest])


def test_an_application_with_its_group_and_configuration(ask: Any) -> None:
    call = Called(ask.context)
    application, group, config = (
        TYPES[f"AWS::CodeDeploy::{name}"] for name in ("Application", "DeploymentGroup", "DeploymentConfig")
    )
    shift = {"Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryPercentage": 5, "CanaryInterval": 1}}
    of = application.create(wanted({"ComputePlatform": "Lambda"}), call)
    made = config.create(wanted({"ComputePlatform": "Lambda", "TrafficRoutingConfig": shift}), call)
    given = GROUP | {"DeploymentConfigName": made[0]}
    live = group.create(wanted(given), call)
    assert (of[0], made[0], live[0]) == ("generated", "generated", "generated")

    old = application.update(of, {}, {"Tags": [{"Key": "a", "Value": "1"}]}, call)
    assert ask("ListTagsForResource", ResourceArn=old[1]["Arn"])["Tags"] == [{"Key": "a", "Value": "1"}]
    smaller = {key: value for key, value in GROUP.items() if key != "AlarmConfiguration"}
    group.update(live, given, smaller, call)
    shown = ask("GetDeploymentGroup", applicationName=of[0], deploymentGroupName=live[0])["deploymentGroupInfo"]
    assert shown["alarmConfiguration"] == {"enabled": False, "alarms": []}
    assert shown["deploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"

    for kind, name, properties in ((group, live[0], smaller), (config, made[0], {}), (application, of[0], {})):
        kind.delete(name, properties, call)
    assert ask("ListApplications")["applications"] == []


def test_a_server_application_fails_its_stack_by_name(ask: Any) -> None:
    with pytest.raises(ServiceError, match="computePlatform Server"):
        TYPES["AWS::CodeDeploy::Application"].create(wanted({}), Called(ask.context))
