"""Deployments carried out against an alias in memory, with time in the test's hands."""

import json
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loopback.core.errors import ServiceError
from loopback.services.announce import announcements
from loopback.services.codedeploy.shifts import Shifts

ROLE = "arn:aws:iam::000000000000:role/codedeploy"
ROLLS_BACK = {
    "enabled": True,
    "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
}
CANARY = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
OLD, NEW = ("3", {}), ("4", {})


class Here(Executor):
    """Runs at once."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        function(*given, **named)
        return Future()


class Alias:
    """Lambda, with one alias `live` of `f`, whose versions are 3 and 4."""

    def __init__(self) -> None:
        self.at: tuple[str, dict[str, float]] = OLD
        self.fault = ""

    def get_alias(self, **_request: Any) -> dict[str, Any]:
        return {"FunctionVersion": self.at[0]}

    def get_function_configuration(self, **request: Any) -> dict[str, Any]:
        if request["Qualifier"] not in ("3", "4"):
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no version"}}, "Get")
        return {}

    def update_alias(self, **request: Any) -> None:
        if self.fault:
            raise ClientError({"Error": {"Code": self.fault, "Message": "no"}}, "UpdateAlias")
        self.at = (request["FunctionVersion"], request["RoutingConfig"]["AdditionalVersionWeights"])


class Story:
    """An application, its group and the driver."""

    def __init__(self, ask: Any, base: Any, clock: Any) -> None:
        self.alarms: dict[str, str] = {}
        ask.context = replace(ask.context, base=self.described)
        self.ask, self.clock, self.alias, self.base = ask, clock, Alias(), base
        base.clients["lambda", ROLE] = self.alias
        self.restart()

    def described(self, _service: str, _target: str, request: Any) -> dict[str, Any]:
        known = [name for name in request["AlarmNames"] if name in self.alarms]
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": self.alarms[name]} for name in known]}

    def save(self) -> None:
        self.mark_saved = self.alias.at

    def restart(self) -> None:
        self.shifts = Shifts(self.ask.context, Here(), self.save, self.clock)

    def deploy(self, *, hooks: Any = (), target: str = "4", **more: Any) -> str:
        properties = {"Name": "f", "Alias": "live", "CurrentVersion": "3", "TargetVersion": target}
        resource = {"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}
        content = json.dumps({"version": 0.0, "Resources": [resource], "Hooks": list(hooks)})
        revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
        where = {"applicationName": "shop", "deploymentGroupName": "live", "revision": revision}
        made = self.ask("CreateDeployment", **where, **more)["deploymentId"]
        self.shifts.tick()
        return str(made)

    def later(self, seconds: float) -> None:
        self.clock.now += seconds
        self.shifts.tick()

    def shown(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GetDeployment", deploymentId=name)["deploymentInfo"]
        return found

    def events(self, name: str) -> list[tuple[str, str]]:
        found = self.ask("GetDeploymentTarget", deploymentId=name, targetId="f:live")["deploymentTarget"]
        events = found["lambdaTarget"]["lifecycleEvents"]
        return [(event["lifecycleEventName"], event["status"]) for event in events]

    def answers(self, status: str) -> Callable[[Any], None]:
        def hook(event: Any) -> None:
            told = {"deploymentId": event["DeploymentId"], "status": status}
            identity = event["LifecycleEventHookExecutionId"]
            self.ask("PutLifecycleEventHookExecutionStatus", **told, lifecycleEventHookExecutionId=identity)

        return hook


@pytest.fixture
def story(ask: Any, base: Any, clock: Any) -> Story:
    made = Story(ask, base, clock)
    ask.group(deploymentConfigName=CANARY, autoRollbackConfiguration=ROLLS_BACK)
    return made


def test_a_canary_holds_its_share_for_its_time(story: Story) -> None:
    name = story.deploy()
    assert (story.alias.at, story.shown(name)["status"]) == (("3", {"4": 0.1}), "InProgress")
    with pytest.raises(ServiceError, match=f"already has an active Deployment '{name}'"):
        story.deploy()
    story.later(299)
    assert story.alias.at == story.mark_saved == ("3", {"4": 0.1})
    story.later(1)
    shown = story.shown(name)
    assert (story.alias.at, shown["status"], shown["creator"]) == (NEW, "Succeeded", "user")
    assert shown["deploymentOverview"]["Succeeded"] == 1
    assert shown["completeTime"] - shown["startTime"] == 300
    assert story.ask("ListDeployments", includeOnlyStatuses=["Succeeded"])["deployments"] == [name]
    group = story.ask("GetDeploymentGroup", applicationName="shop", deploymentGroupName="live")
    assert group["deploymentGroupInfo"]["lastSuccessfulDeployment"]["deploymentId"] == name


def test_a_linear_shift_goes_on_where_it_was_after_a_kill(story: Story) -> None:
    name = story.deploy(deploymentConfigName="CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
    story.restart()
    story.later(59)
    assert story.alias.at == ("3", {"4": 0.1})
    story.later(100_000)  # what was not watched does not count: one step, for its whole time
    assert story.alias.at == ("3", {"4": 0.2})
    for _ in range(8):
        story.later(60)
    assert (story.alias.at, story.shown(name)["status"]) == (NEW, "Succeeded")


def test_hooks_run_around_the_traffic(story: Story) -> None:
    seen = []
    succeed = story.answers("Succeeded")
    story.base.functions |= {"pre": lambda event: (seen.append(story.alias.at), succeed(event))}
    story.base.functions |= {"post": lambda event: (seen.append(story.alias.at), succeed(event))}
    hooks = [{"BeforeAllowTraffic": "pre"}, {"AfterAllowTraffic": "post"}]
    name = story.deploy(hooks=hooks, deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce")
    for _ in range(3):
        story.shifts.tick()
    assert (seen, story.shown(name)["status"]) == ([OLD, NEW], "Succeeded")
    order = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
    assert story.events(name) == [(event, "Succeeded") for event in order]


@pytest.mark.parametrize("event", ["BeforeAllowTraffic", "AfterAllowTraffic"])
@pytest.mark.parametrize("how", ["it says Failed", "it raises", "it is silent"])
def test_a_hook_that_fails_brings_the_old_version_back(story: Story, event: str, how: str) -> None:
    if how == "it says Failed":
        story.base.functions["hook"] = story.answers("Failed")
    if how == "it is silent":
        story.base.functions["hook"] = lambda _event: None
    name = story.deploy(hooks=[{event: "hook"}], deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce")
    story.later(3601)
    story.later(1)
    shown = story.shown(name)
    code = "TIMEOUT" if how == "it is silent" else "HOOK_EXECUTION_FAILURE"
    assert (shown["status"], shown["errorInformation"]["code"]) == ("Failed", code)
    back = story.shown(shown["rollbackInfo"]["rollbackDeploymentId"])
    assert (back["creator"], back["rollbackInfo"]) == ("codeDeployRollback", {"rollbackTriggeringDeploymentId": name})
    assert (story.alias.at, back["status"]) == (OLD, "Succeeded")


def test_a_hook_is_called_again_after_a_kill_and_answers_once(story: Story) -> None:
    calls: list[Any] = []
    story.base.functions["hook"] = calls.append
    name = story.deploy(hooks=[{"BeforeAllowTraffic": "hook"}])
    story.shifts.tick()
    story.restart()
    story.shifts.tick()
    assert len(calls) == 2
    assert calls[0] == calls[1]
    story.answers("Succeeded")(calls[0])
    with pytest.raises(ServiceError) as fault:
        story.answers("Failed")(calls[0])
    assert fault.value.code == "LifecycleEventAlreadyCompletedException"
    story.shifts.tick()
    assert (story.alias.at, story.shown(name)["status"]) == (("3", {"4": 0.1}), "InProgress")


@pytest.mark.parametrize(
    ("states", "ignored", "stops"),
    [
        ({"errors": "OK"}, False, False),
        ({"errors": "ALARM"}, False, True),
        ({"errors": "ALARM"}, True, True),
        ({}, False, True),
        ({}, True, False),
    ],
)
def test_an_alarm_stops_and_rolls_back(story: Story, states: dict[str, str], ignored: bool, stops: bool) -> None:
    story.alarms = {"errors": "OK"}
    config = {"enabled": True, "alarms": [{"name": "errors"}], "ignorePollAlarmFailure": ignored}
    name = story.deploy(overrideAlarmConfiguration=config)
    story.alarms = states
    story.later(1)
    story.later(1)
    shown = story.shown(name)
    if stops:
        assert (shown["status"], shown["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
        assert story.alias.at == OLD
    else:
        assert (shown["status"], story.alias.at) == ("InProgress", ("3", {"4": 0.1}))


@pytest.mark.parametrize(("asked", "left"), [(None, OLD), (True, OLD), (False, ("3", {"4": 0.1}))])
def test_a_stop_rolls_back_as_asked_or_configured(story: Story, asked: bool | None, left: Any) -> None:
    name = story.deploy()
    assert story.ask("StopDeployment", deploymentId=name, autoRollbackEnabled=asked)["status"] == "Pending"
    for _ in range(2):
        story.shifts.tick()
    shown = story.shown(name)
    assert (shown["status"], shown["errorInformation"]["code"], story.alias.at) == ("Stopped", "MANUAL_STOP", left)
    assert ("rollbackInfo" in shown) == (left == OLD)
    with pytest.raises(ServiceError) as fault:
        story.ask("StopDeployment", deploymentId=name)
    assert fault.value.code == "DeploymentAlreadyCompletedException"


def test_what_cannot_begin_fails_and_leaves_the_alias(story: Story) -> None:
    missing = story.shown(story.deploy(target="9"))
    assert (missing["status"], missing["errorInformation"]["code"]) == ("Failed", "INVALID_LAMBDA_FUNCTION")
    story.alias.at = NEW
    moved = story.shown(story.deploy())
    assert moved["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
    assert "at version 4, not at CurrentVersion 3" in moved["errorInformation"]["message"]
    assert (story.alias.at, "rollbackInfo" in moved) == (NEW, False)
    story.alias.at, story.alias.fault = OLD, "AccessDeniedException"
    assert story.shown(story.deploy())["errorInformation"]["code"] == "IAM_ROLE_PERMISSIONS"


def test_a_group_that_is_deleted_ends_its_deployment_and_the_alias_goes_back(story: Story) -> None:
    name = story.deploy()
    story.ask("DeleteApplication", applicationName="shop")
    for _ in range(2):
        story.shifts.tick()
    assert story.shown(name)["errorInformation"]["code"] == "DEPLOYMENT_GROUP_MISSING"
    assert story.alias.at == OLD


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"revision": {"revisionType": "S3"}}, "InvalidRevisionException"),
        (
            {"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": "{}", "sha256": "0"}}},
            "InvalidRevisionException",
        ),
        (
            {"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": "\ud800", "sha256": "0"}}},
            "InvalidRevisionException",
        ),
        (
            {"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": "version: 0x" + "f" * 9999}}},
            "InvalidRevisionException",
        ),
        ({"targetInstances": {"autoScalingGroups": ["a"]}}, "InvalidInputException"),
        ({}, "RevisionRequiredException"),
    ],
)
def test_what_is_not_deployed_is_refused_by_name(story: Story, more: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceError) as fault:
        story.ask("CreateDeployment", applicationName="shop", deploymentGroupName="live", **more)
    assert fault.value.code == code


class Topic:
    """SNS, which keeps what it is told; with a fault it refuses."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.fault = ""

    def publish(self, **message: Any) -> None:
        if self.fault:
            raise ClientError({"Error": {"Code": self.fault, "Message": "no"}}, "Publish")
        self.said.append((message["Subject"].partition(" in ")[0], json.loads(message["Message"])))


TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
EVERYTHING = ["DeploymentStart", "DeploymentSuccess", "DeploymentFailure", "DeploymentStop", "DeploymentRollback"]


def told(story: Story) -> list[tuple[str, str]]:
    """What EventBridge hears: deployment and state."""
    return [
        (found.detail["deploymentId"], found.detail["state"])
        for event in story.ask.context.store.events(0)
        for found in announcements(event, story.ask.context)
    ]


@pytest.mark.parametrize("fault", ["", "NotFound"])
def test_topics_and_rules_hear_how_a_deployment_goes(ask: Any, base: Any, clock: Any, fault: str) -> None:
    story = Story(ask, base, clock)
    topic = base.clients["sns", ROLE] = Topic()
    triggers = [
        {"triggerName": "all", "triggerTargetArn": TOPIC, "triggerEvents": EVERYTHING},
        {"triggerName": "back", "triggerTargetArn": TOPIC, "triggerEvents": ["DeploymentRollback"]},
    ]
    ask.group(deploymentConfigName=CANARY, autoRollbackConfiguration=ROLLS_BACK, triggerConfigurations=triggers)
    topic.fault = fault
    name = story.deploy()
    story.ask("StopDeployment", deploymentId=name)
    story.later(1)
    story.later(1)
    back = story.shown(name)["rollbackInfo"]["rollbackDeploymentId"]
    assert story.alias.at == OLD
    assert told(story) == [(name, "START"), (name, "STOP"), (back, "START"), (back, "SUCCESS")]
    if fault:
        return
    heard = [(subject, message["eventTriggerName"]) for subject, message in topic.said]
    assert heard == [
        (f"INPROGRESS: AWS CodeDeploy {name}", "all"),
        (f"STOPPED: AWS CodeDeploy {name}", "all"),
        (f"INPROGRESS: AWS CodeDeploy {back}", "all"),
        (f"INPROGRESS: AWS CodeDeploy {back}", "back"),
        (f"SUCCEEDED: AWS CodeDeploy {back}", "all"),
    ]
    stopped = topic.said[1][1]
    assert stopped["errorInformation"]["ErrorCode"] == "MANUAL_STOP"
    assert (stopped["applicationName"], stopped["deploymentGroupName"]) == ("shop", "live")
    assert stopped["deploymentOverview"]["Failed"] == "1"


@pytest.mark.parametrize(
    ("triggers", "words"),
    [
        ([{"triggerTargetArn": TOPIC, "triggerEvents": EVERYTHING}], "every trigger needs a name"),
        ([{"triggerName": "t", "triggerTargetArn": "arn:aws:sqs:x", "triggerEvents": EVERYTHING}], "not an SNS topic"),
        ([{"triggerName": "t", "triggerTargetArn": TOPIC}], "has no events"),
        ([{"triggerName": str(i)} for i in range(11)], "at most 10"),
    ],
)
def test_a_trigger_that_cannot_be_used_is_named(ask: Any, triggers: list[Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        ask.group(deploymentConfigName=CANARY, triggerConfigurations=triggers)
