"""Executions as the verbs read them: which one carries a change, what waits, where the time went."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.cli import closing, deliveries, follow, promote, ship, stages, waterfall
from slipway.cli.deliveries import Action
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROJECT = Project(
    "p",
    "p-1",
    {
        "ModelBuildPipelineName": "build",
        "ModelDeployPipelineName": "deploy",
        "ModelPackageGroupName": "p-churn",
        "StagingStackName": "stack-staging",
        "ProdStackName": "stack-prod",
        "ArtifactBucketName": "bucket",
    },
)


class Refused(Exception):
    pass


class Answers:
    """A client whose operations answer from a table, by name."""

    class exceptions:  # noqa: N801
        ClientError = Refused

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers, self.asked = answers, []

    def __getattr__(self, name: str) -> Any:
        def ask(**request: Any) -> Any:
            self.asked.append((name, request))
            found = self._answers[name]
            found = found(**request) if callable(found) else found
            if isinstance(found, Exception):
                raise found
            return found

        return ask

    def get_paginator(self, name: str) -> Any:
        outer = self

        class Pages:
            def paginate(self, **request: Any) -> list[Any]:
                return [getattr(outer, name)(**request)]

        return Pages()


def target(**clients: dict[str, Any]) -> Any:
    class Fake(Target):
        def client(self, service: str) -> Any:
            return made[service]

    made = {name: Answers(answers) for name, answers in clients.items()}
    return Fake({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, local=True, project="p")


def summary(name: str, after: int, commit: str = "c1") -> dict[str, Any]:
    return {
        "pipelineExecutionId": name,
        "startTime": NOW + timedelta(seconds=after),
        "sourceRevisions": [{"revisionId": commit}],
        "status": "Succeeded",
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [({}, "b"), ({"commit": "c1"}, "a"), ({"commit": "c9"}, None), ({"version": "arn:v/2"}, "a")],
)
def test_the_execution_of_a_change_is_found(wanted: dict[str, str], found: str | None) -> None:
    carried = {"a": "arn:v/2", "b": "latest"}

    def described(pipelineName: str, pipelineExecutionId: str) -> Any:  # noqa: N803
        variables = [{"name": "ModelPackageArn", "resolvedValue": carried[pipelineExecutionId]}]
        return {"pipelineExecution": {"status": "Succeeded", "variables": variables}}

    listed = {"pipelineExecutionSummaries": [summary("b", 9, "c2"), summary("a", 5), summary("old", -5)]}
    fake = target(codepipeline={"list_pipeline_executions": listed, "get_pipeline_execution": described})
    assert deliveries.newest(fake, "build", NOW, **wanted) == found


def detail(stage: str, name: str, status: str, began: int, ended: int, **output: Any) -> dict[str, Any]:
    return {
        "stageName": stage,
        "actionName": name,
        "status": status,
        "startTime": NOW + timedelta(seconds=began),
        "lastUpdateTime": NOW + timedelta(seconds=ended),
        "output": output,
    }


def test_of_a_retried_action_the_last_attempt_counts_and_waiting_has_a_token() -> None:
    failed = {"executionResult": {"errorDetails": {"message": "it broke"}, "externalExecutionId": "p:1"}}
    details = [
        detail("Approve", "Approve", "InProgress", 20, 20),
        detail("Build", "Build", "Succeeded", 10, 15),
        detail("Build", "Build", "Failed", 0, 5, **failed),
    ]
    state = {
        "stageStates": [
            {
                "stageName": "Approve",
                "latestExecution": {"pipelineExecutionId": "x", "status": "InProgress"},
                "actionStates": [{"actionName": "Approve", "latestExecution": {"token": "t"}}],
            }
        ]
    }
    answers = {"list_action_executions": {"actionExecutionDetails": details}, "get_pipeline_state": state}
    build, approve = deliveries.actions(target(codepipeline=answers), "deploy", "x")
    assert (build.status, build.summary, follow.seconds(build)) == ("Succeeded", "", 5.0)
    assert (approve.waits, follow.state(approve), approve.ended) == ("t", "Waiting", None)
    assert follow.seconds(approve, NOW + timedelta(seconds=50)) == 30.0
    [_, other] = deliveries.actions(target(codepipeline=answers), "deploy", "another")
    assert other.waits == ""


def test_what_was_skipped_is_told_but_has_not_arrived(capsys: pytest.CaptureFixture[str]) -> None:
    latest = {"pipelineExecutionId": "x", "status": "Skipped"}
    state = {"stageStates": [{"stageName": "DeployProd", "latestExecution": latest, "actionStates": []}]}
    details = [detail("Build", "Build", "Succeeded", 10, 15)]
    fake = target(
        codepipeline={
            "list_action_executions": {"actionExecutionDetails": details},
            "get_pipeline_state": state,
            "get_pipeline_execution": {"pipelineExecution": {"status": "Succeeded"}},
        }
    )
    actions = deliveries.actions(fake, "deploy", "x")
    assert [(action.name, action.status) for action in actions] == [("Build", "Succeeded"), ("DeployProd", "Skipped")]
    assert follow.seconds(actions[1], NOW) is None
    assert not ship._report_end(fake, "deploy", "x", actions, ship.Wishes("churn"))
    assert "no version is approved yet" in capsys.readouterr().err
    assert len(deliveries.actions(fake, "deploy", "another")) == 1


def test_a_failure_is_noted_by_its_first_line() -> None:
    assert follow.note(Action("s", "a", "Failed", NOW, NOW, "first\nsecond")) == "first"
    assert follow.note(Action("s", "a", "Succeeded", NOW, NOW, "fine")) == ""


def endpoint(**more: Any) -> dict[str, Any]:
    return {"EndpointStatus": "InService", "LastModifiedTime": NOW, "ProductionVariants": [], **more}


def test_a_stage_tells_its_version_instances_and_alarms() -> None:
    variants = [{"CurrentInstanceCount": 1, "DesiredInstanceCount": 3}, {}]
    outputs = [{"OutputKey": "ModelPackageName", "OutputValue": "arn:v/4"}]
    package = {"ModelPackageVersion": 4, "CustomerMetadataProperties": {"ApprovedBy": "arn:aws:iam::1:user/ann"}}
    alarms = {"MetricAlarms": [{"AlarmName": "p-prod-5xx", "StateValue": "OK"}]}
    fake = target(
        sagemaker={
            "describe_endpoint": endpoint(ProductionVariants=variants),
            "describe_model_package": package,
        },
        cloudformation={"describe_stacks": {"Stacks": [{"Outputs": outputs}]}},
        cloudwatch={"describe_alarms": alarms},
    )
    found = stages.describe(fake, PROJECT, "prod")
    assert (found.version, found.instances, found.alarms) == (4, "1 -> 3, serverless", {"p-prod-5xx": "OK"})
    assert found.approved_by == "arn:aws:iam::1:user/ann"


def test_a_stage_that_never_was_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    found = stages.describe(target(sagemaker={"describe_endpoint": Refused()}), PROJECT, "staging")
    assert (found.version, found.status) == (0, "not deployed")
    stages.show_table([found])
    assert "p-staging" in capsys.readouterr().out


def executions(**versions: int) -> Any:
    def actions(pipelineName: str, filter: dict[str, str]) -> Any:  # noqa: N803
        number = versions[filter["pipelineExecutionId"]]
        return {"actionExecutionDetails": [{"output": {"outputVariables": {"MODEL_PACKAGE_VERSION": str(number)}}}, {}]}

    listed = [summary(name, -number) for number, name in enumerate(versions)]
    return target(
        codepipeline={
            "list_pipeline_executions": {"pipelineExecutionSummaries": listed},
            "list_action_executions": actions,
        }
    )


@pytest.mark.parametrize(("now", "to", "found"), [(5, 0, ("b", 4)), (5, 3, ("c", 3)), (4, 0, ("a", 5))])
def test_what_a_stage_ran_before(now: int, to: int, found: tuple[str, int]) -> None:
    assert promote._earlier(executions(a=5, b=4, c=3), PROJECT, "prod", now, to) == found


def test_a_version_that_a_stage_never_ran_is_refused() -> None:
    with pytest.raises(UserError, match=r"prod has not run version 9 yet; it has run: 4, 5"):
        promote._earlier(executions(a=5, b=4), PROJECT, "prod", 5, 9)


def test_bars_share_a_scale_and_are_never_nothing() -> None:
    spans = [
        waterfall.Span("long", NOW, NOW + timedelta(seconds=8)),
        waterfall.Span("none", NOW + timedelta(seconds=8), NOW + timedelta(seconds=8)),
    ]
    long, none = waterfall.bars(spans, 8)
    assert (long, none) == ("████████", "       ▏")
    assert waterfall.bars([], 8) == []


def test_the_time_of_people_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "build": [Action("Build", "Build", "Succeeded", NOW, NOW + timedelta(seconds=4))],
        "deploy": [
            Action("ApproveProd", "ApproveProd", "Succeeded", NOW, NOW + timedelta(seconds=9)),
            Action("DeployProd", "DeployProd", "InProgress", NOW, None),
        ],
    }
    monkeypatch.setattr(deliveries, "actions", lambda _target, pipeline, _execution: found[pipeline])
    monkeypatch.setattr(closing, "_steps", lambda *_: [waterfall.Span("Train", NOW, NOW, depth=1)])
    trip = closing.Trip(NOW, "c", "b", 1, "d")
    spans = closing.collect_spans(target(), PROJECT, trip)
    assert [(s.name, s.depth, s.waiting) for s in spans] == [
        ("Build (build)", 0, False),
        ("Train", 1, False),
        ("ApproveProd", 0, True),
    ]
