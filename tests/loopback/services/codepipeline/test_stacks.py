"""CloudFormation and Lambda actions against clients of the test."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loopback.core.errors import ServiceError
from loopback.services.codepipeline import functions

ROLE = "arn:aws:iam::000000000000:role/pipeline"


def refused(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "x")


class CloudFormation:
    """Stacks that the test moves on."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refusal = ""

    def describe_stacks(self, StackName):  # noqa: N803
        if StackName not in self.stacks:
            raise refused(f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.stacks[StackName]]}

    def _operation(self, what: str, status: str, request: dict[str, Any]) -> None:
        self.asked.append((what, request))
        if self.refusal:
            raise refused(self.refusal)
        name, token = request["StackName"], request.get("ClientRequestToken")
        self.stacks[name] = {"StackName": name, "StackId": f"id-{name}", "StackStatus": status}
        self.note(name, name, "AWS::CloudFormation::Stack", status, token=token)

    def note(
        self, stack: str, logical: str, kind: str, status: str, reason: str = "", token: str | None = None
    ) -> None:
        event = {"LogicalResourceId": logical, "ResourceType": kind, "ResourceStatus": status}
        event |= {"ResourceStatusReason": reason, "ClientRequestToken": token}
        self.events.setdefault(stack, []).insert(0, event)

    def create_stack(self, **request: Any) -> None:
        self._operation("create", "CREATE_IN_PROGRESS", request)

    def update_stack(self, **request: Any) -> None:
        self._operation("update", "UPDATE_IN_PROGRESS", request)

    def delete_stack(self, **request: Any) -> None:
        self.asked.append(("delete", request))
        self.stacks.pop(request["StackName"])

    def get_paginator(self, _name: str) -> Any:
        class Pages:
            paginate = staticmethod(lambda StackName: [{"StackEvents": self.events.get(StackName, [])}])  # noqa: N803

        return Pages

    def end(self, status: str, **more: Any) -> None:
        self.stacks["s"] |= {"StackStatus": status, **more}


@pytest.fixture
def formation(base: Any) -> CloudFormation:
    made = base.clients["cloudformation", ROLE] = CloudFormation()
    return made


def deploy(act: Any, mode: str = "CREATE_UPDATE", **more: str) -> Any:
    where = {"TemplatePath": "Code::stack.yml", "RoleArn": ROLE} if mode != "DELETE_ONLY" else {}
    configuration = {"ActionMode": mode, "StackName": "s", **where, **more}
    return act("Deploy", "Deploy/CloudFormation", configuration, ("Code",), namespace="Stack")


CONFIG = json.dumps({"Parameters": {"A": "file", "B": "file"}, "Tags": {"t": "1"}})


def test_overrides_win_over_the_template_configuration(world: Any, act: Any, stage: Any, formation: Any) -> None:
    overrides = {
        "B": "override",
        "C": {"Fn::GetParam": ["Code", "values.json", "key"]},
        "D": {"Fn::GetArtifactAtt": ["Code", "BucketName"]},
    }
    world.push(stack__yml="Resources: {}", config__json=CONFIG, values__json='{"key": "v"}')
    more = {"TemplateConfiguration": "Code::config.json", "ParameterOverrides": json.dumps(overrides)}
    ask = act("Ask", "Approval/Manual", {"CustomData": "#{Stack.Url}"}, runOrder=2)
    world.create(stage("Two", deploy(act, Capabilities="CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND", **more), ask))
    what, request = formation.asked[0]
    assert what == "create"
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in request["Parameters"]}
    assert parameters == {"A": "file", "B": "override", "C": "v", "D": "artifacts"}
    assert request["Tags"] == [{"Key": "t", "Value": "1"}]
    assert request["Capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    assert request["TemplateBody"] == "Resources: {}"
    world.wait(5)
    assert world.latest("Deploy")["status"] == "InProgress"
    formation.end("CREATE_COMPLETE", Outputs=[{"OutputKey": "Url", "OutputValue": "u"}])
    world.wait(5)
    assert world.latest("Deploy")["status"] == "Succeeded"
    shown = world.ask("ListActionExecutions", pipelineName="p")["actionExecutionDetails"]
    assert shown[0]["input"]["resolvedConfiguration"] == {"CustomData": "u"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"TemplatePath": "Code::no.yml"}, "no.yml"),
        ({"TemplatePath": "stack.yml"}, "Artifact::file"),
        ({"TemplatePath": "Other::stack.yml"}, "Other is not an input"),
        ({"TemplateConfiguration": "Code::stack.yml"}, "not a JSON object"),
        ({"ParameterOverrides": "[]"}, "not a JSON object"),
        ({"ParameterOverrides": '{"A": {"Fn::Sub": "x"}}'}, "ParameterOverrides.A"),
        ({"ParameterOverrides": '{"A": {"Fn::GetParam": ["Code", "config.json", "No"]}}'}, "has no key No"),
        ({"ParameterOverrides": json.dumps({"A": "é" * 600}, ensure_ascii=False)}, "at most 1024"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(world: Any, act: Any, stage: Any, formation, more, words) -> None:
    world.push(stack__yml="Resources: {}", config__json=CONFIG)
    world.create(stage("Two", deploy(act, **more)))
    error = world.latest("Deploy")["errorDetails"]
    assert error["code"] == "ConfigurationError"
    assert words in error["message"]
    assert not formation.asked


def test_no_updates_is_a_success(world: Any, act: Any, stage: Any, formation: Any) -> None:
    formation.stacks["s"] = {"StackName": "s", "StackId": "id", "StackStatus": "UPDATE_COMPLETE"}
    formation.refusal = "No updates are to be performed."
    world.push(stack__yml="x")
    world.create(stage("Two", deploy(act)))
    assert world.statuses() == ["Succeeded"]


def test_a_failure_carries_the_first_resource_s_reason(world: Any, act: Any, stage: Any, formation: Any) -> None:
    world.push(stack__yml="x")
    world.create(stage("Two", deploy(act)))
    formation.note("s", "First", "AWS::S3::Bucket", "CREATE_FAILED", "Resource creation cancelled")
    formation.note("s", "Second", "AWS::S3::Bucket", "CREATE_FAILED", "it is taken")
    formation.note("s", "s", "AWS::CloudFormation::Stack", "ROLLBACK_IN_PROGRESS", "The following failed: [Second]")
    formation.end("ROLLBACK_COMPLETE")
    world.wait(5)
    assert world.latest("Deploy")["errorDetails"]["message"] == "Second (AWS::S3::Bucket): it is taken"


@pytest.mark.parametrize(
    ("mode", "asked"), [("REPLACE_ON_FAILURE", ["delete", "create"]), ("CREATE_UPDATE", ["update"])]
)
def test_a_stack_that_failed(world: Any, act: Any, stage: Any, formation: Any, mode: str, asked: list[str]) -> None:
    formation.stacks["s"] = {"StackName": "s", "StackId": "id", "StackStatus": "ROLLBACK_COMPLETE"}
    formation.refusal = "" if mode == "REPLACE_ON_FAILURE" else "Stack is in ROLLBACK_COMPLETE state"
    world.push(stack__yml="x")
    world.create(stage("Two", deploy(act, mode)))
    world.wait(1)
    assert [what for what, _ in formation.asked] == asked
    if mode == "CREATE_UPDATE":
        assert "ROLLBACK_COMPLETE" in world.latest("Deploy")["errorDetails"]["message"]


@pytest.mark.parametrize("there", [True, False])
def test_delete_only(world: Any, act: Any, stage: Any, formation: Any, there: bool) -> None:
    if there:
        formation.stacks["s"] = {"StackName": "s", "StackId": "id", "StackStatus": "CREATE_COMPLETE"}
    world.push(stack__yml="x")
    world.create(stage("Two", deploy(act, "DELETE_ONLY")))
    world.wait(2)
    assert world.statuses() == ["Succeeded"]
    assert len(formation.asked) == there


@pytest.mark.parametrize("lost", [True, False])
def test_a_kill_during_an_operation(world: Any, act: Any, stage: Any, formation: Any, lost: bool) -> None:
    world.push(stack__yml="x")
    world.create(stage("Two", deploy(act)))
    if lost:  # the base had not saved it yet
        formation.stacks.clear()
        formation.events.clear()
    world.again()
    world.wait(2)
    assert [what for what, _ in formation.asked] == (["create", "create"] if lost else ["create"])
    formation.end("CREATE_COMPLETE")
    world.wait(5)
    assert world.statuses() == ["Succeeded"]


@pytest.fixture
def credentials(base: Any) -> None:
    class Sts:
        @staticmethod
        def assume_role(**_: Any) -> Any:
            return {"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t"}}

    base.clients["sts", ""] = Sts


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("said", ["yes", "no", "raises", "silence", "twice"])
def test_a_function_s_answers(world, act, stage, base, said: str, monkeypatch) -> None:
    monkeypatch.setattr(functions, "AGAIN_SECONDS", 0.0)
    jobs: list[dict[str, Any]] = []

    def decide(payload: dict[str, Any]) -> None:
        job = payload["CodePipeline.job"]
        jobs.append(job)
        if said == "raises":
            raise ServiceError("division by zero")
        if said == "no":
            failure = {"type": "JobFailed", "message": "no"}
            world.ask("PutJobFailureResult", jobId=job["id"], failureDetails=failure)
        elif said == "twice" and len(jobs) == 1:
            world.ask("PutJobSuccessResult", jobId=job["id"], continuationToken="more")
        elif said != "silence":
            world.ask("PutJobSuccessResult", jobId=job["id"], outputVariables={"A": "1"})

    base.functions["decide"] = decide
    world.push(a="1")
    configuration = {"FunctionName": "decide", "UserParameters": "x"}
    world.create(stage("Two", act("Call", "Invoke/Lambda", configuration, ("Code",), ("Out",), namespace="Called")))
    if said == "twice":
        assert jobs[1]["data"]["continuationToken"] == "more"
    if said == "silence":
        assert world.statuses() == ["InProgress"]
        world.wait(20 * 60 + 1)
        assert "timed out" in world.latest("Call")["errorDetails"]["message"]
    assert world.statuses() == ["Succeeded" if said in ("yes", "twice") else "Failed"]
    data = jobs[0]["data"]
    assert data["actionConfiguration"]["configuration"] == configuration
    assert data["inputArtifacts"][0]["location"]["s3Location"]["bucketName"] == "artifacts"
    with pytest.raises(ServiceError) as over:
        world.ask("PutJobSuccessResult", jobId=jobs[0]["id"])
    assert over.value.code == "InvalidJobStateException"
