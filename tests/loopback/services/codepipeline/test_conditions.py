"""Stories of conditions: rules in rows, what the operations show of them, and letting an execution past one."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loopback.core.errors import ServiceError
from loopback.core.kinds import DELIVERY_RULE
from loopback.services.announce import announcements
from loopback.services.codepipeline.rules import opens_in

ROLE = "arn:aws:iam::000000000000:role/pipeline"


def rule(provider: str, name: str = "R", **configuration: str) -> dict[str, Any]:
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "ruleTypeId": kind, "configuration": configuration}


def check(value: str, operator: str = "EQ", variable: str = "#{variables.Go}") -> dict[str, Any]:
    return rule("VariableCheck", Variable=variable, Operator=operator, Value=value)


def condition(result: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"conditions": [{"result": result, "rules": list(rules)}]}


GO = {"variables": [{"name": "Go", "defaultValue": "yes"}]}


def stage_of(world: Any, i: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = world.ask("GetPipelineState", name="p")["stageStates"][i]
    return found


def override(world: Any, kind: str = "BEFORE_ENTRY", stage: str = "Two") -> None:
    where = {"pipelineName": "p", "stageName": stage, "pipelineExecutionId": world.executions()[0]}
    world.ask("OverrideStageCondition", conditionType=kind, **where)
    world.settle()


def test_a_stage_is_entered_when_its_condition_is_met(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    message = check("change", "CONTAINS", "#{Src.CommitMessage}") | {"name": "Q"}
    two = stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition("FAIL", check("yes"), message))
    world.create(two, **GO)
    assert world.latest("Ask")["status"] == "InProgress"
    shown = stage_of(world)["beforeEntryConditionState"]
    assert shown["latestExecution"]["status"] == "Succeeded"
    rules = shown["conditionStates"][0]["ruleStates"]
    assert [(each["ruleName"], each["latestExecution"]["status"]) for each in rules] == [
        ("R", "Succeeded"),
        ("Q", "Succeeded"),
    ]
    listed = world.ask("ListRuleExecutions", pipelineName="p")["ruleExecutionDetails"]
    assert [each["ruleName"] for each in listed] == ["Q", "R"]
    assert listed[0]["input"]["resolvedConfiguration"]["Variable"] == "a change"
    assert listed[0]["input"]["roleArn"] == ROLE
    only = world.ask("ListActionExecutions", pipelineName="p")["actionExecutionDetails"]
    assert [each["actionName"] for each in only] == ["Ask", "Src"]


def test_a_stage_is_skipped_and_the_next_one_runs(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    skipped = stage("Skipped", act("Never", "Approval/Manual"), beforeEntry=condition("SKIP", check("no")))
    world.create(skipped, stage("Two", act("Ask", "Approval/Manual")), **GO)
    assert stage_of(world)["latestExecution"]["status"] == "Skipped"
    assert not world.latest("Never")
    world.answer()
    assert world.statuses() == ["Succeeded"]
    told = [
        (found.detail.get("stage"), found.detail["state"])
        for event in world.context.store.events(0)
        for found in announcements(event, world.context)
        if "Stage" in found.title
    ]
    assert ("Skipped", "SKIPPED") in told
    with pytest.raises(ServiceError, match="only a condition that is InProgress"):
        override(world, stage="Skipped")


def test_a_refused_entry_is_overridden_or_retried(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition("FAIL", check("no"))), **GO)
    assert world.statuses() == ["Failed"]
    shown = stage_of(world)["beforeEntryConditionState"]["conditionStates"][0]
    assert shown["latestExecution"]["summary"] == "R: 'yes' EQ 'no' is false"
    assert shown["ruleStates"][0]["latestExecution"]["errorDetails"]["code"] == "RuleFailed"
    retry = {"stageName": "Two", "retryMode": "FAILED_ACTIONS", "pipelineExecutionId": world.executions()[0]}
    world.ask("RetryStageExecution", pipelineName="p", **retry)
    world.settle()
    assert world.statuses() == ["Failed"], "the rule says the same again"
    assert len(world.ask("ListRuleExecutions", pipelineName="p")["ruleExecutionDetails"]) == 2
    latest = {"latestInPipelineExecution": {"pipelineExecutionId": world.executions()[0], "startTimeRange": "Latest"}}
    assert len(world.ask("ListRuleExecutions", pipelineName="p", filter=latest)["ruleExecutionDetails"]) == 1
    override(world)
    assert stage_of(world)["beforeEntryConditionState"]["latestExecution"]["status"] == "Overridden"
    world.answer()
    assert world.statuses() == ["Succeeded"]


def test_an_override_comes_too_late_when_another_has_entered(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition("FAIL", check("no"))), **GO)
    world.push(a="2")
    with pytest.raises(ServiceError) as late:
        override(world)
    assert late.value.code == "NotLatestPipelineExecutionException"


def test_what_cannot_be_looked_at_skips_nothing(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    broken = condition("SKIP", check("x", variable="#{Src.Nothing}"))
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=broken))
    assert world.statuses() == ["Failed"]
    shown = stage_of(world)["beforeEntryConditionState"]["conditionStates"][0]
    assert shown["latestExecution"]["status"] == "Errored"
    assert "#{Src.Nothing} could not be resolved" in shown["latestExecution"]["summary"]


class Alarms:
    """As much of CloudWatch's client as the rule asks for."""

    def __init__(self) -> None:
        self.state = "OK"

    def describe_alarms(self, AlarmNames, AlarmTypes):  # noqa: N803
        found = [{"AlarmName": name, "StateValue": self.state} for name in AlarmNames if name == "errors"]
        return {"MetricAlarms": found, "CompositeAlarms": []}


@pytest.fixture
def alarms(base: Any) -> Alarms:
    made = base.clients["cloudwatch", ROLE] = Alarms()
    return made


def watched(world: Any, act: Any, stage: Any, **more: str) -> None:
    world.push(a="1")
    watch = rule("CloudWatchAlarm", AlarmName="errors", WaitTime="20")
    watch["configuration"] |= more
    world.create(stage("Two", act("Ask", "Approval/Manual"), onSuccess=condition("ROLLBACK", watch)))
    world.answer()
    assert world.statuses() == ["InProgress"]


def test_an_alarm_within_its_time_takes_a_success_back(world: Any, act: Any, stage: Any, alarms: Alarms) -> None:
    watched(world, act, stage)
    world.wait(20 * 60 + 5)
    assert world.statuses() == ["Succeeded"]
    world.push(a="2")
    world.answer()
    alarms.state = "ALARM"
    world.wait(6)
    assert world.statuses() == ["Succeeded", "Failed", "InProgress"]
    assert (
        world.ask("ListPipelineExecutions", pipelineName="p")["pipelineExecutionSummaries"][0]["trigger"]["triggerType"]
        == "AutomatedRollback"
    )


def test_a_success_that_is_looked_at_is_overridden(world: Any, act: Any, stage: Any, alarms: Alarms) -> None:
    watched(world, act, stage)
    override(world, "ON_SUCCESS")
    assert world.statuses() == ["Succeeded"]
    assert [row.status for row in world.context.store.find(DELIVERY_RULE)] == ["Abandoned"]
    shown = stage_of(world)["onSuccessConditionState"]["latestExecution"]
    assert shown["status"] == "Overridden"


@pytest.mark.parametrize("more", [{"AlarmName": "other"}, {"AlarmStates": "RED"}, {"WaitTime": "soon"}])
def test_an_alarm_that_is_not_there_fails_but_takes_nothing_back(world, act, stage, alarms, more) -> None:
    world.push(a="1")
    watch = rule("CloudWatchAlarm", AlarmName="errors") | {}
    watch["configuration"] |= more
    world.create(stage("Two", act("Ask", "Approval/Manual"), onSuccess=condition("ROLLBACK", watch)))
    world.answer()
    assert world.statuses() == ["Failed"]
    shown = stage_of(world)["onSuccessConditionState"]["latestExecution"]
    assert shown["status"] == "Errored"
    assert next(iter(more.values())) in shown["summary"]


def test_a_kill_during_a_condition(world: Any, act: Any, stage: Any, alarms: Alarms) -> None:
    watched(world, act, stage)
    world.again()
    world.wait(20 * 60 + 5)
    assert world.statuses() == ["Succeeded"]


def test_a_rule_has_its_time(world: Any, act: Any, stage: Any, alarms: Alarms) -> None:
    world.push(a="1")
    watch = rule("CloudWatchAlarm", AlarmName="errors", WaitTime="20") | {"timeoutInMinutes": 5}
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition("FAIL", watch)))
    world.wait(5 * 60 + 1)
    assert world.statuses() == ["Failed"]
    assert "The rule 'R' has timed out" in stage_of(world)["beforeEntryConditionState"]["latestExecution"]["summary"]


def test_a_function_is_asked(world: Any, act: Any, stage: Any, base: Any) -> None:
    calls: list[dict[str, Any]] = []

    def function(payload: dict[str, Any]) -> None:
        job = payload["CodePipeline.job"]
        calls.append(job["data"]["actionConfiguration"]["configuration"])
        failure = {"type": "JobFailed", "message": "not today"}
        world.ask("PutJobFailureResult", jobId=job["id"], failureDetails=failure)

    base.functions["f"] = function
    base.clients["sts", ""] = Sts
    world.push(a="1")
    ask = rule("LambdaInvoke", FunctionName="f", UserParameters="#{Src.CommitId}")
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition("FAIL", ask)))
    assert len(calls) == 1
    assert world.statuses() == ["Failed"]
    assert stage_of(world)["beforeEntryConditionState"]["latestExecution"]["summary"] == "R: not today"


class Sts:
    @staticmethod
    def assume_role(**asked: Any) -> dict[str, Any]:
        return {"Credentials": dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken"), "x")}


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        ("* * 9-17 ? * MON-FRI", "2024-05-08 10:30", 0),
        ("* * 9-17 ? * MON-FRI *", "2024-05-08 17:59", 0),
        ("* * 9-17 ? * MON-FRI", "2024-05-08 18:00", 15 * 3600),
        ("* 0-29 * * * ?", "2024-05-08 10:45", 15 * 60),
        ("* * 9-17 ? * MON-FRI", "2024-05-10 18:00", 63 * 3600),
        ("* * * ? * * 2023", "2024-05-08 10:30", None),
    ],
)
def test_when_a_window_opens(window: str, now: str, opens: float | None) -> None:
    assert opens_in(window, datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))) == opens


@pytest.mark.parametrize("window", ["* 9-17 ? * MON-FRI", "0 0 9 ? * MON", "* * 25 ? * MON"])
def test_a_window_that_cannot_be_read(window: str) -> None:
    with pytest.raises(ValueError, match=r"Cron is|25"):
        opens_in(window, datetime.now(ZoneInfo("UTC")))


def test_an_execution_waits_for_its_window(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    world.clock.now = datetime.fromisoformat("2024-05-08 07:30+02:00").timestamp()
    window = rule("DeploymentWindow", Cron="* * 9-17 ? * MON-FRI", TimeZone="Europe/Berlin")
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition("FAIL", window)))
    world.wait(89 * 60)
    assert not world.latest("Ask")
    world.wait(60)
    assert world.latest("Ask")["status"] == "InProgress"


def test_a_time_zone_that_is_none_is_named(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    window = rule("DeploymentWindow", Cron="* * 9-17 ? * MON-FRI", TimeZone="Europe")
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition("FAIL", window)))
    assert "'Europe' is no time zone" in stage_of(world)["beforeEntryConditionState"]["latestExecution"]["summary"]


def test_rule_types_are_those_that_run(world: Any) -> None:
    found = {each["id"]["provider"]: each for each in world.ask("ListRuleTypes")["ruleTypes"]}
    assert sorted(found) == [
        "CloudWatchAlarm",
        "CodeBuild",
        "Commands",
        "DeploymentWindow",
        "LambdaInvoke",
        "VariableCheck",
    ]
    assert [p["name"] for p in found["CloudWatchAlarm"]["ruleConfigurationProperties"] if p["required"]] == [
        "AlarmName"
    ]
    assert world.ask("ListRuleTypes", regionFilter="eu-west-1")["ruleTypes"] == []
