"""What project_roles.yml gives, to the projects of an account and to one; who may hand it out."""

import fnmatch
import json
import re

import pytest

from slipway.cli.roles import IDS, SUFFIXES, account_prefix, own_prefix, short

REGION = "eu-west-1"
AWS = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": "111122223333"}
OF_ACCOUNT = {
    "RolePrefix": account_prefix(REGION),
    "Project": "*",
    "ProjectId": "*",
    "Pipeline": "*",
    "ArtifactBucket": "sagemaker-project-*",
    "SeedBucket": "templates",
    "Repository": "sagemaker-*",
}
OWN = {
    "RolePrefix": own_prefix("demo", REGION),
    "Project": "demo",
    "ProjectId": IDS,
    "Pipeline": "churn",
    "ArtifactBucket": "sagemaker-project-demo-0a1b2c3d",
    "SeedBucket": "templates",
    "Repository": "sagemaker-demo-p-*",
}


def statements(role, values, put_in):
    for policy in role["Properties"]["Policies"]:
        for choice in policy["Fn::If"][1:] if "Fn::If" in policy else [policy]:
            yield from put_in(choice.get("PolicyDocument", {"Statement": []})["Statement"], AWS | values)


def listed(value):
    return value if isinstance(value, list) else [value]


def test_create_project_makes_no_role(resources) -> None:
    """It has no field for the capability that a template with IAM resources needs."""
    assert [name for name, found in resources.items() if found["Type"].startswith("AWS::IAM::")] == []


def test_every_role_that_a_project_takes_is_one_that_is_made(project, roles) -> None:
    taken = set(re.findall(r"\$\{RolePrefix\}-(\w+)", json.dumps(project)))
    made = {role["Properties"]["RoleName"]["Fn::Sub"].removeprefix("${RolePrefix}-") for role in roles.values()}
    assert taken == made == {*SUFFIXES, "seedcheckin"}
    assert [name for name, role in roles.items() if "Condition" in role] == ["SeedCheckinRole"]


def test_a_project_s_own_reach_nothing_that_the_account_s_do_not(roles, put_in) -> None:
    for name, role in roles.items():
        pairs = zip(statements(role, OWN, put_in), statements(role, OF_ACCOUNT, put_in), strict=True)
        for own, of_account in pairs:
            assert own["Action"] == of_account["Action"]
            for narrow, wide in zip(listed(own["Resource"]), listed(of_account["Resource"]), strict=True):
                if isinstance(narrow, str) and ":role/" not in narrow:
                    assert fnmatch.fnmatchcase(narrow, wide), (name, narrow, wide)


@pytest.mark.parametrize("foreign", ["other", "demo-2", "d"])
def test_a_project_s_own_reach_its_bucket_and_keys_alone(foreign, roles, put_in) -> None:
    buckets, keys = 0, 0
    for name, role in roles.items():
        for statement in statements(role, OWN, put_in):
            for resource in listed(statement["Resource"]):
                if isinstance(resource, str) and ":s3:::sagemaker-project-" in resource:
                    buckets += 1
                    assert not fnmatch.fnmatchcase(
                        f"arn:aws:s3:::sagemaker-project-{foreign}-0a1b2c3d/data/x", resource
                    )
                if isinstance(resource, str) and ":kms:" in resource:
                    keys += 1
                    tag = statement["Condition"]["StringLike"]["aws:ResourceTag/sagemaker:project-name"]
                    assert not fnmatch.fnmatchcase(foreign, tag), name
    assert (buckets > 15, keys > 8) == (True, True)


def test_keys_have_the_tag_that_roles_go_by(resources) -> None:
    assert {"Key": "sagemaker:project-name", "Value": {"Ref": "SageMakerProjectName"}} in resources["Key"][
        "Properties"
    ]["Tags"]


def passed(template_of, put_in):
    """(service, resource) of every PassRole of the launch role."""
    found = template_of("roles.yml")["Resources"]
    for policy in (found["LaunchResources"], found["LaunchServices"]):
        for statement in put_in(policy["Properties"]["PolicyDocument"]["Statement"], AWS):
            if "iam:PassRole" in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield statement["Condition"]["StringEquals"]["iam:PassedToService"], resource


HANDED = {  # what a project's stack hands to whom
    "AWS::CodeBuild::Project": ("codebuild.amazonaws.com", ("build", "deploybuild", "seedcheckin")),
    "AWS::CodePipeline::Pipeline": ("codepipeline.amazonaws.com", ("codepipeline",)),
    "AWS::Events::Rule": ("events.amazonaws.com", ("events",)),
    "AWS::Lambda::Function": ("lambda.amazonaws.com", ("notify", "promotion", "seed", "start")),
}


@pytest.mark.parametrize("prefix", [OF_ACCOUNT["RolePrefix"], OWN["RolePrefix"], "sagemaker-p-abcdefghijkl"])
def test_the_launch_role_hands_out_these_roles_and_no_others(prefix, resources, template_of, put_in) -> None:
    pairs = list(passed(template_of, put_in))

    def may(service, name):
        arn = f"arn:aws:iam::111122223333:role/{name}"
        return any(of == service and fnmatch.fnmatchcase(arn, resource) for of, resource in pairs)

    for kind, (service, suffixes) in HANDED.items():
        own = [found for found in resources.values() if found["Type"] == kind]
        inner = ("ServiceRole", "RoleArn", "Role", "Targets")
        texts = json.dumps([found["Properties"].get(member) for found in own for member in inner])
        assert set(re.findall(r"\$\{RolePrefix\}-(\w+)", texts)) == set(suffixes)
        for suffix in (*SUFFIXES, "seedcheckin"):
            assert may(service, f"{prefix}-{suffix}") == (suffix in suffixes), (service, suffix)
        for other in ("Admin", "SlipwayProjectsLaunchRole-eu-west-1", "SlipwayProjects-us-east-1-build"):
            assert not may(service, other)


def test_the_launch_role_makes_no_role(template_of) -> None:
    text = json.dumps(template_of("roles.yml"))
    assert sorted(set(re.findall(r"iam:[A-Za-z]+", text)) & {"iam:CreateRole", "iam:PutRolePolicy"}) == []


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ("us-east-1", "use1"),
        ("ap-southeast-2", "apse2"),
        ("ap-south-2", "aps2"),
        ("ca-central-1", "cac1"),
        ("us-gov-west-1", "usgw1"),
        ("us-isob-east-1", "usie1"),
    ],
)
def test_regions_are_short_in_names(region, code) -> None:
    assert short(region) == code
