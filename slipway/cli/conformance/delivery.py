"""Questions to CloudFormation, to SageMaker's projects, and to what is around a project."""

import json
import time
from functools import partial
from typing import Any

from slipway.cli import aws_images, publish
from slipway.cli.conformance.calls import Calls
from slipway.cli.conformance.rows import Finding, NotAsked, Undo

PROPAGATION = 300.0  # seconds after which AWS's own pages have a tag or a role known everywhere
WAITING = 2  # the first so many seconds are the calls themselves
_ANY_ROLE = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
                    ],
                }
            },
        }
    }
}
_WRONG_DEFAULT = {
    "Parameters": {"Word": {"Type": "String", "Default": "neither", "AllowedValues": ["one", "other"]}},
    "Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
}


def refuses(calls: Calls, *request: Any, **arguments: Any) -> Finding:
    """Whether a call is taken, and the words of a refusal. What is not permitted to the caller is no answer."""
    from botocore.exceptions import ClientError

    try:
        calls.make(*request, **arguments)
    except ClientError as fault:
        if "is not authorized to perform" in fault.response["Error"]["Message"]:
            raise
        return Finding("refused", f"{fault.response['Error']['Code']}: {fault.response['Error']['Message']}")
    return Finding("taken")


def ask_default_against_its_constraints(calls: Calls) -> Finding:
    """Make a change set with a value that is allowed, of a parameter whose default is not."""
    return refuses(
        calls,
        Undo("cloudformation", "delete_stack", {"StackName": calls.prefix}),
        "cloudformation",
        "create_change_set",
        StackName=calls.prefix,
        ChangeSetName="conformance",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(_WRONG_DEFAULT),
        Parameters=[{"ParameterKey": "Word", "ParameterValue": "one"}],
    )


def ask_project_with_a_role(calls: Calls) -> Finding:
    """Make a project of a template in S3 that makes a role, which CreateProject has no capability for."""
    launcher = publish.launch_role(calls.target)
    if not launcher:
        raise NotAsked("the account has no launch role: slipway publish --roles makes it")
    bucket, project = calls.prefix, calls.prefix[:32]
    place = {} if calls.target.region == "us-east-1" else {"LocationConstraint": calls.target.region}
    configuration = {"CreateBucketConfiguration": place} if place else {}
    calls.make(Undo("s3", "delete_bucket", {"Bucket": bucket}), "s3", "create_bucket", Bucket=bucket, **configuration)
    document = {"Bucket": bucket, "Key": "template.json"}
    calls.make(
        Undo("s3", "delete_object", document), "s3", "put_object", **document, Body=json.dumps(_ANY_ROLE).encode()
    )
    url = f"https://{bucket}.s3.{calls.target.region}.amazonaws.com/template.json"
    template = {"TemplateName": "conformance", "TemplateURL": url, "RoleARN": launcher}
    finding = refuses(
        calls,
        Undo("sagemaker", "delete_project", {"ProjectName": project}),
        "sagemaker",
        "create_project",
        ProjectName=project,
        TemplateProviders=[{"CfnTemplateProvider": template}],
    )
    if finding.answer == "refused":
        return Finding("refused at once", finding.detail)
    ended = calls.until(partial(_status_at_end, calls, project), 300) or {"ProjectStatus": "still pending"}
    answer = "created" if ended["ProjectStatus"] == "CreateCompleted" else "fails"
    return Finding(answer, f"{ended['ProjectStatus']}: {ended.get('ProjectStatusMessage') or 'no StatusMessage'}")


def _status_at_end(calls: Calls, project: str) -> dict[str, Any] | None:
    found = calls.ask("sagemaker", "describe_project", ProjectName=project)
    return None if found["ProjectStatus"] in ("Pending", "CreateInProgress") else found


def ask_tag_of_a_new_key(calls: Calls) -> Finding:
    """How long after CreateKey a role that may use keys of a tag is let in."""
    me = calls.ask("sts", "get_caller_identity")
    root = f"arn:{me['Arn'].split(':')[1]}:iam::{me['Account']}:root"
    allowed = {
        "Effect": "Allow",
        "Action": "kms:Encrypt",
        "Resource": "*",  # the tag decides, and only this run's key has it
        "Condition": {"StringEquals": {"aws:ResourceTag/slipway-conformance": calls.prefix}},
    }
    role = make_role(calls, "key", {"AWS": root}, [allowed])
    session = calls.until(partial(_assume, calls, role), PROPAGATION)
    if session is None:
        raise NotAsked(f"the new role could not be assumed within {PROPAGATION:.0f} s")
    key = calls.make(
        lambda answer: Undo(
            "kms", "schedule_key_deletion", {"KeyId": answer["KeyMetadata"]["KeyId"], "PendingWindowInDays": 7}
        ),
        "kms",
        "create_key",
        Description="slipway conformance",
        Tags=[{"TagKey": "slipway-conformance", "TagValue": calls.prefix}],
    )["KeyMetadata"]["KeyId"]
    began = time.monotonic()
    if calls.until(partial(_encrypts, calls, session, key), PROPAGATION) is None:
        return Finding("not within 5 minutes")
    seconds = time.monotonic() - began
    return Finding("at once" if seconds < WAITING else "later", f"after {seconds:.0f} s")


def make_role(calls: Calls, suffix: str, trusted: dict[str, str], statements: list[dict[str, Any]]) -> str:
    """A role that only those may assume, and that may do only that; its ARN."""
    name = f"{calls.prefix}-{suffix}"
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    made = calls.make(
        Undo("iam", "delete_role", {"RoleName": name}),
        "iam",
        "create_role",
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    policy = {"RoleName": name, "PolicyName": "conformance"}
    calls.make(
        Undo("iam", "delete_role_policy", policy),
        "iam",
        "put_role_policy",
        **policy,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    return str(made["Role"]["Arn"])


def _assume(calls: Calls, role: str) -> dict[str, str] | None:
    from botocore.exceptions import ClientError

    try:
        found = calls.ask("sts", "assume_role", RoleArn=role, RoleSessionName="conformance")
    except ClientError as fault:
        if fault.response["Error"]["Code"] == "AccessDenied":
            return None
        raise
    return dict(found["Credentials"])


def _encrypts(calls: Calls, session: dict[str, str], key: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        calls.ask_as(session, "kms", "encrypt", KeyId=key, Plaintext=b"conformance")
    except ClientError as fault:
        if fault.response["Error"]["Code"] == "AccessDeniedException":
            return False
        raise
    return True


def ask_lower_case_namespace(calls: Calls) -> Finding:
    """Put one figure into a namespace that begins with aws/, as Model Monitor's do."""
    from botocore.exceptions import ClientError

    figure = {"MetricName": "conformance", "Value": 1.0}
    try:
        calls.ask(
            "cloudwatch",
            "put_metric_data",
            Namespace="aws/sagemaker/SlipwayConformance/data-metric",
            MetricData=[figure],
        )
    except ClientError as fault:
        return Finding("refused", str(fault))
    return Finding("taken")


def ask_codecommit(calls: Calls) -> Finding:
    """Make a repository of CodeCommit, which accounts without one have been refused for a time."""
    repository = {"repositoryName": calls.prefix}
    return refuses(
        calls, Undo("codecommit", "delete_repository", repository), "codecommit", "create_repository", **repository
    )


def ask_analyzer_image(calls: Calls) -> Finding:
    """Look into the registry of Model Monitor's image; nothing is pulled."""
    from botocore.exceptions import ClientError

    found = aws_images.registry("model-monitor", "")
    account = found and found.accounts.get(calls.target.region)
    if not found or not account:
        raise NotAsked("the SageMaker SDK, whose table says where the image is, is not installed or lacks the region")
    wanted = {"registryId": account, "repositoryName": found.repository, "imageIds": [{"imageTag": "latest"}]}
    try:
        answer = calls.ask("ecr", "batch_get_image", **wanted)
    except ClientError as fault:
        return Finding("refused", str(fault))
    reasons = [f"{failure['failureCode']}: {failure['failureReason']}" for failure in answer["failures"]]
    return Finding("refused", "; ".join(reasons)) if reasons else Finding("readable")
