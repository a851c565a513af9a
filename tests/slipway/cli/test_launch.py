"""`slipway launch`: what it asks for, what it shows, what it refuses before anything is made."""

import json
import re

import pytest

from slipway.cli import launch, push, wishes
from slipway.cli.target import Target, WrongUsage
from slipway.cli.wishes import Wish

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/abc-1"
STACK = "arn:aws:cloudformation:eu-west-1:111122223333:stack/SP-p-1/1"
NONE = "ValidationException: Project demo does not exist."
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
def ready(aws) -> dict[str, str]:
    """A published template, a launch role, no project; the stacks of roles by their status."""
    roles: dict[str, str] = {}

    def described(request):
        name = request["StackName"].rpartition("stack/")[2]
        if name.startswith("slipway-roles-") and name not in roles:
            return f"ValidationError: Stack with id {name} does not exist"
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]
        status = roles.get(name, "CREATE_COMPLETE")
        return {"Stacks": [{"StackStatus": status, "StackId": name, "Outputs": outputs}]}

    def created(request):
        roles[request["StackName"]] = "CREATE_COMPLETE"
        return {"StackId": request["StackName"]}

    def deleted(request):
        del roles[request["StackName"]]
        return {}

    aws.answers |= {
        "HeadObject": {},
        "GetRole": {"Role": {"Arn": "arn:aws:iam::111122223333:role/SlipwayProjectsLaunchRole-eu-west-1"}},
        "DescribeModelPackageGroup": "ValidationException: ModelPackageGroup demo-churn does not exist.",
        "CreateProject": {"ProjectArn": "a", "ProjectId": "p-1"},
        "ListMonitoringSchedules": {"MonitoringScheduleSummaries": []},
        "ListDataQualityJobDefinitions": {"JobDefinitionSummaries": []},
        "DescribeProject": [NONE, project("CreateInProgress"), project("CreateCompleted")],
        "DescribeStackEvents": {
            "StackEvents": [event(2, "Key", "CREATE_COMPLETE"), event(1, "Key", "CREATE_IN_PROGRESS")]
        },
        "DescribeStacks": described,
        "CreateStack": created,
        "DeleteStack": deleted,
    }
    return roles


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
    given = {p["Key"]: p["Value"] for p in made["Parameters"]}
    assert re.fullmatch("sagemaker-project-demo-[0-9a-f]{8}", given.pop("ArtifactBucketName"))
    assert given == {
        "RolePrefix": "slipway-demo-euw1",
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


@pytest.mark.parametrize(
    "url", ["git-codecommit.eu-west-1.amazonaws.com/v1/repos/r", "codeconnections.eu-west-1.amazonaws.com/v1/repos/r"]
)
def test_a_repository_of_this_machine_is_cloned_from_it(url) -> None:
    target = Target({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, local=True, project="demo")
    here = push.address_here(target, f"https://{url}")
    assert here == "http://127.0.0.1:4566/v1/repos/r"
    assert "git clone http://127.0.0.1:4566/v1/repos/r demo " in " ".join(launch.next_steps(Wish("demo"), {}, here))


def test_its_roles_come_first_and_reach_what_is_its_own(aws, command, ready) -> None:
    boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
    assert command("launch", "demo", "--parameter", f"PermissionsBoundaryArn={boundary}")[0] == 0
    assert aws.order("CreateStack", "CreateProject") == ["CreateStack", "CreateProject"]
    (request,) = aws.asked("CreateStack")
    assert (request["StackName"], request["Capabilities"]) == ("slipway-roles-demo", ["CAPABILITY_NAMED_IAM"])
    assert request["TemplateURL"].endswith("/roles/project_roles.yml")
    (project,) = aws.asked("CreateProject")
    made = project["TemplateProviders"][0]["CfnTemplateProvider"]["Parameters"]
    bucket = {p["Key"]: p["Value"] for p in made}["ArtifactBucketName"]
    assert {p["ParameterKey"]: p["ParameterValue"] for p in request["Parameters"]} == {
        "RolePrefix": "slipway-demo-euw1",
        "Project": "demo",
        "ProjectId": "p-*",
        "Pipeline": "churn",
        "ArtifactBucket": bucket,
        "SeedBucket": "slipway-templates-111122223333-eu-west-1",
        "SourceType": "CodeCommit",
        "CodeConnectionArn": "",
        "Repository": "sagemaker-demo-p-*",
        "PermissionsBoundaryArn": boundary,
    }


def test_the_account_s_roles_are_taken_where_they_are_asked_for(aws, command, ready) -> None:
    assert command("launch", "demo", "--account-roles")[0] == 0
    (request,) = aws.asked("CreateProject")
    made = request["TemplateProviders"][0]["CfnTemplateProvider"]["Parameters"]
    assert not {"RolePrefix", "ArtifactBucketName"} & {p["Key"] for p in made}
    assert aws.asked("CreateStack") == []


def test_the_account_s_roles_must_be_there(aws, command, ready) -> None:
    role = aws.answers["GetRole"]
    aws.answers["GetRole"] = lambda request: role if "Launch" in request["RoleName"] else "NoSuchEntity: no role"
    code, _, err = command("launch", "demo", "--account-roles")
    assert (code, aws.asked("CreateProject")) == (1, [])
    assert err.endswith("no role SlipwayProjects-eu-west-1-build for projects; make them: slipway publish --roles\n")


DENIED = "User: me is not authorized to perform: iam:CreateRole"


@pytest.mark.parametrize("where", ["the request", "the stack"])
def test_who_may_make_no_roles_is_told_of_the_account_s(where, aws, command, ready) -> None:
    if where == "the request":
        aws.answers["CreateStack"] = "AccessDenied: cloudformation:CreateStack"
    else:
        made = aws.answers["CreateStack"]

        def failed(request):
            answer = made(request)
            ready[request["StackName"]] = "ROLLBACK_COMPLETE"
            return answer

        aws.answers["CreateStack"] = failed
        aws.answers["DescribeStackEvents"] = {"StackEvents": [event(1, "BuildRole", "CREATE_FAILED", DENIED)]}
    code, _, err = command("launch", "demo")
    assert (code, ready, aws.asked("CreateProject")) == (1, {}, [])
    assert "the roles of project demo can't be made: " in err
    assert err.endswith("launch with the roles of the account: slipway launch demo --account-roles\n")


def test_roles_that_are_there_belong_to_somebody(aws, command, ready) -> None:
    ready["slipway-roles-demo"] = "CREATE_COMPLETE"
    code, _, err = command("launch", "demo")
    assert (code, ready) == (1, {"slipway-roles-demo": "CREATE_COMPLETE"})
    assert err.endswith("take away what was cut off with: slipway destroy demo\n")
    assert aws.asked("CreateStack", "UpdateStack", "DeleteStack", "CreateProject") == []


def test_a_project_that_is_refused_leaves_no_roles(aws, command, ready) -> None:
    aws.answers["CreateProject"] = "AccessDeniedException: you may not"
    code, _, err = command("launch", "demo")
    assert (code, ready, "you may not" in err) == (1, {}, True)


def test_a_failure_names_the_resource_that_failed_first(aws, command, ready) -> None:
    aws.answers["DescribeProject"] = [NONE, project("CreateFailed")]
    aws.answers["DescribeStackEvents"] = {
        "StackEvents": [
            event(3, "EventsRole", "CREATE_FAILED", "Resource creation cancelled"),
            event(2, "SeedCheckin", "CREATE_FAILED", "build b:1 FAILED: exit status 128"),
            event(1, "Key", "CREATE_COMPLETE"),
        ]
    }
    code, _, err = command("launch", "demo")
    assert (code, ready) == (1, {})  # its roles are taken back
    assert err == (
        "slipway: project demo is CreateFailed: SeedCheckin (AWS::Test::Thing): build b:1 FAILED: exit status 128. "
        "Remove what there is of it with: slipway destroy demo\n"
    )


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("HeadObject", "404: Not Found", "publish it with: slipway publish --bucket slipway-templates"),
        ("DescribeModelPackageGroup", {"ModelPackageGroupName": "demo-churn"}, "group demo-churn is there already"),
        ("DescribeProject", project("CreateCompleted"), "project demo is there already (CreateCompleted)"),
    ],
)
def test_what_would_fail_half_way_is_refused_at_once(operation, answer, said, aws, command, ready) -> None:
    aws.answers[operation] = answer
    code, _, err = command("launch", "demo")
    assert (code, said in err) == (1, True)
    assert aws.asked("CreateProject", "CreateStack") == []


def test_without_a_launch_role_it_is_made_with_ones_own_permissions(aws, command, ready) -> None:
    aws.answers["GetRole"] = "NoSuchEntity: no role"
    assert command("launch", "demo")[0] == 0
    (request,) = aws.asked("CreateProject")
    assert "RoleARN" not in request["TemplateProviders"][0]["CfnTemplateProvider"]


@pytest.mark.parametrize(
    "wish",
    [
        wishes.Wish("Demo"),
        wishes.Wish("d" * 33),
        wishes.Wish("demo-"),
        wishes.Wish("demo", source="github"),
        wishes.Wish("demo", source=CONNECTION),
        wishes.Wish("demo", source=CONNECTION, repository="model"),
        wishes.Wish("demo", source="s3", repository="team/model"),
        wishes.Wish("demo", repository="model", account_roles=True),
        wishes.Wish("demo", account_roles=True, parameters={"PermissionsBoundaryArn": "arn:aws:iam::aws:policy/x"}),
        wishes.Wish("demo", parameters={"RolePrefix": "mine", "PermissionsBoundaryArn": "arn:aws:iam::aws:policy/x"}),
    ],
)
def test_wishes_that_can_not_be_fulfilled(wish) -> None:
    with pytest.raises(WrongUsage):
        wishes.parameters(wish)


@pytest.mark.parametrize(
    ("wish", "parameters"),
    [
        (wishes.Wish("demo", source="s3"), {"SourceType": "S3"}),
        (wishes.Wish("demo", repository="model"), {"SourceType": "CodeCommit", "RepositoryName": "model"}),
        (
            wishes.Wish("demo", source=CONNECTION, repository="team/model", branch="develop"),
            {
                "SourceType": "CodeConnection",
                "CodeConnectionArn": CONNECTION,
                "RepositoryName": "team/model",
                "RepositoryBranch": "develop",
            },
        ),
        (wishes.Wish("demo", parameters={"DataPrefix": ""}), {"DataPrefix": ""}),
    ],
)
def test_wishes_as_parameters(wish, parameters) -> None:
    assert parameters.items() <= wishes.parameters(wish).items()


def test_a_parameter_that_is_none(command, ready) -> None:
    code, _, err = command("launch", "demo", "--parameter", "DataPrefix")
    assert (code, "is not k=v" in err) == (2, True)
