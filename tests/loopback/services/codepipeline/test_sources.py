"""What starts pipelines besides a push: objects of S3 that are polled, and rules of EventBridge."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.services.codepipeline import polling, targets

ROLE = "arn:aws:iam::000000000000:role/pipeline"
ARN = "arn:aws:codepipeline:us-east-1:000000000000:p"
EVENT = json.dumps({"source": "aws.s3", "detail-type": "Object Created", "id": "1", "detail": {"version": "v7"}})


class Bucket:
    """One object with versions."""

    def __init__(self) -> None:
        self.version, self.versioned, self.copied = "v1", True, []

    def head_object(self, VersionId: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"VersionId": VersionId or self.version, "ETag": '"e"', "LastModified": datetime.now(UTC)}

    def get_bucket_versioning(self, **_: Any) -> dict[str, str]:
        return {"Status": "Enabled"} if self.versioned else {}

    def copy_object(self, **request: Any) -> None:
        self.copied.append(request["CopySource"])


@pytest.fixture
def bucket(base: Any, world: Any) -> Bucket:
    made = base.clients["s3", ROLE] = Bucket()
    return made


def create(world: Any, act: Any, ask_two: Any, **more: str) -> None:
    where = {"S3Bucket": "b", "S3ObjectKey": "k.zip", **more}
    source = {"name": "Source", "actions": [act("Src", "Source/S3", where, (), ("Code",), namespace="Src")]}
    world.create(executionMode="PARALLEL", stages=[source, ask_two])


def versions(bucket: Bucket) -> list[str]:
    return [each["VersionId"] for each in bucket.copied]


def test_a_new_version_starts_a_pipeline_that_polls(world: Any, act: Any, ask_two: Any, bucket: Bucket) -> None:
    create(world, act, ask_two)
    for version in ("v1", "v1", "v2", "v2", "v3"):
        bucket.version = version
        polling.look(world.context)
        world.settle()
    assert versions(bucket) == ["v1", "v2", "v3"]
    found = world.ask("ListPipelineExecutions", pipelineName="p")["pipelineExecutionSummaries"]
    assert [each["trigger"]["triggerType"] for each in found] == ["PollForSourceChanges"] * 2 + ["CreatePipeline"]
    assert found[0]["sourceRevisions"][0]["revisionId"] == "v3"


def test_one_that_does_not_poll_waits_for_its_rule(world: Any, act: Any, ask_two: Any, bucket: Bucket) -> None:
    create(world, act, ask_two, PollForSourceChanges="false")
    bucket.version = "v2"
    polling.look(world.context)
    bucket.version = "v3"
    polling.look(world.context)
    assert len(world.statuses()) == 1
    revision = '{"actionName": "Src", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": <v>}'
    transformer = {"InputPathsMap": {"v": "$.detail.version"}, "InputTemplate": f'{{"sourceRevisions": [{revision}]}}'}
    targets.start_pipeline(world.context, {"Arn": ARN, "InputTransformer": transformer}, EVENT)
    world.settle()
    assert versions(bucket) == ["v1", "v7"]
    assert world.ask("ListPipelineExecutions", pipelineName="p")["pipelineExecutionSummaries"][0]["trigger"] == {
        "triggerType": "CloudWatchEvent",
        "triggerDetail": "aws.s3 Object Created 1",
    }


@pytest.mark.parametrize("text", ['{"colour": 1}', "[]", "no", '{"variables": [{"name": "x"}]}'])
def test_an_input_that_does_not_fit_starts_nothing(world: Any, act: Any, ask_two: Any, bucket: Bucket, text) -> None:
    create(world, act, ask_two, PollForSourceChanges="false")
    with pytest.raises(ServiceError):
        targets.start_pipeline(world.context, {"Arn": ARN, "Input": text}, EVENT)
    assert len(world.statuses()) == 1


def test_a_bucket_without_versions_is_named(world: Any, act: Any, ask_two: Any, bucket: Bucket) -> None:
    bucket.versioned = False
    create(world, act, ask_two)
    assert world.statuses() == ["Failed"]
    assert "The bucket b has no versioning" in world.latest("Src")["errorDetails"]["message"]


def test_a_missing_branch_or_connection_is_named(world: Any, ask_two: Any) -> None:
    world.create(ask_two)
    assert "team/app" in world.latest("Src")["errorDetails"]["message"]
    world.push(branch="other", a="1")
    world.ask("StartPipelineExecution", name="p")
    world.settle()
    assert "branch main of team/app" in world.latest("Src")["errorDetails"]["message"]
    world.ask("DeleteConnection", service="codeconnections", ConnectionArn=world.connection)
    world.ask("StartPipelineExecution", name="p")
    world.settle()
    assert "does not exist" in world.latest("Src")["errorDetails"]["message"]


@pytest.mark.parametrize(
    ("triggers", "starts"),
    [
        (None, ["main"]),
        ([{"branches": {"includes": ["feature/*"]}}], ["feature/x"]),
        ([{"filePaths": {"includes": ["model/**"]}}], []),
    ],
)
def test_which_pushes_start(world: Any, ask_two: Any, triggers: Any, starts: list[str]) -> None:
    git = {"sourceActionName": "Src", "push": triggers}
    more = {"triggers": [{"providerType": "CodeStarSourceConnection", "gitConfiguration": git}]} if triggers else {}
    world.create(ask_two, executionMode="PARALLEL", **more)
    for branch in ("main", "feature/x"):
        world.push(branch=branch, a="1")
    shown = world.ask("ListActionExecutions", pipelineName="p")["actionExecutionDetails"]
    done = [each for each in shown if each["actionName"] == "Src" and each["status"] == "Succeeded"]
    assert [each["output"]["outputVariables"]["BranchName"] for each in done] == starts
