"""What CloudFormation needs to make a resource of a type that ministack carries out: its main action. Pure.

A stack's own types go through their service's operations. The base makes its types without asking anybody; these are
the actions that AWS's resource handlers begin with, and the properties that hand a role to a service.
"""

from collections.abc import Mapping
from typing import Any

from loopback.core.arn import Place
from loopback.core.permissions import PermissionCheck, pass_role

_NO_REGION = frozenset({"iam", "s3"})
# Type -> create, update and delete action, the property with its name, the ARN's service and form.
_TYPES: dict[str, tuple[tuple[str, str, str], str, str, str]] = {
    "AWS::CloudWatch::Dashboard": (
        ("cloudwatch:PutDashboard", "cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"),
        "DashboardName",
        "cloudwatch",
        "dashboard/{}",
    ),
    "AWS::Events::Rule": (("events:PutRule", "events:PutRule", "events:DeleteRule"), "Name", "events", "rule/{}"),
    "AWS::IAM::Role": (("iam:CreateRole", "iam:UpdateRole", "iam:DeleteRole"), "RoleName", "iam", "role/{}"),
    "AWS::KMS::Key": (("kms:CreateKey", "kms:DescribeKey", "kms:ScheduleKeyDeletion"), "", "kms", "key/{}"),
    "AWS::Lambda::Function": (
        ("lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:DeleteFunction"),
        "FunctionName",
        "lambda",
        "function:{}",
    ),
    "AWS::Lambda::Permission": (
        ("lambda:AddPermission", "lambda:AddPermission", "lambda:RemovePermission"),
        "FunctionName",
        "lambda",
        "function:{}",
    ),
    "AWS::S3::Bucket": (("s3:CreateBucket", "s3:GetBucketLocation", "s3:DeleteBucket"), "BucketName", "s3", "{}"),
    "AWS::S3::BucketPolicy": (
        ("s3:PutBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
        "Bucket",
        "s3",
        "{}",
    ),
    "AWS::SNS::Topic": (("sns:CreateTopic", "sns:SetTopicAttributes", "sns:DeleteTopic"), "TopicName", "sns", "{}"),
    "AWS::SSM::Parameter": (
        ("ssm:PutParameter", "ssm:PutParameter", "ssm:DeleteParameter"),
        "Name",
        "ssm",
        "parameter/{}",
    ),
}
_WITHOUT_RESOURCE = frozenset({"kms:CreateKey"})
_VERBS = ("create", "update", "delete")


def stack_checks(
    verb: str, kind: str, properties: Mapping[str, Any], physical_id: str, place: Place
) -> list[PermissionCheck]:
    """What must be allowed; nothing for types that are not in the table. `verb` is create, update or delete."""
    if kind not in _TYPES:
        return []
    actions, member, service, form = _TYPES[kind]
    action = actions[_VERBS.index(verb)]
    name = str(properties.get(member) or physical_id.rpartition("/")[2] or "*")
    found = [
        PermissionCheck(
            action,
            "*" if action in _WITHOUT_RESOURCE else _arn(kind, service, form, name, place),
            _boundary(properties),
        )
    ]
    if kind == "AWS::Lambda::Function" and verb == "create" and properties.get("Role"):
        found.append(pass_role(str(properties["Role"]), "lambda.amazonaws.com"))
    if kind == "AWS::Events::Rule" and verb != "delete":
        roles = {str(target["RoleArn"]) for target in properties.get("Targets") or [] if target.get("RoleArn")}
        found += [pass_role(role, "events.amazonaws.com") for role in sorted(roles)]
    return found


def _arn(kind: str, service: str, form: str, name: str, place: Place) -> str:
    if name.startswith("arn:"):
        return name
    region = "" if service in _NO_REGION or kind == "AWS::CloudWatch::Dashboard" else place.region
    account = "" if service == "s3" else place.account
    return f"arn:aws:{service}:{region}:{account}:{form.format(name.removeprefix('/'))}"


def _boundary(properties: Mapping[str, Any]) -> dict[str, str]:
    boundary = properties.get("PermissionsBoundary")
    return {"iam:permissionsboundary": str(boundary)} if boundary else {}
