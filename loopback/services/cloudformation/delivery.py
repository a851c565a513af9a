"""Resource types of CodePipeline, CodeBuild, CodeConnections and CodeCommit."""

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.repositories import Repository
from loopback.services.cloudformation.types import (
    Attributes,
    Call,
    Made,
    NamedType,
    Properties,
    ResourceType,
    TemplateResource,
    is_not_found,
)


class DeliveryPipeline(NamedType):
    """A CodePipeline pipeline: its ARN comes with GetPipeline, transitions and restarts are operations of their own."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        name, attributes = super().create(wanted, call)
        self._disable(name, wanted.properties, call)
        return name, attributes | self._describe(name, call)

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType."""
        name, attributes = super().update(made, old, new, call)
        for entry in old.get("DisableInboundStageTransitions", []):
            request = {"pipelineName": name, "stageName": entry["StageName"], "transitionType": "Inbound"}
            call("codepipeline", "EnableStageTransition", request)
        self._disable(name, new, call)
        if new.get("RestartExecutionOnUpdate"):
            call("codepipeline", "StartPipelineExecution", {"name": name})
        return name, attributes | self._describe(name, call)

    def _disable(self, name: str, properties: Properties, call: Call) -> None:
        for entry in properties.get("DisableInboundStageTransitions", []):
            request = {"pipelineName": name, "stageName": entry["StageName"], "reason": entry["Reason"]}
            call("codepipeline", "DisableStageTransition", request | {"transitionType": "Inbound"})

    def _describe(self, name: str, call: Call) -> Attributes:
        found = call("codepipeline", "GetPipeline", {"name": name})
        return {"Arn": found["metadata"]["pipelineArn"], "Version": str(found["pipeline"]["version"])}


class Connection:
    """A connection to a git provider. What AWS's console has people confirm is confirmed here from the start."""

    def __init__(self, service: str) -> None:
        self._service = service

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given = dict(wanted.properties)
        arn = call(self._service, "CreateConnection", given)["ConnectionArn"]
        found = call(self._service, "GetConnection", {"ConnectionArn": arn})["Connection"]
        kept = ("ConnectionArn", "ConnectionStatus", "OwnerAccountId")
        return arn, {key: found[key] for key in kept if key in found}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Only tags can change in place."""
        if old.get("Tags") != new.get("Tags"):
            call(self._service, "TagResource", {"ResourceArn": made[0], "Tags": new.get("Tags", [])})
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del properties
        try:
            call(self._service, "DeleteConnection", {"ConnectionArn": physical_id})
        except ServiceError as fault:
            if not is_not_found(fault):
                raise


TYPES: dict[str, ResourceType] = {
    "AWS::CodePipeline::Pipeline": DeliveryPipeline(
        "codepipeline",
        "Pipeline",
        "Name",
        longest=100,
        wrap="Pipeline",
        drops=("DisableInboundStageTransitions", "RestartExecutionOnUpdate"),
        attributes={"Version": "pipeline.version"},
    ),
    "AWS::CodeBuild::Project": NamedType(
        "codebuild", "Project", "Name", longest=150, attributes={"Arn": "project.arn", "Id": "project.name"}
    ),
    "AWS::CodeConnections::Connection": Connection("codeconnections"),
    "AWS::CodeStarConnections::Connection": Connection("codestar-connections"),
    "AWS::CodeCommit::Repository": Repository(),
}
