"""CodePipeline with real git, boto3 and stacks: push, approve, invoke, deploy, and a control plane that is killed."""

import io
import json
import os
import signal
import subprocess
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = pytest.mark.journey
ROLE = "arn:aws:iam::000000000000:role/pipeline"
FINAL = ("Succeeded", "Failed", "Stopped", "Superseded")


def action(name: str, kind: str, configuration: dict[str, str], inputs=(), outputs=(), **more: Any) -> dict[str, Any]:
    category, provider = kind.split("/")
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": [{"name": each} for each in inputs],
        "outputArtifacts": [{"name": each} for each in outputs],
        **more,
    }


def approval(name: str = "Approve") -> dict[str, Any]:
    return action(name, "Approval/Manual", {"CustomData": "look at it"})


@dataclass
class Delivery:
    """A pipeline of its own on a loopback, and a clone that it watches."""

    loopback: Any
    clone: Path
    wait_until: Callable[..., Any]
    name: str
    connection: str

    @property
    def client(self) -> Any:
        return self.loopback.client("codepipeline")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", "-C", str(self.clone), *who, *arguments], capture_output=True, text=True, check=False, env=environ
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self, files: dict[str, str], branch: str = "main") -> str:
        for path, text in files.items():
            (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / path).write_text(text)
        self.git("add", ".")
        self.git("commit", "-m", f"change {', '.join(files)}")
        self.git("push", "origin", f"HEAD:{branch}")
        return self.git("rev-parse", "HEAD")

    def source(self, **more: str) -> dict[str, Any]:
        configuration = {
            "ConnectionArn": self.connection,
            "FullRepositoryId": f"team/{self.name}",
            "BranchName": "main",
        }
        return action(
            "Src", "Source/CodeStarSourceConnection", configuration | more, (), ("Code",), namespace="SourceVariables"
        )

    def create(self, *stages: tuple[str, list[dict[str, Any]]], **more: Any) -> None:
        declared = {
            "name": self.name,
            "roleArn": ROLE,
            "pipelineType": "V2",
            "artifactStore": {"type": "S3", "location": "bucket"},
            "stages": [
                {"name": "Source", "actions": [self.source()]},
                *({"name": name, "actions": actions} for name, actions in stages),
            ],
        }
        self.client.create_pipeline(pipeline=declared | more)

    def executions(self) -> list[dict[str, Any]]:
        return self.client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]

    def latest(self, name: str) -> dict[str, Any]:
        stages = self.client.get_pipeline_state(name=self.name)["stageStates"]
        states = [each for stage in stages for each in stage["actionStates"] if each["actionName"] == name]
        return states[0].get("latestExecution", {})

    def details(self, name: str) -> dict[str, Any]:
        found = self.client.list_action_executions(pipelineName=self.name)["actionExecutionDetails"]
        return next(each for each in found if each["actionName"] == name)

    def token(self, name: str = "Approve") -> str:
        return self.wait_until(lambda: self.latest(name).get("token"), 10)

    def approve(self, status: str = "Approved") -> None:
        self.client.put_approval_result(
            pipelineName=self.name,
            stageName=next(
                stage["stageName"]
                for stage in self.client.get_pipeline_state(name=self.name)["stageStates"]
                for each in stage["actionStates"]
                if each["actionName"] == "Approve"
            ),
            actionName="Approve",
            token=self.token(),
            result={"summary": "fine", "status": status},
        )

    def ended(self, seconds: float = 15) -> dict[str, Any]:
        """The newest execution, once it is over."""
        self.wait_until(
            lambda: self.executions()[0]["status"] in FINAL,
            seconds,
            lambda: json.dumps(self.client.get_pipeline_state(name=self.name)["stageStates"], default=str),
        )
        return self.executions()[0]


def _clone(loopback: Any, folder: Path, wait_until: Callable[..., Any]) -> Delivery:
    name = f"p-{uuid.uuid4().hex[:8]}"
    made = loopback.client("codeconnections").create_connection(ConnectionName="code", ProviderType="GitHub")
    connection = made["ConnectionArn"]
    folder.mkdir()
    delivery = Delivery(loopback, folder, wait_until, name, connection)
    delivery.git("init", "--quiet", "--initial-branch=main")
    address = f"http://127.0.0.1:{loopback.port}/git-http/000000000000/us-east-1/{connection.rpartition('/')[2]}"
    delivery.git("remote", "add", "origin", f"{address}/team/{name}.git")
    return delivery


@pytest.fixture
def delivery(shared: Any, tmp_path: Path, wait_until: Callable[..., Any]) -> Delivery:
    return _clone(shared, tmp_path / "clone", wait_until)


def kill_the_control_plane(loopback: Any, wait_until: Callable[..., Any]) -> None:
    pid = loopback.found["pid"]
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        try:
            return loopback.found["pid"] != pid and bool(loopback.client("sts").get_caller_identity())
        except (OSError, KeyError, ValueError, BotoCoreError, ClientError):
            return False

    wait_until(back, 20)


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
    delivery = _clone(loopback, tmp_path / "clone", wait_until)
    delivery.push({"a.txt": "1"})
    delivery.create(("Release", [approval()]))
    token = delivery.token()
    kill_the_control_plane(loopback, wait_until)
    assert delivery.token() == token
    delivery.approve()
    assert delivery.ended()["status"] == "Succeeded"


def test_a_kill_during_a_deployment_loses_nothing(loopback: Any, tmp_path: Path, wait_until: Any) -> None:
    loopback.client("s3").create_bucket(Bucket="bucket")
    delivery = _clone(loopback, tmp_path / "clone", wait_until)
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
