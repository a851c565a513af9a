"""Importing this registers the operations and announcements of CodePipeline, CodeConnections and CodeCommit."""

from loopback.services.codecommit import attributes, repositories
from loopback.services.codeconnections import connections
from loopback.services.codepipeline import (
    announcements,
    approvals,
    conditions,
    control,
    executions,
    functions,
    lifecycle,
    pipelines,
    starting,
    state,
)

SERVICES = ("codepipeline", "codeconnections", "codestar-connections", "codecommit")
MODULES = (
    announcements,
    approvals,
    attributes,
    conditions,
    connections,
    executions,
    functions,
    lifecycle,
    pipelines,
    repositories,
    starting,
    state,
    control,
)
