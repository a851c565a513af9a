"""Resources of a stack, carried out by our own services."""

from typing import Any

from loopback.core.kinds import PIPELINE
from loopback.services import registry
from loopback.services.cloudformation.resources import ResourceHandlers

BODY = '{"Version": "2020-12-01", "Steps": [{"Name": "S", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}'
KIND = "AWS::SageMaker::Pipeline"


def test_a_pipeline_of_a_stack(context: registry.Context) -> None:
    """No template has ClientRequestToken: CloudFormation makes it up."""
    resources = ResourceHandlers(context)
    old: dict[str, Any] = {"PipelineName": "p", "RoleArn": "arn:aws:iam::000000000000:role/pipeline"}
    old["PipelineDefinition"] = {"PipelineDefinitionBody": BODY}
    made = resources.create(KIND, old, lambda _longest: "generated", "")
    assert made == ("p", {"PipelineName": "p", "PipelineArn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p"})
    resources.update(KIND, made, old, old | {"PipelineDescription": "new"}, "")
    assert context.store.get(PIPELINE, "p").doc["PipelineDescription"] == "new"
    resources.delete(KIND, "p", old, "")
    assert not context.store.exists(PIPELINE, "p")
