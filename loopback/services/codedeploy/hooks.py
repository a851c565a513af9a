"""What hook functions answer, and what a deployment's target went through."""

import time
from dataclasses import replace
from typing import Any

from loopback.core import states
from loopback.core.kinds import DEPLOYMENT
from loopback.engines.codedeploy.appspec import AFTER, BEFORE
from loopback.rows.codedeploy import EVENTS, DeploymentRow, event_changes
from loopback.services.codedeploy import rows
from loopback.services.codedeploy.deployments import deployment
from loopback.services.codedeploy.errors import (
    DeploymentTargetDoesNotExistException,
    InvalidLifecycleEventHookExecutionIdException,
    InvalidLifecycleEventHookExecutionStatusException,
    LifecycleEventAlreadyCompletedException,
)
from loopback.services.registry import Context, Request, Response, handles

HOOKED = (BEFORE, AFTER)
SHOWN = {"Created": "Pending", "Stopped": "Failed"}  # a target's status, where it is not its deployment's


@handles("PutLifecycleEventHookExecutionStatus", rows.SERVICE)
def put_status(request: Request, context: Context) -> Response:
    """What a hook function found; it counts once."""
    identity, status = request.get("lifecycleEventHookExecutionId", ""), request.get("status")
    if status not in ("Succeeded", "Failed"):
        raise InvalidLifecycleEventHookExecutionStatusException(f"status is {status}; expected Succeeded or Failed")
    with context.store.transaction():
        row = deployment(request.get("deploymentId", ""), context)
        event = next((name for name in HOOKED if name in row.events and row.events[name].id == identity), None)
        if event is None:
            raise InvalidLifecycleEventHookExecutionIdException(f"No hook of {row.name} has the id {identity}")
        noted = row.events[event]
        if noted.status != "InProgress" or states.is_final(DEPLOYMENT.lifecycle, row.status):
            raise LifecycleEventAlreadyCompletedException(f"{event} of {row.name} is over: {noted.status}")
        ended = replace(noted, status=status, ended=time.time())
        row.amend(context.store, row.name, f"{event} {status}", result=event_changes(event, ended))
    context.on_change(DEPLOYMENT.slug, row.name)
    return {"lifecycleEventHookExecutionId": identity}


@handles("ListDeploymentTargets", rows.SERVICE)
def list_targets(request: Request, context: Context) -> Response:
    """The one alias that a deployment shifts."""
    return {"targetIds": [target_id(deployment(request["deploymentId"], context))]}


@handles("GetDeploymentTarget", rows.SERVICE)
def target(request: Request, context: Context) -> Response:
    """With its lifecycle events and the share of the new version."""
    row = deployment(request["deploymentId"], context)
    return {"deploymentTarget": _view(row, request["targetId"], context)}


@handles("BatchGetDeploymentTargets", rows.SERVICE)
def targets(request: Request, context: Context) -> Response:
    """As GetDeploymentTarget."""
    row = deployment(request["deploymentId"], context)
    return {"deploymentTargets": [_view(row, each, context) for each in request["targetIds"]]}


def target_id(row: DeploymentRow) -> str:
    """`function:alias`."""
    return f"{row.spec.function}:{row.spec.alias}"


def _view(row: DeploymentRow, asked: str, context: Context) -> dict[str, Any]:
    if asked != target_id(row):
        raise DeploymentTargetDoesNotExistException(f"The deployment {row.name} has no target {asked}")
    spec = row.spec
    shown = {
        "deploymentId": row.name,
        "targetId": asked,
        "targetArn": context.place.arn(f"function:{asked}", "lambda"),
        "status": SHOWN.get(row.status, row.status),
        "lastUpdatedAt": row.changed,
        "lifecycleEvents": [
            {"lifecycleEventName": name} | row.events[name].view for name in EVENTS if name in row.events
        ],
        "lambdaFunctionInfo": {
            "functionName": spec.function,
            "functionAlias": spec.alias,
            "currentVersion": spec.current,
            "targetVersion": spec.target,
            "targetVersionWeight": row.percent / 100,
        },
    }
    return {"deploymentTargetType": "LambdaTarget", "lambdaTarget": shown}
