"""`slipway promote` and `slipway rollback`: another version on its way, or a stage back on what it ran before."""

from datetime import UTC, datetime
from typing import Any

from slipway.cli import deliveries, follow, projects, screen, stages, versions
from slipway.cli.deliveries import Action
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError

DEPLOYS = {"staging": "DeployStaging", "prod": "DeployProd"}  # the CodePipeline stage of each
VARIABLE = "ModelPackageArn"


def promote(target: Target, number: int, *, as_json: bool) -> int:
    """Start modeldeploy with a version that is approved, and follow it. Exit code: 0 when it arrived."""
    project = projects.require(target)
    package = versions.version(target, project.group, number)
    if package["ModelApprovalStatus"] != "Approved":
        raise UserError(
            f"version {number} of {project.group} is {package['ModelApprovalStatus']}; "
            f"only an approved version is deployed: slipway approve {number}"
        )
    execution = target.client("codepipeline").start_pipeline_execution(
        name=project.deploy, variables=[{"name": VARIABLE, "value": package["ModelPackageArn"]}]
    )["pipelineExecutionId"]
    return _follow(target, project, execution, as_json=as_json)


def release(target: Target, refuse: str, *, as_json: bool) -> int:
    """Answer the approval that waits. Exit code: 0 when production runs the version, or the refusal is noted."""
    project = projects.require(target)
    execution, waiting = _waiting_approval(target, project)
    caller = target.client("sts").get_caller_identity()["Arn"]
    why = refuse or f"released by {caller}"
    deliveries.answer(target, project.deploy, waiting, approved=not refuse, why=why)
    code = _follow(target, project, execution, as_json=as_json)
    return 0 if refuse else code


def _waiting_approval(target: Target, project: Project) -> tuple[str, Action]:
    client = target.client("codepipeline")
    for stage in client.get_pipeline_state(name=project.deploy)["stageStates"]:
        execution = stage.get("latestExecution", {}).get("pipelineExecutionId")
        if execution and stage["latestExecution"]["status"] == "InProgress":
            for action in deliveries.actions(target, project.deploy, execution):
                if action.waits:
                    return execution, action
    raise UserError(f"Nothing waits for approval in {project.deploy}; see: slipway stages")


def rollback(target: Target, stage: str, to: int, *, as_json: bool) -> int:
    """Redeploy what the stage ran before, from the artifact that was deployed then. Exit code: 0 when it serves."""
    stages.parse_stage(stage)
    project = projects.require(target)
    now = stages.describe(target, project, stage).version
    execution, number = _earlier(target, project, stage, now, to)
    if not as_json:
        screen.say(f"{stage} goes back from version {now} to version {number}\n")
    started = target.client("codepipeline").rollback_stage(
        pipelineName=project.deploy, stageName=DEPLOYS[stage], targetPipelineExecutionId=execution
    )["pipelineExecutionId"]
    return _follow(target, project, started, as_json=as_json)


def _earlier(target: Target, project: Project, stage: str, now: int, to: int) -> tuple[str, int]:
    """The newest execution that brought another version (or that one) through the stage, and its version."""
    client = target.client("codepipeline")
    pages = client.get_paginator("list_pipeline_executions").paginate(
        pipelineName=project.deploy, filter={"succeededInStage": {"stageName": DEPLOYS[stage]}}
    )
    seen: list[int] = []
    for summary in (summary for page in pages for summary in page["pipelineExecutionSummaries"]):
        if summary.get("executionType") == "ROLLBACK":  # it cannot be rolled back to
            continue
        number = _version_of(target, project, summary["pipelineExecutionId"])
        if number and (number == to if to else number != now):
            return summary["pipelineExecutionId"], number
        seen.append(number)
    known = ", ".join(str(number) for number in sorted({number for number in seen if number})) or "none"
    wanted = f"version {to}" if to else "another version"
    raise UserError(f"{stage} has not run {wanted} yet; it has run: {known}")


def _version_of(target: Target, project: Project, execution: str) -> int:
    """The version that an execution carried, as its build exported it; 0 where it exported none."""
    client = target.client("codepipeline")
    details = client.list_action_executions(pipelineName=project.deploy, filter={"pipelineExecutionId": execution})[
        "actionExecutionDetails"
    ]
    found: list[dict[str, Any]] = [detail.get("output", {}).get("outputVariables", {}) for detail in details]
    return next((int(one["MODEL_PACKAGE_VERSION"]) for one in found if one.get("MODEL_PACKAGE_VERSION")), 0)


def _follow(target: Target, project: Project, execution: str, *, as_json: bool) -> int:
    """Approvals are left to those who give them: the command ends where one waits."""
    waiting: list[Action] = []

    def leave(action: Action) -> None:
        waiting.append(action)
        raise _NobodyAskedError

    follower = follow.Follower(target, project, quiet=as_json)
    try:
        actions = follower.follow(project.deploy, execution, leave)
    except _NobodyAskedError:
        actions = deliveries.actions(target, project.deploy, execution)
    status = deliveries.describe(target, project.deploy, execution)["status"]
    rows = [stages.describe(target, project, stage) for stage in projects.STAGES]
    if as_json:
        facts = {"execution": execution, "status": status, "waits": [action.name for action in waiting]}
        screen.show_json(facts | {"stages": [row.dump() for row in rows], "at": datetime.now(UTC)})
    else:
        screen.say()
        stages.show_table(rows)
        for action in waiting:
            screen.say(f"\n{action.name} waits for a person: slipway release, or slipway release --refuse REASON")
        for action in actions:
            if action.status == "Failed":
                screen.say(f"\n{action.name}: {action.summary}", style="red")
    return 0 if status == "Succeeded" or waiting else 1


class _NobodyAskedError(Exception):
    pass
