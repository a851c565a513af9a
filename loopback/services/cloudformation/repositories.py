"""Repositories of CodeCommit, with the code that a new one begins with."""

import io
import zipfile
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.unpacking import TooLarge, check_zip
from loopback.services.cloudformation.requests import tag_changes
from loopback.services.cloudformation.types import Call, Made, Properties, TemplateResource

LARGEST_ARCHIVE = 64 << 20  # bytes; the commit is made in memory
BRANCH = "main"
# The words of a commit that CloudFormation makes.
MESSAGE = "Initial commit by AWS CodeCommit"


class Repository:
    """Its name is part of where it is stored, so that it can't be changed; `Code` is used when it is made only."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given: dict[str, Any] = dict(wanted.properties)
        if refused := [key for key in ("Triggers", "KmsKeyId") if key in given]:
            raise ServiceError(f"loopback does not carry out {', '.join(refused)} of AWS::CodeCommit::Repository")
        files = seed_files(given["Code"]["S3"], call) if "Code" in given else {}
        request = {"repositoryName": given["RepositoryName"], "tags": tag_changes([], given.get("Tags"))[0]}
        if "RepositoryDescription" in given:
            request["repositoryDescription"] = given["RepositoryDescription"]
        found = call("codecommit", "CreateRepository", request)["repositoryMetadata"]
        if files:
            branch = given["Code"].get("BranchName", BRANCH)
            put = [{"filePath": path, "fileContent": content} for path, content in files.items()]
            commit = {"repositoryName": found["repositoryName"], "branchName": branch, "commitMessage": MESSAGE}
            try:
                call("codecommit", "CreateCommit", commit | {"putFiles": put})
            except ServiceError:
                self.delete("", given, call)  # what was not filled is not left in the way of the next attempt
                raise
        attributes = {
            "Arn": found["Arn"],
            "Name": found["repositoryName"],
            "RepositoryId": found["repositoryId"],
            "CloneUrlHttp": found["cloneUrlHttp"],
            "CloneUrlSsh": found.get("cloneUrlSsh", ""),
        }
        return found["repositoryId"], attributes

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Description and tags; a change of `Code` has no effect, as AWS documents."""
        name, attributes = new["RepositoryName"], made[1]
        if old["RepositoryName"] != name:
            raise ServiceError("loopback does not rename a repository")
        if refused := [key for key in ("Triggers", "KmsKeyId") if old.get(key) != new.get(key)]:
            raise ServiceError(f"loopback does not carry out {', '.join(refused)} of AWS::CodeCommit::Repository")
        if old.get("RepositoryDescription") != new.get("RepositoryDescription"):
            described = {"repositoryName": name, "repositoryDescription": new.get("RepositoryDescription", "")}
            call("codecommit", "UpdateRepositoryDescription", described)
        added, removed = tag_changes(old.get("Tags"), new.get("Tags"))
        if added:
            call("codecommit", "TagResource", {"resourceArn": attributes["Arn"], "tags": added})
        if removed:
            call("codecommit", "UntagResource", {"resourceArn": attributes["Arn"], "tagKeys": removed})
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del physical_id
        call("codecommit", "DeleteRepository", {"repositoryName": properties["RepositoryName"]})


def seed_files(location: Properties, call: Call) -> dict[str, bytes]:
    """The files of the archive that `Code` names. Raises ServiceError where it cannot be used."""
    where = f"s3://{location['Bucket']}/{location['Key']}"
    request = {"Bucket": location["Bucket"], "Key": location["Key"]}
    if "ObjectVersion" in location:
        request["VersionId"] = location["ObjectVersion"]
    found = call("s3", "GetObject", request)
    if found["ContentLength"] > LARGEST_ARCHIVE:
        raise ServiceError(f"{where} has {found['ContentLength']} bytes; loopback takes archives of {LARGEST_ARCHIVE}")
    packed = found["Body"].read()
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            check_zip(archive, len(packed), LARGEST_ARCHIVE)
            return {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    except (zipfile.BadZipFile, TooLarge, NotImplementedError, RuntimeError) as fault:
        raise ServiceError(f"{where} is not an archive that can be committed: {fault}") from None
