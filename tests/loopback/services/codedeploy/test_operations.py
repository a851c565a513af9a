"""Applications, deployment groups and configurations."""

from typing import Any

import pytest

from loopback.core.errors import ServiceError

ROLE = "arn:aws:iam::000000000000:role/codedeploy"
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
GROUP = {"applicationName": "shop", "deploymentGroupName": "g", "serviceRoleArn": ROLE, "deploymentStyle": STYLE}
LINEAR = {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 25, "linearInterval": 2}}
ALARMS = {"enabled": True, "alarms": [{"name": "errors"}], "ignorePollAlarmFailure": False}


def test_an_application_is_made_shown_tagged_and_deleted_with_its_groups(ask: Any) -> None:
    ask.group(tags=[{"Key": "team", "Value": "a"}])
    shown = ask("GetApplication", applicationName="shop")["application"]
    assert (shown["applicationName"], shown["computePlatform"], shown["linkedToGitHub"]) == ("shop", "Lambda", False)
    assert ask("ListApplications")["applications"] == ["shop"]
    arn = "arn:aws:codedeploy:us-east-1:000000000000:deploymentgroup:shop/live"
    ask("TagResource", ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    ask("UntagResource", ResourceArn=arn, TagKeys=["team"])
    assert ask("ListTagsForResource", ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    for _ in range(2):
        ask("DeleteApplication", applicationName="shop")
    assert ask("ListApplications")["applications"] == []
    with pytest.raises(ServiceError) as fault:
        ask("GetDeploymentGroup", applicationName="shop", deploymentGroupName="live")
    assert fault.value.code == "ApplicationDoesNotExistException"
    ask("CreateApplication", applicationName="shop", computePlatform="Lambda")
    assert ask("ListDeploymentGroups", applicationName="shop")["deploymentGroups"] == []


def test_a_group_keeps_what_an_update_does_not_name(ask: Any) -> None:
    ask.group(alarmConfiguration=ALARMS, ec2TagFilters=[])
    request = {"applicationName": "shop", "currentDeploymentGroupName": "live"}
    ask("UpdateDeploymentGroup", **request, deploymentConfigName="CodeDeployDefault.LambdaCanary10Percent5Minutes")
    shown = ask("GetDeploymentGroup", applicationName="shop", deploymentGroupName="live")["deploymentGroupInfo"]
    assert shown["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert (shown["alarmConfiguration"], shown["computePlatform"]) == (ALARMS, "Lambda")
    for _ in range(2):
        ask("DeleteDeploymentGroup", applicationName="shop", deploymentGroupName="live")
    assert ask("ListDeploymentGroups", applicationName="shop")["deploymentGroups"] == []


def test_configurations_of_ones_own(ask: Any) -> None:
    ask("CreateDeploymentConfig", deploymentConfigName="q", computePlatform="Lambda", trafficRoutingConfig=LINEAR)
    shown = ask("GetDeploymentConfig", deploymentConfigName="q")["deploymentConfigInfo"]
    assert (shown["trafficRoutingConfig"], shown["computePlatform"]) == (LINEAR, "Lambda")
    listed = ask("ListDeploymentConfigs")["deploymentConfigsList"]
    assert (len(listed), listed[-1]) == (10, "q")
    ask.group(deploymentConfigName="q")
    with pytest.raises(ServiceError, match="used by deployment group live of shop"):
        ask("DeleteDeploymentConfig", deploymentConfigName="q")
    ask("DeleteApplication", applicationName="shop")
    ask("DeleteDeploymentConfig", deploymentConfigName="q")
    with pytest.raises(ServiceError, match="No Deployment Configuration found for name: q"):
        ask("GetDeploymentConfig", deploymentConfigName="q")


@pytest.mark.parametrize(
    ("operation", "request_", "code", "said"),
    [
        ("CreateApplication", {"applicationName": "a"}, "InvalidComputePlatformException", "Server"),
        (
            "CreateApplication",
            {"applicationName": "a", "computePlatform": "ECS"},
            "InvalidComputePlatformException",
            "computePlatform ECS: loopback carries out deployments of computePlatform Lambda only",
        ),
        (
            "CreateApplication",
            {"applicationName": "shop", "computePlatform": "Lambda"},
            "ApplicationAlreadyExistsException",
            "shop",
        ),
        ("GetApplication", {"applicationName": "x"}, "ApplicationDoesNotExistException", "x"),
        ("ListApplications", {"nextToken": "!"}, "InvalidNextTokenException", "nextToken"),
        (
            "CreateDeploymentConfig",
            {"deploymentConfigName": "c", "computePlatform": "Server"},
            "InvalidComputePlatformException",
            "Server",
        ),
        (
            "CreateDeploymentConfig",
            {
                "deploymentConfigName": "c",
                "computePlatform": "Lambda",
                "trafficRoutingConfig": {"type": "TimeBasedLinear"},
            },
            "InvalidTrafficRoutingConfigurationException",
            "linearPercentage is None",
        ),
        (
            "DeleteDeploymentConfig",
            {"deploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce"},
            "InvalidOperationException",
            "built in",
        ),
        (
            "CreateDeploymentGroup",
            GROUP | {"deploymentGroupName": "live"},
            "DeploymentGroupAlreadyExistsException",
            "live",
        ),
        (
            "CreateDeploymentGroup",
            GROUP | {"deploymentConfigName": "CodeDeployDefault.OneAtATime"},
            "DeploymentConfigDoesNotExistException",
            "computePlatform Lambda only",
        ),
        (
            "CreateDeploymentGroup",
            GROUP | {"deploymentStyle": STYLE | {"deploymentType": "IN_PLACE"}},
            "InvalidDeploymentStyleException",
            "BLUE_GREEN",
        ),
        (
            "CreateDeploymentGroup",
            GROUP | {"autoScalingGroups": ["a"]},
            "InvalidInputException",
            "autoScalingGroups",
        ),
        (
            "CreateDeploymentGroup",
            GROUP | {"alarmConfiguration": {"enabled": True, "alarms": []}},
            "InvalidAlarmConfigException",
            "names no alarm",
        ),
        (
            "CreateDeploymentGroup",
            GROUP | {"alarmConfiguration": {"alarms": [{"name": f"a{n}"} for n in range(11)]}},
            "AlarmsLimitExceededException",
            "11 alarms; at most 10",
        ),
        (
            "CreateDeploymentGroup",
            GROUP | {"autoRollbackConfiguration": {"enabled": True}},
            "InvalidAutoRollbackConfigException",
            "no event",
        ),
    ],
)
def test_what_is_refused(ask: Any, operation: str, request_: dict[str, Any], code: str, said: str) -> None:
    ask.group()
    with pytest.raises(ServiceError, match=said) as fault:
        ask(operation, **request_)
    assert fault.value.code == code
