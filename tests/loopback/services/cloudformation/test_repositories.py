"""A repository in a stack begins with the code in its archive; later changes of `Code` have no effect.

Source: the user guide's "AWS::CodeCommit::Repository Code".
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.repositories import MESSAGE, Repository, seed_files
from loopback.services.cloudformation.types import TemplateResource

CODE = {"S3": {"Bucket": "seeds", "Key": "code.zip", "ObjectVersion": "v1"}, "BranchName": "trunk"}
MADE = {"Arn": "arn", "repositoryName": "r", "repositoryId": "id", "cloneUrlHttp": "http://here/v1/repos/r"}


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.mkdir("folder")
        for name, content in files.items():
            made.writestr(name, content)
    return packed.getvalue()


class Asked:
    def __init__(self, content: bytes, refused: str = "") -> None:
        self.content, self.refused, self.requests = content, refused, []

    def __call__(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        del service
        self.requests.append((operation, dict(request)))
        if operation == self.refused:
            raise ServiceError("refused")
        if operation == "GetObject":
            return {"ContentLength": len(self.content), "Body": io.BytesIO(self.content)}
        return {"repositoryMetadata": MADE}

    def pause(self, seconds: float) -> None:
        raise AssertionError(seconds)


def wanted(**properties: Any) -> TemplateResource:
    return TemplateResource({"RepositoryName": "r", **properties}, lambda _longest: "never")


def test_a_repository_begins_with_its_code() -> None:
    asked = Asked(archive(a=b"1", b=b"2"))
    made = Repository().create(wanted(Code=CODE, Tags=[{"Key": "k", "Value": "v"}]), asked)
    assert made[0] == "id"
    put = [{"filePath": "a", "fileContent": b"1"}, {"filePath": "b", "fileContent": b"2"}]
    assert asked.requests == [
        ("GetObject", {"Bucket": "seeds", "Key": "code.zip", "VersionId": "v1"}),
        ("CreateRepository", {"repositoryName": "r", "tags": {"k": "v"}}),
        (
            "CreateCommit",
            {"repositoryName": "r", "branchName": "trunk", "commitMessage": MESSAGE, "putFiles": put},
        ),
    ]


def test_a_repository_that_cannot_be_filled_is_not_left() -> None:
    asked = Asked(archive(a=b"1"), refused="CreateCommit")
    with pytest.raises(ServiceError, match="refused"):
        Repository().create(wanted(Code=CODE), asked)
    assert asked.requests[-1] == ("DeleteRepository", {"repositoryName": "r"})


@pytest.mark.parametrize("content", [b"no archive", archive(a=b"1")[:-30]])
def test_what_is_no_archive_makes_no_repository(content: bytes) -> None:
    asked = Asked(content)
    with pytest.raises(ServiceError, match="is not an archive that can be committed"):
        Repository().create(wanted(Code=CODE), asked)
    assert [operation for operation, _ in asked.requests] == ["GetObject"]


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a", bytes(65 << 20))
    with pytest.raises(ServiceError, match="unpacks to more than"):
        seed_files(CODE["S3"], Asked(packed.getvalue()))  # type: ignore[arg-type]


def test_an_update_changes_description_and_tags_and_not_the_code() -> None:
    asked = Asked(b"")
    old = {"RepositoryName": "r", "Code": CODE, "Tags": [{"Key": "k", "Value": "v"}]}
    new = {"RepositoryName": "r", "RepositoryDescription": "d", "Code": {**CODE, "BranchName": "x"}}
    assert Repository().update(("id", {"Arn": "arn"}), old, new, asked) == ("id", {"Arn": "arn"})
    assert asked.requests == [
        ("UpdateRepositoryDescription", {"repositoryName": "r", "repositoryDescription": "d"}),
        ("UntagResource", {"resourceArn": "arn", "tagKeys": ["k"]}),
    ]
