"""CodePipeline deploys stacks: with a build before, by change set, once more after a failure, and through a kill."""

import io
import json
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.delivery import ROLE, Delivery, action, approval, clone, kill_the_control_plane

pytestmark = pytest.mark.journey


@pytest.fixture
def delivery(shared: Any, tmp_path: Path, wait_until: Callable[..., Any]) -> Delivery:
    return clone(shared, tmp_path / "clone", wait_until)


def deploy(stack: str, **more: str) -> dict[str, Any]:
    configuration = {
        "ActionMode": "REPLACE_ON_FAILURE",
        "StackName": stack,
        "TemplatePath": "Code::stack.json",
        "TemplateConfiguration": "Code::config.json",
        "RoleArn": ROLE,
    }
    return action("Deploy", "Deploy/CloudFormation", configuration | more, ("Code",), namespace="Stack")


def files(kind: str = "String") -> dict[str, str]:
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "DependsOn": "Bucket",
            "Properties": {"Type": kind, "Value": {"Ref": "Commit"}, "Name": {"Ref": "Name"}},
        },
    }
    parameters = {"Commit": {"Type": "String"}, "Name": {"Type": "String"}}
    outputs = {"BucketName": {"Value": {"Ref": "Bucket"}}}
    template = {"Parameters": parameters, "Resources": resources, "Outputs": outputs}
    return {
        "stack.json": json.dumps(template),
        "config.json": json.dumps({"Parameters": {"Name": "/released/commit"}, "Tags": {"team": "a"}}),
    }


def test_a_stack_is_deployed_with_the_commit_and_deployed_again(delivery: Delivery) -> None:
    stack = delivery.name
    overrides = json.dumps({"Commit": "#{SourceVariables.CommitId}", "Name": f"/{stack}/commit"})
    commit = delivery.push(files())
    delivery.create(("Deploy", [deploy(stack, ParameterOverrides=overrides)]))
    assert delivery.ended()["status"] == "Succeeded", delivery.latest("Deploy")
    ssm = delivery.loopback.client("ssm")
    assert ssm.get_parameter(Name=f"/{stack}/commit")["Parameter"]["Value"] == commit
    found = delivery.loopback.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    assert found["Tags"] == [{"Key": "team", "Value": "a"}]
    assert delivery.details("Deploy")["output"]["outputVariables"]["BucketName"] == found["Outputs"][0]["OutputValue"]

    delivery.client.start_pipeline_execution(name=stack)
    assert delivery.ended()["status"] == "Succeeded", "no updates are to be performed"
    again = delivery.push({"unrelated.txt": "1"})
    assert delivery.ended()["status"] == "Succeeded"
    assert ssm.get_parameter(Name=f"/{stack}/commit")["Parameter"]["Value"] == again


def test_a_failed_stack_says_which_resource_and_is_retried(delivery: Delivery) -> None:
    stack, bucket = delivery.name, f"taken-{delivery.name}"
    delivery.loopback.client("s3").create_bucket(Bucket=bucket)
    template = {"Resources": {"Taken": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}}}
    delivery.push({"stack.json": json.dumps(template), "config.json": "{}"})
    delivery.create(("Deploy", [deploy(stack)]))
    assert delivery.ended()["status"] == "Failed"
    failure = delivery.latest("Deploy")["errorDetails"]["message"]
    assert failure.startswith("Taken (AWS::S3::Bucket)"), failure
    execution = delivery.executions()[0]["pipelineExecutionId"]
    delivery.client.retry_stage_execution(
        pipelineName=stack, stageName="Deploy", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    assert delivery.ended()["status"] == "Failed"
    attempts = delivery.client.list_action_executions(pipelineName=stack)["actionExecutionDetails"]
    assert [each["actionName"] for each in attempts] == ["Deploy", "Deploy", "Src"]
    delivery.loopback.client("s3").delete_bucket(Bucket=bucket)
    delivery.client.retry_stage_execution(
        pipelineName=stack, stageName="Deploy", pipelineExecutionId=execution, retryMode="ALL_ACTIONS"
    )
    assert delivery.ended()["status"] == "Succeeded"


def test_an_approval_survives_a_kill_with_its_token(loopback: Any, tmp_path: Path, wait_until: Any) -> None:
    loopback.client("s3").create_bucket(Bucket="bucket")
    delivery = clone(loopback, tmp_path / "clone", wait_until)
    delivery.push({"a.txt": "1"})
    delivery.create(("Release", [approval()]))
    token = delivery.token()
    kill_the_control_plane(loopback, wait_until)
    assert delivery.token() == token
    delivery.approve()
    assert delivery.ended()["status"] == "Succeeded"


def test_a_kill_during_a_deployment_loses_nothing(loopback: Any, tmp_path: Path, wait_until: Any) -> None:
    loopback.client("s3").create_bucket(Bucket="bucket")
    delivery = clone(loopback, tmp_path / "clone", wait_until)
    wait = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "5", "Count": 1},
        },
    }
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x", "Name": "/released"}}
    delivery.push({"stack.json": json.dumps({"Resources": {"Released": parameter, **wait}}), "config.json": "{}"})
    delivery.create(("Deploy", [deploy(delivery.name)]))
    wait_until(lambda: delivery.latest("Deploy").get("status") == "InProgress", 10)
    kill_the_control_plane(loopback, wait_until)
    assert delivery.latest("Deploy")["status"] == "InProgress"
    assert delivery.ended(40)["status"] == "Failed", "nobody signals the condition"
    assert delivery.latest("Deploy")["errorDetails"]["message"].startswith("Wait (AWS::CloudFormation::WaitCondition)")


BUILDSPEC = """
version: 0.2
env: {exported-variables: [MADE_FROM]}
batch: {build-matrix: {dynamic: {env: {variables: {PART: [a, b]}}}}}
phases:
  build:
    commands:
      - export MADE_FROM=$COMMIT
      - cp stack.json out.json
      - echo $CODEBUILD_BATCH_BUILD_IDENTIFIER > part-$PART.txt
artifacts: {files: [out.json, config.json, part-*.txt]}
"""


def after_the_release(delivery: Delivery) -> list[dict[str, Any]]:
    """A batch makes an artifact, commands a file, a bucket gets it, a state machine is told."""
    definition = json.dumps({"StartAt": "Echo", "States": {"Echo": {"Type": "Pass", "End": True}}})
    machine = delivery.loopback.client("stepfunctions").create_state_machine(
        name=delivery.name, definition=definition, roleArn=ROLE
    )["stateMachineArn"]
    configuration = {"ProjectName": delivery.name, "BatchEnabled": "true", "CombineArtifacts": "true"}
    batch = action("Batch", "Build/CodeBuild", configuration, ("Code",), ("All",))
    run = action("Say", "Compute/Commands", {}, ("Built",), runOrder=2, namespace="Said") | {
        "commands": ["test -f config.json", "echo $COMMIT of $WHO > said.txt", "export SAID=$(cat said.txt)"],
        "environmentVariables": [{"name": "COMMIT", "value": "#{Built.MADE_FROM}"}, {"name": "WHO", "value": "Ann"}],
        "outputVariables": ["SAID"],
        "outputArtifacts": [{"name": "Page", "files": ["said.txt"]}],
    }
    put = action(
        "Put",
        "Deploy/S3",
        {"BucketName": "bucket", "Extract": "true", "ObjectKey": delivery.name},
        ("Page",),
        runOrder=3,
    )
    told = {"StateMachineArn": machine, "Input": '{"said": "#{Said.SAID}"}'}
    machine = action("Machine", "Invoke/StepFunctions", told, (), ("Output",), runOrder=4, namespace="Told")
    return [batch, run, put, machine]


def of_the_batch(delivery: Delivery) -> dict[str, str]:
    """What is in the parts that the builds of the batch have made, out of the artifact that they have become."""
    (made,) = delivery.details("Batch")["output"]["outputArtifacts"]
    place = made["s3location"]
    body = delivery.loopback.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as whole:
        return {name: whole.read(name).decode().strip() for name in whole.namelist() if name.startswith("part")}


def test_source_build_approval_and_deployment_in_one_run(delivery: Delivery) -> None:
    delivery.loopback.client("codebuild").create_project(
        name=delivery.name,
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=ROLE,
        buildBatchConfig={"serviceRole": ROLE},
    )
    commit = delivery.push({**files(), "buildspec.yml": BUILDSPEC})
    told = json.dumps([{"name": "COMMIT", "value": "#{SourceVariables.CommitId}", "type": "PLAINTEXT"}])
    configuration = {"ProjectName": delivery.name, "EnvironmentVariables": told}
    build = action("Build", "Build/CodeBuild", configuration, ("Code",), ("Built",), namespace="Built")
    overrides = json.dumps({"Commit": "#{Built.MADE_FROM}", "Name": f"/{delivery.name}/commit"})
    where = {"TemplatePath": "Built::out.json", "TemplateConfiguration": "Built::config.json"}
    made = deploy(delivery.name, ParameterOverrides=overrides, **where) | {"inputArtifacts": [{"name": "Built"}]}
    delivery.create(
        ("Build", [build]), ("Release", [approval(), made | {"runOrder": 2}]), ("After", after_the_release(delivery))
    )
    delivery.wait_until(lambda: delivery.latest("Build").get("status") in ("Succeeded", "Failed"), 60)
    assert delivery.latest("Build")["status"] == "Succeeded", delivery.latest("Build")
    delivery.approve()
    assert delivery.ended()["status"] == "Succeeded", delivery.latest("Deploy")
    value = delivery.loopback.client("ssm").get_parameter(Name=f"/{delivery.name}/commit")["Parameter"]["Value"]
    assert value == commit
    s3 = delivery.loopback.client("s3")
    page = s3.get_object(Bucket="bucket", Key=f"{delivery.name}/said.txt")
    assert (page["Body"].read().decode(), page["ContentType"]) == (f"{commit} of Ann\n", "text/plain")
    assert of_the_batch(delivery) == {"part-a.txt": "build0", "part-b.txt": "build1"}
    said = delivery.details("Machine")["output"]
    assert said["outputVariables"]["ExecutionArn"].startswith("arn:aws:states:")
    found = delivery.client.list_action_executions(pipelineName=delivery.name)["actionExecutionDetails"][::-1]
    gaps = [(after["startTime"] - before["lastUpdateTime"]).total_seconds() for before, after in pairwise(found)]
    assert min(gaps) >= 0, "what follows begins when that is done which it follows from"


def test_a_large_template_by_change_set_with_its_outputs_as_an_artifact_and_deleted(delivery: Delivery) -> None:
    stack = delivery.name
    template = json.loads(files()["stack.json"]) | {"Description": "a"}
    template["Metadata"] = {f"Note{i}": "x" * 1000 for i in range(60)}
    configuration = {"Parameters": {"Name": f"/{stack}/commit", "Commit": "c"}}
    delivery.push({"stack.json": json.dumps(template), "config.json": json.dumps(configuration)})
    named = {"ChangeSetName": "next"}
    prepare = deploy(stack, ActionMode="CHANGE_SET_REPLACE", **named) | {"name": "Prepare", "namespace": "Prepared"}
    where = {"ActionMode": "CHANGE_SET_EXECUTE", "StackName": stack, "OutputFileName": "outputs.json", **named}
    execute = action("Execute", "Deploy/CloudFormation", where, (), ("Outputs",), namespace="Done", runOrder=2)
    gone = {"ActionMode": "DELETE_ONLY", "StackName": stack, "RoleArn": ROLE}
    delete = action("Delete", "Deploy/CloudFormation", gone)
    delivery.create(("Deploy", [prepare, execute]), ("Release", [approval()]), ("Clean", [delete]))
    for first in (True, False):  # the second time there is nothing to change
        token = delivery.token()
        found = delivery.details("Execute")["output"]
        where_to = found["outputArtifacts"][0]["s3location"]
        body = delivery.loopback.client("s3").get_object(Bucket=where_to["bucket"], Key=where_to["key"])["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as zipped:
            assert json.loads(zipped.read("outputs.json")) == found["outputVariables"]
        assert found["outputVariables"]["BucketName"]
        if first:
            delivery.approve("Rejected")
            assert delivery.ended()["status"] == "Failed"
            delivery.client.start_pipeline_execution(name=stack)
    assert token
    delivery.approve()
    assert delivery.ended()["status"] == "Succeeded", delivery.latest("Delete")
    listed = delivery.loopback.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])
    assert stack not in [each["StackName"] for each in listed["StackSummaries"]]
