"""Which function runs which action or rule, and which one ends an action that was given up."""

import logging
from collections.abc import Callable

from loopback.core.errors import ServiceError
from loopback.core.store import Resource
from loopback.services.codepipeline import approvals, builds, functions, rules, sources, stacks
from loopback.services.codepipeline.work import Outcome, Work
from loopback.services.registry import Context

log = logging.getLogger("loopback")
RUN: dict[str, Callable[[Work], Outcome]] = {
    "S3": sources.from_s3,
    "CodeStarSourceConnection": sources.from_connection,
    "CodeCommit": sources.from_codecommit,
    "CodeBuild": builds.run,
    "CloudFormation": stacks.run,
    "Manual": approvals.run,
    "Lambda": functions.run,
    "LambdaInvoke": functions.run,
    "VariableCheck": rules.variable_check,
    "CloudWatchAlarm": rules.alarm,
    "DeploymentWindow": rules.window,
}


def give_up(row: Resource, context: Context) -> None:
    """End what an abandoned action or rule has running elsewhere. As on AWS, a stack operation goes on by itself."""
    if row.doc["type"]["provider"] != "CodeBuild":
        return
    try:
        builds.stop(Work(row, context, ""))
    except ServiceError as fault:  # it has just ended by itself
        log.info("stop of the build of %s: %s", row.name, fault)
