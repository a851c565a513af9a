"""A project from the published template to nothing, on real processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from slipway.cli.roles import SUFFIXES
from tests.journeys.conftest import until

pytestmark = pytest.mark.journey

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def slipway(loopback) -> Callable[..., Any]:
    """The command line against that loopback; its answer as JSON."""

    def run(*arguments: str, code: int = 0) -> Any:
        command = [sys.executable, "-m", "slipway", *arguments, "--json"]
        environ = {**os.environ, **loopback.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def test_a_project_begins_and_ends(slipway, loopback) -> None:
    published = slipway("publish", "--roles")
    parts = {"bucket", "CORS", "project", "checkin", "template", "roles template", "launch role", "roles"}
    assert {row["part"] for row in published} == parts
    again = slipway("publish", "--roles")
    assert {row["result"].partition(" (")[0] for row in again} <= {"as it was", "unchanged"}
    health = {row["check"]: row["state"] for row in slipway("doctor", "--name", "mill")}
    assert [check for check, state in health.items() if state == "FAIL"] == []

    project = slipway("launch", "mill", "--source", "codecommit", "--parameter", "DataPrefix=")
    told = project["outputs"]
    assert (project["status"], told["SeedResult"]) == ("CreateCompleted", "pushed")
    assert told["ModelPackageGroupName"] == "mill-churn"

    repository = told["RepositoryUrl"].rpartition("/")[2]
    head = loopback.client("codecommit").get_branch(repositoryName=repository, branchName="main")["branch"]["commitId"]
    codepipeline = loopback.client("codepipeline")
    for pipeline in (told["ModelBuildPipelineName"], told["ModelDeployPipelineName"]):
        assert took(codepipeline, pipeline) == head

    rules = loopback.client("events").list_rules(NamePrefix=f"sagemaker-{project['id']}-")["Rules"]
    kinds = {rule["Name"].rpartition("-")[2] for rule in rules}
    assert kinds == {"approved", "source", "delivery", "run", "waiting"}
    health = {row["check"]: row for row in slipway("doctor", "--name", "mill")}
    assert (health["events role"]["state"], health["project's roles"]["state"]) == ("ok", "ok")
    iam = loopback.client("iam")
    own = {role for role in role_names(iam) if role.startswith("slipway-mill-use1-")}
    assert own == {f"slipway-mill-use1-{suffix}" for suffix in (*SUFFIXES, "seedcheckin")}
    assert told["RolePrefix"] == "slipway-mill-use1"

    ended = slipway("destroy", "mill", "--yes")
    assert any(told["ArtifactBucketName"] in item["what"] for item in ended["retained"])
    names = [found["name"] for found in codepipeline.list_pipelines()["pipelines"]]
    assert [name for name in names if "-mill-" in name] == []
    assert loopback.client("s3").head_bucket(Bucket=told["ArtifactBucketName"])
    assert own.isdisjoint(role_names(iam))
    assert slipway("destroy", "mill", "--yes")["done"] == []


def role_names(iam: Any) -> set[str]:
    return {role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]}


def test_a_click_in_studio_takes_the_account_s_roles(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """IAM enforced, somebody who has the use policy alone, the launch role, and a request as Studio sends it."""
    monkeypatch.setenv("LOOPBACK_IAM", "enforce")
    loopback, slipway = request.getfixturevalue("loopback"), request.getfixturevalue("slipway")
    published = {row["part"]: row["where"] for row in slipway("publish", "--roles")}
    iam = loopback.client("iam")
    stack = loopback.client("cloudformation").describe_stacks(StackName="slipway-roles")["Stacks"][0]
    told = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    sagemaker = somebody(loopback, told["UsePolicyArn"])
    given = {"SourceType": "CodeCommit", "DataPrefix": "", "ModelMonitor": "no"}
    provider = {
        "TemplateName": "slipway",
        "TemplateURL": published["template"],
        "RoleARN": told["LaunchRoleArn"],
        "Parameters": [{"Key": key, "Value": value} for key, value in given.items()],
    }
    sagemaker.create_project(ProjectName="clicked", TemplateProviders=[{"CfnTemplateProvider": provider}])
    project = until(lambda: ended(sagemaker, "clicked"), 60)
    assert project["ProjectStatus"] == "CreateCompleted", project
    assert [role for role in role_names(iam) if role.startswith(("sagemaker-", "slipway-clicked"))] == []
    codepipeline = loopback.client("codepipeline")
    pipeline = f"sagemaker-clicked-{project['ProjectId']}-modelbuild"
    assert codepipeline.get_pipeline(name=pipeline)["pipeline"]["roleArn"].endswith(
        "role/SlipwayProjects-us-east-1-codepipeline"
    )
    executions = until(lambda: over(codepipeline, pipeline), 120)
    assert [execution["status"] for execution in executions] == ["Succeeded"]
    versions = loopback.client("sagemaker").list_model_packages(ModelPackageGroupName="clicked-churn")
    assert len(versions["ModelPackageSummaryList"]) == 1


def somebody(loopback: Any, policy: str) -> Any:
    """SageMaker's client of a role with that policy."""
    iam = loopback.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="people", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="people", PolicyArn=policy)
    given = loopback.client("sts").assume_role(RoleArn=arn, RoleSessionName="studio")["Credentials"]
    return boto3.client(
        "sagemaker",
        endpoint_url=f"http://127.0.0.1:{loopback.port}",
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def ended(sagemaker: Any, name: str) -> dict[str, Any] | None:
    found: dict[str, Any] = sagemaker.describe_project(ProjectName=name)
    return found if found["ProjectStatus"].endswith(("Completed", "Failed")) else None


def over(codepipeline: Any, pipeline: str) -> list[dict[str, Any]]:
    """The executions of a pipeline, once none of them runs."""
    found: list[dict[str, Any]] = codepipeline.list_pipeline_executions(pipelineName=pipeline)[
        "pipelineExecutionSummaries"
    ]
    return [] if any(execution["status"] == "InProgress" for execution in found) else found


def took(codepipeline: Any, pipeline: str) -> str:
    """The commit that the first run of a pipeline took, once its source has arrived."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for execution in codepipeline.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]:
            if execution.get("sourceRevisions"):
                return str(execution["sourceRevisions"][0]["revisionId"])
        time.sleep(0.2)
    raise AssertionError(f"{pipeline} took no source within 30 s")
