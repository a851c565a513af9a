"""What the project's topic hears: a queue on it, and what people would be sent."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.conftest import until
from tests.journeys.launched import NAME, Launched

pytestmark = pytest.mark.journey


class Inbox:
    """A queue that hears the topic."""

    def __init__(self, mill: Launched) -> None:
        self.sqs, self.sns = mill.client("sqs"), mill.client("sns")
        self.url = self.sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.subscription = self.sns.subscribe(
            TopicArn=mill.project.outputs["NotificationTopicArn"],
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        self.read: list[dict[str, Any]] = []

    def message(self, what: str) -> dict[str, Any]:
        """The first one that says this, once it has come."""

        def found() -> dict[str, Any] | None:
            for got in self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
                self.read.append(json.loads(got["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=got["ReceiptHandle"])
            return next((message for message in self.read if what in message.get("what", "")), None)

        message: dict[str, Any] = until(found, 60, lambda: f"{what}: {self.read}")
        assert message["project"] == NAME
        return message


@pytest.fixture
def inbox(mill: Launched) -> Iterator[Inbox]:
    made = Inbox(mill)
    yield made
    made.sns.unsubscribe(SubscriptionArn=made.subscription)
    made.sqs.delete_queue(QueueUrl=made.url)


def test_a_version_that_waits(mill: Launched, inbox: Inbox) -> None:
    number = mill.registered()
    message = inbox.message(f"version {number} of {NAME}-churn waits for approval")
    figures, champion = message["why"]
    assert "auc 0.9" in figures
    assert champion.startswith("not compared with a champion: ")
    assert f"slipway approve {number} -p churn" in message["next"]


def test_a_gate_that_is_not_passed_says_its_figures(mill: Launched, inbox: Inbox) -> None:
    given = {"MinAuc": "0.99999", "InputDataUrl": mill.package(1)["CustomerMetadataProperties"]["InputDataUrl"]}
    parameters = [{"Name": name, "Value": value} for name, value in given.items()]
    mill.client("sagemaker").start_pipeline_execution(PipelineName=f"{NAME}-churn", PipelineParameters=parameters)
    message = inbox.message("failed in Fail; no version was registered")
    (why,) = message["why"]
    assert "Not registered: auc 0.9" in why
    assert "(MinAuc 0.99999)" in why
    assert message["next"].startswith("slipway steps -p churn")


def test_a_build_that_fails(mill: Launched, inbox: Inbox) -> None:
    codebuild, name = mill.client("codebuild"), mill.project.build
    source = codebuild.batch_get_projects(names=[name])["projects"][0]["source"]
    broken = "version: 0.2\nphases: {build: {commands: [exit 3]}}\n"
    codebuild.update_project(name=name, source=source | {"buildspec": broken})
    try:
        started = mill.client("codepipeline").start_pipeline_execution(name=name)["pipelineExecutionId"]
        message = inbox.message("modelbuild failed in Build")
    finally:
        codebuild.update_project(name=name, source=source)
    assert message["what"] == f"modelbuild failed in Build: execution {started}"
    assert "exit 3" in message["why"][0]

    recovered = mill.client("codepipeline").start_pipeline_execution(name=name)["pipelineExecutionId"]
    message = inbox.message("modelbuild works again")
    assert message["what"].endswith(recovered)
    assert message["why"] == ["1 failed before it, the last in Build of stage Build"]


def test_a_deployment_that_is_refused(mill: Launched, inbox: Inbox) -> None:
    number = mill.registered()
    mill.approve(number)
    execution = mill.deployment_of(number)
    mill.answer(execution, "Rejected")
    assert mill.ended(execution) == "Failed"
    message = inbox.message("modeldeploy failed in ApproveProd")
    assert message["what"].endswith(execution)
    assert message["why"] == ["ApproveProd: by the story"]
    assert message["next"].startswith("slipway stages")

    mill.approve(again := mill.registered())
    recovered = mill.deployment_of(again)
    mill.answer(recovered)
    message = inbox.message("modeldeploy works again")
    assert message["what"].endswith(recovered)
    assert message["why"] == ["1 failed before it, the last in ApproveProd of stage ApproveProd"]


def test_a_build_whose_gate_is_not_passed_sends_one_message_and_its_recovery_another(
    mill: Launched, inbox: Inbox
) -> None:
    config = mill.folder / "pipelines/churn/config.yml"
    before = config.read_text()
    mill.edit("pipelines/churn/config.yml", "auc: 0.95", "auc: 0.99999")
    mill.slipway_push("a threshold that nothing meets")
    inbox.message("failed in Fail; no version was registered")
    config.write_text(before)
    mill.slipway_push("the threshold that was there")
    message = inbox.message("pipeline churn works again")
    assert re.match(r"\d failed before it, the last was run ", message["why"][0])
    inbox.message("waits for approval")
    told = [message["what"].partition(":")[0] for message in inbox.read]
    assert [what for what in told if what.startswith("modelbuild")] == []


def test_a_staging_test_that_fails_says_which_checks(mill: Launched, inbox: Inbox) -> None:
    path, right = "slipway/tabular/scripts/inference.py", "model.predict(model.parse(body, content_type))"
    mill.edit(path, right, f"(0.9 - {right})")
    try:
        mill.slipway("ship", "churn", "--approve", "auto", code=1)
    finally:
        mill.edit(path, f"(0.9 - {right})", right)
    message = inbox.message("modeldeploy failed in TestStaging")
    action, *checks = message["why"]
    assert action.startswith("TestStaging: ")
    assert any(re.match(r"[a-z].*: .*\d", check) for check in checks), checks

    mill.slipway("ship", "churn", "--approve", "auto")
    inbox.message("modeldeploy works again")
