"""Every type of ours is made, changed and deleted with requests that fit the service models of botocore."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.model import Shape

from loopback.core.errors import ResourceNotFound
from loopback.engines.cloudformation import schemas
from loopback.engines.cloudformation.properties import check_properties
from loopback.ministack.carried_out import table
from loopback.services.cloudformation.requests import with_tokens
from loopback.services.cloudformation.resources import TYPES
from loopback.services.cloudformation.types import TemplateResource
from loopback.wire import model

JOURNEYS = Path(__file__).parents[3] / "journeys"
ROLE = "arn:aws:iam::000000000000:role/x"
ARN = "arn:aws:service:us-east-1:000000000000:kind/x"
BODY = {"PipelineDefinitionBody": '{"Version": "2020-12-01", "Steps": []}'}
CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}
OUTPUTS = {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/k", "LocalPath": "/opt/ml/processing/out"}}]}
INPUT = {"EndpointInput": {"EndpointName": "e", "LocalPath": "/opt/ml/processing/in"}}
TRUTH = {"GroundTruthS3Input": {"S3Uri": "s3://b/k"}}
CONFIG = {"ConfigUri": "s3://b/config", "ImageUri": "i"}
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/v",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
SOURCE = {"Category": "Source", "Owner": "AWS", "Provider": "S3", "Version": "1"}
STORE = {"Type": "S3", "Location": "bucket"}
STAGE = {"Name": "Source", "Actions": [{"Name": "Source", "ActionTypeId": SOURCE}]}
ENVIRONMENT = {"Type": "LINUX_CONTAINER", "Image": "i", "ComputeType": "BUILD_GENERAL1_SMALL"}
RUN = {
    "Arn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p",
    "RoleArn": ROLE,
    "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "Hours", "Value": "1"}]},
}
ARTIFACT = {"Name": "v1", "Info": {"LoadTemplateFromURL": "https://b.s3.amazonaws.com/k"}}


def definition(kind: str, app: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{kind}AppSpecification": app,
        f"{kind}JobInput": INPUT | more,
        f"{kind}JobOutputConfig": OUTPUTS,
        "JobResources": CLUSTER,
        "RoleArn": ROLE,
    }


def schedule(minute: int) -> dict[str, Any]:
    return {
        "ScheduleConfig": {"ScheduleExpression": f"cron({minute} * ? * * *)"},
        "MonitoringJobDefinitionName": "d",
        "MonitoringType": "DataQuality",
    }


# Each type: its properties, and the ones that an update in place changes (empty where any change replaces it).
PROPERTIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "AWS::CloudWatch::Alarm": (
        {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "MetricName": "m"},
        {"Threshold": 2},
    ),
    "AWS::CloudWatch::CompositeAlarm": ({"AlarmRule": "ALARM(a)"}, {"AlarmRule": "ALARM(b)"}),
    "AWS::SageMaker::Model": ({"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "i"}}, {}),
    "AWS::SageMaker::EndpointConfig": (
        {"ProductionVariants": [{"VariantName": "v", "ModelName": "m", "InitialVariantWeight": 1}]},
        {},
    ),
    "AWS::SageMaker::Endpoint": ({"EndpointConfigName": "c"}, {"EndpointConfigName": "d"}),
    "AWS::SageMaker::ModelPackageGroup": ({"ModelPackageGroupName": "g"}, {}),
    "AWS::SageMaker::Pipeline": (
        {"PipelineName": "p", "RoleArn": ROLE, "PipelineDefinition": BODY},
        {"PipelineDescription": "changed"},
    ),
    "AWS::SageMaker::CodeRepository": ({"GitConfig": {"RepositoryUrl": "https://h/r.git"}}, {}),
    "AWS::SageMaker::DataQualityJobDefinition": (definition("DataQuality", {"ImageUri": "i"}, {}), {}),
    "AWS::SageMaker::ModelQualityJobDefinition": (
        definition("ModelQuality", {"ImageUri": "i", "ProblemType": "Regression"}, TRUTH),
        {},
    ),
    "AWS::SageMaker::ModelBiasJobDefinition": (definition("ModelBias", CONFIG, TRUTH), {}),
    "AWS::SageMaker::ModelExplainabilityJobDefinition": (definition("ModelExplainability", CONFIG, {}), {}),
    "AWS::SageMaker::MonitoringSchedule": (
        {"MonitoringScheduleName": "s", "MonitoringScheduleConfig": schedule(0)},
        {"MonitoringScheduleConfig": schedule(1)},
    ),
    "AWS::CodePipeline::Pipeline": (
        {"RoleArn": ROLE, "ArtifactStore": STORE, "Stages": [STAGE, STAGE | {"Name": "More"}]},
        {"RestartExecutionOnUpdate": True},
    ),
    "AWS::CodeBuild::Project": (
        {
            "Source": {"Type": "NO_SOURCE"},
            "Artifacts": {"Type": "NO_ARTIFACTS"},
            "Environment": ENVIRONMENT,
            "ServiceRole": ROLE,
        },
        {"Description": "changed"},
    ),
    "AWS::CodeConnections::Connection": ({"ConnectionName": "c", "ProviderType": "GitHub"}, {}),
    "AWS::CodeStarConnections::Connection": ({"ConnectionName": "c", "ProviderType": "GitHub"}, {}),
    "AWS::CodeCommit::Repository": ({"RepositoryName": "r"}, {}),
    "AWS::ApplicationAutoScaling::ScalableTarget": (TARGET | {"MinCapacity": 1, "MaxCapacity": 2}, {"MaxCapacity": 3}),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        TARGET | {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"},
        {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0}},
    ),
    "AWS::ServiceCatalog::Portfolio": ({"DisplayName": "d", "ProviderName": "p"}, {"DisplayName": "e"}),
    "AWS::ServiceCatalog::CloudFormationProduct": (
        {"Name": "n", "Owner": "o", "ProvisioningArtifactParameters": [ARTIFACT]},
        {"ProvisioningArtifactParameters": [ARTIFACT, ARTIFACT | {"Name": "v2"}]},
    ),
    "AWS::ServiceCatalog::PortfolioProductAssociation": ({"PortfolioId": "port-1", "ProductId": "prod-1"}, {}),
    "AWS::ServiceCatalog::PortfolioPrincipalAssociation": (
        {"PortfolioId": "port-1", "PrincipalARN": ROLE, "PrincipalType": "IAM"},
        {},
    ),
    "AWS::ServiceCatalog::LaunchRoleConstraint": (
        {"PortfolioId": "port-1", "ProductId": "prod-1", "RoleArn": ROLE},
        {"RoleArn": f"{ROLE}2"},
    ),
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct": (
        {"ProductName": "p", "ProvisioningArtifactName": "v1"},
        {"ProvisioningArtifactName": "v2"},
    ),
    "AWS::IAM::OIDCProvider": (
        {"Url": "https://issuer.example", "ClientIdList": ["a"], "Tags": [{"Key": "k", "Value": "v"}]},
        {"ClientIdList": ["b"], "ThumbprintList": ["0" * 40], "Tags": [{"Key": "l", "Value": "v"}]},
    ),
    "AWS::CodeDeploy::Application": ({"ComputePlatform": "Lambda"}, {}),
    "AWS::CodeDeploy::DeploymentGroup": (
        {"ApplicationName": "a", "ServiceRoleArn": ROLE},
        {"ServiceRoleArn": f"{ROLE}2"},
    ),
    "AWS::CodeDeploy::DeploymentConfig": ({"ComputePlatform": "Lambda"}, {}),
    "AWS::Scheduler::Schedule": (
        {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": RUN},
        {"ScheduleExpression": "rate(2 hours)"},
    ),
}
SETTLED = {"EndpointStatus": "InService", "FailureReason": "", "Status": "SUCCEEDED", "MonitoringScheduleStatus": "x"}


class Services:
    """Answers whatever fits a service model with what its response may be; what is deleted is not found."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    def __call__(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        shapes = model.operation(service, operation)
        model.check(with_tokens(service, operation, request), shapes.input_shape)
        if operation.startswith("Describe") and self.operations and self.operations[-1].startswith("Delete"):
            raise ResourceNotFound("There is none")
        self.operations.append(operation)
        answer = example(shapes.output_shape) if shapes.output_shape else {}
        return {**answer, "arn": ARN}  # CodeDeploy's operations here tell the ARN, too

    def pause(self, seconds: float) -> None:
        raise AssertionError(f"it waits {seconds} s for something that is there")


def example(shape: Shape, name: str = "", depth: int = 0) -> Any:
    """A value that fits a shape."""
    match shape.type_name:
        case "structure":
            return {key: example(member, key, depth + 1) for key, member in shape.members.items()} if depth < 6 else {}
        case "list":
            return [example(shape.member, "", depth + 1)]
        case "map":
            return {}
        case "boolean":
            return False
        case "string":
            return SETTLED.get(name, ARN if name.lower().endswith("arn") else "x")
        case _:
            return 1


def test_every_type_is_here() -> None:
    assert PROPERTIES.keys() == TYPES.keys()


def test_every_type_has_a_row_in_the_journey() -> None:
    """`tests/journeys/test_every_type.py` makes, changes and deletes what is in these templates."""
    texts = {name: (JOURNEYS / f"every_type_{name}.yml").read_text() for name in ("base", "ours")}
    types = {name: set(re.findall(r"Type: (AWS::\w+::\w+)", text)) for name, text in texts.items()}
    assert types["base"] == set(table()["types"])
    assert types["ours"] == {*TYPES, "AWS::IAM::Role"}


@pytest.mark.parametrize("kind", PROPERTIES)
def test_it_is_made_changed_and_deleted(kind: str) -> None:
    old, changes = PROPERTIES[kind]
    old = check_properties(kind, "R", old)
    services = Services()
    made = TYPES[kind].create(TemplateResource(old, lambda longest: "generated"[:longest]), services)
    assert isinstance(made[0], str)
    assert made[0]
    create_only = {path.partition("/")[0] for path in schemas.create_only(kind)}
    assert not create_only & changes.keys(), "this change would replace it"
    if changes:
        new = check_properties(kind, "R", old | changes)
        before = len(services.operations)
        made = TYPES[kind].update(made, old, new, services)
        assert len(services.operations) > before
    TYPES[kind].delete(made[0], old, services)
    verbs = ("Delete", "Deregister", "Disassociate", "Terminate")
    assert [name for name in services.operations if name.startswith(verbs)]
