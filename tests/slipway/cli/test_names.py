"""A name, an ARN or a project's own word for a pipeline, group or endpoint; one that stands alone needs none."""

import pytest

from slipway.cli import names
from slipway.cli.target import UserError, WrongUsage

KNOWN = ["MyPipe", "churn", "demo-abalone", "demo-churn", "demo-run-fraud", "demo-run-abalone"]
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MyPipe", "MyPipe"),
        ("mypipe", "MyPipe"),
        ("churn", "churn"),
        ("abalone", "demo-abalone"),
        ("fraud", "demo-run-fraud"),
        ("demo-churn", "demo-churn"),
        (f"{ARN}pipeline/mypipe", "MyPipe"),
        (f"{ARN}pipeline/demo-churn/execution/abc", "demo-churn"),
        (f"{ARN}model-package-group/demo-churn", "demo-churn"),
        (f"{ARN}model-package/demo-churn/3", "demo-churn"),
    ],
)
def test_a_full_name_is_taken_as_it_is(text, name) -> None:
    assert names.match_name(text, KNOWN, "demo", "no") == name


@pytest.mark.parametrize("text", ["nope", "chur", f"{ARN}pipeline/nope", f"{ARN}pipeline/abalone"])
def test_what_is_not_there_is_refused_with_what_is(text) -> None:
    with pytest.raises(UserError, match="no; it has: MyPipe, churn, demo-abalone"):
        names.match_name(text, KNOWN, "demo", "no")


def have(aws, *pipelines) -> None:
    aws.answers["ListPipelines"] = {"PipelineSummaries": [{"PipelineName": name} for name in pipelines]}
    aws.answers["ListModelPackageGroups"] = {
        "ModelPackageGroupSummaryList": [
            {
                "ModelPackageGroupName": name,
                "ModelPackageGroupArn": f"{ARN}model-package-group/{name}",
                "CreationTime": "2026-01-01T00:00:00Z",
                "ModelPackageGroupStatus": "Completed",
            }
            for name in pipelines
        ]
    }


def test_the_only_one_needs_no_name(aws) -> None:
    have(aws, "team-else")
    assert names.pipeline(aws.target, "") == names.group(aws.target, "") == "team-else"


def test_of_several_the_launched_projects(aws) -> None:
    have(aws, "demo-churn", "demo-run-churn")
    aws.answers["DescribeProject"] = {
        "ProjectName": "demo",
        "ProjectId": "p-1",
        "ProjectStatus": "CreateCompleted",
        "TemplateProviderDetails": [{"CfnTemplateProviderDetail": {"StackDetail": {"Id": "stack"}}}],
    }
    outputs = [{"OutputKey": "ModelPackageGroupName", "OutputValue": "demo-churn"}]
    aws.answers["DescribeStacks"] = {"Stacks": [{"Outputs": outputs}]}
    assert names.pipeline(aws.target, "") == names.group(aws.target, "") == "demo-churn"


def test_of_several_none_is_guessed(aws) -> None:
    have(aws, "one", "two")
    aws.answers["DescribeProject"] = "ValidationException: no such project"
    with pytest.raises(WrongUsage, match=r"Which pipeline\? Name it with --pipeline; AWS has: one, two"):
        names.pipeline(aws.target, "")


def test_none_yet(aws) -> None:
    have(aws)
    with pytest.raises(UserError, match="no model package group on AWS yet"):
        names.group(aws.target, "")


def test_the_group_of_another_account_is_left_to_aws(aws) -> None:
    have(aws, "demo-churn")
    shared = "arn:aws:sagemaker:eu-west-1:999999999999:model-package-group/shared"
    assert names.group(aws.target, shared) == shared


def test_the_pipeline_of_an_execution() -> None:
    assert names.of_execution(f"{ARN}pipeline/demo-churn/execution/abc") == "demo-churn"
