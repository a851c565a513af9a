from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.runtimes.git.bare import BareRepositories
from loopback.services import registry
from loopback.services.announce import announcements
from loopback.services.codepipeline import handlers  # noqa: F401 - registers the operations
from loopback.services.codepipeline.watch import SourceWatch


@pytest.fixture
def ask(context: registry.Context, base: Any, tmp_path: Path) -> Any:
    base.clients["sts", ""] = SimpleNamespace(meta=SimpleNamespace(endpoint_url="http://here"))
    inner = replace(context, repositories=BareRepositories(tmp_path))
    watch = SourceWatch(inner)
    watched = replace(inner, on_change=watch.on_change)

    def call(operation: str, **request: Any) -> dict[str, Any]:
        return registry.call("codecommit", operation, request, watched)

    return call


def test_a_repository_with_two_commits(ask: Any, context: registry.Context) -> None:
    made = ask("CreateRepository", repositoryName="app")["repositoryMetadata"]
    assert made["cloneUrlHttp"] == "http://here/v1/repos/app"
    put = {"repositoryName": "app", "branchName": "main", "filePath": "a.txt"}
    first = ask("PutFile", **put, fileContent=b"1", commitMessage="one", name="Ann", email="a@b")["commitId"]
    files = [{"filePath": "b.txt", "fileContent": b"2"}]
    more = {"repositoryName": "app", "branchName": "main", "parentCommitId": first, "putFiles": files}
    second = ask("CreateCommit", **more, commitMessage="two")["commitId"]
    assert ask("GetBranch", repositoryName="app", branchName="main")["branch"]["commitId"] == second
    assert ask("ListBranches", repositoryName="app") == {"branches": ["main"]}
    shown = ask("GetCommit", repositoryName="app", commitId=first)["commit"]
    assert (shown["message"], shown["author"]["name"]) == ("one", "Ann")
    changes = ask("GetDifferences", repositoryName="app", beforeCommitSpecifier=first, afterCommitSpecifier="main")
    [change] = changes["differences"]
    assert (change["changeType"], change["afterBlob"]["path"], "beforeBlob" in change) == ("A", "b.txt", False)
    every = ask("GetDifferences", repositoryName="app", afterCommitSpecifier=second)["differences"]
    assert [change["afterBlob"]["path"] for change in every] == ["a.txt", "b.txt"]
    told = [found for event in context.store.events(0) for found in announcements(event, context)]
    assert [(each.source, each.detail["event"], each.detail["commitId"]) for each in told] == [
        ("aws.codecommit", "referenceCreated", first),
        ("aws.codecommit", "referenceUpdated", second),
    ]
    assert told[1].detail["oldCommitId"] == first
    ask("DeleteRepository", repositoryName="app")
    assert ask("ListRepositories") == {"repositories": []}


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("GetRepository", {"repositoryName": "no"}, "RepositoryDoesNotExistException"),
        ("CreateRepository", {"repositoryName": "app"}, "RepositoryNameExistsException"),
        ("CreateRepository", {"repositoryName": "a..b"}, "InvalidRepositoryNameException"),
        ("GetBranch", {"repositoryName": "app", "branchName": "no"}, "BranchDoesNotExistException"),
        ("GetCommit", {"repositoryName": "app", "commitId": "f" * 40}, "CommitIdDoesNotExistException"),
        (
            "PutFile",
            {"repositoryName": "app", "branchName": "main", "filePath": "../a", "fileContent": b"1"},
            "InvalidPathException",
        ),
        (
            "PutFile",
            {
                "repositoryName": "app",
                "branchName": "m",
                "filePath": "a",
                "fileContent": b"",
                "parentCommitId": "f" * 40,
            },
            "ParentCommitIdOutdatedException",
        ),
    ],
)
def test_what_cannot_be_is_an_error_of_codecommit(ask: Any, operation: str, request_, code: str) -> None:
    ask("CreateRepository", repositoryName="app")
    with pytest.raises(ServiceError) as caught:
        ask(operation, **request_)
    assert caught.value.code == code


def test_description_and_tags_of_a_repository(ask: Any) -> None:
    arn = ask("CreateRepository", repositoryName="app", tags={"a": "1"})["repositoryMetadata"]["Arn"]
    ask("UpdateRepositoryDescription", repositoryName="app", repositoryDescription="mine")
    assert ask("GetRepository", repositoryName="app")["repositoryMetadata"]["repositoryDescription"] == "mine"
    ask("UpdateRepositoryDescription", repositoryName="app")
    assert not ask("GetRepository", repositoryName="app")["repositoryMetadata"].get("repositoryDescription")
    ask("TagResource", resourceArn=arn, tags={"b": "2"})
    ask("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert ask("ListTagsForResource", resourceArn=arn) == {"tags": {"b": "2"}}
    with pytest.raises(ServiceError, match="is not the ARN of a repository"):
        ask("ListTagsForResource", resourceArn=arn.replace("codecommit", "codebuild"))
