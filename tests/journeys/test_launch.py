"""A project from the published template to nothing, on real processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    assert kinds == {"approved", "source", "action", "step", "waiting"}
    health = {row["check"]: row for row in slipway("doctor", "--name", "mill")}
    assert (health["events role"]["state"], health["project's roles"]["state"]) == ("ok", "ok")
    iam = loopback.client("iam")
    own = {role for role in role_names(iam) if role.startswith("slipway-mill-use1-")}
    assert len(own) == 14
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


def took(codepipeline: Any, pipeline: str) -> str:
    """The commit that the first run of a pipeline took, once its source has arrived."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for execution in codepipeline.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]:
            if execution.get("sourceRevisions"):
                return str(execution["sourceRevisions"][0]["revisionId"])
        time.sleep(0.2)
    raise AssertionError(f"{pipeline} took no source within 30 s")
