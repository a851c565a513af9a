"""SageMaker's resource types."""

from typing import Any

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.types import Call, NamedType, Properties, ResourceType, is_not_found

LOOK_SECONDS = 0.1


def _status(name: str, call: Call) -> dict[str, Any]:
    return call("sagemaker", "DescribeEndpoint", {"EndpointName": name})


def _wait_until_settled(name: str, call: Call) -> dict[str, Any]:
    while (found := _status(name, call))["EndpointStatus"] not in ("InService", "Failed", "OutOfService"):
        call.pause(LOOK_SECONDS)
    return found


def _in_service(name: str, call: Call) -> None:
    """An update that was rolled back ends InService too: FailureReason tells."""
    found = _wait_until_settled(name, call)
    if found["EndpointStatus"] != "InService" or found.get("FailureReason"):
        raise ServiceError(found.get("FailureReason") or f"The endpoint is {found['EndpointStatus']}")


def _wait_until_gone(operation: str, member: str) -> Any:
    def settle(name: str, call: Call) -> None:
        try:
            while True:
                call("sagemaker", operation, {member: name})
                call.pause(LOOK_SECONDS)
        except ServiceError as fault:
            if not is_not_found(fault):
                raise

    return settle


class Endpoint(NamedType):
    """What serves changes with another configuration only: the rest of an endpoint says how a change is made."""

    def update(self, made: tuple[str, Properties], old: Properties, new: Properties, call: Call) -> Any:
        """See ResourceType."""
        if old["EndpointConfigName"] == new["EndpointConfigName"]:
            self._update_tags(made[1], old, new, call)
            return made
        _wait_until_settled(made[1]["EndpointName"], call)  # a change that began before this stack's may still run
        return super().update(made, old, new, call)


def _definition(properties: Properties) -> Properties:
    """The property holds the body, or a place whose member is called Key, and ObjectKey in the API."""
    given = dict(properties)
    definition = given.pop("PipelineDefinition", None) or {}
    if "PipelineDefinitionBody" in definition:
        given["PipelineDefinition"] = definition["PipelineDefinitionBody"]
    if place := definition.get("PipelineDefinitionS3Location"):
        named = {"Key": "ObjectKey", "Version": "VersionId", "Bucket": "Bucket"}
        given["PipelineDefinitionS3Location"] = {named[key]: value for key, value in place.items() if key in named}
    return given


def _job_definition(kind: str) -> NamedType:
    noun = f"{kind}JobDefinition"
    return NamedType(
        "sagemaker", noun, "JobDefinitionName", "JobDefinitionArn", {"JobDefinitionArn": "JobDefinitionArn"},
        updates=False, drops=("EndpointName",), tag_arn="JobDefinitionArn",
    )  # fmt: skip


def _named_resource(noun: str, **more: Any) -> NamedType:
    arn = f"{noun}Arn"
    return NamedType("sagemaker", noun, f"{noun}Name", arn, {arn: arn}, tag_arn=arn, **more)


TYPES: dict[str, ResourceType] = {
    "AWS::SageMaker::Model": _named_resource("Model", updates=False),
    "AWS::SageMaker::EndpointConfig": _named_resource("EndpointConfig", updates=False),
    "AWS::SageMaker::Endpoint": Endpoint(
        "sagemaker",
        "Endpoint",
        "EndpointName",
        "EndpointArn",
        {"EndpointArn": "EndpointArn"},
        only_updates=("RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig"),
        settle=_in_service,
        settle_delete=_wait_until_gone("DescribeEndpoint", "EndpointName"),
        tag_arn="EndpointArn",
    ),
    "AWS::SageMaker::ModelPackageGroup": _named_resource("ModelPackageGroup", updates=False),
    "AWS::SageMaker::Pipeline": NamedType(
        "sagemaker",
        "Pipeline",
        "PipelineName",
        attributes={"PipelineArn": "PipelineArn"},
        adapt=_definition,
        tag_arn="PipelineArn",
    ),
    "AWS::SageMaker::CodeRepository": _named_resource("CodeRepository"),
    "AWS::SageMaker::DataQualityJobDefinition": _job_definition("DataQuality"),
    "AWS::SageMaker::ModelQualityJobDefinition": _job_definition("ModelQuality"),
    "AWS::SageMaker::ModelBiasJobDefinition": _job_definition("ModelBias"),
    "AWS::SageMaker::ModelExplainabilityJobDefinition": _job_definition("ModelExplainability"),
    "AWS::SageMaker::MonitoringSchedule": _named_resource(
        "MonitoringSchedule",
        drops=(
            "EndpointName",
            "FailureReason",
            "LastMonitoringExecutionSummary",
            "MonitoringScheduleStatus",
        ),
        settle_delete=_wait_until_gone("DescribeMonitoringSchedule", "MonitoringScheduleName"),
    ),
}
