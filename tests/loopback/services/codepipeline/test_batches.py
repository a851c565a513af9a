"""CodeBuild actions with BatchEnabled: they begin a batch, follow it, and end it when they are given up."""

from typing import Any

import pytest

from loopback.core.kinds import BUILD_BATCH
from loopback.services import registry

BUILD_ROLE = "arn:aws:iam::000000000000:role/build"


@pytest.fixture
def batch(world: Any, act: Any, stage: Any) -> Any:
    """The batch that the pipeline's second stage has begun."""
    project = {
        "name": "batched",
        "source": {"type": "CODEPIPELINE"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": BUILD_ROLE,
        "buildBatchConfig": {"serviceRole": BUILD_ROLE},
    }
    registry.call("codebuild", "CreateProject", project, world.context)
    world.push(a="1")
    configuration = {"ProjectName": "batched", "BatchEnabled": "true", "CombineArtifacts": "true"}
    world.create(stage("Two", act("Make", "Build/CodeBuild", configuration, ("Code",), ("Made",))))
    (row,) = world.context.store.find(BUILD_BATCH)
    return row


@pytest.mark.parametrize(("event", "status"), [("succeed", "Succeeded"), ("fail", "Failed")])
def test_an_action_ends_as_its_batch_does(world: Any, batch: Any, event: str, status: str) -> None:
    assert batch.doc["buildBatchConfig"]["combineArtifacts"]
    assert [each["name"] for each in batch.doc["pipeline"]["outputs"]] == ["Made"]
    assert world.latest("Make")["externalExecutionId"] == batch.name
    world.context.store.fire(BUILD_BATCH, batch.name, event, {"failure": "one failed"})
    world.on_change(BUILD_BATCH.slug, batch.name)
    world.settle()
    assert world.latest("Make")["status"] == status
    if status == "Failed":
        assert world.latest("Make")["errorDetails"] == {"code": "JobFailed", "message": "one failed"}


def test_an_abandoned_action_stops_its_batch(world: Any, batch: Any) -> None:
    execution = world.ask("ListPipelineExecutions", pipelineName="p")["pipelineExecutionSummaries"][0]
    world.ask(
        "StopPipelineExecution", pipelineName="p", pipelineExecutionId=execution["pipelineExecutionId"], abandon=True
    )
    world.settle()
    assert world.context.store.get(BUILD_BATCH, batch.name).result["stopping"]
