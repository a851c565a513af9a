"""`slipway launch`: make a project from the published template, follow it, and say what to do first."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slipway.cli import model_monitor, publish, push, roles, screen, stacks
from slipway.cli.target import Target, UserError
from slipway.cli.template import find_tree
from slipway.cli.wishes import Wish, bucket_name, makes_roles, parameters, reach

ENDED = ("CreateCompleted", "CreateFailed", "DeleteInProgress", "DeleteFailed", "DeleteCompleted")
GONE = ("DeleteCompleted",)
LONGEST = 1800.0  # seconds
Tell = Callable[[list[dict[str, Any]]], None]  # is given all events of the stack so far, the oldest first


def launch(target: Target, wish: Wish, *, as_json: bool) -> int:
    """Exit code: 0 when the project is there, 1 when it failed."""
    said = set[str]()

    def tell(events: list[dict[str, Any]]) -> None:
        for line in stacks.lines(events, said):
            screen.say(f"  {line}")

    parameters(wish)
    if not as_json and (doubt := _doubt(target, wish)):
        screen.say(doubt, style="yellow")
    role = begin(target, wish, None if as_json else screen.say)
    if not as_json:
        screen.say_styled(f"[bold]{wish.name}[/bold] on {target.title}, made by {role or 'you'}")
    found = end(target, wish.name, None if as_json else tell)
    if as_json:
        screen.show_json(found)
    else:
        _show(target, wish, found)
    return 0


def _doubt(target: Target, wish: Wish) -> str:
    """What a person should know of the monitors; empty where it is said or certain."""
    from botocore.exceptions import ClientError

    stages = model_monitor.watched_stages(find_tree(Path.cwd()))
    if model_monitor.PARAMETER in wish.parameters or not stages:
        return ""
    try:
        certain = model_monitor.in_use(target)
    except ClientError as fault:
        certain, seen = "", str(fault)
    else:
        seen = "nothing of it is in this account"
    if certain:
        return ""
    return (
        f"{model_monitor.CLOSED}; whether this account may use it can't be told ({seen}). If it may not, the monitors "
        f"of {' and '.join(stages)} fail after a release: leave `engine: sagemaker` out of "
        f"{' and '.join(f'deploy/stages/{name}.yml' for name in stages)}, or launch with {model_monitor.WITHOUT}"
    )


def begin(target: Target, wish: Wish, say: stacks.Say | None = None) -> str:
    """Have the project made, once nothing speaks against it; the role that makes it, "" for the caller.

    Its own roles come first: CreateProject can give no capability, so the template makes none.
    """
    given = parameters(wish)
    bucket = wish.bucket or publish.default_bucket(target)
    for key in (publish.TEMPLATE_KEY, roles.TEMPLATE_KEY):
        _publish_template(target, bucket, key)
    _free(target, wish)
    role = wish.role or publish.launch_role(target)
    if not makes_roles(wish):
        if wish.account_roles:
            _account_has_roles(target)
        _create(target, wish.name, bucket, given, role)
        return role
    boundary = given.pop(roles.BOUNDARY, "")
    given.setdefault("ArtifactBucketName", bucket_name(wish.name))
    reached = {"SeedBucket": bucket, **reach(wish.name, given), roles.BOUNDARY: boundary}
    if say:
        say(f"its roles first: stack {roles.own_stack(wish.name)}")
    given["RolePrefix"] = roles.make_own(target, publish.roles_url(target, bucket), wish.name, reached)
    try:
        _create(target, wish.name, bucket, given, role)
    except BaseException as fault:
        if left := roles.take_back(target, wish.name):
            raise UserError(f"{fault}{left}") from None
        raise
    return role


def _account_has_roles(target: Target) -> None:
    """A project without them would fail half-way. Raises UserError."""
    if lacking := roles.absent(target, roles.account_prefix(target.region)):
        raise UserError(f"the account has no role {lacking[0]} for projects; make them: slipway publish --roles")


def _create(target: Target, name: str, bucket: str, given: Mapping[str, str], role: str) -> None:
    provider = {
        "TemplateName": "slipway",
        "TemplateURL": publish.template_url(target, bucket),
        "Parameters": [{"Key": key, "Value": value} for key, value in given.items()],
    }
    if role:
        provider["RoleARN"] = role
    target.client("sagemaker").create_project(ProjectName=name, TemplateProviders=[{"CfnTemplateProvider": provider}])


def end(target: Target, name: str, tell: Tell | None) -> dict[str, Any]:
    """Wait for a project that is being made; it as `told` says it. Raises UserError when it failed."""
    project = follow(target, name, tell)
    if project["ProjectStatus"] != "CreateCompleted":
        why = _why(target, project)
        if stack := stack_of(project):
            stacks.wait_until_settled(target, stack)  # what is rolled back may still need its roles
        left = roles.take_back(target, name)
        raise UserError(
            f"project {name} is {project['ProjectStatus']}: {why}{left}. "
            f"Remove what there is of it with: slipway destroy {name}"
        )
    return as_json(target, project)


def _publish_template(target: Target, bucket: str, key: str) -> None:
    from botocore.exceptions import ClientError

    try:
        target.client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as fault:
        code = fault.response["Error"]["Code"]
        what = "is not there" if code in ("404", "NoSuchBucket", "NoSuchKey") else f"can't be read ({code})"
        raise UserError(f"s3://{bucket}/{key} {what}; publish it with: slipway publish --bucket {bucket}") from None


def _free(target: Target, wish: Wish) -> None:
    """A group that outlived an earlier project of this name would fail the stack after a minute: say so now."""
    from botocore.exceptions import ClientError

    group = f"{wish.name}-{wish.pipeline}"
    if (project := describe(target, wish.name)) and project["ProjectStatus"] not in GONE:
        raise UserError(f"project {wish.name} is there already ({project['ProjectStatus']}): choose another name")
    try:
        target.client("sagemaker").describe_model_package_group(ModelPackageGroupName=group)
    except ClientError:
        return
    raise UserError(
        f"the model package group {group} is there already, left by a project or a run of that name. "
        "Choose another name, or delete its versions and then: "
        f"aws sagemaker delete-model-package-group --model-package-group-name {group}"
    )


def follow(target: Target, name: str, tell: Tell | None) -> dict[str, Any]:
    """The project when nothing goes on with it any more; on the way `tell` gets the events of its stack."""
    client = target.client("sagemaker")
    until = time.monotonic() + LONGEST
    while True:
        project: dict[str, Any] = client.describe_project(ProjectName=name)
        stack = stack_of(project)
        if stack and tell:
            tell(stacks.events(target, stack))
        if project["ProjectStatus"] in ENDED:
            return project
        if time.monotonic() > until:
            raise UserError(
                f"project {name} is still {project['ProjectStatus']} after half an hour; look at stack {stack}"
            )
        time.sleep(stacks.pause(target))


def describe(target: Target, name: str) -> dict[str, Any] | None:
    """DescribeProject, or None when there is no such project."""
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = target.client("sagemaker").describe_project(ProjectName=name)
    except ClientError as fault:
        if missing(fault):
            return None
        raise
    return found


def missing(fault: Any) -> bool:
    """Whether AWS says that there is no such thing. Its services have five ways to."""
    code, text = fault.response["Error"]["Code"], fault.response["Error"].get("Message", "").lower()
    return "NotFound" in code or (
        code in ("ValidationException", "ValidationError")
        and any(s in text for s in ("not exist", "not find", "not found"))
    )


def stack_of(project: dict[str, Any]) -> str:
    """The id of a project's stack; empty while there is none, or when Service Catalog has it."""
    for provider in project.get("TemplateProviderDetails", []):
        detail = provider.get("CfnTemplateProviderDetail", {}).get("StackDetail", {})
        if detail.get("Id") or detail.get("Name"):
            return str(detail.get("Id") or detail["Name"])
    return ""


def _why(target: Target, project: dict[str, Any]) -> str:
    stack = stack_of(project)
    why = stacks.first_failure(stacks.events(target, stack)) if stack else ""
    if why:
        return why
    details = [p.get("CfnTemplateProviderDetail", {}) for p in project.get("TemplateProviderDetails", [])]
    messages = [detail.get("StackDetail", {}).get("StatusMessage") for detail in details]
    return next((message for message in messages if message), "AWS gives no reason")


def as_json(target: Target, project: dict[str, Any]) -> dict[str, Any]:
    """The project and what its stack says about itself."""
    stack = stacks.describe(target, stack_of(project)) if stack_of(project) else None
    return {
        "name": project["ProjectName"],
        "id": project["ProjectId"],
        "arn": project["ProjectArn"],
        "status": project["ProjectStatus"],
        "outputs": stacks.outputs(stack or {}),
    }


def _show(target: Target, wish: Wish, found: dict[str, Any]) -> None:
    told = found["outputs"]
    screen.say()
    width = max(len(name) for name in ("project", *told)) + 3
    for name, value in {"project": f"{found['name']} ({found['id']})", **told}.items():
        screen.say(f"  {name:<{width}}{value}")
    screen.say("\nnext:")
    for step in next_steps(wish, told, push.address_here(target, told.get("RepositoryUrl", ""))):
        screen.say(f"  {step}")


def next_steps(wish: Wish, told: dict[str, str], here: str) -> list[str]:
    """What a person does now, as commands; `here` is where the repository is on this machine, if it is."""
    url, bucket = told.get("RepositoryUrl", ""), told.get("ArtifactBucketName", "")
    steps = [f"aws s3 cp DATA.csv {told.get('DataUri', '')}    # new data starts a build"]
    if wish.source == "s3":
        steps.append(f"aws s3 cp {url} project.zip    # the code; copying another zip there starts the pipelines")
    elif here:
        steps.append(f"git clone {here} {wish.name}    # the code; a push starts the pipelines")
    elif wish.source == "codecommit":
        helper = "-c credential.helper='!aws codecommit credential-helper $@' -c credential.UseHttpPath=true"
        steps.append(f"git {helper} clone {url} {wish.name}    # the code; a push starts the pipelines")
    else:
        steps.append(f"clone {wish.repository} from its host    # the code; a push starts the pipelines")
    steps.append(
        f"export SAGEMAKER_PROJECT_NAME={wish.name} ARTIFACT_BUCKET={bucket}    # slipway then looks at this project"
    )
    steps.append(f"slipway approve 1 --pipeline {wish.pipeline}    # sends a version to staging")
    return steps
