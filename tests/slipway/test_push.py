"""The files of this checkout become one commit of the project's repository, and only when they differ."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from slipway import push
from slipway.projects import Project
from slipway.target import Target, UserError


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "repository.git")
    return tmp_path / "repository.git"


def project(url: str) -> Project:
    return Project("p", "p-1", {"RepositoryUrl": url})


TARGET = Target({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, local=True, project="p")


def test_the_first_push_makes_the_branch_and_the_second_has_nothing_to_say(repository: Path) -> None:
    commit = push.push(TARGET, project(str(repository)), "first")
    names = git(repository, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert {"pipelines/churn/pipeline.py", "buildspec.yml", "deploy/endpoint.yml"} <= set(names)
    assert not [name for name in names if name.startswith(("loopback/", "slipway/", "tests/"))]
    assert git(repository, "rev-parse", "main") == commit == push.head(TARGET, project(str(repository)))
    assert push.push(TARGET, project(str(repository)), "second") == ""


def test_what_the_repository_has_beyond_the_checkout_goes(repository: Path, tmp_path: Path) -> None:
    push.push(TARGET, project(str(repository)), "first")
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    (tmp_path / "clone" / "left.txt").write_text("x")
    git(tmp_path / "clone", "add", "left.txt")
    git(tmp_path / "clone", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "left")
    git(tmp_path / "clone", "push", "--quiet")
    assert push.push(TARGET, project(str(repository)), "third")
    assert "left.txt" not in git(repository, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert git(repository, "log", "--format=%s", "main").splitlines() == ["third", "left", "first"]


CONNECTION = "https://codeconnections.eu-west-1.amazonaws.com/git-http/1/eu-west-1/abc/owner/name.git"


@pytest.mark.parametrize(
    ("url", "local", "expected"),
    [
        (CONNECTION, True, "http://127.0.0.1:4566/git-http/1/eu-west-1/abc/owner/name.git"),
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/name",
            True,
            "http://127.0.0.1:4566/v1/repos/name",
        ),
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/name",
            False,
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/name",
        ),
        ("https://github.com/owner/name.git", True, "https://github.com/owner/name.git"),
    ],
)
def test_where_git_pushes_to(url: str, local: bool, expected: str) -> None:
    target = Target(TARGET.environ, local=local, project="p")
    assert push.remote(target, project(url)) == expected


def test_a_connection_of_aws_is_left_to_the_person() -> None:
    with pytest.raises(UserError, match=r"owner/name\.git is behind .* `slipway ship --no-push`"):
        push.remote(Target({}, local=False, project="p"), project(CONNECTION))


def test_git_speaks_for_itself(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"git clone failed: .*nowhere"):
        push.push(TARGET, project(str(tmp_path / "nowhere")), "m")


def test_an_s3_source_is_a_zip() -> None:
    stored: dict[str, Any] = {}

    class S3:
        def put_object(self, **request: Any) -> dict[str, str]:
            stored.update(request)
            return {"VersionId": "v2"}

    class Bucket(Target):
        def client(self, service: str) -> Any:
            return {"s3": S3()}[service]

    target = Bucket({}, local=True, project="p")
    assert push.push(target, project("s3://bucket/source/project.zip"), "m") == "v2"
    assert (stored["Bucket"], stored["Key"]) == ("bucket", "source/project.zip")
    assert stored["Body"].startswith(b"PK")
