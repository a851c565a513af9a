"""Short stories of executions: operations in, the driver's moves, and what the operations then show."""

import json
import re
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.core.kinds import BUILD, BUILD_PROJECT
from loopback.services.announce import announcements


def test_a_push_goes_through_to_the_approval_and_its_answer(world: Any, ask_two: Any) -> None:
    commit = world.push(a__txt="1")
    world.create(ask_two)
    assert world.statuses() == ["InProgress"]
    waiting = world.latest("Ask")
    assert waiting["status"] == "InProgress"
    world.answer()
    assert world.statuses() == ["Succeeded"]
    shown = world.ask("ListActionExecutions", pipelineName="p")["actionExecutionDetails"]
    assert [each["actionName"] for each in shown] == ["Ask", "Src"]
    assert shown[1]["output"]["outputVariables"]["CommitId"] == commit
    location = shown[1]["output"]["outputArtifacts"][0]["s3location"]
    assert re.fullmatch(r"p/Code/\w{7}", location["key"])
    assert (location["bucket"], location["key"]) in world.s3.objects
    found = world.ask("GetPipelineExecution", pipelineName="p", pipelineExecutionId=shown[0]["pipelineExecutionId"])
    assert found["pipelineExecution"]["artifactRevisions"][0]["revisionId"] == commit
    assert found["pipelineExecution"]["trigger"]["triggerType"] == "CreatePipeline"


def test_a_token_is_good_once_and_for_its_own_approval(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    token = world.latest("Ask")["token"]
    with pytest.raises(ServiceError) as wrong:
        world.answer(token="0" * 8 + "-0000-0000-0000-" + "0" * 12)
    assert wrong.value.code == "InvalidApprovalTokenException"
    world.answer(token=token, status="Rejected")
    assert world.statuses() == ["Failed"]
    assert world.latest("Ask")["errorDetails"] == {"code": "JobFailed", "message": "said"}
    with pytest.raises(ServiceError) as twice:
        world.answer(token=token)
    assert twice.value.code == "ApprovalAlreadyCompletedException"


def test_nobody_answers_for_seven_days(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    world.wait(7 * 86400 - 60)
    assert world.statuses() == ["InProgress"]
    world.wait(120)
    assert world.statuses() == ["Failed"]
    assert "timed out" in world.latest("Ask")["errorDetails"]["message"]


def test_an_approval_tells_its_topic(world: Any, act: Any, stage: Any, base: Any) -> None:
    sent: list[dict[str, Any]] = []

    class Topic:
        class meta:  # noqa: N801
            endpoint_url = "http://here"

        @staticmethod
        def publish(**message: Any) -> None:
            sent.append(message)

    base.clients["sns", "arn:aws:iam::000000000000:role/pipeline"] = Topic
    world.push(a="1")
    told = {"NotificationArn": "arn:aws:sns:us-east-1:000000000000:t", "CustomData": "commit #{Src.CommitMessage}"}
    world.create(stage("Two", act("Ask", "Approval/Manual", told)))
    message = json.loads(sent[0]["Message"])["approval"]
    assert message["token"] == world.latest("Ask")["token"]
    assert message["customData"] == "commit a change"
    world.again()
    assert len(sent) == 1


def test_a_kill_changes_nothing_for_an_approval(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    token = world.latest("Ask")["token"]
    world.again()
    world.answer(token=token)
    assert world.statuses() == ["Succeeded"]


def test_a_kill_between_a_push_and_its_start_loses_nothing(world: Any, ask_two: Any) -> None:
    from loopback.core.repositories import Note

    first = world.push(a="1")
    world.create(ask_two)
    world.bare.write("team/app", "main", {"a": b"2"}, Note("unseen", "A", "a@b", first))
    world.again()
    assert len(world.statuses()) == 2
    world.again()
    assert len(world.statuses()) == 2, "what was seen is not seen again"


def test_a_push_supersedes_what_waits_and_queues_what_has_to(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    world.push(a="2")
    world.push(a="3")
    assert world.statuses() == ["InProgress", "Superseded", "InProgress"]
    world.answer()
    assert world.statuses() == ["Succeeded", "Superseded", "InProgress"]
    assert world.latest("Ask")["token"]


def test_pushes_are_queued_in_order(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two, executionMode="QUEUED")
    world.push(a="2")
    world.push(a="3")
    assert world.statuses() == ["InProgress"] * 3
    waiting = world.ask("GetPipelineState", name="p")["stageStates"][1]["inboundExecutions"]
    assert [each["pipelineExecutionId"] for each in waiting] == world.executions()[1:]
    world.answer()
    assert world.statuses() == ["Succeeded", "InProgress", "InProgress"]


@pytest.mark.parametrize(("abandon", "first"), [(False, "Stopping"), (True, "Stopped")])
def test_stopping(world: Any, ask_two: Any, abandon: bool, first: str) -> None:
    world.push(a="1")
    world.create(ask_two, stage_three())
    token, execution = world.latest("Ask")["token"], world.executions()[0]
    stop = {"pipelineName": "p", "pipelineExecutionId": execution, "abandon": abandon, "reason": "enough"}
    world.ask("StopPipelineExecution", **stop)
    world.settle()
    assert world.statuses() == [first]
    with pytest.raises(ServiceError) as twice:
        world.ask("StopPipelineExecution", **stop)
    if abandon:
        assert twice.value.code == "PipelineExecutionNotStoppableException"
        assert world.latest("Ask")["status"] == "Abandoned"
    else:
        assert twice.value.code == "DuplicatedStopRequestException"
        world.answer(token=token)
        assert world.statuses() == ["Stopped"]
    with pytest.raises(ServiceError):
        world.answer(token=token)


def stage_three() -> dict[str, Any]:
    kind = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    return {"name": "Three", "actions": [{"name": "Last", "actionTypeId": kind}]}


def test_a_failed_stage_is_retried_until_another_execution_has_entered_it(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    world.answer(status="Rejected")
    execution = world.executions()[0]
    retry = {"pipelineName": "p", "stageName": "Two", "retryMode": "FAILED_ACTIONS", "pipelineExecutionId": execution}
    world.ask("RetryStageExecution", **retry)
    world.settle()
    assert world.statuses() == ["InProgress"]
    with pytest.raises(ServiceError) as running:
        world.ask("RetryStageExecution", **retry)
    assert running.value.code == "StageNotRetryableException"
    world.answer(status="Rejected")
    world.push(a="2")
    with pytest.raises(ServiceError) as late:
        world.ask("RetryStageExecution", **retry)
    assert late.value.code == "NotLatestPipelineExecutionException"
    state = world.ask("GetPipelineState", name="p")["stageStates"][1]
    assert state["latestExecution"]["pipelineExecutionId"] == world.executions()[1]


def test_a_stage_goes_back_to_what_succeeded_there(world: Any, stage: Any, act: Any) -> None:
    world.push(a="1")
    ask = act("Ask", "Approval/Manual", {"CustomData": "#{Src.CommitId}"})
    world.create(stage("Two", ask, onFailure={"result": "ROLLBACK"}))
    good = world.latest("Src")["externalExecutionId"]
    world.answer()
    world.push(a="2")
    world.answer(status="Rejected")
    assert world.statuses() == ["Succeeded", "Failed", "InProgress"]
    newest = world.executions()[-1]
    found = world.ask("GetPipelineExecution", pipelineName="p", pipelineExecutionId=newest)["pipelineExecution"]
    assert (found["executionType"], found["trigger"]["triggerType"]) == ("ROLLBACK", "AutomatedRollback")
    shown = world.ask("ListActionExecutions", pipelineName="p", filter={"pipelineExecutionId": newest})
    assert shown["actionExecutionDetails"][0]["input"]["resolvedConfiguration"] == {"CustomData": good}
    world.answer()
    assert world.statuses()[-1] == "Succeeded"
    with pytest.raises(ServiceError) as itself:
        world.ask("RollbackStage", pipelineName="p", stageName="Two", targetPipelineExecutionId=newest)
    assert itself.value.code == "UnableToRollbackStageException"
    first = world.executions()[0]
    world.ask("RollbackStage", pipelineName="p", stageName="Two", targetPipelineExecutionId=first)
    world.settle()
    assert world.statuses()[-1] == "InProgress"


def test_a_shut_transition_holds_and_says_why(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    world.answer()
    door = {"pipelineName": "p", "stageName": "Two", "transitionType": "Inbound"}
    world.ask("DisableStageTransition", **door, reason="freeze")
    world.push(a="2")
    state = world.ask("GetPipelineState", name="p")["stageStates"][1]
    assert state["inboundTransitionState"]["disabledReason"] == "freeze"
    assert state["inboundExecution"]["pipelineExecutionId"] == world.executions()[1]
    world.ask("EnableStageTransition", **door)
    world.settle()
    world.answer()
    assert world.statuses() == ["Succeeded", "Succeeded"]


def test_a_variable_that_nobody_made_fails_the_action_by_name(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    world.create(stage("Two", act("Ask", "Approval/Manual", {"CustomData": "#{Src.Colour}"})))
    assert world.statuses() == ["Failed"]
    assert "#{Src.Colour}" in world.latest("Ask")["errorDetails"]["message"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"variables": [{"name": "No", "value": "x"}]}, "No"),
        ({"sourceRevisions": [{"actionName": "X", "revisionType": "COMMIT_ID", "revisionValue": "1"}]}, "X"),
        (
            {"sourceRevisions": [{"actionName": "Src", "revisionType": "IMAGE_DIGEST", "revisionValue": "1"}]},
            "COMMIT_ID",
        ),
    ],
)
def test_a_start_with_what_the_pipeline_does_not_have_is_refused(world: Any, ask_two: Any, request_, words) -> None:
    world.push(a="1")
    world.create(ask_two, variables=[{"name": "Stage", "defaultValue": "dev"}])
    with pytest.raises(ServiceError, match=words):
        world.ask("StartPipelineExecution", name="p", **request_)
    assert len(world.statuses()) == 1


def test_a_start_with_a_commit_and_variables(world: Any, act: Any, stage: Any) -> None:
    first = world.push(a="1")
    world.push(a="2")
    ask = act("Ask", "Approval/Manual", {"CustomData": "#{variables.Stage} #{Src.CommitId}"})
    world.create(stage("Two", ask), variables=[{"name": "Stage", "defaultValue": "dev"}], executionMode="PARALLEL")
    revision = {"actionName": "Src", "revisionType": "COMMIT_ID", "revisionValue": first}
    given = [{"name": "Stage", "value": "prod"}]
    start = {"name": "p", "variables": given, "sourceRevisions": [revision], "clientRequestToken": "t" * 32}
    one, two = (world.ask("StartPipelineExecution", **start)["pipelineExecutionId"] for _ in range(2))
    assert one == two
    world.settle()
    shown = world.ask("ListActionExecutions", pipelineName="p", filter={"pipelineExecutionId": one})
    assert shown["actionExecutionDetails"][0]["input"]["resolvedConfiguration"] == {"CustomData": f"prod {first}"}


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, world: Any) -> list[dict[str, Any]]:
    """CodeBuild as rows that the test ends."""
    from loopback.services.codebuild import builds as module

    asked: list[dict[str, Any]] = []

    def start(project: str, context: Any, wanted: Any) -> str:
        name = f"{project}:{len(asked)}"
        context.store.create(BUILD, name, {}, parent=project)
        asked.append({"project": project, **vars(wanted)})
        return name

    monkeypatch.setattr(module, "start_for_pipeline", start)
    assert BUILD_PROJECT
    return asked


def make(act: Any) -> Any:
    environment = json.dumps([{"name": "COMMIT", "value": "#{Src.CommitId}"}])
    configuration = {"ProjectName": "x", "EnvironmentVariables": environment}
    return act("Make", "Build/CodeBuild", configuration, ("Code",), ("Made",), namespace="Made", timeoutInMinutes=9)


@pytest.mark.parametrize("killed", [False, True])
def test_a_build_gets_its_source_and_gives_its_variables(world: Any, act: Any, stage: Any, builds: Any, killed) -> None:
    commit = world.push(a="1")
    ask = act("Ask", "Approval/Manual", {"CustomData": "#{Made.Version}"}, runOrder=2)
    world.create(stage("Two", make(act), ask))
    assert builds[0]["environment"] == [{"type": "PLAINTEXT", "value": commit, "name": "COMMIT"}]
    assert (builds[0]["primary"], builds[0]["source_version"], builds[0]["timeout_minutes"]) == ("Code", commit, 9)
    assert builds[0]["initiator"] == "codepipeline/p"
    if killed:
        world.again()
    world.context.store.fire(BUILD, "x:0", "succeed", {"exported": {"Version": "7"}})
    world.on_change(BUILD.slug, "x:0")
    world.settle()
    assert len(builds) == 1
    assert world.latest("Make")["status"] == "Succeeded"
    shown = world.ask("ListActionExecutions", pipelineName="p")["actionExecutionDetails"]
    assert shown[0]["input"]["resolvedConfiguration"] == {"CustomData": "7"}


def test_a_failed_build_says_why(world: Any, act: Any, stage: Any, builds: Any) -> None:
    world.push(a="1")
    world.create(stage("Two", make(act)))
    world.context.store.fire(BUILD, "x:0", "fail", {"failure": "exit status 3"})
    world.on_change(BUILD.slug, "x:0")
    world.settle()
    assert world.statuses() == ["Failed"]
    assert world.latest("Make")["errorDetails"] == {"code": "JobFailed", "message": "exit status 3"}


def test_events_follow_every_change(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    world.answer()
    told = [
        (found.title.split()[1], found.detail.get("stage"), found.detail.get("action"), found.detail["state"])
        for event in world.context.store.events(0)
        for found in announcements(event, world.context)
    ]
    assert told == [
        ("Pipeline", None, None, "STARTED"),
        ("Stage", "Source", None, "STARTED"),
        ("Action", "Source", "Src", "STARTED"),
        ("Action", "Source", "Src", "SUCCEEDED"),
        ("Stage", "Source", None, "SUCCEEDED"),
        ("Stage", "Two", None, "STARTED"),
        ("Action", "Two", "Ask", "STARTED"),
        ("Action", "Two", "Ask", "SUCCEEDED"),
        ("Stage", "Two", None, "SUCCEEDED"),
        ("Pipeline", None, None, "SUCCEEDED"),
    ]


def test_a_deleted_pipeline_leaves_nothing(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    world.ask("DeletePipeline", name="p")
    world.settle()
    with pytest.raises(ServiceError) as gone:
        world.ask("GetPipelineState", name="p")
    assert gone.value.code == "PipelineNotFoundException"
    world.push(a="2")
    world.create(ask_two)
    assert world.statuses() == ["InProgress"]


def test_versions_and_names(world: Any, ask_two: Any) -> None:
    world.push(a="1")
    world.create(ask_two)
    declared = world.ask("GetPipeline", name="p")["pipeline"]
    with pytest.raises(ServiceError) as twice:
        world.ask("CreatePipeline", pipeline=declared)
    assert twice.value.code == "PipelineNameInUseException"
    world.ask("UpdatePipeline", pipeline=declared | {"executionMode": "QUEUED"})
    assert world.ask("GetPipeline", name="p")["pipeline"]["version"] == 2
    assert world.ask("GetPipeline", name="p", version=1)["pipeline"]["executionMode"] == "SUPERSEDED"
    with pytest.raises(ServiceError, match="no version 3"):
        world.ask("GetPipeline", name="p", version=3)
    assert len(world.ask("ListPipelines")["pipelines"]) == 1
