"""`slipway doctor`: each row, and what it says to do."""

import json
from pathlib import Path

import pytest

from slipway.cli import doctor, model_monitor

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/abc-1"
BUCKET = "slipway-templates-111122223333-eu-west-1"
LOCATION = {"Key": "sagemaker:projectS3TemplatesLocation", "Value": f"s3://{BUCKET}/templates/"}


def role(name: str, *services: str) -> dict:
    statement = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}
    arn = f"arn:aws:iam::111122223333:role/{name}"
    return {"Role": {"Arn": arn, "AssumeRolePolicyDocument": json.dumps({"Statement": [statement]})}}


ROOT = Path(__file__).resolve().parents[3]


def trusts(*services: str):
    return lambda request: role(request["RoleName"], *(f"{service}.amazonaws.com" for service in services))


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The state folder of an AWS of this machine that has never run: `make run` leaves one in the checkout."""
    monkeypatch.setattr(doctor, "state_folder", lambda: tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def healthy(aws) -> None:
    quotas = [{"QuotaName": name, "Value": 4.0, "QuotaCode": "L-1"} for name in doctor.quota_names("churn", ROOT)]
    output = {"OutputKey": "RolePrefix", "OutputValue": "slipway-demo-euw1"}
    provider = {"CfnTemplateProviderDetail": {"StackDetail": {"Id": "SP-p-1"}}}
    aws.answers |= {
        "GetRole": trusts("cloudformation", "sagemaker", "events"),
        "HeadObject": {},
        "GetObjectTagging": {"TagSet": [{"Key": "sagemaker:studio-visibility", "Value": "true"}]},
        "GetBucketCors": {"CORSRules": [{"AllowedOrigins": ["https://*.sagemaker.aws"], "AllowedMethods": ["GET"]}]},
        "ListServiceQuotas": {"Quotas": quotas},
        "ListMonitoringSchedules": {
            "MonitoringScheduleSummaries": [{"MonitoringScheduleName": "demo-prod-data-quality"}]
        },
        "ListDomains": {"Domains": [{"DomainId": "d-1"}]},
        "DescribeDomain": {"DomainArn": "arn:aws:sagemaker:eu-west-1:111122223333:domain/d-1"},
        "ListTags": {"Tags": [LOCATION]},
        "GetConnection": {
            "Connection": {"ConnectionName": "code", "ProviderType": "GitHub", "ConnectionStatus": "AVAILABLE"}
        },
        "DescribeModelPackageGroup": "ValidationException: does not exist",
        "DescribeProject": {"ProjectName": "demo", "ProjectId": "p-1", "TemplateProviderDetails": [provider]},
        "DescribeStacks": {"Stacks": [{"Outputs": [output]}]},
    }


def rows(out: str) -> dict[str, dict]:
    return {row["check"]: row for row in json.loads(out)}


ALL = ("--connection", CONNECTION, "--name", "demo", "--json")


def test_all_is_well(command, healthy) -> None:
    code, out, _ = command("doctor", *ALL)
    assert {check: row["state"] for check, row in rows(out).items()} == dict.fromkeys(
        (
            "credentials",
            "region",
            "launch role",
            "account's roles",
            "template",
            "template tag",
            "bucket CORS",
            "xgboost image",
            "quotas",
            "model monitor",
            "domain",
            "let pass here",
            "connection",
            "name",
            "model package group",
            "project's roles",
            "events role",
        ),
        "ok",
    )
    assert code == 0


@pytest.mark.parametrize(
    ("definitions", "state"),
    [([{"MonitoringJobDefinitionName": "dq"}], "ok"), ([], "unknown"), ("AccessDeniedException: no more", "unknown")],
)
def test_model_monitor_is_certain_only_where_something_of_it_is(
    command, healthy, aws, monkeypatch, definitions, state
) -> None:
    monkeypatch.setattr(model_monitor, "watched_stages", lambda _: ("prod",))
    answer = definitions if isinstance(definitions, str) else {"JobDefinitionSummaries": definitions}
    aws.answers |= {
        "ListMonitoringSchedules": {"MonitoringScheduleSummaries": []},
        "ListDataQualityJobDefinitions": answer,
    }
    code, out, _ = command("doctor", *ALL)
    row = rows(out)["model monitor"]
    assert (row["state"], code) == (state, 0)
    if definitions == []:
        assert "closed to new customers" in row["found"]
        assert row["fix"].endswith("leave `engine: sagemaker` out of deploy/stages/prod.yml")


def test_model_monitor_is_not_needed_by_monitors_of_our_own(command, healthy, aws) -> None:
    code, out, _ = command("doctor", *ALL)
    row = rows(out)["model monitor"]
    assert (row["state"], row["found"], code) == ("ok", "not needed: the stages are watched by jobs of their own", 0)
    assert not aws.asked("ListMonitoringSchedules")


@pytest.mark.parametrize(
    ("operation", "answer", "row"),
    [
        (
            "GetRole",
            "NoSuchEntity: none",
            ("launch role", "no role SlipwayProjectsLaunchRole-eu-west-1", "slipway publish --roles"),
        ),
        ("GetRole", trusts("ec2"), ("launch role", "does not trust cloudformation.amazonaws.com", "publish --roles")),
        ("GetRole", trusts("cloudformation"), ("launch role", "does not trust sagemaker", "publish --roles")),
        (
            "GetRole",
            trusts("sagemaker", "cloudformation"),
            ("events role", "does not trust events.amazonaws.com", "update the stack with its roles"),
        ),
        (
            "GetRole",
            "NoSuchEntity: none",
            ("account's roles", "no role SlipwayProjects-eu-west-1-build, nor 14 more", "slipway publish --roles"),
        ),
        (
            "GetRole",
            "NoSuchEntity: none",
            ("project's roles", "no role slipway-demo-euw1-build, nor 14 more", "slipway destroy demo"),
        ),
        ("HeadObject", "404: Not Found", ("template", "is not there", f"slipway publish --bucket {BUCKET}")),
        ("GetObjectTagging", {"TagSet": []}, ("template tag", "no tag sagemaker:studio-visibility=true", "publish")),
        ("GetBucketCors", "NoSuchCORSConfiguration: none", ("bucket CORS", "https://*.sagemaker.aws", "publish")),
        ("ListTags", {"Tags": []}, ("domain", "d-1 has no tag", f"publish --bucket {BUCKET} --domain d-1")),
        ("ListTags", {"Tags": [LOCATION | {"Value": "s3://x/"}]}, ("domain", "templates from s3://x/", "publish")),
        (
            "GetConnection",
            {"Connection": {"ConnectionStatus": "PENDING"}},
            ("connection", "is PENDING", "complete it there"),
        ),
        (
            "DescribeModelPackageGroup",
            {"ModelPackageGroupName": "demo-churn"},
            ("model package group", "belongs to the project", ""),
        ),
    ],
)
def test_what_is_wrong_and_what_to_do(operation, answer, row, aws, command, healthy) -> None:
    check, found, fix = row
    aws.answers[operation] = answer
    code, out, _ = command("doctor", *ALL)
    told = rows(out)[check]
    assert (found in told["found"], fix in told["fix"]) == (True, True), told
    assert (told["state"], code) == (("FAIL", 1) if fix else ("ok", 0))


def test_a_group_that_an_earlier_project_left(aws, command, healthy) -> None:
    aws.answers["DescribeModelPackageGroup"] = {"ModelPackageGroupName": "demo-churn"}
    aws.answers["DescribeProject"] = "ValidationException: Project demo does not exist"
    code, out, _ = command("doctor", *ALL)
    found = rows(out)
    assert (code, found["model package group"]["state"], found["events role"]["state"]) == (1, "FAIL", "unknown")


def test_an_older_project_has_its_roles_in_its_stack(aws, command, healthy) -> None:
    """Of 0.2 and before: its stack does not say what its roles are called."""
    aws.answers["DescribeStacks"] = {"Stacks": [{"Outputs": []}]}
    row = rows(command("doctor", *ALL)[1])["project's roles"]
    assert (row["state"], row["found"]) == ("ok", "sagemaker-p-1-..., in its stack")
    assert row["fix"] == "before UpdateProject: docs/launch.md, Older projects"


def test_quotas_that_are_too_small(aws, command, healthy) -> None:
    aws.answers["ListServiceQuotas"] = {
        "Quotas": [{"QuotaName": n, "Value": 0.0, "QuotaCode": "L-2"} for n in doctor.quota_names("churn", ROOT)]
    }
    row = rows(command("doctor", "--json")[1])["quotas"]
    assert row["state"] == "FAIL"
    assert "request-service-quota-increase --service-code sagemaker --quota-code L-2" in row["fix"]


def test_what_is_needed_is_read_from_the_configuration(tmp_path: Path) -> None:
    for name, text in {
        "pipelines/p/config.yml": "instances: {processing: {type: ml.m5.xlarge}, training: {type: ml.m5.xlarge, "
        "count: 2}}",
        "deploy/stages/prod.yml": "{instances: {type: ml.m5.large}, autoscaling: {min: 3}}",
        "deploy/stages/staging.yml": "instances: {type: ml.m5.large, count: 1}",
        "deploy/stages/free.yml": "serverless: {memory_mb: 2048}",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert doctor.quota_names("p", tmp_path) == {
        "ml.m5.xlarge for processing job usage": 1,
        "ml.m5.xlarge for training job usage": 2,
        "ml.m5.large for endpoint usage": 4,
    }


def test_what_can_not_be_found_out_fails_nothing(aws, command, healthy) -> None:
    aws.answers["ListServiceQuotas"] = "AccessDeniedException: not you"
    code, out, _ = command("doctor", "--json")
    row = rows(out)["quotas"]
    assert (code, row["state"], "not you" in row["found"]) == (0, "unknown", True)


def test_without_credentials_there_is_one_row(aws, command) -> None:
    aws.answers["GetCallerIdentity"] = "ExpiredToken: sign in again"
    code, out, _ = command("doctor", "--json")
    assert (code, list(rows(out))) == (1, ["credentials"])


@pytest.mark.parametrize("name", ["Demo", "d" * 33, "-demo"])
def test_names_that_can_not_be(name, command, healthy) -> None:
    code, out, _ = command("doctor", f"--name={name}", "--json")
    assert (code, rows(out)["name"]["state"]) == (1, "FAIL")


def test_what_the_local_aws_has_not_is_no_missing_permission(command, healthy, aws) -> None:
    aws.answers["ListServiceQuotas"] = "NotImplemented: loopback does not carry out servicequotas"
    _, out, _ = command("doctor", *ALL)
    assert rows(out)["quotas"]["found"] == "the AWS of this machine does not carry it out"


def test_what_was_let_pass_here_is_unknown_and_said(command, healthy, state: Path) -> None:
    state.mkdir()
    told = {"kind": "quota", "subject": "ml.p5 for training", "text": "AWS gives 0", "todo": "ask for more", "at": 1.0}
    (state / "aws-warnings.json").write_text(json.dumps([told]))
    _, out, _ = command("doctor", *ALL)
    row = rows(out)["let pass here"]
    assert row["state"] == "unknown"
    assert "ml.p5 for training" in json.dumps(row)
    assert str(state / "aws-warnings.json") in json.dumps(row)
