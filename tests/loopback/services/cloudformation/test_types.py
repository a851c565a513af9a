"""What creating, changing and deleting a resource asks of the services."""

from collections.abc import Mapping
from typing import Any

import pytest

from loopback.core.errors import ResourceNotFound, ServiceError, ValidationException
from loopback.services.cloudformation.requests import request_for, tag_changes
from loopback.services.cloudformation.resources import TYPES
from loopback.services.cloudformation.types import TemplateResource


class Asked:
    """Answers from a table and remembers what it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.requests, self.pauses = answers, [], 0

    def __call__(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.requests.append((operation, dict(request)))
        found = self.answers.get(operation, {})
        found = found.pop(0) if isinstance(found, list) else found
        if isinstance(found, Exception):
            raise found
        return found

    def pause(self, seconds: float) -> None:
        self.pauses += 1

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.requests]


def wanted(**properties: Any) -> TemplateResource:
    return TemplateResource(properties, lambda longest: "generated"[:longest])


def test_a_resource_without_a_name_gets_one() -> None:
    asked = Asked({"CreateModel": {"ModelArn": "arn:model/generated"}})
    made = TYPES["AWS::SageMaker::Model"].create(wanted(ExecutionRoleArn="r"), asked)
    assert made == ("arn:model/generated", {"ModelName": "generated", "ModelArn": "arn:model/generated"})
    assert asked.requests == [("CreateModel", {"ModelName": "generated", "ExecutionRoleArn": "r"})]


def test_an_endpoint_is_there_when_it_serves() -> None:
    states = [{"EndpointStatus": "Creating"}, {"EndpointStatus": "InService"}]
    asked = Asked({"CreateEndpoint": {"EndpointArn": "arn"}, "DescribeEndpoint": states})
    TYPES["AWS::SageMaker::Endpoint"].create(wanted(EndpointConfigName="c", RetainAllVariantProperties=True), asked)
    assert asked.pauses == 1
    assert "RetainAllVariantProperties" not in asked.requests[0][1]


def test_what_does_not_come_up_is_not_left_behind() -> None:
    failed = {"EndpointStatus": "Failed", "FailureReason": "did not pass the ping health check"}
    gone = ValidationException("Could not find endpoint")
    asked = Asked({"CreateEndpoint": {"EndpointArn": "arn"}, "DescribeEndpoint": [failed, gone]})
    with pytest.raises(ServiceError, match="ping health check"):
        TYPES["AWS::SageMaker::Endpoint"].create(wanted(EndpointName="e", EndpointConfigName="c"), asked)
    assert ("DeleteEndpoint", {"EndpointName": "e"}) in asked.requests


def test_an_update_that_was_rolled_back_fails_the_resource() -> None:
    rolled_back = {"EndpointStatus": "InService", "FailureReason": "alarm e-5xx went off"}
    asked = Asked({"UpdateEndpoint": {"EndpointArn": "arn"}, "DescribeEndpoint": rolled_back})
    old, new = {"EndpointConfigName": "c1"}, {"EndpointConfigName": "c2", "RetainAllVariantProperties": True}
    with pytest.raises(ServiceError, match="alarm e-5xx"):
        TYPES["AWS::SageMaker::Endpoint"].update(("arn", {"EndpointName": "e"}), old, new, asked)
    assert dict(asked.requests)["UpdateEndpoint"]["RetainAllVariantProperties"] is True


def test_other_tags_do_not_touch_what_serves() -> None:
    asked = Asked({})
    old = {"EndpointConfigName": "c", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}]}
    new = {"EndpointConfigName": "c", "Tags": [{"Key": "a", "Value": "2"}]}
    TYPES["AWS::SageMaker::Endpoint"].update(("arn", {"EndpointName": "e", "EndpointArn": "arn"}), old, new, asked)
    assert asked.requests == [
        ("AddTags", {"ResourceArn": "arn", "Tags": [{"Key": "a", "Value": "2"}]}),
        ("DeleteTags", {"ResourceArn": "arn", "TagKeys": ["b"]}),
    ]


@pytest.mark.parametrize("kind", ["AWS::SageMaker::Model", "AWS::CodeBuild::Project", "AWS::CodePipeline::Pipeline"])
def test_deleting_what_is_gone_is_no_error(kind: str) -> None:
    operation = f"Delete{kind.rpartition('::')[2]}"
    TYPES[kind].delete("arn:x/name", {}, Asked({operation: ResourceNotFound("There is none")}))
    with pytest.raises(ValidationException):
        TYPES[kind].delete("arn:x/name", {}, Asked({operation: ValidationException("It is in use")}))


def test_codepipelines_spelling_is_its_apis() -> None:
    action = {
        "Name": "Build",
        "ActionTypeId": {"Category": "Build", "Owner": "AWS", "Provider": "CodeBuild", "Version": "1"},
        "Configuration": {"ProjectName": "p", "EnvironmentVariables": [{"name": "A"}], "PollForSourceChanges": False},
        "InputArtifacts": [{"Name": "Source"}],
    }
    properties = {"Pipeline": {"Name": "p", "RoleArn": "r", "Stages": [{"Name": "Build", "Actions": [action]}]}}
    made = request_for("codepipeline", "CreatePipeline", properties)["pipeline"]["stages"][0]["actions"][0]
    assert made["actionTypeId"]["provider"] == "CodeBuild"
    assert made["configuration"] == {
        "ProjectName": "p",
        "EnvironmentVariables": '[{"name": "A"}]',
        "PollForSourceChanges": "false",
    }
    assert made["inputArtifacts"] == [{"name": "Source"}]


def test_a_member_that_the_api_does_not_have_is_named() -> None:
    with pytest.raises(ValidationException, match=r"CreateModel has no member Colour; it has Containers"):
        request_for("sagemaker", "CreateModel", {"Colour": "red"})


def test_a_pipeline_has_its_arn_and_disabled_transitions() -> None:
    answers = {
        "CreatePipeline": {"pipeline": {"name": "p", "version": 1}},
        "GetPipeline": {"pipeline": {"version": 1}, "metadata": {"pipelineArn": "arn:p"}},
    }
    asked = Asked(answers)
    properties = {"Name": "p", "RoleArn": "r", "Stages": []}
    properties["DisableInboundStageTransitions"] = [{"StageName": "Prod", "Reason": "closed"}]
    made = TYPES["AWS::CodePipeline::Pipeline"].create(wanted(**properties), asked)
    assert made == ("p", {"Name": "p", "Arn": "arn:p", "Version": "1"})
    assert asked.operations == ["CreatePipeline", "DisableStageTransition", "GetPipeline"]
    assert "disableInboundStageTransitions" not in asked.requests[0][1]["pipeline"]


def test_a_target_and_its_policy() -> None:
    where = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v", "ScalableDimension": "d"}
    asked = Asked({"PutScalingPolicy": {"PolicyARN": "arn:policy"}})
    name, _ = TYPES["AWS::ApplicationAutoScaling::ScalableTarget"].create(
        wanted(**where, MinCapacity=1, MaxCapacity=3), asked
    )
    policy = {"PolicyName": "inv", "PolicyType": "TargetTrackingScaling", "ScalingTargetId": name}
    ref, attributes = TYPES["AWS::ApplicationAutoScaling::ScalingPolicy"].create(wanted(**policy), asked)
    assert (name, ref) == ("endpoint/e/variant/v|d|sagemaker", "arn:policy")
    assert attributes["ResourceId"] == where["ResourceId"]
    assert where.items() <= asked.requests[1][1].items()


def test_scheduled_actions_that_the_template_drops_are_deleted() -> None:
    where = {"ServiceNamespace": "sagemaker", "ResourceId": "r", "ScalableDimension": "d"}
    action = {"ScheduledActionName": "night", "Schedule": "cron(0 1 * * ? *)"}
    asked = Asked({})
    old = {**where, "ScheduledActions": [action]}
    TYPES["AWS::ApplicationAutoScaling::ScalableTarget"].update(("r|d|sagemaker", {}), old, where, asked)
    assert asked.operations == ["RegisterScalableTarget", "DeleteScheduledAction"]


def test_a_product_gets_what_is_new_among_its_versions() -> None:
    one, two = ({"Name": n, "Info": {"LoadTemplateFromURL": f"https://b/{n}"}} for n in ("v1", "v2"))
    asked = Asked(
        {
            "CreateProvisioningArtifact": {"ProvisioningArtifactDetail": {"Id": "pa-2"}},
            "ListProvisioningArtifacts": {
                "ProvisioningArtifactDetails": [{"Id": "pa-1", "Name": "v1"}, {"Id": "pa-2", "Name": "v2"}]
            },
        }
    )
    old, new = ({"Name": "p", "Owner": "o", "ProvisioningArtifactParameters": a} for a in ([one], [one, two]))
    _, attributes = TYPES["AWS::ServiceCatalog::CloudFormationProduct"].update(("prod-1", {}), old, new, asked)
    assert asked.operations == ["UpdateProduct", "CreateProvisioningArtifact", "ListProvisioningArtifacts"]
    assert attributes["ProvisioningArtifactIds"] == "pa-1,pa-2"


def test_a_launch_that_fails_says_why() -> None:
    record = {"RecordId": "rec", "ProvisionedProductId": "pp", "Status": "IN_PROGRESS"}
    failed = record | {"Status": "FAILED", "RecordErrors": [{"Description": "the stack failed"}]}
    asked = Asked({"ProvisionProduct": {"RecordDetail": record}, "DescribeRecord": {"RecordDetail": failed}})
    with pytest.raises(ServiceError, match="the stack failed"):
        TYPES["AWS::ServiceCatalog::CloudFormationProvisionedProduct"].create(wanted(ProductId="p"), asked)


@pytest.mark.parametrize(
    ("old", "new", "added", "removed"),
    [
        (None, [{"Key": "a", "Value": "1"}], {"a": "1"}, []),
        ([{"Key": "a", "Value": "1"}], None, {}, ["a"]),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"b": "3"}, []),
    ],
)
def test_tag_changes(old: Any, new: Any, added: dict[str, str], removed: list[str]) -> None:
    assert tag_changes(old, new) == (added, removed)
