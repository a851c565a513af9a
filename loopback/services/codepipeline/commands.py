"""Commands actions and rules: a build without a project, whose buildspec is the action's commands."""

import json
from typing import Any

from loopback.core.permissions import PermissionCheck
from loopback.rows.codepipeline import ActionResult, Compute
from loopback.rows.row import changes
from loopback.services.codebuild import builds as codebuild
from loopback.services.codepipeline import builds
from loopback.services.codepipeline.action import ActionContext, Outcome, Wait

IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
MINUTES = 60
LOGS = ("CreateLogGroup", "CreateLogStream", "PutLogEvents")  # what the role of such an action writes


def run(work: ActionContext) -> Outcome:
    """Start the build, then wait for its end; the variables that are asked for are the action's."""
    build = work.row.external_id
    if build is None:
        return _start(work)
    place = work.context.place
    own = {"CODEBUILD_BUILD_ID": build, "CODEBUILD_BUILD_ARN": place.arn(f"build/{build}", "codebuild")}
    return builds.build_outcome(work, build, {name: own[name] for name in _compute(work).exported if name in own})


def _start(work: ActionContext) -> Outcome:
    row, compute = work.row, _compute(work)
    group = f"/aws/codepipeline/{row.pipeline}"
    work.permit(
        *(PermissionCheck(f"logs:{action}", work.context.place.arn(f"log-group:{group}:*", "logs")) for action in LOGS)
    )
    project = {
        "source": {"type": "CODEPIPELINE", "buildspec": json.dumps(buildspec(compute))},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {"type": "LINUX_CONTAINER", "image": IMAGE, "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": row.role,
        "timeoutInMinutes": MINUTES,
        "queuedTimeoutInMinutes": 480,
        "logsConfig": {"cloudWatchLogs": {"status": "ENABLED", "groupName": group}},
    }
    with work.context.store.transaction():
        build = codebuild.start_without_project(
            f"codepipeline-{row.pipeline}", project, work.context, builds.overrides_of(work, _variables(compute))
        )
        stream = f"log-group:{group}:log-stream:{build.rpartition(':')[2]}"
        log_stream = work.context.place.arn(stream, "logs")
        work.note(changes(ActionResult, external_id=build, log_stream=log_stream))
    return Wait(0.0)


def _compute(work: ActionContext) -> Compute:
    """What an action of this provider declares."""
    assert work.row.compute is not None
    return work.row.compute


def _variables(compute: Compute) -> list[dict[str, Any]]:
    return [{"type": "PLAINTEXT", **each} for each in compute.environment]


def buildspec(compute: Compute) -> dict[str, Any]:
    """Of what the action declares; each output artifact has its own files, all where it names none."""
    exported = [name for name in compute.exported if not name.startswith("CODEBUILD_")]
    made: dict[str, Any] = {"version": "0.2", "phases": {"build": {"commands": compute.commands}}}
    if exported:
        made["env"] = {"exported-variables": exported}
    if compute.files:
        made["artifacts"] = {"files": next(iter(compute.files.values())) or ["**/*"]}
    return made
