"""CodePipeline with real git and boto3: push, filter, approve, decide by functions and rules, hear of events."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.delivery import ROLE, Delivery, action, approval, clone

pytestmark = pytest.mark.journey


@pytest.fixture
def delivery(shared: Any, tmp_path: Path, wait_until: Callable[..., Any]) -> Delivery:
    return clone(shared, tmp_path / "clone", wait_until)


def test_a_push_runs_to_the_approval_and_the_approval_ends_it(delivery: Delivery) -> None:
    first = delivery.push({"a.txt": "1"})
    delivery.create(("Release", [approval()]))
    assert delivery.wait_until(lambda: delivery.executions()[0].get("sourceRevisions"), 10)[0]["revisionId"] == first
    token = delivery.token()
    delivery.approve()
    assert delivery.ended()["status"] == "Succeeded"
    again = {"actionName": "Approve", "token": token, "result": {"summary": "", "status": "Approved"}}
    with pytest.raises(delivery.client.exceptions.ApprovalAlreadyCompletedException):
        delivery.client.put_approval_result(pipelineName=delivery.name, stageName="Release", **again)

    second = delivery.push({"a.txt": "2"})
    newest = delivery.executions()[0]
    assert newest["trigger"]["triggerType"] == "WebhookV2", "the execution is there as soon as the push returns"
    delivery.approve("Rejected")
    assert delivery.ended()["status"] == "Failed"
    source = delivery.details("Src")
    assert source["output"]["outputVariables"]["CommitId"] == second
    where = source["output"]["outputArtifacts"][0]["s3location"]
    body = delivery.loopback.client("s3").get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as zipped:
        assert zipped.read("a.txt") == b"2"


def test_path_filters_decide_about_every_push(delivery: Delivery) -> None:
    delivery.push({"model/train.py": "1"})
    push = {"branches": {"includes": ["main"]}, "filePaths": {"includes": ["model/**"], "excludes": ["**/*.md"]}}
    git = {"sourceActionName": "Src", "push": [push]}
    trigger = {"providerType": "CodeStarSourceConnection", "gitConfiguration": git}
    delivery.create(("Release", [approval()]), triggers=[trigger], executionMode="PARALLEL")
    assert len(delivery.executions()) == 1, "a new pipeline runs once"
    delivery.push({"docs/a.txt": "1"})
    delivery.push({"model/README.md": "1"})
    delivery.push({"model/train.py": "other branch"}, branch="feature")
    assert len(delivery.executions()) == 1
    delivery.push({"model/train.py": "2"})
    assert len(delivery.executions()) == 2


FUNCTION = """
import json, os, urllib.request

def handler(event, context):
    import boto3
    job = event["CodePipeline.job"]
    client = boto3.client("codepipeline")
    said = job["data"]["actionConfiguration"]["configuration"].get("UserParameters", "")
    if said == "fail":
        client.put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": "said no"})
    elif said == "twice" and "continuationToken" not in job["data"]:
        client.put_job_success_result(jobId=job["id"], continuationToken="more")
    else:
        client.put_job_success_result(jobId=job["id"], outputVariables={"Said": said})
"""


@pytest.fixture(scope="module")
def function(shared: Any) -> str:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as zipped:
        zipped.writestr("index.py", FUNCTION)
    shared.client("lambda").create_function(
        FunctionName="decide",
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": body.getvalue()},
        Environment={"Variables": {key: shared.environ[key] for key in shared.environ if key.startswith("AWS_")}},
        Timeout=30,
    )
    return "decide"


@pytest.mark.parametrize(("said", "status"), [("yes", "Succeeded"), ("twice", "Succeeded"), ("fail", "Failed")])
def test_a_function_decides_by_its_answer(delivery: Delivery, function: str, said: str, status: str) -> None:
    delivery.push({"a.txt": "1"})
    configuration = {"FunctionName": function, "UserParameters": said}
    delivery.create(("Ask", [action("Ask", "Invoke/Lambda", configuration, ("Code",), namespace="Asked")]))
    assert delivery.ended()["status"] == status
    output = delivery.details("Ask")["output"]
    if status == "Failed":
        assert output["executionResult"]["errorDetails"]["message"] == "said no"
    else:
        assert output["outputVariables"] == {"Said": said}


def rule(provider: str, **configuration: str) -> dict[str, Any]:
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": provider, "ruleTypeId": kind, "configuration": configuration}


def test_conditions_skip_a_stage_and_hold_another_until_somebody_lets_it_through(delivery, function: str) -> None:
    delivery.push({"a.txt": "1"})
    message = rule("VariableCheck", Variable="#{SourceVariables.CommitMessage}", Operator="MATCHES", Value="release.*")
    asked = rule("LambdaInvoke", FunctionName=function, UserParameters="fail") | {"inputArtifacts": [{"name": "Code"}]}
    skip, fail = (
        {"conditions": [{"result": result, "rules": [each]}]} for result, each in (("SKIP", message), ("FAIL", asked))
    )
    stages = [
        {"name": "Source", "actions": [delivery.source()]},
        {"name": "Publish", "actions": [approval("Never")], "beforeEntry": skip},
        {"name": "Release", "actions": [approval()], "beforeEntry": fail},
    ]
    delivery.create(stages=stages)
    execution = delivery.ended()
    assert execution["status"] == "Failed"
    _, publish, release = delivery.client.get_pipeline_state(name=delivery.name)["stageStates"]
    assert publish["latestExecution"]["status"] == "Skipped"
    assert release["beforeEntryConditionState"]["latestExecution"] == {
        "status": "Failed",
        "summary": "LambdaInvoke: said no",
    }
    rules = delivery.client.list_rule_executions(pipelineName=delivery.name)["ruleExecutionDetails"]
    assert [(each["ruleName"], each["status"]) for each in rules] == [
        ("LambdaInvoke", "Failed"),
        ("VariableCheck", "Failed"),
    ]
    delivery.client.override_stage_condition(
        pipelineName=delivery.name,
        stageName="Release",
        pipelineExecutionId=execution["pipelineExecutionId"],
        conditionType="BEFORE_ENTRY",
    )
    delivery.approve()
    assert delivery.ended()["status"] == "Succeeded"


def test_a_rule_starts_a_pipeline_and_hands_on_what_the_event_says(delivery: Delivery) -> None:
    s3, events, bucket = delivery.loopback.client("s3"), delivery.loopback.client("events"), f"data-{delivery.name}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.put_object(Bucket=bucket, Key="data.zip", Body=b"1")
    where = {"S3Bucket": bucket, "S3ObjectKey": "data.zip", "PollForSourceChanges": "false"}
    data = action("Data", "Source/S3", where, (), ("Data",))
    source = {"name": "Source", "actions": [data]}
    variables = [{"name": "Object", "defaultValue": "none"}]
    stages = [source, {"name": "Release", "actions": [approval()]}]
    delivery.create(stages=stages, variables=variables, executionMode="PARALLEL")
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    events.put_rule(Name=delivery.name, EventPattern=json.dumps(pattern))
    transformer = {
        "InputPathsMap": {"key": "$.detail.object.key", "version": "$.detail.object.version-id"},
        "InputTemplate": '{"variables": [{"name": "Object", "value": "<key>"}], "sourceRevisions": [{"actionName": '
        '"Data", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "<version>"}]}',
    }
    arn = f"arn:aws:codepipeline:us-east-1:000000000000:{delivery.name}"
    target = {"Id": "1", "Arn": arn, "RoleArn": ROLE, "InputTransformer": transformer}
    events.put_targets(Rule=delivery.name, Targets=[target])
    versions = {s3.put_object(Bucket=bucket, Key="data.zip", Body=body)["VersionId"] for body in (b"2", b"3")}
    delivery.wait_until(lambda: len(delivery.executions()) == 3, 10)
    delivery.wait_until(
        lambda: all(each.get("sourceRevisions") for each in delivery.executions()[:2]),
        10,
        lambda: str(delivery.latest("Data")),
    )
    read = {each["sourceRevisions"][0]["revisionId"] for each in delivery.executions()[:2]}
    assert read == versions, "each execution reads the version that its event tells of"
    execution = {"pipelineName": delivery.name, "pipelineExecutionId": delivery.executions()[0]["pipelineExecutionId"]}
    found = delivery.client.get_pipeline_execution(**execution)["pipelineExecution"]
    assert found["trigger"]["triggerType"] == "CloudWatchEvent"
    assert found["variables"] == [{"name": "Object", "resolvedValue": "data.zip"}]


def test_codecommit_is_cloned_pushed_and_told(delivery: Delivery) -> None:
    codecommit = delivery.loopback.client("codecommit")
    made = codecommit.create_repository(repositoryName=delivery.name)["repositoryMetadata"]
    delivery.git("remote", "set-url", "origin", made["cloneUrlHttp"])
    where = {"RepositoryName": delivery.name, "BranchName": "main"}
    source = action("Code", "Source/CodeCommit", where, (), ("Code",))
    commit = delivery.push({"a.txt": "1", "large.txt": os.urandom(2_000_000).hex()})
    stages = [{"name": "Source", "actions": [source]}, {"name": "Release", "actions": [approval()]}]
    delivery.create(stages=stages, executionMode="PARALLEL")
    assert codecommit.get_branch(repositoryName=delivery.name, branchName="main")["branch"]["commitId"] == commit
    content = {"branchName": "main", "filePath": "b.txt", "fileContent": b"2", "parentCommitId": commit}
    second = codecommit.put_file(repositoryName=delivery.name, **content)["commitId"]
    delivery.git("pull", "--quiet", "origin", "main")
    assert delivery.git("rev-parse", "HEAD") == second
    newest = delivery.wait_until(lambda: delivery.executions()[0].get("sourceRevisions"), 10)
    assert newest[0]["revisionId"] == second
