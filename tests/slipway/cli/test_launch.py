"""`slipway launch`: what it asks for, what it shows, what it refuses before anything is made."""

import json

import pytest

from slipway.cli import launch
from slipway.cli.target import WrongUsage

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/abc-1"
STACK = "arn:aws:cloudformation:eu-west-1:111122223333:stack/SP-p-1/1"
OUTPUTS = {
    "RepositoryUrl": "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/sagemaker-demo-p-1",
    "ArtifactBucketName": "sagemaker-project-p-1",
    "DataUri": "s3://sagemaker-project-p-1/data/churn/",
}


def project(status: str) -> dict:
    detail = {"TemplateName": "slipway", "TemplateURL": "https://x", "StackDetail": {"Name": "SP-p-1", "Id": STACK}}
    return {
        "ProjectArn": "arn:aws:sagemaker:eu-west-1:111122223333:project/demo",
        "ProjectName": "demo",
        "ProjectId": "p-1",
        "ProjectStatus": status,
        "TemplateProviderDetails": [{"CfnTemplateProviderDetail": detail}],
    }


def event(number: int, name: str, status: str, reason: str = "") -> dict:
    return {
        "EventId": str(number),
        "LogicalResourceId": name,
        "ResourceType": "AWS::Test::Thing",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


@pytest.fixture
def ready(aws) -> None:
    """A published template, a launch role, no project."""
    aws.answers |= {
        "HeadObject": {},
        "GetRole": {"Role": {"Arn": "arn:aws:iam::111122223333:role/SlipwayProjectsLaunchRole-eu-west-1"}},
        "DescribeModelPackageGroup": "ValidationException: ModelPackageGroup demo-churn does not exist.",
        "CreateProject": {"ProjectArn": "a", "ProjectId": "p-1"},
        "ListMonitoringSchedules": {"MonitoringScheduleSummaries": []},
        "ListDataQualityJobDefinitions": {"JobDefinitionSummaries": []},
        "DescribeProject": [project("CreateInProgress"), project("CreateCompleted")],
        "DescribeStackEvents": {
            "StackEvents": [event(2, "Key", "CREATE_COMPLETE"), event(1, "Key", "CREATE_IN_PROGRESS")]
        },
        "DescribeStacks": {
            "Stacks": [
                {
                    "StackStatus": "CREATE_COMPLETE",
                    "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()],
                }
            ]
        },
    }


def test_a_project_is_made_from_the_published_template(aws, command, ready) -> None:
    code, out, _ = command("launch", "demo", "--parameter", "ScheduleExpression=rate(7 days)", "--json")
    assert code == 0
    (request,) = aws.asked("CreateProject")
    (provider,) = request["TemplateProviders"]
    made = provider["CfnTemplateProvider"]
    assert made["TemplateURL"].endswith(
        "slipway-templates-111122223333-eu-west-1.s3.eu-west-1.amazonaws.com/templates/slipway.yml"
    )
    assert made["RoleARN"].endswith("role/SlipwayProjectsLaunchRole-eu-west-1")
    assert {p["Key"]: p["Value"] for p in made["Parameters"]} == {
        "SourceType": "CodeCommit",
        "Pipeline": "churn",
        "RepositoryBranch": "main",
        "ScheduleExpression": "rate(7 days)",
    }
    assert json.loads(out)["outputs"] == OUTPUTS


def test_people_see_what_happens_and_what_comes_next(aws, command, ready) -> None:
    code, out, _ = command("launch", "demo")
    assert code == 0
    assert out.count("CREATE_COMPLETE  Key (AWS::Test::Thing)") == 1
    assert "aws s3 cp DATA.csv s3://sagemaker-project-p-1/data/churn/" in out
    assert "clone https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/sagemaker-demo-p-1 demo" in out


def test_a_failure_names_the_resource_that_failed_first(aws, command, ready) -> None:
    aws.answers["DescribeProject"] = project("CreateFailed")
    aws.answers["DescribeStackEvents"] = {
        "StackEvents": [
            event(3, "EventsRole", "CREATE_FAILED", "Resource creation cancelled"),
            event(2, "SeedCheckin", "CREATE_FAILED", "build b:1 FAILED: exit status 128"),
            event(1, "Key", "CREATE_COMPLETE"),
        ]
    }
    code, _, err = command("launch", "demo")
    assert code == 1
    assert err == (
        "slipway: project demo is CreateFailed: SeedCheckin (AWS::Test::Thing): build b:1 FAILED: exit status 128. "
        "Remove what there is of it with: slipway destroy demo\n"
    )


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("HeadObject", "404: Not Found", "publish it with: slipway publish --bucket slipway-templates"),
        ("DescribeModelPackageGroup", {"ModelPackageGroupName": "demo-churn"}, "group demo-churn is there already"),
    ],
)
def test_what_would_fail_half_way_is_refused_at_once(operation, answer, said, aws, command, ready) -> None:
    aws.answers[operation] = answer
    code, _, err = command("launch", "demo")
    assert (code, said in err) == (1, True)
    assert aws.asked("CreateProject") == []


def test_without_a_launch_role_it_is_made_with_ones_own_permissions(aws, command, ready) -> None:
    aws.answers["GetRole"] = "NoSuchEntity: no role"
    assert command("launch", "demo")[0] == 0
    (request,) = aws.asked("CreateProject")
    assert "RoleARN" not in request["TemplateProviders"][0]["CfnTemplateProvider"]


@pytest.mark.parametrize(
    "wish",
    [
        launch.Wish("Demo"),
        launch.Wish("d" * 33),
        launch.Wish("demo-"),
        launch.Wish("demo", source="github"),
        launch.Wish("demo", source=CONNECTION),
        launch.Wish("demo", source=CONNECTION, repository="model"),
        launch.Wish("demo", source="s3", repository="team/model"),
    ],
)
def test_wishes_that_can_not_be_fulfilled(wish) -> None:
    with pytest.raises(WrongUsage):
        launch.parameters(wish)


@pytest.mark.parametrize(
    ("wish", "parameters"),
    [
        (launch.Wish("demo", source="s3"), {"SourceType": "S3"}),
        (launch.Wish("demo", repository="model"), {"SourceType": "CodeCommit", "RepositoryName": "model"}),
        (
            launch.Wish("demo", source=CONNECTION, repository="team/model", branch="develop"),
            {
                "SourceType": "CodeConnection",
                "CodeConnectionArn": CONNECTION,
                "RepositoryName": "team/model",
                "RepositoryBranch": "develop",
            },
        ),
        (launch.Wish("demo", parameters={"DataPrefix": ""}), {"DataPrefix": ""}),
    ],
)
def test_wishes_as_parameters(wish, parameters) -> None:
    assert parameters.items() <= launch.parameters(wish).items()


def test_a_parameter_that_is_none(command, ready) -> None:
    code, _, err = command("launch", "demo", "--parameter", "DataPrefix")
    assert (code, "is not k=v" in err) == (2, True)
