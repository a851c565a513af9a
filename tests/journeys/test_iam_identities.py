"""IAM enforced: who somebody is. Keys and their secrets, roles and whom they trust, git, presigned URLs."""

import io
import json
import subprocess
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.journeys.conftest import Loopback, free_port, processing, until

pytestmark = pytest.mark.journey
ACCOUNT = "000000000000"
ROLES = f"arn:aws:iam::{ACCOUNT}:role/"


def trusting(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allowing(*statements: tuple[str, str]) -> str:
    written = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": written})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """A loopback that checks, with roles: `powerful` and `job` for SageMaker, `function` for Lambda."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPBACK_IAM", "enforce")
        made = Loopback(tmp_path_factory.mktemp("strict") / "state", free_port())
        started = made.up()
        assert started.returncode == 0, started.stderr
        iam = made.client("iam")
        for name, service in (("powerful", "sagemaker"), ("job", "sagemaker"), ("function", "lambda")):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(service))
        yield made
        made.down()


def client(strict: Loopback, service: str, key: str, secret: str, token: str | None = None, **more: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{strict.port}",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        **more,
    )


def job(sagemaker: Any, role: str) -> None:
    arguments = processing("step", "pass")["Arguments"] | {"RoleArn": role}
    sagemaker.create_processing_job(ProcessingJobName="job", **arguments)


@pytest.mark.parametrize(
    "role",
    [
        f"{ROLES}nobody",
        f"{ROLES}function",
        f"{ROLES}job-/powerful",
        f"{ROLES}job/../powerful",
        "arn:aws:iam::111111111111:role/powerful",
    ],
)
def test_a_job_needs_a_role_that_is_there_and_trusts_sagemaker(strict: Loopback, role: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Could not assume role"):
        job(strict.client("sagemaker"), role)


def test_what_may_be_passed_is_what_is_used(strict: Loopback) -> None:
    """A role that may pass `job-*` cannot get at `powerful` by a path in the ARN."""
    iam, me = strict.client("iam"), client(strict, "sts", ACCOUNT, strict.secret)
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="caller", AssumeRolePolicyDocument=document)
    policy = allowing(("sagemaker:*", "*"), ("iam:PassRole", f"{ROLES}job-*"))
    iam.put_role_policy(RoleName="caller", PolicyName="caller", PolicyDocument=policy)
    given = me.assume_role(RoleArn=f"{ROLES}caller", RoleSessionName="story")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    with pytest.raises(ClientError, match="Could not assume role"):
        job(client(strict, "sagemaker", *keys), f"{ROLES}job-/powerful")
    with pytest.raises(ClientError, match="iam:PassRole"):
        job(client(strict, "sagemaker", *keys), f"{ROLES}powerful")
    with pytest.raises(ClientError, match="AccessDenied"):
        me.assume_role(RoleArn=f"{ROLES}x/caller", RoleSessionName="story")


def test_a_function_needs_a_role_that_trusts_lambda(strict: Loopback) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "")
    given: dict[str, Any] = {"Runtime": "python3.11", "Handler": "index.h", "Code": {"ZipFile": code.getvalue()}}
    functions = strict.client("lambda")
    with pytest.raises(ClientError, match=r"InvalidParameterValueException.*cannot be assumed by Lambda"):
        functions.create_function(FunctionName="f", Role=f"{ROLES}job", **given)
    functions.create_function(FunctionName="f", Role=f"{ROLES}function", **given)


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        (ACCOUNT, "other", "SignatureDoesNotMatch|InvalidSignatureException"),
        ("test", "test", "InvalidClientTokenId|UnrecognizedClientException"),
        ("111111111111", "other", "InvalidClientTokenId|UnrecognizedClientException"),
    ],
)
def test_only_the_account_s_own_key_with_its_own_secret_is_the_account(
    strict: Loopback, key: str, secret: str, code: str
) -> None:
    for service, ask in (
        ("iam", lambda iam: iam.list_roles()),
        ("sagemaker", lambda sagemaker: sagemaker.list_models()),
        ("sagemaker-runtime", lambda runtime: runtime.invoke_endpoint(EndpointName="e", Body=b"")),
    ):
        with pytest.raises(ClientError, match=code):
            ask(client(strict, service, key, secret))


def test_nobody_reads_buckets_unsigned(strict: Loopback) -> None:
    s3 = strict.client("s3")
    s3.create_bucket(Bucket="private")
    s3.put_object(Bucket="private", Key="key", Body=b"1")
    nobody = client(strict, "s3", "x", "x", config=Config(signature_version=UNSIGNED))
    for ask in (nobody.list_buckets, lambda: nobody.get_object(Bucket="private", Key="key")):
        with pytest.raises(ClientError, match="AccessDenied"):
            ask()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_is_for_one_key(strict: Loopback, version: str) -> None:
    s3 = client(strict, "s3", ACCOUNT, strict.secret, config=Config(signature_version=version))
    strict.client("s3").create_bucket(Bucket=f"signed-{version}")
    for key in ("one", "two"):
        strict.client("s3").put_object(Bucket=f"signed-{version}", Key=key, Body=key.encode())
    given = {"Bucket": f"signed-{version}", "Key": "one"}
    url = s3.generate_presigned_url("get_object", Params=given, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b"one"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.replace("/one", "/two"))


def test_git_asks_who_it_is(strict: Loopback, tmp_path: Path) -> None:
    def git(address: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0"}
        return subprocess.run(["git", "ls-remote", address], capture_output=True, text=True, check=False, env=environ)

    strict.client("codecommit").create_repository(repositoryName="team")
    address = f"127.0.0.1:{strict.port}/v1/repos/team"
    assert git(f"http://{address}").returncode != 0
    assert git(f"http://{ACCOUNT}:other@{address}").returncode != 0
    assert git(f"http://{ACCOUNT}:{strict.secret}@{address}").returncode == 0


def test_stacks_keep_boundaries_and_delete_alarms_by_their_names(strict: Loopback) -> None:
    iam, stacks = strict.client("iam"), strict.client("cloudformation")
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=allowing(("s3:*", "*")))["Policy"]["Arn"]
    iam.create_role(RoleName="stack", AssumeRolePolicyDocument=trusting("cloudformation"))
    alarm = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:team-*"
    actions = [("cloudwatch:*", alarm), ("cloudwatch:DescribeAlarms", "*"), ("iam:*", f"{ROLES}*")]
    iam.put_role_policy(RoleName="stack", PolicyName="stack", PolicyDocument=allowing(*actions))
    trust = json.loads(trusting("sagemaker"))
    watched = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    resources = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "bound", "AssumeRolePolicyDocument": trust, "PermissionsBoundary": boundary},
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": "team-alarm",
                "ComparisonOperator": "GreaterThanThreshold",
                "Statistic": "Sum",
                **watched,
            },
        },
    }
    stacks.create_stack(
        StackName="team",
        TemplateBody=json.dumps({"Resources": resources}),
        RoleARN=f"{ROLES}stack",
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    until(lambda: _status(stacks) == "CREATE_COMPLETE", 20, lambda: str(stacks.describe_stack_events(StackName="team")))
    assert iam.get_role(RoleName="bound")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    stacks.delete_stack(StackName="team")
    until(lambda: not strict.client("cloudwatch").describe_alarms()["MetricAlarms"], 20, lambda: _status(stacks))
    with pytest.raises(ClientError, match=r"ValidationError.*invalid or cannot be assumed"):
        stacks.create_stack(StackName="other", TemplateBody="{}", RoleARN=f"{ROLES}job")


def _status(stacks: Any) -> str:
    return str(stacks.describe_stacks(StackName="team")["Stacks"][0]["StackStatus"])


def test_policies_have_aws_s_lengths(strict: Loopback) -> None:
    iam, half = strict.client("iam"), allowing(("s3:GetObject", "x" * 5100))
    iam.create_role(RoleName="long", AssumeRolePolicyDocument=trusting("sagemaker"))
    iam.put_role_policy(RoleName="long", PolicyName="one", PolicyDocument=half)
    with pytest.raises(ClientError, match=r"LimitExceeded.*Maximum policy size of 10240 bytes exceeded for role long"):
        iam.put_role_policy(RoleName="long", PolicyName="two", PolicyDocument=half)
    with pytest.raises(ClientError, match=r"LimitExceeded.*Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy(PolicyName="long", PolicyDocument=allowing(("s3:GetObject", "x" * 6144)))
