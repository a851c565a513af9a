"""`slipway stacks` and `slipway deliveries`: what is told of a change that failed, waits, or never was."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.cli import delivery_pages, stacks
from slipway.cli.target import UserError
from tests.slipway.cli.test_deliveries import NOW, detail, summary, target

STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/app/1"
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def event(resource: str, status: str, reason: str = "", at: int = 0) -> dict[str, Any]:
    return {
        "StackId": STACK,
        "EventId": f"{resource}-{status}-{at}",
        "LogicalResourceId": resource,
        "PhysicalResourceId": STACK if resource == "app" else resource,
        "ResourceType": "AWS::SNS::Topic",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "Timestamp": BEGUN + timedelta(seconds=at),
    }


def cloudformation(status: str, *events: dict[str, Any]) -> dict[str, Any]:
    stack = {"StackName": "app", "StackId": STACK, "StackStatus": status, "CreationTime": BEGUN}
    stack["Outputs"] = [{"OutputKey": "Topic", "OutputValue": "arn:t"}]
    made = {"LogicalResourceId": "T", "ResourceType": "AWS::SNS::Topic", "ResourceStatus": "CREATE_COMPLETE"}
    return {
        "describe_stacks": {"Stacks": [stack]},
        "describe_stack_events": {"StackEvents": list(events)[::-1]},
        "list_stack_resources": {"StackResourceSummaries": [made]},
    }


def test_a_stack_that_failed_says_what_failed_first_in_its_last_change(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        event("app", "CREATE_IN_PROGRESS"),
        event("Old", "CREATE_FAILED", "of an earlier change", 1),
        event("app", "UPDATE_IN_PROGRESS", at=2),
        event("New", "CREATE_FAILED", "the topic is too long", 3),
        event("Other", "CREATE_FAILED", "Resource creation cancelled", 4),
    ]
    fake = target(cloudformation=cloudformation("UPDATE_ROLLBACK_COMPLETE", *events))
    stacks.show(fake, "", as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert row["failure"] == "New (AWS::SNS::Topic): the topic is too long"
    stacks.show(fake, "", as_json=False)
    assert "app: New (AWS::SNS::Topic): the topic is too long" in capsys.readouterr().out


def test_one_stack_has_its_resources_and_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    stacks.show(target(cloudformation=cloudformation("CREATE_COMPLETE")), "app", as_json=False)
    told = capsys.readouterr().out
    assert told.startswith("app: CREATE_COMPLETE")
    assert "AWS::SNS::Topic" in told
    assert "arn:t" in told


def test_what_is_not_there_is_said() -> None:
    none = {**cloudformation("DELETE_COMPLETE")}
    with pytest.raises(UserError, match=r"There is no stack app on .*; see: slipway stacks"):
        stacks.show(target(cloudformation=none), "app", as_json=False)
    with pytest.raises(UserError, match=r"There is no pipeline x on .*; it has: p"):
        delivery_pages.show(target(codepipeline=codepipeline()), "x", 3, as_json=False)


def codepipeline(*details: dict[str, Any], status: str = "Succeeded", **state: Any) -> dict[str, Any]:
    return {
        "list_pipelines": {"pipelines": [{"name": "p"}]},
        "list_pipeline_executions": {
            "pipelineExecutionSummaries": [summary("e1", 0) | {"status": status}] if details else []
        },
        "list_action_executions": {"actionExecutionDetails": list(details)},
        "get_pipeline_state": {"stageStates": [], **state},
    }


@pytest.mark.parametrize(
    ("action", "token", "stage", "why"),
    [
        (
            detail("Build", "Build", "Failed", 0, 5, executionResult={"errorDetails": {"message": "tests failed"}}),
            "",
            "Build",
            "Build failed: tests failed",
        ),
        (
            detail("Approve", "Approve", "InProgress", 0, 0),
            "t",
            "Approve",
            "Approve waits for a person: slipway promote",
        ),
        (detail("Deploy", "Deploy", "InProgress", 0, 0), "", "Deploy", ""),
    ],
)
def test_how_far_a_delivery_is(
    capsys: pytest.CaptureFixture[str], action: dict[str, Any], token: str, stage: str, why: str
) -> None:
    inside = {"actionName": action["actionName"], "latestExecution": {"token": token} if token else {}}
    state = {
        "stageName": stage,
        "latestExecution": {"pipelineExecutionId": "e1", "status": "InProgress"},
        "actionStates": [inside],
    }
    fake = target(codepipeline=codepipeline(action, status=action["status"], stageStates=[state]))
    delivery_pages.show(fake, "", 10, as_json=True)
    (row,) = json.loads(capsys.readouterr().out)["executions"]
    assert (row["where"], row["why"][: len(why) or None]) == (stage, why)
    assert datetime.fromisoformat(row["since"]) == NOW


def test_an_arn_names_a_pipeline_and_none_has_run(capsys: pytest.CaptureFixture[str]) -> None:
    fake = target(codepipeline=codepipeline())
    delivery_pages.show(fake, "arn:aws:codepipeline:us-east-1:000000000000:p", 3, as_json=False)
    assert "no execution yet" in capsys.readouterr().out
