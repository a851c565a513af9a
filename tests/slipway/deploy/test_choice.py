"""Which version a run of the deploy pipeline takes."""

import pytest

from slipway.deploy import choice
from slipway.deploy.versions import IN_PRODUCTION, NEWEST

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/demo-churn/{}"


@pytest.mark.parametrize(
    ("asked", "serving", "build", "source", "arn"),
    [
        (ARN.format(7), ARN.format(5), "", choice.GIVEN, ARN.format(7)),
        (ARN.format(7), ARN.format(5), "e-1", choice.GIVEN, ARN.format(7)),
        (IN_PRODUCTION, ARN.format(5), "", choice.PRODUCTION, ARN.format(5)),
        (IN_PRODUCTION, ARN.format(5), "e-1", choice.NOTHING, ""),
        (IN_PRODUCTION, "", "e-1", choice.NOTHING, ""),
        (IN_PRODUCTION, "", "", choice.APPROVED, ""),
        (NEWEST, ARN.format(5), "", choice.APPROVED, ""),
        (NEWEST, ARN.format(5), "e-1", choice.APPROVED, ""),
    ],
    ids=[
        "approved",
        "approved while another is built",
        "a push to deploy/",
        "a push to both halves",
        "a push to both halves before a first release",
        "a push before a first release",
        "the newest by name",
        "the newest by name while another is built",
    ],
)
def test_the_version_of_a_run(asked, serving, build, source, arn):
    found = choice.choose(asked, serving, build)
    assert (found.source, found.arn) == (source, arn)
    assert found.reason


def execution(status="InProgress", commit="c1", trigger="StartPipelineExecution"):
    return {
        "pipelineExecutionId": f"{status}-{commit}",
        "status": status,
        "trigger": {"triggerType": trigger},
        "sourceRevisions": [{"actionName": "Source", "revisionId": commit}],
    }


@pytest.mark.parametrize(
    ("executions", "found"),
    [
        ([], ""),
        ([execution()], "InProgress-c1"),
        ([execution(commit="c2"), execution()], "InProgress-c1"),
        ([execution(trigger="WebhookV2")], "InProgress-c1"),
        ([execution(trigger="CloudWatchEvent")], ""),
        ([execution(commit="c2")], ""),
        ([execution("Failed"), execution("Succeeded"), execution("Superseded")], ""),
        ([{"pipelineExecutionId": "x", "status": "InProgress"}], ""),
    ],
    ids=[
        "none",
        "of the same push",
        "behind another",
        "over a connection",
        "for new data",
        "of another push",
        "ended",
        "before its source",
    ],
)
def test_the_build_of_the_same_push(executions, found):
    assert choice.build_of("c1", executions) == found
    assert choice.build_of("", executions) == ""
