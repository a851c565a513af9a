"""Deployments: begun and stopped here, carried out by `shifts`."""

import hashlib
import secrets
import string
import time
from typing import Any

from loopback.core import states
from loopback.core.kinds import DEPLOYMENT
from loopback.core.store import Resource
from loopback.services.codedeploy import appspec, configs, groups, rows
from loopback.services.codedeploy.errors import (
    DeploymentAlreadyCompletedException,
    DeploymentDoesNotExistException,
    DeploymentGroupNameRequiredException,
    DeploymentLimitExceededException,
    InvalidInputException,
    InvalidRevisionException,
    InvalidTimeRangeException,
    RevisionRequiredException,
)
from loopback.services.listing import seconds
from loopback.services.registry import Context, Request, Response, handles

_TAKEN = (
    "applicationName",
    "deploymentGroupName",
    "revision",
    "deploymentConfigName",
    "description",
    "autoRollbackConfiguration",
    "overrideAlarmConfiguration",
)
_COUNTED = {"Created": "Pending", "InProgress": "InProgress", "Succeeded": "Succeeded"}


@handles("CreateDeployment", rows.SERVICE)
def create(request: Request, context: Context) -> Response:
    """Of an AppSpecContent; a deployment group has one deployment at a time."""
    if "deploymentGroupName" not in request:
        raise DeploymentGroupNameRequiredException("deploymentGroupName is required")
    group = rows.group(request["applicationName"], request["deploymentGroupName"], context)
    for member, value in request.items():
        if member not in _TAKEN and value not in (False, "STANDARD"):
            raise InvalidInputException(f"{member}: loopback does not carry it out for computePlatform Lambda")
    spec = _spec(request)
    config = request.get("deploymentConfigName", group.doc["deploymentConfigName"])
    alarms = request.get("overrideAlarmConfiguration", group.doc.get("alarmConfiguration", {}))
    rollback = request.get("autoRollbackConfiguration", group.doc.get("autoRollbackConfiguration", {}))
    groups.check_alarms(alarms)
    groups.check_rollback(rollback)
    doc = {
        **{key: request[key] for key in _TAKEN if key in request},
        "deploymentConfigName": config,
        "routing": configs.routing(config, context),
        "spec": spec.kept(),
        "alarmConfiguration": alarms,
        "autoRollbackConfiguration": rollback,
        "serviceRoleArn": group.doc["serviceRoleArn"],
        "creator": "user",
    }
    with context.store.transaction():
        for other in context.store.find(DEPLOYMENT, parent=group.name):
            if not states.is_final(DEPLOYMENT.lifecycle, other.status):
                raise DeploymentLimitExceededException(
                    f"The Deployment Group '{request['deploymentGroupName']}' already has an active Deployment "
                    f"'{other.name}'"
                )
        row = context.store.create(DEPLOYMENT, new_id(), doc, parent=group.name)
    context.changed(DEPLOYMENT.slug, row.name)
    return {"deploymentId": row.name}


@handles("GetDeployment", rows.SERVICE)
def describe(request: Request, context: Context) -> Response:
    """One, with why it ended and what rolled it back."""
    return {"deploymentInfo": _view(deployment(request["deploymentId"], context))}


@handles("ListDeployments", rows.SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """Ids, newest first; of all groups without names."""
    if "externalId" in request:
        raise InvalidInputException("externalId: loopback makes no deployments for others")
    found = context.store.find(DEPLOYMENT)
    if "applicationName" in request:
        rows.application(request["applicationName"], context)
        if "deploymentGroupName" in request:
            rows.group(request["applicationName"], request["deploymentGroupName"], context)
    elif "deploymentGroupName" in request:
        raise InvalidInputException("deploymentGroupName needs applicationName beside it")
    for member in ("applicationName", "deploymentGroupName"):
        if member in request:
            found = [row for row in found if row.doc[member] == request[member]]
    if wanted := request.get("includeOnlyStatuses"):
        found = [row for row in found if row.status in wanted]
    if between := request.get("createTimeRange"):
        begin = seconds(between["start"]) if between.get("start") is not None else float("-inf")
        end = seconds(between["end"]) if between.get("end") is not None else float("inf")
        if end < begin:
            raise InvalidTimeRangeException("createTimeRange ends before it begins")
        found = [row for row in found if begin <= row.created <= end]
    return rows.page([row.name for row in reversed(found)], request.get("nextToken"), "deployments")


@handles("StopDeployment", rows.SERVICE)
def stop(request: Request, context: Context) -> Response:
    """Asked for here, done by the driver. `autoRollbackEnabled` decides about the way back instead of the group."""
    with context.store.transaction():
        row = deployment(request["deploymentId"], context)
        if states.is_final(DEPLOYMENT.lifecycle, row.status):
            raise DeploymentAlreadyCompletedException(f"The deployment {row.name} is {row.status} already")
        noted = {"stop": {"rollback": request.get("autoRollbackEnabled"), "at": time.time()}}
        context.store.amend(DEPLOYMENT, row.name, "ask to stop", result=noted)
    context.changed(DEPLOYMENT.slug, row.name)
    return {"status": "Pending", "statusMessage": "The deployment is being stopped"}


def deployment(name: str, context: Context) -> Resource:
    """The row of a deployment. Raises DeploymentDoesNotExistException."""
    if not context.store.exists(DEPLOYMENT, name):
        raise DeploymentDoesNotExistException(f"The deployment {name} could not be found")
    return context.store.get(DEPLOYMENT, name)


def new_id() -> str:
    """As CodeDeploy writes them: d- and nine letters or digits."""
    return "d-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(9))


def _spec(request: Request) -> appspec.AppSpec:
    revision = request.get("revision")
    if not revision:
        raise RevisionRequiredException("revision is required")
    if (kind := revision.get("revisionType")) != "AppSpecContent":
        raise InvalidRevisionException(f"revisionType {kind}: loopback deploys AppSpecContent only")
    given = revision.get("appSpecContent") or {}
    content = given.get("content", "")
    if "sha256" in given and given["sha256"] != hashlib.sha256(content.encode(errors="replace")).hexdigest():
        raise InvalidRevisionException("appSpecContent.sha256 is not that of its content")
    try:
        return appspec.read(content)
    except ValueError as fault:  # InvalidAppSpec, and numbers that are too long to be written
        raise InvalidRevisionException(str(fault)) from None


def overview(row: Resource) -> dict[str, int]:
    """The one target of a deployment, counted by its status."""
    counts = dict.fromkeys(("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready"), 0)
    counts[_COUNTED.get(row.status, "Failed")] = 1
    return counts


def _view(row: Resource) -> dict[str, Any]:
    told = ("startTime", "completeTime", "errorInformation", "rollbackInfo")
    shown = {key: value for key, value in row.doc.items() if key != "alarmConfiguration"}
    shown |= {key: row.result[key] for key in told if key in row.result}
    return shown | {
        "deploymentId": row.name,
        "status": row.status,
        "createTime": row.created,
        "deploymentOverview": overview(row),
        "deploymentStyle": groups.STYLE,
        "computePlatform": rows.PLATFORM,
    }
