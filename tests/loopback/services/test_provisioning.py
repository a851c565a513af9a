"""Operations on stacks: what a status means, and what is done after a crash at any moment."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from loopback.core.kinds import PROJECT, STACK_OPERATION
from loopback.core.store import Resource
from loopback.rows.stacks import Order, StackOperationRow
from loopback.services import provisioning
from loopback.services.provisioned_stack import first_failure, verdict
from loopback.services.provisioning import Provisioner
from loopback.services.registry import Context
from loopback.services.sagemaker import projects  # noqa: F401 - settles projects
from tests.loopback.services.fake_stacks import ROLLED_BACK, FakeStacks, refused


@pytest.mark.parametrize(
    ("verb", "status", "expected"),
    [
        ("create", "CREATE_IN_PROGRESS", "wait"),
        ("create", "CREATE_COMPLETE", "succeed"),
        ("create", "ROLLBACK_IN_PROGRESS", "roll_back"),
        ("create", "ROLLBACK_COMPLETE", "fail"),
        ("create", "", "fail"),
        ("update", "CREATE_COMPLETE", "wait"),
        ("update", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait"),
        ("update", "UPDATE_COMPLETE", "succeed"),
        ("update", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "roll_back"),
        ("update", "UPDATE_ROLLBACK_COMPLETE", "fail"),
        ("delete", "ROLLBACK_COMPLETE", "wait"),
        ("delete", "DELETE_IN_PROGRESS", "wait"),
        ("delete", "DELETE_FAILED", "fail"),
        ("delete", "DELETE_COMPLETE", "succeed"),
        ("delete", "", "succeed"),
    ],
)
def test_what_a_status_means(verb: str, status: str, expected: str) -> None:
    assert verdict(verb, status) == expected


def test_the_first_failure_is_told_and_not_what_it_cancelled() -> None:
    rows = [("Late", "CREATE_FAILED", "Resource creation cancelled"), ("First", "CREATE_FAILED", "No space")]
    events = [
        {"LogicalResourceId": name, "ResourceType": "T", "ResourceStatus": status, "ResourceStatusReason": reason}
        for name, status, reason in rows
    ]
    assert first_failure(events) == "First (T): No space"
    assert first_failure([]) == ""


ORDER = Order("create", "stack", "role", {"TemplateURL": "https://s3.us-east-1.amazonaws.com/b/t"}, {"A": "1"})


@pytest.fixture
def stacks(base: Any) -> FakeStacks:
    base.clients["cloudformation", "role"] = FakeStacks()
    return base.clients["cloudformation", "role"]


def operation(context: Context, order: Order = ORDER) -> str:
    context.store.create(PROJECT, "churn", {}, result={"id": "p-1", "operation": "op-1"})
    provisioning.submit("op-1", StackOperationRow(order=order, owners=((PROJECT.slug, "churn"),)), context)
    return "op-1"


def cut_off(context: Context, name: str) -> None:
    """The process ended right after it had written down that it begins."""
    context.store.fire(STACK_OPERATION, name, "begin")
    context.store.fire(PROJECT, "churn", "begin")


def carried_out(context: Context, name: str) -> Resource:
    provisioner = Provisioner(context, wait=lambda _seconds: False)
    provisioner.carry_out(name)
    provisioner.close()
    return context.store.get(STACK_OPERATION, name)


def test_an_operation_and_its_owner_move_together(context: Context, stacks: FakeStacks) -> None:
    ended = carried_out(context, operation(context))
    assert (ended.status, ended.result["outputs"][0]["OutputValue"]) == ("SUCCEEDED", "it")
    assert context.store.get(PROJECT, "churn").status == "CreateCompleted"
    (asked,) = stacks.asked("create_stack")
    assert asked["Parameters"] == [{"ParameterKey": "A", "ParameterValue": "1"}]
    assert asked["ClientRequestToken"] == "op-1"


def test_the_stack_is_on_disk_before_its_operation_has_ended(context: Context, stacks: FakeStacks) -> None:
    assert stacks.stacks == {}
    name, seen = operation(context), []
    provisioner = Provisioner(
        context, lambda: seen.append(context.store.get(STACK_OPERATION, name).status), lambda _seconds: False
    )
    provisioner.carry_out(name)
    assert seen == ["IN_PROGRESS"]
    assert context.store.get(STACK_OPERATION, name).status == "SUCCEEDED"


def test_a_rollback_is_seen_while_it_goes_on(context: Context, stacks: FakeStacks) -> None:
    stacks.plan["create"] = ROLLED_BACK
    ended = carried_out(context, operation(context))
    assert ended.status == "FAILED"
    assert ended.result["message"] == "First (AWS::S3::Bucket): The name is taken"
    passed = [event.new for event in context.store.events(0) if event.kind == STACK_OPERATION.slug]
    assert passed == ["CREATED", "IN_PROGRESS", "IN_PROGRESS_IN_ERROR", "FAILED"]


def test_what_was_begun_before_a_crash_is_followed(context: Context, stacks: FakeStacks) -> None:
    name = operation(context)
    cut_off(context, name)
    stacks.create_stack(StackName="stack", ClientRequestToken=name)
    assert carried_out(context, name).status == "SUCCEEDED"
    assert len(stacks.asked("create_stack")) == 1


def test_what_was_not_begun_before_a_crash_is_begun(context: Context, stacks: FakeStacks) -> None:
    name = operation(context)
    cut_off(context, name)
    assert carried_out(context, name).status == "SUCCEEDED"
    assert len(stacks.asked("create_stack")) == 1


def test_an_update_that_an_older_state_has_forgotten_is_begun_again(context: Context, stacks: FakeStacks) -> None:
    stacks.create_stack(StackName="stack", ClientRequestToken="earlier")
    stacks.describe_stacks(StackName="stack")
    name = operation(context, Order("update", "stack", "role", {}, {"Size": "2"}))
    cut_off(context, name)
    assert carried_out(context, name).status == "SUCCEEDED"
    (asked,) = stacks.asked("update_stack")
    assert asked["UsePreviousTemplate"]
    kept = [entry["ParameterKey"] for entry in asked["Parameters"] if entry.get("UsePreviousValue")]
    assert kept == ["SageMakerProjectName", "SageMakerProjectId"]


def test_a_stack_that_is_gone_is_deleted(context: Context, stacks: FakeStacks) -> None:
    assert stacks.stacks == {}
    assert carried_out(context, operation(context, Order("delete", "stack", "role"))).status == "SUCCEEDED"


def test_nothing_to_change_is_no_failure(context: Context, stacks: FakeStacks) -> None:
    stacks.create_stack(StackName="stack", ClientRequestToken="earlier")
    name = operation(context, Order("update", "stack", "role", {}))
    stacks.update_stack = lambda **_: (_ for _ in ()).throw(refused("No updates are to be performed."))  # type: ignore[method-assign]
    assert carried_out(context, name).status == "SUCCEEDED"


@pytest.mark.parametrize(
    "faults",
    [
        [EndpointConnectionError(endpoint_url="http://127.0.0.1:1")] * 2,
        [refused("busy", "ServiceUnavailable", 503)],
    ],
)
def test_what_passes_is_tried_again(context: Context, stacks: FakeStacks, faults: list[Exception]) -> None:
    stacks.faults = faults
    assert carried_out(context, operation(context)).status == "SUCCEEDED"


def test_what_cloudformation_refuses_is_told(context: Context, stacks: FakeStacks) -> None:
    stacks.faults = [refused("Template not found")]
    ended = carried_out(context, operation(context))
    assert (ended.status, ended.result["message"]) == ("FAILED", "Template not found")
    assert context.store.get(PROJECT, "churn").status == "CreateFailed"


def test_an_ending_process_leaves_an_operation_as_it_is(context: Context, stacks: FakeStacks) -> None:
    stacks.plan["create"] = ()
    name = operation(context)
    Provisioner(context, wait=lambda _seconds: True).carry_out(name)
    assert context.store.get(STACK_OPERATION, name).status == "IN_PROGRESS"
    stacks.stacks["stack"]["ahead"] = ["CREATE_COMPLETE"]
    provisioner = Provisioner(context, wait=lambda _seconds: False)
    provisioner.recover()
    provisioner._pool.shutdown(wait=True)
    assert context.store.get(STACK_OPERATION, name).status == "SUCCEEDED"
