"""What a runner outside AWS is told, and where its workflow goes."""

import pytest

from slipway.cli import runner
from slipway.cli.projects import Project
from slipway.cli.target import UserError, WrongUsage
from slipway.cli.wishes import runner_parameters

OUTPUTS = {
    "ModelBuildPipelineName": "demo-modelbuild",
    "ModelDeployPipelineName": "demo-modeldeploy",
    "ModelPackageGroupName": "demo-churn",
    "ArtifactBucketName": "bucket",
    "KmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/k",
    "PipelineExecutionRoleArn": "arn:aws:iam::111122223333:role/r",
    "PushesStart": "no",
}
PROJECT = Project("demo", "p-1", OUTPUTS)


@pytest.mark.parametrize(
    "wish", [runner.Wish("jenkins", "a/b"), runner.Wish("github", "a"), runner.Wish("github", "a/*")]
)
def test_what_is_no_runner(wish):
    with pytest.raises(WrongUsage):
        runner._host(wish)


@pytest.mark.parametrize("started", ["yes", None])
def test_a_project_whose_pushes_start_in_aws_would_be_trained_twice(started):
    outputs = {key: value for key, value in {**OUTPUTS, "PushesStart": started}.items() if value}
    with pytest.raises(UserError, match="launched with: slipway launch NAME --runner github"):
        runner.require_handed_over(Project("demo", "p-1", outputs))
    runner.require_handed_over(PROJECT)


@pytest.mark.parametrize(("known", "makes"), [(True, "no"), (False, "yes")])
def test_the_roles_are_for_one_repository(known, makes):
    given = runner.parameters(PROJECT, runner.Wish("github", "acme/churn", "release"), known=known)
    assert (given["Repository"], given["Branch"], given["MakesProvider"]) == ("acme/churn", "release", makes)
    assert given["PipelineRoleArn"] == OUTPUTS["PipelineExecutionRoleArn"]


def test_the_variables_are_those_that_the_workflows_read():
    found = runner.variables("eu-west-1", PROJECT, {"RunnerRoleArn": "a", "CheckRoleArn": "b"})
    assert found["PIPELINE"] == "churn"
    for host in runner.HOSTS.values():
        text = (runner.Path(__file__).resolve().parents[3] / "seed_code" / "files" / host.template).read_text()
        assert [name for name in found if name not in text and name.endswith("ROLE_ARN") and name[0] in "RC"] == []
    github = (runner.Path(__file__).resolve().parents[3] / "seed_code/files/runners/github.yml").read_text()
    assert [name for name in found if f"vars.{name}" not in github] == []


@pytest.mark.parametrize("host", runner.HOSTS)
def test_the_workflow_goes_where_its_host_reads_it(tmp_path, host):
    found = runner.HOSTS[host]
    (tmp_path / "runners").mkdir()
    (tmp_path / found.template).write_text("jobs\n")
    assert runner.put_workflow(tmp_path, found) == found.workflow
    assert (tmp_path / found.workflow).read_text() == "jobs\n"
    assert runner.put_workflow(tmp_path, found) == ""
    (tmp_path / found.workflow).write_text("the team's own\n")
    with pytest.raises(UserError, match="is there already"):
        runner.put_workflow(tmp_path, found)
    assert (tmp_path / found.workflow).read_text() == "the team's own\n"


def test_a_project_for_a_runner():
    assert runner_parameters("") == {}
    assert runner_parameters("gitlab") == {"PushesStart": "no"}
    with pytest.raises(WrongUsage, match="'jenkins' is none of github, gitlab"):
        runner_parameters("jenkins")
