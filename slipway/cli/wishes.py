"""What a person asks of `slipway launch`, as parameters of the project's template and of its roles'."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.cli import roles
from slipway.cli.target import WrongUsage

NAME = re.compile(r"[a-z](-*[a-z0-9])*")
LONGEST_NAME = 32
OURS = "sagemaker-"  # what the CodeCommit repositories begin with that the account's roles reach
RUNNERS = ("github", "gitlab")
CONNECTION = re.compile(r"arn:[\w-]+:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[\w-]+")


@dataclass(frozen=True)
class Wish:
    """What a person asked for."""

    name: str
    source: str = "codecommit"
    repository: str = ""
    branch: str = "main"
    pipeline: str = "churn"
    bucket: str = ""
    role: str = ""
    account_roles: bool = False
    parameters: dict[str, str] = field(default_factory=dict)


def parameters(wish: Wish) -> dict[str, str]:
    """The template's parameters. Raises WrongUsage for a wish that could only fail later, half-way."""
    if len(wish.name) > LONGEST_NAME or not NAME.fullmatch(wish.name):
        raise WrongUsage(
            f"{wish.name!r} can't name a project: lower-case letters, digits and hyphens, a letter first, "
            f"at most {LONGEST_NAME}"
        )
    made = {"Pipeline": wish.pipeline, "RepositoryBranch": wish.branch}
    if wish.source in ("codecommit", "s3"):
        made["SourceType"] = {"codecommit": "CodeCommit", "s3": "S3"}[wish.source]
        if wish.source == "s3" and wish.repository:
            raise WrongUsage(
                "--repository goes with codecommit or a connection; an S3 source is a zip in the project's bucket"
            )
    elif CONNECTION.fullmatch(wish.source):
        made |= {"SourceType": "CodeConnection", "CodeConnectionArn": wish.source}
        if "/" not in wish.repository:
            raise WrongUsage("--repository owner/name is needed with a connection: an empty repository there")
    else:
        raise WrongUsage(f"--source {wish.source!r} is neither codecommit, nor s3, nor the ARN of a connection")
    if wish.repository:
        made["RepositoryName"] = wish.repository
    made |= wish.parameters
    _check_roles(wish, made)
    return made


def runner_parameters(runner: str) -> dict[str, str]:
    """What a runner outside AWS changes. Raises WrongUsage for one that there is not."""
    if runner not in ("", *RUNNERS):
        raise WrongUsage(f"--runner {runner!r} is none of {', '.join(RUNNERS)}; AWS's own without it")
    return {"PushesStart": "no"} if runner else {}


def _check_roles(wish: Wish, made: Mapping[str, str]) -> None:
    """Raises WrongUsage for what roles that are there already would not allow."""
    if makes_roles(wish):
        return
    if roles.BOUNDARY in made:
        raise WrongUsage(
            f"{roles.BOUNDARY} is of roles that launch makes; for the account's: slipway publish --roles --boundary ARN"
        )
    repository = made.get("RepositoryName", "")
    if wish.account_roles and made["SourceType"] == "CodeCommit" and not (repository or OURS).startswith(OURS):
        raise WrongUsage(
            f"the account's roles reach CodeCommit repositories named {OURS}..., not {repository}: "
            "launch without --account-roles"
        )


def makes_roles(wish: Wish) -> bool:
    """Whether the project gets roles of its own: not where others are asked for."""
    return not (wish.account_roles or "RolePrefix" in wish.parameters)


def bucket_name(project: str) -> str:
    """A name that no bucket has, since the one of an earlier project of that name may be there still."""
    return f"{roles.BUCKETS}{project}-{secrets.token_hex(4)}"


def reach(project: str, given: Mapping[str, str]) -> dict[str, str]:
    """What a project's own roles reach, as parameters of their template; `given` are the project's."""
    made = {
        "Pipeline": given["Pipeline"],
        "ArtifactBucket": given["ArtifactBucketName"],
        "SourceType": given["SourceType"],
        "CodeConnectionArn": given.get("CodeConnectionArn", ""),
    }
    if given["SourceType"] == "CodeCommit":
        made["Repository"] = given.get("RepositoryName") or f"sagemaker-{project}-{roles.IDS}"
    return made | {key: given[key] for key in ("SeedBucket",) if key in given}
