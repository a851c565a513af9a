"""Projects: what is asked of CloudFormation, which requests are refused, and what Describe tells."""

from typing import Any

import pytest

from loopback.core.errors import ConflictException, ValidationException
from loopback.core.kinds import PROJECT, STACK_OPERATION
from loopback.services.provisioning import Provisioner
from loopback.services.registry import Context
from loopback.services.sagemaker import projects  # noqa: F401 - registers the handlers
from loopback.services.servicecatalog import handlers as _registered  # noqa: F401
from tests.loopback.services.fake_stacks import ROLLED_BACK, FakeStacks, refused

ROLE = "arn:aws:iam::000000000000:role/launch"
URL = "https://bucket.s3.us-east-1.amazonaws.com/t.yaml"
PROVIDER = {"TemplateName": "small", "TemplateURL": URL, "RoleARN": ROLE, "Parameters": [{"Key": "Size", "Value": "1"}]}
ARN = "arn:aws:sagemaker:us-east-1:000000000000:project/churn"


@pytest.fixture
def stacks(base: Any) -> FakeStacks:
    """One CloudFormation, whoever asks."""
    base.clients["cloudformation", ROLE] = base.clients["cloudformation", ""] = FakeStacks()
    return base.clients["cloudformation", ROLE]


@pytest.fixture
def finish(context: Context, stacks: FakeStacks) -> Any:
    """Carry out what is written down."""

    def work() -> None:
        provisioner = Provisioner(context, wait=lambda _seconds: False)
        for row in context.store.find(STACK_OPERATION):
            provisioner.carry_out(row.name)
        provisioner.close()

    return work


def create(sagemaker: Any, name: str = "churn", **more: Any) -> str:
    given = {"TemplateProviders": [{"CfnTemplateProvider": PROVIDER}]} | more
    return str(sagemaker("CreateProject", ProjectName=name, **given)["ProjectId"])


def status(sagemaker: Any, name: str = "churn") -> str:
    return str(sagemaker("DescribeProject", ProjectName=name)["ProjectStatus"])


def test_the_stack_of_a_project(sagemaker: Any, stacks: FakeStacks, finish: Any) -> None:
    identity = create(sagemaker, Tags=[{"Key": "team", "Value": "a"}], ProjectDescription="told")
    assert status(sagemaker) == "Pending"
    finish()
    (asked,) = stacks.asked("create_stack")
    assert asked["StackName"] == f"SP-{identity}"
    assert asked["Capabilities"] == []  # CreateProject has no field for them
    assert asked["TemplateURL"] == "https://s3.us-east-1.amazonaws.com/bucket/t.yaml"
    assert {entry["ParameterKey"]: entry["ParameterValue"] for entry in asked["Parameters"]} == {
        "Size": "1",
        "SageMakerProjectName": "churn",
        "SageMakerProjectId": identity,
    }
    assert {tag["Key"]: tag["Value"] for tag in asked["Tags"]} == {
        "team": "a",
        "sagemaker:project-name": "churn",
        "sagemaker:project-id": identity,
    }
    shown = sagemaker("DescribeProject", ProjectName="churn")
    assert (shown["ProjectStatus"], shown["ProjectDescription"]) == ("CreateCompleted", "told")
    detail = shown["TemplateProviderDetails"][0]["CfnTemplateProviderDetail"]
    assert detail["TemplateURL"] == URL
    assert detail["StackDetail"]["Id"].startswith("arn:aws:cloudformation")
    assert detail["StackDetail"]["StatusMessage"] == "CREATE_COMPLETE"
    assert sagemaker("ListTags", ResourceArn=ARN)["Tags"] == [{"Key": "team", "Value": "a"}]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"TemplateProviders": None}, "exactly one of"),
        ({"ServiceCatalogProvisioningDetails": {"ProductId": "prod-1"}}, "exactly one of"),
        ({"TemplateProviders": [{}]}, "needs CfnTemplateProvider"),
        ({"ProjectName": "n" * 33}, "less than or equal to 32"),
        ({"ProjectName": "under_score"}, "must satisfy regular expression"),
        ({"TemplateProviders": [{"CfnTemplateProvider": PROVIDER | {"TemplateURL": "http://127.0.0.1/b/k"}}]}, "https"),
        ({"TemplateProviders": [{"CfnTemplateProvider": PROVIDER | {"TemplateURL": "https://a.org/k"}}]}, "S3 object"),
        (
            {
                "TemplateProviders": [
                    {"CfnTemplateProvider": PROVIDER | {"Parameters": [{"Key": "SageMakerProjectId", "Value": "x"}]}}
                ]
            },
            "given by SageMaker",
        ),
        (
            {
                "TemplateProviders": [
                    {"CfnTemplateProvider": PROVIDER | {"Parameters": [{"Key": "A", "Value": "x"}] * 2}}
                ]
            },
            "A is given more than once",
        ),
        (
            {"TemplateProviders": None, "ServiceCatalogProvisioningDetails": {"ProductId": "prod-1"}},
            "Product prod-1 not found",
        ),
    ],
)
def test_what_is_refused(sagemaker: Any, context: Context, given: dict[str, Any], told: str) -> None:
    request = {"ProjectName": "churn", "TemplateProviders": [{"CfnTemplateProvider": PROVIDER}]} | given
    with pytest.raises(ValidationException, match=told):
        sagemaker("CreateProject", **request)
    assert context.store.find(PROJECT) == []
    assert context.store.find(STACK_OPERATION) == []


def test_a_failure_is_told_and_leaves_the_project(sagemaker: Any, stacks: FakeStacks, finish: Any) -> None:
    stacks.plan["create"] = ROLLED_BACK
    create(sagemaker)
    finish()
    assert status(sagemaker) == "CreateFailed"
    detail = sagemaker("DescribeProject", ProjectName="churn")["TemplateProviderDetails"][0][
        "CfnTemplateProviderDetail"
    ]
    assert detail["StackDetail"]["StatusMessage"] == "First (AWS::S3::Bucket): The name is taken"
    with pytest.raises(ConflictException, match="CreateFailed; it cannot be updated"):
        sagemaker("UpdateProject", ProjectName="churn", ProjectDescription="x")
    sagemaker("DeleteProject", ProjectName="churn")
    finish()
    assert status(sagemaker) == "DeleteCompleted"


def test_a_name_is_taken_until_its_project_is_deleted(sagemaker: Any, finish: Any) -> None:
    first = create(sagemaker)
    with pytest.raises(ValidationException, match="already exists"):
        create(sagemaker)
    with pytest.raises(ConflictException, match="Pending; it cannot be deleted"):
        sagemaker("DeleteProject", ProjectName="churn")
    finish()
    sagemaker("AddTags", ResourceArn=ARN, Tags=[{"Key": "team", "Value": "a"}])
    sagemaker("DeleteProject", ProjectName="churn")
    finish()
    assert status(sagemaker) == "DeleteCompleted"
    assert create(sagemaker) != first
    assert sagemaker("ListTags", ResourceArn=ARN)["Tags"] == []


def test_an_update_keeps_what_it_does_not_name(sagemaker: Any, stacks: FakeStacks, finish: Any) -> None:
    create(sagemaker)
    finish()
    provider = {"TemplateName": "next", "TemplateURL": URL.replace("t.yaml", "u.yaml")}
    sagemaker("UpdateProject", ProjectName="churn", TemplateProvidersToUpdate=[{"CfnTemplateProvider": provider}])
    assert status(sagemaker) == "UpdateInProgress"
    finish()
    assert status(sagemaker) == "UpdateCompleted"
    (asked,) = stacks.asked("update_stack")
    assert asked["TemplateURL"].endswith("/bucket/u.yaml")
    assert {entry["ParameterKey"] for entry in asked["Parameters"] if entry.get("UsePreviousValue")} == {
        "SageMakerProjectName",
        "SageMakerProjectId",
        "Size",
    }
    detail = sagemaker("DescribeProject", ProjectName="churn")["TemplateProviderDetails"][0][
        "CfnTemplateProviderDetail"
    ]
    assert (detail["TemplateName"], detail["RoleARN"]) == ("next", ROLE)
    assert detail["Parameters"] == [{"Key": "Size", "Value": "1"}]


def test_a_description_changes_without_the_stack(sagemaker: Any, stacks: FakeStacks, finish: Any) -> None:
    create(sagemaker)
    finish()
    sagemaker("UpdateProject", ProjectName="churn", ProjectDescription="new")
    shown = sagemaker("DescribeProject", ProjectName="churn")
    assert (shown["ProjectStatus"], shown["ProjectDescription"]) == ("CreateCompleted", "new")
    assert stacks.asked("update_stack") == []
    with pytest.raises(ValidationException, match="something to change"):
        sagemaker("UpdateProject", ProjectName="churn")


def test_tags_go_to_the_stack(sagemaker: Any, stacks: FakeStacks, finish: Any) -> None:
    create(sagemaker)
    finish()
    sagemaker("UpdateProject", ProjectName="churn", Tags=[{"Key": "team", "Value": "b"}])
    finish()
    (asked,) = stacks.asked("update_stack")
    assert asked["UsePreviousTemplate"]
    assert {"Key": "team", "Value": "b"} in asked["Tags"]


def test_a_stack_that_cannot_be_deleted(sagemaker: Any, stacks: FakeStacks, finish: Any) -> None:
    create(sagemaker)
    finish()
    stacks.plan["delete"] = ("DELETE_FAILED",)
    sagemaker("DeleteProject", ProjectName="churn")
    finish()
    assert status(sagemaker) == "DeleteFailed"
    stacks.plan["delete"] = ("DELETE_COMPLETE",)
    sagemaker("DeleteProject", ProjectName="churn")
    finish()
    assert status(sagemaker) == "DeleteCompleted"


def test_a_role_that_cannot_be_used_is_told_and_is_not_in_the_way(
    sagemaker: Any, stacks: FakeStacks, finish: Any, base: Any
) -> None:
    class Denied:
        def __getattr__(self, name: str) -> Any:
            raise refused("not authorized to perform: sts:AssumeRole", "AccessDenied", 403)

    base.clients["cloudformation", ROLE] = Denied()
    create(sagemaker)
    finish()
    detail = sagemaker("DescribeProject", ProjectName="churn")["TemplateProviderDetails"][0][
        "CfnTemplateProviderDetail"
    ]
    assert (status(sagemaker), detail["StackDetail"]["StatusMessage"][:14]) == ("CreateFailed", "not authorized")
    sagemaker("DeleteProject", ProjectName="churn")
    finish()
    assert status(sagemaker) == "DeleteCompleted"


def test_projects_are_listed(sagemaker: Any, clock: Any) -> None:
    for name in ("a", "b"):
        create(sagemaker, name)
        clock.now += 1
    listed = sagemaker("ListProjects", SortBy="Name", SortOrder="Ascending", MaxResults=1)
    assert [entry["ProjectName"] for entry in listed["ProjectSummaryList"]] == ["a"]
    rest = sagemaker("ListProjects", SortBy="Name", SortOrder="Ascending", NextToken=listed["NextToken"])
    assert [entry["ProjectStatus"] for entry in rest["ProjectSummaryList"]] == ["Pending"]


def test_there_is_no_such_project(sagemaker: Any) -> None:
    for operation in ("DescribeProject", "DeleteProject", "UpdateProject"):
        with pytest.raises(ValidationException, match="project/churn does not exist"):
            sagemaker(operation, ProjectName="churn")
