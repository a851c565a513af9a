"""Actions that put an artifact into a bucket, and that run a state machine."""

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/pipeline"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


def deployed(world: Any, act: Any, stage: Any, **configuration: str) -> dict[str, bytes]:
    world.push(index__html="<p>", a="1")
    world.create(stage("Two", act("Put", "Deploy/S3", {"BucketName": "site", **configuration}, ("Code",))))
    return {key: body for (bucket, key), body in world.s3.objects.items() if bucket == "site"}


def test_an_artifact_is_put_file_by_file(world: Any, act: Any, stage: Any) -> None:
    found = deployed(world, act, stage, Extract="true", ObjectKey="v1/")
    assert found == {"v1/index.html": b"<p>", "v1/a": b"1"}
    assert world.s3.kinds["v1/index.html"] == "text/html"
    assert world.statuses() == ["Succeeded"]
    assert world.latest("Put")["summary"] == "2 files in s3://site/v1/"


def test_an_artifact_is_put_as_it_is(world: Any, act: Any, stage: Any) -> None:
    found = deployed(world, act, stage, Extract="false", ObjectKey="app.zip")
    with zipfile.ZipFile(io.BytesIO(found["app.zip"])) as zipped:
        assert sorted(zipped.namelist()) == ["a", "index.html"]


class States:
    """Step Functions, whose executions come to what the test says."""

    def __init__(self, *statuses: str, kind: str = "STANDARD") -> None:
        self.statuses, self.kind = list(statuses), kind
        self.started: list[dict[str, Any]] = []

    def describe_state_machine(self, **_asked: Any) -> dict[str, Any]:
        return {"type": self.kind}

    def start_execution(self, **asked: Any) -> dict[str, Any]:
        self.started.append(asked)
        return {"executionArn": f"arn:{asked['name']}"}

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == "gone":
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist", "Message": "no"}}, "DescribeExecution")
        shown = {"executionArn": executionArn, "stateMachineArn": MACHINE, "status": status}
        return shown | ({"output": '{"n": 1}'} if status == "SUCCEEDED" else {"cause": "it broke"})


def invoked(world: Any, act: Any, stage: Any, states: States, **configuration: str) -> None:
    world.base.clients["stepfunctions", ROLE] = states
    world.push(input__json='{"from": "file"}')
    configuration = {"StateMachineArn": MACHINE, **configuration}
    run = act("Run", "Invoke/StepFunctions", configuration, ("Code",), ("Out",), namespace="Ran")
    world.create(stage("Two", run))
    world.wait(0)


def test_an_execution_is_waited_for_and_its_output_is_the_artifact(world: Any, act: Any, stage: Any) -> None:
    states = States("RUNNING", "SUCCEEDED")
    invoked(world, act, stage, states, InputType="FilePath", Input="input.json", ExecutionNamePrefix="x")
    world.wait(2)
    assert world.statuses() == ["Succeeded"]
    assert states.started[0]["input"] == '{"from": "file"}'
    assert states.started[0]["name"].startswith("x-")
    shown = world.ask("ListActionExecutions", pipelineName="p")["actionExecutionDetails"][0]["output"]
    assert shown["outputVariables"]["StateMachineArn"] == MACHINE
    where = shown["outputArtifacts"][0]["s3location"]
    with zipfile.ZipFile(io.BytesIO(world.s3.objects[where["bucket"], where["key"]])) as zipped:
        assert json.loads(zipped.read("output.json")) == {"n": 1}


def test_a_failed_execution_says_why(world: Any, act: Any, stage: Any) -> None:
    invoked(world, act, stage, States("FAILED"))
    assert world.statuses() == ["Failed"]
    assert "is FAILED: it broke" in world.latest("Run")["errorDetails"]["message"]


@pytest.mark.parametrize("found", ["RUNNING", "gone"])
def test_what_a_kill_has_cut_off_is_begun_again(world: Any, act: Any, stage: Any, found: str) -> None:
    states = States("RUNNING")
    invoked(world, act, stage, states)
    states.statuses = [found, "SUCCEEDED"]
    world.again()
    world.wait(2)
    assert world.statuses() == ["Succeeded"]
    assert [asked["name"].rpartition("-")[2] for asked in states.started][1] == "1"


def test_an_express_machine_is_not_waited_for(world: Any, act: Any, stage: Any) -> None:
    states = States("RUNNING", kind="EXPRESS")
    invoked(world, act, stage, states)
    assert world.statuses() == ["Succeeded"]


def test_an_input_that_is_not_there_is_named(world: Any, act: Any, stage: Any) -> None:
    invoked(world, act, stage, States("RUNNING"), InputType="FilePath", Input="other.json")
    assert "File [other.json] does not exist" in world.latest("Run")["errorDetails"]["message"]
