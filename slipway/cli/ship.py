"""`slipway ship`: a change of this checkout, from the push to production, and what each step of the way showed."""

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.cli import closing, deliveries, follow, projects, push, screen, versions
from slipway.cli.checkout import Checkout
from slipway.cli.deliveries import Action
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError, WrongUsage

BY_ITSELF = "approved by slipway ship --approve auto"
SKEW = timedelta(seconds=2)  # between this clock and AWS's
GRACE, GRACE_LOCAL = 90.0, 4.0  # seconds for a pipeline to start after a push
GRACE_BUILD = 2.0  # of these at the end, in which modeldeploy alone counts too


@dataclass(frozen=True)
class Wishes:
    """What the command line says. `approve` is `ask` or `auto`."""

    pipeline: str
    data: Path | None = None
    message: str = ""
    approve: str = "ask"
    pushes: bool = True
    merge: bool = False
    as_json: bool = False


def ship(target: Target, checkout: Checkout, wishes: Wishes) -> int:
    """Exit code: 0 when the version is in production, 1 when it was refused or something failed."""
    _check(checkout, wishes)
    project = projects.find(target)
    began = datetime.now(UTC)
    if project is not None and project.pipeline != wishes.pipeline:
        raise UserError(
            f"Project {project.name} builds pipelines/{project.pipeline}, not {wishes.pipeline}; "
            f"another project for it: SAGEMAKER_PROJECT_NAME=... slipway ship {wishes.pipeline}"
        )
    _say(wishes, f"[bold]{wishes.pipeline}[/bold] of {screen.escape_markup(checkout.root)}, on {target.title}")
    project = project or _ensure_project(target, checkout, wishes)
    pace = target.environ.get("LOOPBACK_PACE", "1")
    if target.local and pace != "1":
        _say(wishes, f"waits of deployments pass {pace} times as fast on this machine\n")
    since = datetime.now(UTC) if wishes.data else began - SKEW  # what began before new data came trains without them
    _put_data(target, project, checkout, wishes)
    follower = follow.Follower(target, project, quiet=wishes.as_json)
    commit = _push_checkout(target, project, checkout, wishes)
    pipeline, execution = _wait_for_pipeline(target, project, wishes, since, commit)
    trip = closing.Trip(began, commit, "", 0, execution)
    if pipeline == project.build:
        actions = follower.follow(project.build, execution)
        if not _report_end(target, project.build, execution, actions, wishes):
            return 1
        number, deploy = _wait_for_promotion(target, project, began, wishes)
        if not deploy:
            return 1
        trip = closing.Trip(began, commit, execution, number, deploy)
    actions = follower.follow(project.deploy, trip.deploy, lambda action: _answer(target, project, action, wishes))
    if not _report_end(target, project.deploy, trip.deploy, actions, wishes):
        return 1
    closing.show(target, project, trip, as_json=wishes.as_json)
    return 0


def _check(checkout: Checkout, wishes: Wishes) -> None:
    """Refuse what is wrong before anything is made. Raises WrongUsage."""
    if wishes.data is not None and not (wishes.data.is_file() and wishes.data.stat().st_size):
        raise WrongUsage(f"{wishes.data} is not a file with rows in it; give a CSV file (DATA= with make)")
    if wishes.message and not checkout.is_template:
        raise WrongUsage("--message is of the commit that is made from the template; in a clone commit yourself")
    checkout.need(wishes.pipeline)


def _wait_for_promotion(target: Target, project: Project, began: datetime, wishes: Wishes) -> tuple[int, str]:
    """The version that was registered, and the execution of modeldeploy that its approval started; "" without."""
    package = _registered_version(target, project, began)
    if package is None:
        raise UserError(f"{project.build} succeeded and registered no version; see: slipway steps")
    number, arn = package["ModelPackageVersion"], package["ModelPackageArn"]
    asked_at = datetime.now(UTC)
    if not _approve_version(target, project, number, wishes):
        _say(wishes, f"version {number} is not approved; nothing is deployed")
        return number, ""
    what = f"the approval of version {number}"
    return number, follow.wait_for_start(target, project.deploy, asked_at - SKEW, version=arn, what=what)


def _ensure_project(target: Target, checkout: Checkout, wishes: Wishes) -> Project:
    """A project on this machine; on AWS launching one is a decision of its own."""
    if not checkout.is_template:
        raise UserError(
            f"There is no project {target.project} on {target.title}, and {checkout.root} is the clone of one: "
            "say of which with SAGEMAKER_PROJECT_NAME"
        )
    if not target.local:
        raise UserError(
            f"There is no project {target.project} on {target.title}; launch it: slipway launch {target.project}"
        )
    from slipway.cli import local

    _say(wishes, f"[bold]launching project {target.project}[/bold] on {target.title}")
    local.launch(target, wishes.pipeline, quiet=wishes.as_json)
    project = projects.require(target)
    _say(wishes, f"project {project.name} ({project.id}), its repository:\n{push.remote(target, project)}\n")
    return project


def _put_data(target: Target, project: Project, checkout: Checkout, wishes: Wishes) -> None:
    """A file joins what the project trains on; its arrival starts a build by itself."""
    if wishes.data is None:
        return
    if wishes.pushes:  # what is refused must not leave data behind that start a build
        push.push(push.Push(target, project, checkout, merge=wishes.merge, dry=True))
    prefix = training_folder(project, checkout).removeprefix(f"s3://{project.bucket}/")
    key, s3 = prefix + wishes.data.name, target.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=project.bucket, Prefix=prefix)
    there = [item["Key"] for page in pages for item in page.get("Contents", []) if not item["Key"].endswith("/")]
    s3.upload_file(str(wishes.data), project.bucket, key)
    _say(wishes, screen.escape_markup(f"data s3://{project.bucket}/{key}"))
    if key in there:
        _say(wishes, "it replaces the file of that name, whose earlier version the bucket keeps")
    if others := [screen.escape_markup(name.removeprefix(prefix)) for name in there if name != key]:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        _say(wishes, f"the build also trains on what is there already: {', '.join(others[:5])}{more}")


def training_folder(project: Project, checkout: Checkout) -> str:
    """The folder of the project's bucket that its pipeline reads. Raises UserError when it reads elsewhere."""
    from slipway.build import config
    from slipway.build.project import UsageError

    path = checkout.root / "pipelines" / project.pipeline / "config.yml"
    try:
        url = config.load(path).data.url
    except UsageError as fault:
        raise WrongUsage(str(fault)) from None
    url = url if "://" in url else f"s3://{project.bucket}/{url}"
    if not url.startswith(f"s3://{project.bucket}/") or not url.endswith("/"):
        raise UserError(f"{path} reads {url}, which is no folder of the project's bucket: put the file there yourself")
    return url


def _push_checkout(target: Target, project: Project, checkout: Checkout, wishes: Wishes) -> str:
    """The commit that the repository has now."""
    message = wishes.message or push.subject(checkout)
    commit = push.push(push.Push(target, project, checkout, message, wishes.merge)) if wishes.pushes else ""
    if commit:
        _say(wishes, f"[bold]pushed[/bold] {commit[:12]}  {screen.escape_markup(message)}\n")
        return commit
    commit = push.head(target, project)
    _say(wishes, f"[bold]nothing to push[/bold]: {commit[:12]} is what the repository has\n")
    return commit


def _wait_for_pipeline(
    target: Target, project: Project, wishes: Wishes, since: datetime, commit: str
) -> tuple[str, str]:
    """The pipeline that this commit or the new data have started, and its execution.

    A commit that changes deploy/ alone starts modeldeploy with the version that is approved already; one that starts
    neither, or none at all, is built again.
    """
    deadline = time.monotonic() + (GRACE_LOCAL if target.local else GRACE)
    while time.monotonic() < deadline:
        for pipeline in (project.build, project.deploy):
            if found := deliveries.newest(target, pipeline, since, commit=commit):
                if pipeline == project.deploy and time.monotonic() < deadline - GRACE_BUILD:
                    continue  # modelbuild may be about to start
                return pipeline, found
        time.sleep(follow.pause(target))
    if wishes.data is not None:
        raise UserError(f"the new data have not started {project.build}; see its rules: aws events list-rules")
    client = target.client("codepipeline")
    return project.build, str(client.start_pipeline_execution(name=project.build)["pipelineExecutionId"])


def _report_end(target: Target, pipeline: str, execution: str, actions: list[Action], wishes: Wishes) -> bool:
    found = deliveries.describe(target, pipeline, execution)
    if any(action.status == "Skipped" for action in actions):
        print("nothing is deployed: no version is approved yet; approve one: slipway approve N", file=sys.stderr)
        return False
    if found["status"] == "Succeeded":
        _say(wishes, "")
        return True
    lines = [f"{pipeline} ended {found['status']}"]
    for action in actions:
        if action.status == "Failed":
            lines.append(f"{action.name}: {action.summary.strip() or 'no reason given'}")
            if ":" in action.link and not action.link.startswith("arn:"):
                lines += [f"  | {line}" for line in deliveries.build_log(target, action.link)]
    screen.write("\n".join(lines), sys.stderr)
    return False


def _registered_version(target: Target, project: Project, since: datetime) -> dict[str, Any] | None:
    found = versions.newest(target, project.group, 1)
    if not found or found[0]["CreationTime"] < since - SKEW:
        return None
    return versions.version(target, project.group, found[0]["ModelPackageVersion"])


def _approve_version(target: Target, project: Project, number: int, wishes: Wishes) -> bool:
    """Approve the version, or ask a person who has the figures in front of them."""
    from slipway.cli import report

    package = versions.version(target, project.group, number)
    if wishes.approve == "auto":
        versions.decide(target, package, "Approved", BY_ITSELF)
        _say(wishes, f"version {number} [green]Approved[/green] for staging (--approve auto)\n")
        return True
    report.show_version(target, package, as_json=False)
    if _ask_person(f"\nApprove version {number} for staging?"):
        versions.decide(target, package, "Approved", "")
        return True
    versions.decide(target, package, "Rejected", "rejected at the terminal")
    return False


def _answer(target: Target, project: Project, action: Action, wishes: Wishes) -> None:
    """The approval for production."""
    if wishes.approve == "auto":
        deliveries.answer(target, project.deploy, action, approved=True, why=BY_ITSELF)
        return
    asked = _ask_person(f"{action.summary or action.name}\nLet it go to production?")
    why = "approved at the terminal" if asked else "rejected at the terminal"
    deliveries.answer(target, project.deploy, action, approved=asked, why=why)


def _ask_person(question: str) -> bool:
    try:
        return input(f"{screen.plain(question)} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise UserError("Nobody is there to approve; use --approve auto (APPROVE=auto with make)") from None


def _say(wishes: Wishes, text: str) -> None:
    if not wishes.as_json:
        screen.say_styled(text)
