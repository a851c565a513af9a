"""Deployments: begun and stopped here, carried out by `shifts`."""

import hashlib
import math
import secrets
import string
import time
from collections.abc import Mapping
from typing import Any

from loopback.core import states
from loopback.core.kinds import DEPLOYMENT
from loopback.core.queries import Selection, Term
from loopback.engines.codedeploy import appspec
from loopback.rows.codedeploy import DeploymentResult, DeploymentRow, StopRequest, of_application
from loopback.rows.row import changes
from loopback.services.codedeploy import configs, groups, rows
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
from loopback.services.paging import Items
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
    given = group.request | request  # what the request has takes the place of what the group has
    config = given["deploymentConfigName"]
    alarms = given.get("overrideAlarmConfiguration", given.get("alarmConfiguration")) or {}
    rollback = given.get("autoRollbackConfiguration") or {}
    groups.check_alarms(alarms)
    groups.check_rollback(rollback)
    new = DeploymentRow(
        request={key: request[key] for key in _TAKEN if key in request} | {"deploymentConfigName": config},
        application=request["applicationName"],
        group=request["deploymentGroupName"],
        role=group.request["serviceRoleArn"],
        creator="user",
        routing=dict(configs.routing(config, context)),
        spec=spec,
        alarms=alarms,
        auto_rollback=rollback,
    )
    with context.store.transaction():
        if other := context.store.first(Selection(DEPLOYMENT, group.name, ("Created", "InProgress"))):
            raise DeploymentLimitExceededException(
                f"The Deployment Group '{request['deploymentGroupName']}' already has an active Deployment "
                f"'{other.name}'"
            )
        row = new.create(context.store, new_id(), group.name)
    context.on_change(DEPLOYMENT.slug, row.name)
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
    parent, equal = _of_names(request, context)
    after, before = _created_between(request.get("createTimeRange") or {})
    statuses = tuple(dict.fromkeys(request.get("includeOnlyStatuses") or ()))
    newest = Selection(DEPLOYMENT, parent, statuses, descending=True, above=after, below=before, equal=equal)
    return rows.PAGING.of_rows(context.store, request, [newest], Items("deployments", lambda row: row.name, rows.PAGE))


def _of_names(request: Request, context: Context) -> tuple[str | None, tuple[Term, ...]]:
    """The deployments of a group, by their parent; of an application, by what they say; or all."""
    application, group = request.get("applicationName"), request.get("deploymentGroupName")
    if application is None and group is not None:
        raise InvalidInputException("deploymentGroupName needs applicationName beside it")
    if application is None:
        return None, ()
    if group is not None:
        return rows.group(application, group, context).name, ()
    return None, (of_application(rows.application(application, context).name),)


def _created_between(given: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """What times of creation lie between; both of the given ones are within."""
    start, end = (seconds(given[side]) if given.get(side) is not None else None for side in ("start", "end"))
    if start is not None and end is not None and end < start:
        raise InvalidTimeRangeException("createTimeRange ends before it begins")
    above = None if start is None else math.nextafter(start, -math.inf)
    return above, None if end is None else math.nextafter(end, math.inf)


@handles("StopDeployment", rows.SERVICE)
def stop(request: Request, context: Context) -> Response:
    """Asked for here, done by the driver. `autoRollbackEnabled` decides about the way back instead of the group."""
    with context.store.transaction():
        row = deployment(request["deploymentId"], context)
        if states.is_final(DEPLOYMENT.lifecycle, row.status):
            raise DeploymentAlreadyCompletedException(f"The deployment {row.name} is {row.status} already")
        stop_request = StopRequest(rollback=request.get("autoRollbackEnabled"), at=time.time())
        row.amend(context.store, row.name, "ask to stop", result=changes(DeploymentResult, stop=stop_request))
    context.on_change(DEPLOYMENT.slug, row.name)
    return {"status": "Pending", "statusMessage": "The deployment is being stopped"}


def deployment(name: str, context: Context) -> DeploymentRow:
    """The row of a deployment. Raises DeploymentDoesNotExistException."""
    if not context.store.exists(DEPLOYMENT, name):
        raise DeploymentDoesNotExistException(f"The deployment {name} could not be found")
    return DeploymentRow.get(context.store, name)


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


def overview(row: DeploymentRow) -> dict[str, int]:
    """The one target of a deployment, counted by its status."""
    counts = dict.fromkeys(("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready"), 0)
    counts[_COUNTED.get(row.status, "Failed")] = 1
    return counts


def _view(row: DeploymentRow) -> dict[str, Any]:
    shown = {key: value for key, value in row.request.items() if key != "alarmConfiguration"}
    ended: dict[str, Any] = {"startTime": row.started, "completeTime": row.completed}
    ended |= {"errorInformation": row.error, "rollbackInfo": row.rollback}
    shown |= {key: value for key, value in ended.items() if value is not None}
    return shown | {
        "deploymentId": row.name,
        "status": row.status,
        "createTime": row.created,
        "deploymentOverview": overview(row),
        "deploymentStyle": groups.STYLE,
        "computePlatform": rows.PLATFORM,
    }
