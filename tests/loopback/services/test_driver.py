"""Stories of executions. No process runs: the test ends the jobs itself, the driver does all the rest."""

import json
import queue
import re
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from loopback.core.errors import ConflictException, ValidationException
from loopback.core.kinds import EXECUTION, PROCESSING_JOB
from loopback.services import registry
from loopback.services.sagemaker.driver import ExecutionDriver
from loopback.services.sagemaker.steps import job_name

ROLE = "arn:aws:iam::000000000000:role/pipeline"


class Now(Executor):
    """Runs what is submitted at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class World:
    """A driver and the means to tell its story."""

    def __init__(self, context: registry.Context, changes: list[tuple[str, str]], clock: Any) -> None:
        self.context, self.changes, self.clock = context, changes, clock
        self.driver = ExecutionDriver(context, Now(), clock)

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        answer = registry.call("sagemaker", operation, request, self.context)
        self.settle()
        return answer

    def settle(self) -> None:
        """Deliver changes and let the driver work until nothing is left to do now."""
        while True:
            while self.changes:
                self.driver.on_change(*self.changes.pop(0))
            try:
                message = self.driver._inbox.get(block=False)
            except queue.Empty:
                if not self._due():
                    return
                continue
            assert message is not None
            message()

    def _due(self) -> bool:
        timers = self.driver._timers
        if not timers or timers[0][0] > self.clock.now:
            return False
        name = timers.pop(0)[1]
        if name in self.driver._runs:
            self.driver._advance(self.driver._runs[name])
        return True

    def create(self, text: str, name: str = "p") -> None:
        token = uuid.uuid4().hex
        self.call("CreatePipeline", PipelineName=name, PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken=token)

    def start(self, name: str = "p", **more: Any) -> str:
        token = uuid.uuid4().hex
        answer = self.call("StartPipelineExecution", PipelineName=name, ClientRequestToken=token, **more)
        return str(answer["PipelineExecutionArn"])

    def jobs(self, status: str = "Queued") -> list[str]:
        return [row.name for row in self.context.store.find(PROCESSING_JOB, status=status)]

    def end(self, step: str, event: str = "complete", **result: Any) -> None:
        """End the job of a step, as a worker would."""
        name = next(job for job in self.jobs() + self.jobs("Stopping") if f"-{step}-" in job)
        if name in self.jobs():
            self.context.store.fire(PROCESSING_JOB, name, "lease")
        self.context.store.fire(PROCESSING_JOB, name, event, result)
        self.context.on_change(PROCESSING_JOB.slug, name)
        self.settle()

    def steps(self, arn: str) -> dict[str, str]:
        listed = self.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn, SortOrder="Ascending")
        return {step["StepName"]: step["StepStatus"] for step in listed["PipelineExecutionSteps"]}

    def step(self, arn: str, name: str) -> dict[str, Any]:
        listed = self.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn)
        return next(step for step in listed["PipelineExecutionSteps"] if step["StepName"] == name)

    def status(self, arn: str) -> tuple[str, str | None]:
        found = self.call("DescribePipelineExecution", PipelineExecutionArn=arn)
        return found["PipelineExecutionStatus"], found.get("FailureReason")


@pytest.fixture
def world(context: registry.Context, changes: list[tuple[str, str]], clock: Any) -> World:
    return World(context, changes, clock)


def processing(name: str, *after: str, **envelope: Any) -> dict[str, Any]:
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    output = {"S3Uri": f"s3://bucket/{name}", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    arguments = {
        "AppSpecification": {"ImageUri": "image", "ContainerArguments": [name]},
        "ProcessingResources": {"ClusterConfig": cluster},
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, "DependsOn": list(after), **envelope}


CACHE = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}


def test_a_chain_runs_one_after_the_other(world: World, definition: Any) -> None:
    world.create(definition(processing("A"), processing("B", "A")))
    arn = world.start()
    assert world.steps(arn) == {"A": "Executing"}
    world.end("A")
    assert world.steps(arn) == {"A": "Succeeded", "B": "Executing"}
    world.end("B")
    assert world.status(arn) == ("Succeeded", None)


def test_a_failed_job_fails_the_execution_with_its_reason(world: World, definition: Any) -> None:
    world.create(definition(processing("A"), processing("B"), processing("C", "A")))
    arn = world.start()
    world.end("A", "fail", FailureReason="AlgorithmError: no such column")
    assert world.status(arn)[0] == "Executing"  # B is left to finish
    world.end("B")
    status, reason = world.status(arn)
    assert status == "Failed"
    assert "no such column" in str(reason)
    assert world.steps(arn) == {"A": "Failed", "B": "Succeeded"}
    assert world.step(arn, "A")["FailureReason"] == "AlgorithmError: no such column"


def test_an_unchanged_step_comes_from_the_cache_of_an_earlier_execution(world: World, definition: Any) -> None:
    world.create(definition(processing("A", **CACHE)))
    first = world.start()
    world.end("A")
    second = world.start()
    assert world.status(second)[0] == "Succeeded"
    assert world.step(second, "A")["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    world.clock.now += 25 * 3600
    third = world.start()
    assert world.steps(third) == {"A": "Executing"}


def test_a_lost_worker_is_retried_as_the_policy_says(world: World, definition: Any) -> None:
    policy = {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"],
        "IntervalSeconds": 5,
        "BackoffRate": 2.0,
        "MaxAttempts": 2,
    }
    world.create(definition(processing("A", RetryPolicies=[policy])))
    arn = world.start()
    lost = {"FailureReason": "InternalServerError: lost", "failure_kind": "SageMaker.JOB_INTERNAL_ERROR"}
    world.end("A", "fail", **lost)
    assert world.jobs() == []
    world.clock.now += 5
    world.settle()
    assert len(world.jobs()) == 1
    assert world.step(arn, "A")["AttemptCount"] == 2
    world.end("A")
    assert world.status(arn)[0] == "Succeeded"


def test_stop_stops_the_job_and_then_the_execution(world: World, definition: Any) -> None:
    world.create(definition(processing("A"), processing("B", "A")))
    arn = world.start()
    world.context.store.fire(PROCESSING_JOB, world.jobs()[0], "lease")
    world.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)
    assert world.status(arn)[0] == "Stopping"
    world.end("A", "halt")
    assert world.status(arn)[0] == "Stopped"
    with pytest.raises(ConflictException, match="is Stopped"):
        world.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)


def test_retry_keeps_what_succeeded(world: World, definition: Any) -> None:
    world.create(definition(processing("A"), processing("B", "A")))
    arn = world.start()
    world.end("A")
    world.end("B", "fail", FailureReason="AlgorithmError: bad luck")
    answer = world.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)
    assert answer["PipelineExecutionArn"] == arn
    assert world.steps(arn) == {"A": "Succeeded", "B": "Executing"}
    world.end("B")
    assert world.status(arn) == ("Succeeded", None)


def test_a_second_driver_goes_on_where_the_first_was_killed(world: World, definition: Any) -> None:
    world.create(definition(processing("A"), processing("B", "A")))
    arn = world.start()
    successor = World(world.context, world.changes, world.clock)
    successor.driver.recover()
    successor.settle()
    assert len(successor.jobs()) == 1
    successor.end("A")
    successor.end("B")
    assert successor.status(arn) == ("Succeeded", None)


def test_the_gate_decides_over_registration(world: World, definition: Any, objects: Any) -> None:
    objects.buckets["bucket"] |= {"Evaluate/report.json": b'{"auc": {"value": 0.9}}', "model.tar.gz": b"x"}
    specification = {
        "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    report = {"PropertyFiles": [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}]}
    figure = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": "auc.value"}}
    message = {"Std:Join": {"On": " ", "Values": ["auc", figure, "is below", {"Get": "Parameters.MinAuc"}]}}
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {"Type": "GreaterThanOrEqualTo", "LeftValue": figure, "RightValue": {"Get": "Parameters.MinAuc"}}
            ],
            "IfSteps": [
                {
                    "Name": "Register",
                    "Type": "RegisterModel",
                    "Arguments": {"ModelPackageGroupName": "group", "InferenceSpecification": specification},
                }
            ],
            "ElseSteps": [{"Name": "Fail", "Type": "Fail", "Arguments": {"ErrorMessage": message}}],
        },
    }
    parameters = ({"Name": "MinAuc", "Type": "Float", "DefaultValue": 0.8},)
    world.create(definition(processing("Evaluate", **report), gate, parameters=parameters))
    good, bad = world.start(), world.start(PipelineParameters=[{"Name": "MinAuc", "Value": "0.95"}])
    world.end("Evaluate")
    world.end("Evaluate")
    assert world.status(good) == ("Succeeded", None)
    assert world.status(bad) == ("Failed", "auc 0.9 is below 0.95")
    package = world.call("DescribeModelPackage", ModelPackageName="group/1")
    assert package["MetadataProperties"]["GeneratedBy"] == good
    with pytest.raises(ConflictException, match="Fail step"):
        world.call("RetryPipelineExecution", PipelineExecutionArn=bad, ClientRequestToken=uuid.uuid4().hex)


def test_a_lambda_step_hands_on_what_the_function_returns(world: World, definition: Any, base: Any) -> None:
    base.functions["double"] = lambda event: {"result": event["n"] * 2, "extra": True}
    step = {
        "Name": "Double",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:double",
        "Arguments": {"n": 21},
        "OutputParameters": [{"OutputName": "result", "OutputType": "Integer"}],
    }
    after = processing("After")
    after["Arguments"]["Environment"] = {"N": {"Get": "Steps.Double.OutputParameters['result']"}}
    world.create(definition(step, after))
    arn = world.start()
    assert world.step(arn, "Double")["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "result", "Value": "42"}]
    job = world.context.store.get(PROCESSING_JOB, world.jobs()[0])
    assert job.doc["Environment"] == {"N": "42"}
    base.functions.clear()
    failed = world.start()
    assert world.status(failed)[0] == "Failed"
    assert "Function not found" in world.step(failed, "Double")["FailureReason"]


def test_a_callback_step_waits_for_its_answer(world: World, definition: Any, base: Any) -> None:
    step = {
        "Name": "Ask",
        "Type": "Callback",
        "SqsQueueUrl": "http://127.0.0.1/000000000000/queue",
        "Arguments": {"question": "really?"},
        "OutputParameters": [{"OutputName": "answer", "OutputType": "String"}],
    }
    world.create(definition(step))
    arn = world.start()
    message = json.loads(base.sent[0][1]["MessageBody"])
    assert (message["arguments"], message["pipelineExecutionArn"]) == ({"question": "really?"}, arn)
    outputs = [{"Name": "answer", "Value": "yes"}]
    world.call("SendPipelineExecutionStepSuccess", CallbackToken=message["token"], OutputParameters=outputs)
    assert world.status(arn)[0] == "Succeeded"
    refused = world.start()
    token = json.loads(base.sent[1][1]["MessageBody"])["token"]
    world.call("SendPipelineExecutionStepFailure", CallbackToken=token, FailureReason="no")
    assert "no" in str(world.status(refused)[1])


def test_the_same_token_starts_once(world: World, definition: Any) -> None:
    world.create(definition(processing("A")))
    token = uuid.uuid4().hex
    arns = {
        world.call("StartPipelineExecution", PipelineName="p", ClientRequestToken=token)["PipelineExecutionArn"]
        for _ in range(2)
    }
    assert len(arns) == 1
    assert len(world.context.store.find(EXECUTION)) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Nope": "1"}, "Nope: is not a parameter of this pipeline; it has: Rounds"),
        ({"Rounds": "many"}, "Rounds"),
        ({}, "Rounds"),
    ],
)
def test_wrong_parameters_are_refused_at_start(
    world: World, definition: Any, given: dict[str, str], message: str
) -> None:
    world.create(definition(processing("A"), parameters=({"Name": "Rounds", "Type": "Integer"},)))
    parameters = [{"Name": name, "Value": value} for name, value in given.items()]
    with pytest.raises(ValidationException, match=message):
        world.start(PipelineParameters=parameters)


def test_selected_steps_borrow_from_an_earlier_execution(world: World, definition: Any) -> None:
    consumer = processing("B")
    consumer["Arguments"]["Environment"] = {
        "IN": {"Get": "Steps.A.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    }
    world.create(definition(processing("A"), consumer))
    source = world.start()
    world.end("A")
    world.end("B")
    selection = {"SelectedSteps": [{"StepName": "B"}], "SourcePipelineExecutionArn": source}
    arn = world.start(SelectiveExecutionConfig=selection)
    assert world.steps(arn) == {"B": "Executing"}
    assert world.context.store.get(PROCESSING_JOB, world.jobs()[0]).doc["Environment"] == {"IN": "s3://bucket/A"}
    world.end("B")
    assert world.status(arn)[0] == "Succeeded"


def test_an_update_leaves_running_executions_alone(world: World, definition: Any) -> None:
    world.create(definition(processing("A")))
    arn = world.start()
    answer = world.call("UpdatePipeline", PipelineName="p", PipelineDefinition=definition(processing("B")))
    assert answer["PipelineVersionId"] == 2
    world.end("A")
    assert world.steps(arn) == {"A": "Succeeded"}
    kept = world.call("DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
    assert '"A"' in kept["PipelineDefinition"]
    first = world.call("DescribePipeline", PipelineName="p", PipelineVersionId=1)
    assert '"A"' in first["PipelineDefinition"]
    assert world.steps(world.start()) == {"B": "Executing"}


def test_a_pipeline_with_running_executions_stays(world: World, definition: Any) -> None:
    world.create(definition(processing("A")))
    world.start()
    with pytest.raises(ConflictException, match="running executions"):
        world.call("DeletePipeline", PipelineName="p", ClientRequestToken=uuid.uuid4().hex)
    world.end("A")
    world.call("DeletePipeline", PipelineName="p", ClientRequestToken=uuid.uuid4().hex)
    assert world.call("ListPipelines")["PipelineSummaries"] == []


def test_parallelism_is_heeded(world: World, definition: Any) -> None:
    world.create(definition(*(processing(name) for name in "ABC")))
    arn = world.start(ParallelismConfiguration={"MaxParallelExecutionSteps": 2})
    assert set(world.steps(arn).values()) == {"Executing"}
    assert len(world.steps(arn)) == 2
    world.end("A")
    assert len(world.steps(arn)) == 3


def test_cleanup_deletes_what_a_step_wrote(world: World, definition: Any, objects: Any) -> None:
    objects.buckets["bucket"] = {"A/x": b"1", "A/y/z": b"2", "B/x": b"3"}
    cleanup = {
        "Name": "Clean",
        "Type": "Cleanup",
        "Arguments": {"Resources": {"S3": [{"StepName": "A", "S3Uris": ["s3://bucket/A/"]}]}},
        "DependsOn": ["A"],
    }
    world.create(definition(processing("A"), cleanup))
    arn = world.start()
    world.end("A")
    assert world.status(arn)[0] == "Succeeded"
    assert list(objects.buckets["bucket"]) == ["B/x"]


def test_an_execution_is_a_trial_of_its_pipelines_experiment(world: World, definition: Any) -> None:
    world.create(definition(processing("A")))
    arn = world.start()
    assert [e["ExperimentName"] for e in world.call("ListExperiments")["ExperimentSummaries"]] == ["p"]
    trial = world.call("ListTrials", ExperimentName="p")["TrialSummaries"][0]
    assert trial["TrialName"] == arn.rpartition("/")[2]
    listed = world.call("ListTrialComponents", TrialName=trial["TrialName"])["TrialComponentSummaries"]
    component = world.call("DescribeTrialComponent", TrialComponentName=listed[0]["TrialComponentName"])
    assert component["Source"]["SourceArn"] == world.step(arn, "A")["Metadata"]["ProcessingJob"]["Arn"]


def test_a_name_in_a_step_is_a_prefix(world: World, definition: Any) -> None:
    """`use_custom_job_prefix` of the SDK: each execution, step and attempt has a name of its own (PR 3946)."""
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 2}
    named = [processing("A", RetryPolicies=[policy]), processing("B")]
    for step in named:
        step["Arguments"]["ProcessingJobName"] = "acme"
    world.create(definition(*named))
    for _ in range(2):
        arn = world.start()
        execution = arn.rpartition("/")[2]
        names = [name for name in world.jobs() if execution in name]
        assert len(names) == 2
        assert all(re.fullmatch(f"acme-{execution}-[0-9a-zA-Z]{{10}}-0", name) for name in names)
    first = next(name for name in names if world.step(arn, "A")["Metadata"]["ProcessingJob"]["Arn"].endswith(name))
    world.context.store.fire(PROCESSING_JOB, first, "lease")
    world.context.store.fire(PROCESSING_JOB, first, "fail", {"failure_kind": "SageMaker.JOB_INTERNAL_ERROR"})
    world.context.on_change(PROCESSING_JOB.slug, first)
    world.settle()
    world.clock.now += 60
    world.settle()
    assert f"{first[:-2]}-1" in world.jobs()


@pytest.mark.parametrize(
    ("step", "execution", "name"),
    [  # the first is recorded, in the notebook of a committed execution
        ("create-provisioned-throughput", "abcdefghijkl", "pipelines-abcdefghijkl-create-provisioned-t-"),
        ("Prepare", "abcdefghijkl", "pipelines-abcdefghijkl-Prepare-"),
        ("a_b", "abcdefghijkl", "pipelines-abcdefghijkl-a-b-"),
        ("nineteen-characters-x", "abcdefghijkl", "pipelines-abcdefghijkl-nineteen-characters-"),
    ],
)
def test_a_job_is_named_by_execution_and_step(step: str, execution: str, name: str) -> None:
    made = job_name(execution, step, 1)
    assert made[:-10] == name
    assert re.fullmatch("[a-zA-Z0-9]{10}", made[-10:])


@pytest.mark.parametrize("prefix", ["p", "p" * 63, "a-" * 31])
def test_a_long_prefix_is_cut(prefix: str) -> None:
    made = job_name("abcdefghijkl", "Step", 3, prefix)
    assert len(made) <= 63
    assert re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", made)
    assert made.endswith("-2")


def test_a_step_can_ask_for_the_name_of_its_job(world: World, definition: Any) -> None:
    """Execution.ProcessingJobName: SDK 3.27, execution_variables.py. The cache does not see it."""
    step = processing("A", **CACHE)
    output = step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    output["S3Uri"] = {
        "Std:Join": {"On": "/", "Values": ["s3://bucket/by-job", {"Get": "Execution.ProcessingJobName"}]}
    }
    world.create(definition(step))
    arn = world.start()
    (name,) = world.jobs()
    job = world.context.store.get(PROCESSING_JOB, name)
    assert job.doc["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == f"s3://bucket/by-job/{name}"
    world.end("A")
    again = world.start()
    assert world.step(again, "A")["CacheHitResult"] == {"SourcePipelineExecutionArn": arn}


def test_the_name_of_another_kind_of_job_is_not_known(world: World, definition: Any) -> None:
    step = processing("A")
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = [{"Get": "Execution.TrainingJobName"}]
    world.create(definition(step))
    status, reason = world.status(world.start())
    assert status == "Failed"
    assert "Execution.TrainingJobName" in str(reason)
