from typing import Any

import pytest

from loopback.ministack.update_policies import code_deploy

POLICY = {
    "ApplicationName": {"Ref": "App"},
    "DeploymentGroupName": {"Fn::Sub": "${Stage}-group"},
    "BeforeAllowTrafficHook": {"Ref": "AWS::NoValue"},
}
TEMPLATE = {"Resources": {"Live": {"UpdatePolicy": {"CodeDeployLambdaAliasUpdate": POLICY}}, "Plain": {}}}
PARAMETERS = {"Stage": {"Value": "prod", "NoEcho": False}}


def stack(**more: Any) -> dict[str, Any]:
    made = {"App": {"PhysicalResourceId": "the-app", "ResourceType": "AWS::CodeDeploy::Application"}}
    return {"StackName": "s", "StackId": "arn:s", "StackStatus": "UPDATE_IN_PROGRESS", "_resources": made, **more}


@pytest.mark.parametrize("nested", [False, True])
def test_references_are_resolved(nested: bool) -> None:
    record, operation = stack(), {"arguments": [TEMPLATE, PARAMETERS, False, []]}
    if nested:
        record, operation = stack(_template=TEMPLATE, _resolved_params=PARAMETERS), None
    expected = {"ApplicationName": "the-app", "DeploymentGroupName": "prod-group"}
    assert code_deploy(record, operation, "Live") == expected
    assert code_deploy(record, operation, "Plain") == {}


def test_a_rollback_does_not_go_through_code_deploy() -> None:
    operation = {"arguments": [TEMPLATE, PARAMETERS]}
    assert code_deploy(stack(StackStatus="UPDATE_ROLLBACK_IN_PROGRESS"), operation, "Live") == {}
