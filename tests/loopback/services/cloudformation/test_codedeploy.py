"""A Lambda alias whose stack says that CodeDeploy brings its new version."""

import json
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.codedeploy import shift
from tests.loopback.services.cloudformation.test_types import Asked

POLICY = {"ApplicationName": "app", "DeploymentGroupName": "live", "BeforeAllowTrafficHook": "check"}
ALIAS = {"FunctionName": "arn:aws:lambda:us-east-1:1:function:f", "Name": "live", "FunctionVersion": "2"}
GROUP = {"applicationName": "app", "deploymentGroupName": "live"}


def info(status: str, **more: Any) -> dict[str, Any]:
    return {"deploymentInfo": {"status": status, **more}}


def answers(*shown: dict[str, Any], version: str = "1") -> Asked:
    return Asked(
        {
            "GetAlias": {"FunctionVersion": version},
            "ListDeployments": {"deployments": []},
            "CreateDeployment": {"deploymentId": "d-1"},
            "GetDeployment": list(shown),
        }
    )


def test_a_new_version_is_deployed_and_waited_for() -> None:
    asked = answers(info("Created"), info("InProgress"), info("Succeeded"))
    shift(POLICY, ALIAS, asked)
    assert asked.pauses == 2
    (request,) = [request for operation, request in asked.requests if operation == "CreateDeployment"]
    assert {key: request[key] for key in GROUP} == GROUP
    spec = json.loads(request["revision"]["appSpecContent"]["content"])
    assert spec["Resources"][0]["f"]["Properties"] == {
        "Name": "f",
        "Alias": "live",
        "CurrentVersion": "1",
        "TargetVersion": "2",
    }
    assert spec["Hooks"] == [{"BeforeAllowTraffic": "check"}]


def test_an_alias_that_is_there_already_is_left_alone() -> None:
    asked = answers(version="2")
    shift(POLICY, ALIAS, asked)
    assert asked.operations == ["GetAlias"]


def test_a_deployment_that_a_cut_off_operation_had_begun_is_waited_for() -> None:
    first = answers(info("Succeeded"))
    shift(POLICY, ALIAS, first)
    revision = next(request["revision"] for operation, request in first.requests if operation == "CreateDeployment")
    again = answers(info("InProgress", revision=revision), info("Succeeded"))
    again.answers["ListDeployments"] = {"deployments": ["d-9"]}
    shift(POLICY, ALIAS, again)
    assert "CreateDeployment" not in again.operations


def test_a_failure_waits_for_the_way_back_and_leaves_the_old_version() -> None:
    why = {"code": "HOOK_EXECUTION_FAILURE", "message": "the hook said no"}
    failed = info("Failed", errorInformation=why, rollbackInfo={"rollbackDeploymentId": "d-2"})
    asked = answers(failed, info("InProgress"), info("Succeeded"))
    with pytest.raises(ServiceError, match="CodeDeploy deployment d-1 is Failed: the hook said no"):
        shift(POLICY, ALIAS, asked)
    assert asked.requests[-1] == (
        "UpdateAlias",
        {
            "FunctionName": "f",
            "Name": "live",
            "FunctionVersion": "1",
            "RoutingConfig": {"AdditionalVersionWeights": {}},
        },
    )


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"ApplicationName": "app"}, "needs DeploymentGroupName"),
        (POLICY | {"Hook": "x"}, "has Hook; expected ApplicationName"),
    ],
)
def test_a_policy_that_cannot_be_used_is_named(policy: dict[str, str], words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        shift(policy, ALIAS, answers())
