"""Stories of EndpointConfig and Endpoint steps: the test brings the instances up, the driver does the rest."""

from typing import Any

import pytest

from loopback.core.kinds import ENDPOINT, EXECUTION
from loopback.rows.endpoints import EndpointResult, EndpointRow
from loopback.rows.row import changes as merged
from loopback.services import registry
from loopback.services.sagemaker import endpoint_configs, endpoints  # noqa: F401 - they register
from tests.loopback.services.test_driver import World

ROLE = "arn:aws:iam::000000000000:role/pipeline"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
VARIANT = {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1, "ModelName": "m"}
CONFIGURE = {
    "Name": "Configure",
    "Type": "EndpointConfig",
    "Arguments": {"EndpointConfigName": {"Get": "Parameters.Config"}, "ProductionVariants": [VARIANT]},
}
SERVE = {
    "Name": "Serve",
    "Type": "Endpoint",
    "Arguments": {
        "EndpointName": "Churn",
        "EndpointConfigName": {"Get": "Steps.Configure.EndpointConfigName"},
        "Tags": [{"Key": "a", "Value": "b"}],
    },
}


@pytest.fixture
def world(
    context: registry.Context, changes: list[tuple[str, str]], clock: Any, objects: Any, definition: Any
) -> World:
    objects.buckets["bucket"]["model.tar.gz"] = b""
    world = World(context, changes, clock)
    container = {"Image": XGBOOST, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    world.call("CreateModel", ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    parameter = {"Name": "Config", "Type": "String"}
    world.create(definition(CONFIGURE, SERVE, parameters=(parameter,)))
    return world


def start(world: World, config: str) -> str:
    return world.start(PipelineParameters=[{"Name": "Config", "Value": config}])


def comes_up(world: World, event: str = "serve", **result: Any) -> None:
    row = EndpointRow.get(world.context.store, "churn")
    result = {"serving": row.pending, "pending": None} | result
    EndpointRow.fire(world.context.store, "churn", event, merged(EndpointResult, **result))
    world.context.on_change(ENDPOINT.slug, "churn")
    world.settle()


def status(world: World, arn: str) -> str:
    return world.context.store.get(EXECUTION, arn.rpartition("/")[2]).status


def test_the_first_execution_creates_and_the_next_updates(world: World) -> None:
    first = start(world, "one")
    assert world.steps(first) == {"Configure": "Succeeded", "Serve": "Executing"}
    assert world.call("DescribeEndpoint", EndpointName="Churn")["EndpointStatus"] == "Creating"
    comes_up(world)
    assert status(world, first) == "Succeeded"
    listed = world.call("ListPipelineExecutionSteps", PipelineExecutionArn=first)["PipelineExecutionSteps"]
    assert {step["StepName"]: step["Metadata"] for step in listed} == {
        "Configure": {"EndpointConfig": {"Arn": "arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/one"}},
        "Serve": {"Endpoint": {"Arn": "arn:aws:sagemaker:us-east-1:000000000000:endpoint/churn"}},
    }
    second = start(world, "two")
    assert world.call("DescribeEndpoint", EndpointName="Churn")["EndpointStatus"] == "Updating"
    comes_up(world)
    assert status(world, second) == "Succeeded"
    assert world.call("DescribeEndpoint", EndpointName="Churn")["EndpointConfigName"] == "two"


def test_a_deployment_that_is_rolled_back_or_fails_fails_the_step(world: World) -> None:
    start(world, "one")
    comes_up(world)
    second = start(world, "two")
    serving = EndpointRow.get(world.context.store, "churn").serving
    comes_up(world, "roll_back", serving=serving)
    comes_up(world, "serve", serving=serving, failure_reason="the alarm a is in ALARM")
    assert world.steps(second)["Serve"] == "Failed"
    assert status(world, second) == "Failed"


def test_an_endpoint_that_does_not_come_up_fails_the_step_with_its_reason(world: World) -> None:
    arn = start(world, "one")
    comes_up(world, "fail", serving=None, failure_reason="no instance answers")
    listed = world.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    assert [step["FailureReason"] for step in listed if step["StepName"] == "Serve"] == [
        "ClientError: no instance answers"
    ]


def test_a_configuration_of_the_same_name_fails_the_second_execution(world: World) -> None:
    start(world, "one")
    comes_up(world)
    second = start(world, "one")
    assert world.steps(second) == {"Configure": "Failed"}
    listed = world.call("ListPipelineExecutionSteps", PipelineExecutionArn=second)["PipelineExecutionSteps"]
    assert "Cannot create already existing endpoint configuration" in listed[0]["FailureReason"]


def test_a_stop_leaves_a_deployment_to_its_own_end(world: World) -> None:
    arn = start(world, "one")
    world.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken="t" * 32)
    assert world.steps(arn)["Serve"] == "Stopping"
    comes_up(world)
    assert world.steps(arn)["Serve"] == "Succeeded"
    assert status(world, arn) == "Stopped"
