"""What the world is told of changes, and how rules start pipelines."""

from concurrent.futures import CancelledError
from typing import Any

import pytest

from loopback.core.errors import ServiceError, ValidationException
from loopback.core.kinds import EXECUTION, MODEL, PACKAGE, PROCESSING_JOB, STEP, TRAINING_JOB, TRANSFORM_JOB
from loopback.core.store import Store
from loopback.services import registry
from loopback.services.announce import CURSOR, Announcer
from loopback.services.sagemaker.targets import start_request

Sent = list[tuple[str, list[str], Any, str]]


def announcer(context: registry.Context, sent: Sent, *, listened: bool = True) -> Announcer:
    return Announcer(context, lambda *event: sent.append(event), lambda: listened)


def test_approval_is_told_with_what_was_updated(context: registry.Context, sagemaker: Any) -> None:
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g")
    arn = sagemaker("CreateModelPackage", ModelPackageGroupName="g")["ModelPackageArn"]
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sent: Sent = []
    while announcer(context, sent).announce_some():
        pass
    titles = {title for title, _, _, _ in sent}
    assert titles == {"SageMaker Model Package State Change"}
    _, resources, detail, source = sent[-1]
    assert (resources, source) == ([arn], "aws.sagemaker")
    assert detail["ModelApprovalStatus"] == "Approved"
    assert detail["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]
    assert detail["CreationTime"].endswith("Z")


def test_what_is_told_late_is_told_as_it_was(context: registry.Context, sagemaker: Any) -> None:
    """Otherwise a creation would look like a second approval, and an approval like the note that came after it."""
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g")
    arn = sagemaker("CreateModelPackage", ModelPackageGroupName="g")["ModelPackageArn"]
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={"Note": "x"})
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    sent: Sent = []
    while announcer(context, sent).announce_some():
        pass
    details = [detail for _, resources, detail, _ in sent if resources == [arn]]
    told = [(detail["ModelApprovalStatus"], detail.get("UpdatedModelPackageFields")) for detail in details]
    assert told == [
        ("PendingManualApproval", None),
        ("Approved", ["ModelApprovalStatus"]),
        ("Approved", ["CustomerMetadataProperties"]),
        ("Rejected", ["ModelApprovalStatus"]),
    ]


def test_jobs_are_told_by_every_status(context: registry.Context) -> None:
    context.store.create(PROCESSING_JOB, "j", {"ProcessingJobName": "j"})
    context.store.fire(PROCESSING_JOB, "j", "lease")
    context.store.fire(PROCESSING_JOB, "j", "fail", {"FailureReason": "why", "failure_kind": "x"})
    sent: Sent = []
    announcer(context, sent).announce_some()
    assert [detail["ProcessingJobStatus"] for _, _, detail, _ in sent] == ["InProgress", "InProgress", "Failed"]
    assert sent[-1][2]["FailureReason"] == "why"
    assert "failure_kind" not in sent[-1][2]
    assert isinstance(sent[-1][2]["CreationTime"], int)


@pytest.mark.parametrize(
    ("kind", "member", "written"),
    [  # as AWS's page automating-sagemaker-with-eventbridge shows them
        (PROCESSING_JOB, "ProcessingEndTime", 1714546800500),
        (TRAINING_JOB, "TrainingEndTime", "1714546800500"),
        (TRANSFORM_JOB, "TransformEndTime", "2024-05-01T07:00:00Z"),
    ],
)
def test_each_kind_of_job_writes_times_in_its_own_way(context: registry.Context, kind, member, written) -> None:
    name = member.replace("EndTime", "JobName")
    doc = {name: "j", "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"}}
    context.store.create(kind, "j", doc, result={member: 1714546800.5})
    sent: Sent = []
    announcer(context, sent).announce_some()
    assert sent[-1][2][member] == written


def test_nothing_is_sent_twice_or_to_nobody(context: registry.Context) -> None:
    context.store.create(PACKAGE, "g/1", {"ModelPackageVersion": 1}, parent="g")
    sent: Sent = []
    announcer(context, sent, listened=False).announce_some()
    assert sent == []
    assert context.store.counter(CURSOR) == 1
    announcer(context, sent).announce_some()
    assert sent == []


def test_an_event_becomes_the_request_that_starts_a_pipeline() -> None:
    values = [{"Name": "Key", "Value": "$.detail.object.key"}, {"Name": "Fixed", "Value": "x"}]
    target = {"Arn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/churn"}
    target["SageMakerPipelineParameters"] = {"PipelineParameterList": values}  # type: ignore[assignment]
    request = start_request(target, '{"detail": {"object": {"key": "new.csv"}}}')
    assert request["PipelineName"] == "churn"
    assert request["PipelineParameters"] == [{"Name": "Key", "Value": "new.csv"}, {"Name": "Fixed", "Value": "x"}]
    with pytest.raises(ValidationException, match="the event has no detail"):
        start_request(target, "{}")


def pipeline_that_ran(sagemaker: Any, context: registry.Context, name: str) -> None:
    body = '{"Version": "2020-12-01", "Steps": [{"Name": "S", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}'
    token = "t" * 32
    role = "arn:aws:iam::000000000000:role/pipeline"
    sagemaker("CreatePipeline", PipelineName=name, PipelineDefinition=body, RoleArn=role, ClientRequestToken=token)
    arn = sagemaker("StartPipelineExecution", PipelineName=name, ClientRequestToken=token)["PipelineExecutionArn"]
    execution = arn.rpartition("/")[2]
    doc = {"name": "S", "type": "Fail", "arguments": {}}
    context.store.create(STEP, f"{execution}/S", doc, parent=execution)
    context.store.fire(EXECUTION, execution, "fail", {"ended": context.store.get(EXECUTION, execution).created})


def test_a_pipeline_deleted_soon_after_its_start_stops_no_other_events(
    context: registry.Context, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline_that_ran(sagemaker, context, "p")
    sagemaker("DeletePipeline", PipelineName="p", ClientRequestToken="t" * 32)
    assert context.store.find(STEP) == []
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="g")
    sagemaker("CreateModelPackage", ModelPackageGroupName="g")
    sent: Sent = []
    while announcer(context, sent).announce_some():
        pass
    assert [title for title, _, _, _ in sent] == ["SageMaker Model Package State Change"]
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == 3, "the start and the end of the execution, the start of the step"
    assert all("no EventBridge event is sent for change" in text for text in named)
    assert announcer(context, sent).announce_some() == 0


@pytest.mark.parametrize("fault", [ValueError("circular"), ServiceError("the bus refuses it"), TypeError("bytes")])
def test_an_event_that_cannot_be_sent_is_named_once_and_passed_over(
    context: registry.Context, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "c"):
        context.store.create(PROCESSING_JOB, name, {"ProcessingJobName": name})
    names: list[str] = []

    def put(_title: str, _resources: list[str], detail: Any, _source: str) -> None:
        if detail["ProcessingJobName"] == "b":
            raise fault
        names.append(detail["ProcessingJobName"])

    for _ in range(2):
        Announcer(context, put, lambda: True).announce_some()
    assert names == ["a", "c"]
    assert [record.getMessage() for record in caplog.records if "processing-job b" in record.getMessage()]
    assert len(caplog.records) == 1


def test_a_bus_that_closes_is_told_again_from_the_change_it_missed(context: registry.Context) -> None:
    for name in ("a", "b"):
        context.store.create(PROCESSING_JOB, name, {"ProcessingJobName": name})
    names: list[str] = []

    def put(_title: str, _resources: list[str], detail: Any, _source: str) -> None:
        if detail["ProcessingJobName"] == "b":
            raise CancelledError
        names.append(detail["ProcessingJobName"])

    with pytest.raises(CancelledError):
        Announcer(context, put, lambda: True).announce_some()
    sent: Sent = []
    announcer(context, sent).announce_some()
    assert names == ["a"]
    assert [detail["ProcessingJobName"] for _, _, detail, _ in sent] == ["b"]


def test_changes_are_forgotten_after_a_while_but_not_before_they_were_announced(
    context: registry.Context, store: Store, clock: Any
) -> None:
    announcer = Announcer(context, lambda *_: None, lambda: True, keep_seconds=100.0, now=clock)
    for name in ("a", "b", "c"):
        store.create(MODEL, name, {})
        clock.now += 60
    announcer.forget_old()  # none of them is announced
    assert [event.name for event in store.events(0)] == ["a", "b", "c"]
    announcer.announce_some()
    store.create(MODEL, "d", {})
    announcer.forget_old()  # it has looked a moment ago
    assert len(store.events(0)) == 4
    clock.now += 3600
    announcer.forget_old()
    assert [event.name for event in store.events(0)] == ["d"]  # old by now, and not announced
    assert store.find(MODEL)[0].name == "a"  # what is described stays


def test_numbers_of_changes_go_on_where_they_were(context: registry.Context, store: Store, clock: Any) -> None:
    announcer = Announcer(context, lambda *_: None, lambda: True, keep_seconds=0.0, now=clock)
    store.create(MODEL, "a", {})
    announcer.announce_some()
    clock.now += 1
    announcer.forget_old()
    store.create(MODEL, "b", {})
    assert [(event.seq, event.name) for event in store.events(0)] == [(2, "b")]
