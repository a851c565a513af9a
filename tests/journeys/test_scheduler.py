"""EventBridge Scheduler starts a SageMaker pipeline; both are made, changed and deleted by a stack."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import ROLE, until

pytestmark = pytest.mark.journey

NAME = "timed"
FAIL = {"Name": "Tells", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.Said"}}}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Said", "Type": "String", "DefaultValue": "nothing"}],
    "Steps": [FAIL],
}


def template(expression: str, said: str) -> str:
    target = {
        "Arn": {"Fn::Sub": "arn:aws:sagemaker:${AWS::Region}:${AWS::AccountId}:pipeline/" + NAME},
        "RoleArn": ROLE,
        "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "Said", "Value": said}]},
    }
    pipeline = {
        "PipelineName": NAME,
        "RoleArn": ROLE,
        "PipelineDefinition": {"PipelineDefinitionBody": json.dumps(DEFINITION)},
    }
    schedule = {
        "Name": NAME,
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    resources = {
        "Pipeline": {"Type": "AWS::SageMaker::Pipeline", "Properties": pipeline},
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "DependsOn": "Pipeline", "Properties": schedule},
    }
    return json.dumps({"Resources": resources})


def test_a_stacks_schedule_starts_its_pipeline_with_the_parameters(shared: Any) -> None:
    stacks, sagemaker, scheduler = (shared.client(name) for name in ("cloudformation", "sagemaker", "scheduler"))
    stacks.create_stack(StackName=NAME, TemplateBody=template("cron(0 0 1 1 ? 2199)", "then"))
    stacks.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    assert sagemaker.list_pipeline_executions(PipelineName=NAME)["PipelineExecutionSummaries"] == []
    # a moment that has passed: due at once
    stacks.update_stack(StackName=NAME, TemplateBody=template("at(2024-05-01T08:00:00)", "now"))
    stacks.get_waiter("stack_update_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})

    def started() -> list[dict[str, Any]]:
        return list(sagemaker.list_pipeline_executions(PipelineName=NAME)["PipelineExecutionSummaries"])

    until(started, 60)
    arn = started()[0]["PipelineExecutionArn"]

    def failed() -> bool:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return bool(found["PipelineExecutionStatus"] == "Failed")

    until(failed, 60)
    step = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"][0]
    assert step["Metadata"]["Fail"]["ErrorMessage"] == "now"
    assert len(started()) == 1
    stacks.delete_stack(StackName=NAME)
    stacks.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="does not exist"):
        scheduler.get_schedule(Name=NAME)
    assert sagemaker.list_pipelines(PipelineNamePrefix=NAME)["PipelineSummaries"] == []


def test_what_would_be_dropped_is_refused_by_name(shared: Any) -> None:
    given = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:s3:putObject", "RoleArn": ROLE, "Input": "{}"}
    with pytest.raises(ClientError, match="aws-sdk:s3:putObject") as refused:
        shared.client("scheduler").create_schedule(Name="dropped", Target=target, **given)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
