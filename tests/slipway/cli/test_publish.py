"""`slipway publish`: what it puts where, and that a second time changes nothing."""

import io
import json
from pathlib import Path

import pytest

from slipway.cli import publish
from slipway.cli.target import UserError

ROOT = Path(__file__).resolve().parents[3]
BUCKET = "slipway-templates-111122223333-eu-west-1"


@pytest.fixture
def shelf(aws) -> dict[str, bytes]:
    """S3 with nothing in it: what is put there is there afterwards."""
    objects: dict[str, bytes] = {}
    state = {"bucket": False, "rules": []}

    def create(request):
        state["bucket"] = True
        return {}

    def put(request):
        objects[request["Key"]] = request["Body"]
        return {}

    def rules(request):
        state["rules"] = request["CORSConfiguration"]["CORSRules"]
        return {}

    def read(request):
        key = request["Key"]
        return {"Body": io.BytesIO(objects[key])} if key in objects else "NoSuchKey: none"

    aws.answers |= {
        "HeadBucket": lambda request: {} if state["bucket"] else "404: Not Found",
        "CreateBucket": create,
        "PutPublicAccessBlock": {},
        "GetBucketCors": lambda request: (
            {"CORSRules": state["rules"]} if state["rules"] else "NoSuchCORSConfiguration: none"
        ),
        "PutBucketCors": rules,
        "HeadObject": lambda request: {} if request["Key"] in objects else "404: Not Found",
        "GetObject": read,
        "PutObject": put,
        "PutObjectTagging": {},
    }
    return objects


def test_everything_is_put_in_its_place(aws, command, shelf) -> None:
    code, out, _ = command("publish", "--json")
    assert code == 0
    done = {row["part"]: row for row in json.loads(out)}
    assert done["bucket"] == {"part": "bucket", "where": BUCKET, "result": "created"}
    assert done["CORS"]["result"] == "added"
    assert done["template"]["where"] == f"https://{BUCKET}.s3.eu-west-1.amazonaws.com/templates/slipway.yml"
    assert done["project"]["result"].startswith("uploaded (")
    assert [key for key in shelf if key.startswith("templates/")] == ["templates/slipway.yml"]
    (tags,) = aws.asked("PutObjectTagging")
    assert tags["Tagging"] == {"TagSet": [{"Key": "sagemaker:studio-visibility", "Value": "true"}]}
    text = shelf["templates/slipway.yml"].decode()
    (seed,) = [key for key in shelf if key.startswith("seed/project-")]
    (checkin,) = [key for key in shelf if key.startswith("seed/checkin-")]
    assert f"  SeedBucket:\n    Type: String\n    Default: {BUCKET}\n" in text
    assert f"    Default: {seed}\n" in text
    assert f"    Default: {checkin}\n" in text
    assert "  RolePrefix:\n    Type: String\n    Default: SlipwayProjects-eu-west-1\n" in text
    assert shelf["roles/project_roles.yml"] == (ROOT / "seed_code/project_roles.yml").read_bytes()


def test_a_second_time_changes_nothing(aws, command, shelf) -> None:
    assert command("publish")[0] == 0
    aws.calls.clear()
    code, out, _ = command("publish", "--json")
    assert code == 0
    assert {row["result"].partition(" (")[0] for row in json.loads(out)} == {"as it was"}
    assert aws.asked("CreateBucket", "PutObject", "PutBucketCors") == []


def test_rules_of_others_stay(aws, command, shelf) -> None:
    theirs = {"AllowedOrigins": ["https://example.com"], "AllowedMethods": ["GET"]}
    aws.answers["GetBucketCors"] = {"CORSRules": [theirs]}
    assert command("publish")[0] == 0
    (request,) = aws.asked("PutBucketCors")
    assert request["CORSConfiguration"]["CORSRules"] == [theirs, publish.CORS]


def test_a_bucket_of_somebody_else(aws, command, shelf) -> None:
    aws.answers["HeadBucket"] = "403: Forbidden"
    code, _, err = command("publish", "--bucket", "taken")
    assert (code, err) == (1, "slipway: bucket taken is not yours to use (403); choose another: --bucket\n")
    assert shelf == {}


def test_a_name_that_no_bucket_can_have(aws, command) -> None:
    code, _, err = command("publish", "--bucket", "Not_A_Bucket")
    assert (code, "--bucket Not_A_Bucket" in err) == (2, True)
    assert aws.asked("CreateBucket") == []


class TestDomain:
    """Where Studio looks."""

    @pytest.fixture
    def tags(self, aws, shelf) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = []
        aws.answers |= {
            "DescribeDomain": {"DomainArn": "arn:aws:sagemaker:eu-west-1:111122223333:domain/d-1"},
            "ListTags": lambda request: {"Tags": tags},
            "AddTags": {"Tags": []},
        }
        return tags

    def test_it_is_told_where_the_templates_are(self, aws, command, tags) -> None:
        assert command("publish", "--domain", "d-1")[0] == 0
        (request,) = aws.asked("AddTags")
        assert request["Tags"] == [
            {"Key": "sagemaker:projectS3TemplatesLocation", "Value": f"s3://{BUCKET}/templates/"}
        ]

    def test_one_that_looks_elsewhere_is_left_alone(self, aws, command, tags) -> None:
        tags.append({"Key": "sagemaker:projectS3TemplatesLocation", "Value": "s3://others/here/"})
        code, _, err = command("publish", "--domain", "d-1")
        assert (code, "s3://others/here/" in err) == (1, True)
        assert aws.asked("AddTags") == []


def test_roles_whose_first_creation_failed_are_made_anew(aws, command, shelf) -> None:
    """CloudFormation can only delete a stack in ROLLBACK_COMPLETE."""
    there = stacks_played(aws, {"slipway-roles": "ROLLBACK_COMPLETE"})
    assert command("publish", "--roles")[0] == 0
    assert there == {"slipway-roles": "CREATE_COMPLETE", "slipway-project-roles": "CREATE_COMPLETE"}
    assert aws.asked("UpdateStack") == []


def stacks_played(aws, there):
    """CloudFormation with these stacks, by their status; what is made has the parameters that it was made with."""
    given = {}

    def described(request):
        name = request["StackName"]
        if name not in there:
            return f"ValidationError: Stack {name} does not exist"
        made = {"StackName": name, "StackId": name, "Parameters": given.get(name, [])}
        return {"Stacks": [made | {"StackStatus": there[name]}]}

    def deleted(request):
        del there[request["StackName"]]
        return {}

    def created(request):
        there[request["StackName"]], given[request["StackName"]] = "CREATE_COMPLETE", request["Parameters"]
        return {"StackId": request["StackName"]}

    aws.answers |= {"DescribeStacks": described, "DeleteStack": deleted, "CreateStack": created, "UpdateStack": created}
    return there


BOUNDARY = "arn:aws:iam::111122223333:policy/limits"


def test_the_account_s_roles_and_their_boundary(aws, command, shelf) -> None:
    stacks_played(aws, {})
    assert command("publish", "--roles", "--boundary", BOUNDARY)[0] == 0
    assert command("publish", "--roles")[0] == 0
    made, changed = (
        request
        for request in aws.asked("CreateStack", "UpdateStack")
        if request["StackName"] == "slipway-project-roles"
    )
    assert made["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert made["TemplateURL"] == f"https://{BUCKET}.s3.eu-west-1.amazonaws.com/roles/project_roles.yml"
    expected = {
        "RolePrefix": "SlipwayProjects-eu-west-1",
        "SeedBucket": BUCKET,
        "PermissionsBoundaryArn": BOUNDARY,  # which stays where nothing is said of it
    }
    for request in (made, changed):
        assert {p["ParameterKey"]: p["ParameterValue"] for p in request["Parameters"]} == expected


def test_a_boundary_is_of_roles(aws, command, shelf) -> None:
    code, _, err = command("publish", "--boundary", BOUNDARY)
    assert (code, "--boundary is of the roles that --roles makes" in err, shelf) == (2, True, {})


class TestServiceCatalog:
    """The product."""

    def test_without_the_launch_role(self, aws, command, shelf) -> None:
        aws.answers["GetRole"] = "NoSuchEntity: no role"
        code, _, err = command("publish", "--service-catalog", "--principal", "arn:aws:iam::111122223333:role/people")
        assert code == 1
        assert err.endswith("make it: slipway publish --roles\n")

    def test_the_stack_knows_role_people_and_template(self, aws, command, shelf) -> None:
        role = "arn:aws:iam::111122223333:role/SlipwayProjectsLaunchRole-eu-west-1"
        aws.answers |= {
            "GetRole": {"Role": {"Arn": role}},
            "DescribeStacks": [
                "ValidationError: Stack with id slipway-portfolio does not exist",
                {"Stacks": [{"StackStatus": "CREATE_COMPLETE"}]},
            ],
            "CreateStack": {"StackId": "s"},
        }
        people = "arn:aws:iam::111122223333:role/people"
        assert command("publish", "--service-catalog", "--principal", people)[0] == 0
        (request,) = aws.asked("CreateStack")
        given = {p["ParameterKey"]: p["ParameterValue"] for p in request["Parameters"]}
        assert (given["LaunchRoleArn"], given["PrincipalArn"]) == (role, people)
        assert given["TemplateUrl"].endswith("/templates/slipway.yml")

    def test_a_stack_that_fails_says_which_resource(self, aws, command, shelf) -> None:
        aws.answers |= {
            "DescribeStacks": [
                "ValidationError: Stack does not exist",
                {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE"}]},
            ],
            "CreateStack": {"StackId": "s"},
            "DescribeStackEvents": {
                "StackEvents": [
                    {
                        "EventId": "2",
                        "LogicalResourceId": "UsePolicy",
                        "ResourceType": "AWS::IAM::ManagedPolicy",
                        "ResourceStatus": "CREATE_FAILED",
                        "ResourceStatusReason": "Resource creation cancelled",
                    },
                    {
                        "EventId": "1",
                        "LogicalResourceId": "LaunchRole",
                        "ResourceType": "AWS::IAM::Role",
                        "ResourceStatus": "CREATE_FAILED",
                        "ResourceStatusReason": "not allowed",
                    },
                ]
            },
        }
        code, _, err = command("publish", "--roles")
        assert (code, err) == (1, "slipway: stack slipway-roles failed: LaunchRole (AWS::IAM::Role): not allowed\n")


def test_a_template_that_lacks_a_parameter() -> None:
    text = (ROOT / "seed_code/project.yml").read_text().replace("  SeedKey:\n", "  SeedName:\n")
    with pytest.raises(UserError, match="no parameter SeedKey"):
        publish.render(text, {"SeedBucket": "b", "SeedKey": "k"})
