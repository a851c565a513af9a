"""The roles of projects: stacks of seed_code/project_roles.yml, one an account and region, and one a project."""

import re
from collections.abc import Mapping

from slipway.cli import stacks
from slipway.cli.target import Target, UserError

TEMPLATE_KEY = "roles/project_roles.yml"  # in the bucket that publish writes to: it is too long to be sent
SUFFIXES = (
    "build",
    "cloudformation",
    "codepipeline",
    "deploybuild",
    "events",
    "model",
    "monitoring",
    "notify",
    "pipeline",
    "promotion",
    "retrain",
    "schedule",
    "seed",
    "start",
    "watch",
)  # of every project; with a git repository also seedcheckin
BUCKETS = "sagemaker-project-"  # what a project's bucket begins with
BOUNDARY = "PermissionsBoundaryArn"
OF_ACCOUNT = "slipway-project-roles"  # a stack
IDS = "p-*"  # SageMaker makes a project's id when the roles are there already
_REFUSED = ("AccessDenied", "not authorized", "UnauthorizedOperation")


def account_prefix(region: str) -> str:
    """What the account's roles in a region are called, before `-build` and so on."""
    return f"SlipwayProjects-{region}"


def own_prefix(project: str, region: str) -> str:
    """What a project's own roles are called. IAM's names are the account's, so the region is in them, shortened."""
    return f"slipway-{project}-{short(region)}"


def older_prefix(identity: str) -> str:
    """What the roles are called that the stacks of projects of 0.2 and before have."""
    return f"sagemaker-{identity}"


def short(region: str) -> str:
    """`apse2` for ap-southeast-2: what is left of a role's 64 characters is not enough for it in full."""
    first, *middle, number = region.split("-")
    letters = [letter for word in middle for letter in re.sub("(north|south)(east|west)", r"\1 \2", word).split()]
    return first + "".join(word[0] for word in letters) + number


def own_stack(project: str) -> str:
    """The stack with a project's own roles."""
    return f"slipway-roles-{project}"


def make_for_account(target: Target, template: str, bucket: str, boundary: str) -> str:
    """Make or change the account's; `created`, `updated` or `unchanged`. A boundary stays until another is given."""
    given = {"RolePrefix": account_prefix(target.region), "SeedBucket": bucket}
    given[BOUNDARY] = boundary or stacks.parameters(stacks.describe(target, OF_ACCOUNT) or {}).get(BOUNDARY, "")
    return stacks.deploy(target, OF_ACCOUNT, {"TemplateURL": template}, given)


def make_own(target: Target, template: str, project: str, reached: Mapping[str, str]) -> str:
    """Make a project's own, which reach what `reached` says; their prefix. Raises UserError, and leaves none then."""
    from botocore.exceptions import ClientError

    name, prefix = own_stack(project), own_prefix(project, target.region)
    if stacks.describe(target, name):
        raise UserError(
            f"the stack {name} is there already, of a launch that goes on or was cut off; "
            f"take away what was cut off with: slipway destroy {project}"
        )
    given = {"RolePrefix": prefix, "Project": project, "ProjectId": IDS, **reached}
    try:
        stacks.deploy(target, name, {"TemplateURL": template}, given)
    except (UserError, ClientError) as fault:
        left = take_back(target, project)
        advice = (
            f"; launch with the roles of the account: slipway launch {project} --account-roles"
            if any(text in str(fault) for text in _REFUSED)
            else ""
        )
        raise UserError(f"the roles of project {project} can't be made: {fault}{advice}{left}") from None
    return prefix


def take_back(target: Target, project: str) -> str:
    """Delete what there is of a project's own after something else failed; what is left of it, "" for nothing."""
    from botocore.exceptions import ClientError

    try:
        remove_own(target, project)
    except (UserError, ClientError) as fault:
        return f"; the stack {own_stack(project)} is left: {fault}"
    return ""


def remove_own(target: Target, project: str) -> bool:
    """Delete a project's own, once nothing is left that they were made for; False where there are none."""
    return stacks.delete(target, own_stack(project))


def absent(target: Target, prefix: str) -> list[str]:
    """The roles that every project needs and the account does not have."""
    iam, lacking = target.client("iam"), []
    for name in (f"{prefix}-{suffix}" for suffix in SUFFIXES):
        try:
            iam.get_role(RoleName=name)
        except iam.exceptions.NoSuchEntityException:
            lacking.append(name)
    return lacking
