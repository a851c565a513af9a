"""What a runner hands over after a push, and what it starts."""

import ast
import io
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from slipway.build.project import UsageError
from slipway.deploy import source
from slipway.deploy.source import Concerned, concerns_of, hand_over

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {"ARTIFACT_BUCKET": "bucket", "MODELDEPLOY_PIPELINE": "demo-modeldeploy"}


@pytest.mark.parametrize(
    ("paths", "builds", "deploys"),
    [
        (["pipelines/churn/config.yml"], True, False),
        (["requirements.txt", "README.md"], True, False),
        (["deploy/stages/prod.yml"], False, True),
        (["codebuild/build-deploy.yml"], False, True),
        (["pipelines/churn/config.yml", "deploy/stages/prod.yml"], True, False),
        (["README.md", "tests/pipelines/test_pipelines.py"], False, False),
        ([], False, False),
        (None, True, False),
    ],
)
def test_what_a_push_concerns(paths, builds, deploys):
    assert concerns_of(paths) == Concerned(builds, deploys)


def test_the_same_files_as_those_that_start_the_pipelines_in_aws():
    code = (ROOT / "seed_code" / "project.yml").read_text()
    listed = ast.literal_eval(re.search(r"FILES = (\{.*?\n          \})", code, re.DOTALL)[1])
    assert listed == {"MODELBUILD_PIPELINE": source.TRAINED, "MODELDEPLOY_PIPELINE": source.DEPLOYED}


class Aws:
    """S3 and CodePipeline: what they are asked."""

    def __init__(self):
        self.put, self.started = {}, []

    def put_object(self, **request):
        self.put = request

    def start_pipeline_execution(self, **request):
        self.started.append(request["name"])


@pytest.fixture
def repository(tmp_path):
    """Commits files; the id of each commit."""

    def git(*arguments):
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git("add", "--all")
        git("commit", "--quiet", "--message", "x")
        return git("rev-parse", "HEAD")

    git("init", "--quiet")
    return commit


def test_the_committed_files_are_handed_over(tmp_path, repository):
    before = repository(deploy__x="1", pipelines__y="1")
    commit = repository(deploy__x="2")
    (tmp_path / "left-over").write_text("")
    aws = Aws()
    assert hand_over(before, tmp_path, ENVIRONMENT, aws, aws) == Concerned(builds=False, deploys=True)
    assert aws.started == ["demo-modeldeploy"]
    assert (aws.put["Bucket"], aws.put["Key"]) == ("bucket", "source/project.zip")
    assert aws.put["Metadata"] == {"codepipeline-artifact-revision-summary": commit}
    with zipfile.ZipFile(io.BytesIO(aws.put["Body"])) as archive:
        assert {name for name in archive.namelist() if not name.endswith("/")} == {"deploy/x", "pipelines/y"}
        assert archive.read("deploy/x") == b"2"


@pytest.mark.parametrize("since", ["", "0" * 40, "1" * 40])
def test_after_an_unknown_commit_all_is_trained_and_nothing_started(tmp_path, repository, since):
    repository(deploy__x="1")
    aws = Aws()
    assert hand_over(since, tmp_path, ENVIRONMENT, aws, aws).builds
    assert aws.started == []


def test_what_can_not_be_handed_over(tmp_path):
    with pytest.raises(UsageError, match="not set: MODELDEPLOY_PIPELINE"):
        hand_over("", tmp_path, {"ARTIFACT_BUCKET": "b"}, None, None)
    with pytest.raises(UsageError, match="is no checkout that can be packed"):
        hand_over("", tmp_path, ENVIRONMENT, None, None)
