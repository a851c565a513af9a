"""Which function runs which action or rule, and which one ends an action that was given up."""

import logging
from collections.abc import Callable

from loopback.core.errors import ServiceError
from loopback.rows.codepipeline import ActionRow
from loopback.services.codepipeline import (
    approvals,
    builds,
    commands,
    functions,
    rules,
    sources,
    stacks,
    state_machines,
    uploads,
)
from loopback.services.codepipeline.action import ActionContext, Outcome
from loopback.services.registry import Context

log = logging.getLogger("loopback")
RUN: dict[tuple[str, str], Callable[[ActionContext], Outcome]] = {  # by category and provider
    ("Source", "S3"): sources.from_s3,
    ("Source", "CodeStarSourceConnection"): sources.from_connection,
    ("Source", "CodeCommit"): sources.from_codecommit,
    ("Build", "CodeBuild"): builds.run,
    ("Test", "CodeBuild"): builds.run,
    ("Compute", "Commands"): commands.run,
    ("Deploy", "CloudFormation"): stacks.run,
    ("Deploy", "S3"): uploads.run,
    ("Approval", "Manual"): approvals.run,
    ("Invoke", "Lambda"): functions.run,
    ("Invoke", "StepFunctions"): state_machines.run,
    ("Rule", "CodeBuild"): builds.run,
    ("Rule", "Commands"): commands.run,
    ("Rule", "LambdaInvoke"): functions.run,
    ("Rule", "VariableCheck"): rules.variable_check,
    ("Rule", "CloudWatchAlarm"): rules.alarm,
    ("Rule", "DeploymentWindow"): rules.window,
}
BUILDS = ("CodeBuild", "Commands")  # providers whose work is a build


def run(work: ActionContext) -> Outcome:
    """One look at an action or a rule."""
    kind = work.row.type
    return RUN[kind["category"], kind["provider"]](work)


def give_up(row: ActionRow, context: Context) -> None:
    """End what an abandoned action or rule has running elsewhere. As on AWS, a stack operation goes on by itself."""
    if row.provider not in BUILDS:
        return
    try:
        builds.stop(ActionContext(row, context, ""))
    except ServiceError as fault:  # it has just ended by itself
        log.info("stop of the build of %s: %s", row.name, fault)
