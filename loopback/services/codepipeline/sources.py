"""Source actions: an object of S3, or a commit of a local repository, becomes an artifact."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from loopback.core.errors import ServiceError
from loopback.core.kinds import CONNECTION
from loopback.core.permissions import PermissionCheck
from loopback.core.repositories import Commit, check_name
from loopback.rows.codepipeline import ActionResult, CodePipelineExecutionRow
from loopback.rows.row import changes
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, repositories

CODECOMMIT = ("GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus")  # what a source action calls


def from_s3(work: ActionContext) -> Outcome:
    """The newest version of the object, or the one that the execution was started with."""
    wanted = CodePipelineExecutionRow.get(work.context.store, work.row.parent).revisions.get(work.row.action, {})
    bucket, key = work.configuration["S3Bucket"], wanted.get("S3_OBJECT_KEY", work.configuration["S3ObjectKey"])
    client, output = work.client("s3"), work.outputs[0]
    which = {"VersionId": wanted["S3_OBJECT_VERSION_ID"]} if "S3_OBJECT_VERSION_ID" in wanted else {}
    if client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        return ActionEnded("ConfigurationError", f"The bucket {bucket} has no versioning; an S3 source needs it")
    found = client.head_object(Bucket=bucket, Key=key, **which)
    version, etag = found["VersionId"], found["ETag"].strip('"')
    source = {"Bucket": bucket, "Key": key, "VersionId": version}
    client.copy_object(Bucket=output.bucket, Key=output.key, CopySource=source, MetadataDirective="COPY")
    summary = found.get("Metadata", {}).get(
        "codepipeline-artifact-revision-summary", f"Amazon S3 version id: {version}"
    )
    return ActionEnded(
        summary=summary,
        variables={"ETag": etag, "VersionId": version},
        noted=changes(
            ActionResult,
            revision=version,
            revision_summary=summary,
            revision_created=found["LastModified"].timestamp(),
        ),
    )


def from_connection(work: ActionContext) -> Outcome:
    """The head of a branch behind a connection, or the commit that was pushed."""
    configuration = work.configuration
    arn = configuration["ConnectionArn"]
    if not work.context.store.exists(CONNECTION, arn.rpartition("/")[2]):
        return ActionEnded("ConfigurationError", f"Connection {arn} does not exist")
    work.permit(
        PermissionCheck(f"{arn.split(':')[2]}:UseConnection", arn)
    )  # the action is called after the ARN's service
    name = configuration["FullRepositoryId"]
    commit, branch = _commit(work, name)
    shared = {"ConnectionArn": arn, "FullRepositoryName": name}
    return _archive(work, name, commit, shared | _source_variables(commit, branch))


def from_codecommit(work: ActionContext) -> Outcome:
    """The head of a branch of a CodeCommit repository, or the commit that was pushed."""
    name = work.configuration["RepositoryName"]
    repository = work.context.place.arn(name, "codecommit")
    work.permit(*(PermissionCheck(f"codecommit:{action}", repository) for action in CODECOMMIT))
    commit, branch = _commit(work, name)
    committer = {"RepositoryName": name, "CommitterDate": _iso(commit.committer.seconds)}
    return _archive(work, name, commit, committer | _source_variables(commit, branch))


def _commit(work: ActionContext, name: str) -> tuple[Commit, str]:
    """The commit and its branch. Raises ServiceError where there is none."""
    execution = CodePipelineExecutionRow.get(work.context.store, work.row.parent)
    action = work.row.action
    branch = execution.branches.get(action, work.configuration["BranchName"])
    wanted = execution.revisions.get(action, {}).get("COMMIT_ID", f"refs/heads/{branch}")
    try:
        return repositories(work.context).commit(check_name(name), wanted), branch
    except ServiceError as fault:
        raise type(fault)(f"[{work.row.provider}] Could not find branch {branch} of {name}: {fault}") from None


def _source_variables(commit: Commit, branch: str) -> dict[str, str]:
    return {
        "AuthorDate": _iso(commit.author.seconds),
        "BranchName": branch,
        "CommitId": commit.id,
        "CommitMessage": commit.message,
    }


def _archive(work: ActionContext, name: str, commit: Commit, variables: dict[str, str]) -> Outcome:
    output = work.outputs[0]
    with tempfile.TemporaryDirectory() as folder:
        zipped = Path(folder) / "source.zip"
        repositories(work.context).archive(name, commit.id, zipped)
        with zipped.open("rb") as body:
            work.client("s3").put_object(Bucket=output.bucket, Key=output.key, Body=body)
    noted = changes(
        ActionResult,
        revision=commit.id,
        revision_summary=commit.message[:2048] or "-",
        revision_created=commit.committer.seconds,
        external_id=commit.id,
    )
    return ActionEnded(summary=commit.message[:2048], variables=variables, noted=noted)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
