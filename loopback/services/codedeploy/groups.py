"""Deployment groups: how an application's deployments shift traffic, what stops them and what is then done."""

import uuid
from collections.abc import Mapping
from typing import Any

from loopback.core.errors import ResourceInUse
from loopback.core.kinds import DEPLOY_GROUP, DEPLOYMENT
from loopback.core.queries import NAME, Selection
from loopback.rows.codedeploy import DeployGroupRow, DeploymentRow
from loopback.services.codedeploy import configs, rows, tags, triggers
from loopback.services.codedeploy.errors import (
    AlarmsLimitExceededException,
    DeploymentGroupAlreadyExistsException,
    InvalidAlarmConfigException,
    InvalidAutoRollbackConfigException,
    InvalidDeploymentStyleException,
    InvalidInputException,
)
from loopback.services.paging import Items
from loopback.services.registry import Context, Request, Response, handles

MOST_ALARMS = 10
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
_KEPT = (
    "deploymentConfigName",
    "serviceRoleArn",
    "deploymentStyle",
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "triggerConfigurations",
)
_NAMING = ("applicationName", "deploymentGroupName", "currentDeploymentGroupName", "newDeploymentGroupName", "tags")


@handles("CreateDeploymentGroup", rows.SERVICE)
def create(request: Request, context: Context) -> Response:
    """Without a configuration it shifts all at once. The ARN is for callers in this process."""
    of, name = request["applicationName"], request["deploymentGroupName"]
    rows.application(of, context)
    doc = {"deploymentGroupName": name, "deploymentConfigName": configs.DEFAULT, **_members(request)}
    doc["deploymentGroupId"] = str(uuid.uuid4())
    _check(doc, context)
    kept = tags.check_tags(request.get("tags"))
    with context.store.transaction():
        try:
            context.store.create(DEPLOY_GROUP, rows.group_key(of, name), doc, parent=of)
        except ResourceInUse:
            raise DeploymentGroupAlreadyExistsException(f"Deployment Group already exists: {name}") from None
        context.store.tag(rows.group_arn(of, name, context), kept)
    return {"deploymentGroupId": doc["deploymentGroupId"], "arn": rows.group_arn(of, name, context)}


@handles("GetDeploymentGroup", rows.SERVICE)
def describe(request: Request, context: Context) -> Response:
    """One, with its last deployments."""
    row = rows.group(request["applicationName"], request["deploymentGroupName"], context)
    shown = row.request | {"applicationName": row.parent, "computePlatform": rows.PLATFORM}
    for member, statuses in (("lastAttemptedDeployment", ()), ("lastSuccessfulDeployment", ("Succeeded",))):
        if last := DeploymentRow.first(context.store, Selection(DEPLOYMENT, row.name, statuses, descending=True)):
            shown[member] = _last(last)
    return {"deploymentGroupInfo": shown}


@handles("UpdateDeploymentGroup", rows.SERVICE)
def update(request: Request, context: Context) -> Response:
    """Members that the request has are replaced whole; the others stay."""
    of, name = request["applicationName"], request["currentDeploymentGroupName"]
    row = rows.group(of, name, context)
    if request.get("newDeploymentGroupName", name) != name:
        raise InvalidInputException("newDeploymentGroupName: loopback does not rename deployment groups")
    doc = row.request | _members(request)
    _check(doc, context)
    context.store.amend(DEPLOY_GROUP, row.name, "update", doc=doc)
    context.on_change(DEPLOY_GROUP.slug, row.name)
    return {"hooksNotCleanedUp": []}


@handles("ListDeploymentGroups", rows.SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """Names, sorted."""
    of = rows.application(request["applicationName"], context).name
    by_name, name = Selection(DEPLOY_GROUP, of, order=NAME), lambda row: DeployGroupRow.from_row(row).group
    page = rows.PAGING.of_rows(context.store, request, [by_name], Items("deploymentGroups", name, rows.PAGE))
    return {"applicationName": of} | page


@handles("DeleteDeploymentGroup", rows.SERVICE)
def delete(request: Request, context: Context) -> Response:
    """The record of its deployments stays. One that is not there is no error, as on AWS."""
    of, name = request["applicationName"], request["deploymentGroupName"]
    key = rows.group_key(of, name)
    with context.store.transaction():
        if context.store.exists(DEPLOY_GROUP, key):
            context.store.untag(rows.group_arn(of, name, context))
            context.store.delete(DEPLOY_GROUP, key)
    context.on_change(DEPLOY_GROUP.slug, key)
    return {"hooksNotCleanedUp": []}


def check_alarms(config: Mapping[str, Any]) -> None:
    """Raises AlarmsLimitExceededException and InvalidAlarmConfigException."""
    names = [alarm.get("name") for alarm in config.get("alarms", [])]
    if len(names) > MOST_ALARMS:
        raise AlarmsLimitExceededException(f"alarmConfiguration has {len(names)} alarms; at most {MOST_ALARMS}")
    if not all(names) or len(set(names)) < len(names):
        raise InvalidAlarmConfigException("alarmConfiguration: every alarm needs a name, and each only once")
    if config.get("enabled") and not names:
        raise InvalidAlarmConfigException("alarmConfiguration is enabled and names no alarm")


def check_rollback(config: Mapping[str, Any]) -> None:
    """Raises InvalidAutoRollbackConfigException."""
    if config.get("enabled") and not config.get("events"):
        raise InvalidAutoRollbackConfigException("autoRollbackConfiguration is enabled for no event")


def _members(request: Request) -> dict[str, Any]:
    """What is kept of a request. Raises InvalidInputException for what is not carried out."""
    for member, value in request.items():
        if member not in (*_KEPT, *_NAMING) and value not in ([], {}, False):
            raise InvalidInputException(
                f"{member}: loopback does not carry it out in deployment groups of computePlatform Lambda"
            )
    return {member: request[member] for member in _KEPT if member in request}


def _check(doc: Mapping[str, Any], context: Context) -> None:
    if doc.get("deploymentStyle") != STYLE:
        raise InvalidDeploymentStyleException(
            "For computePlatform Lambda, deploymentStyle.deploymentType must be BLUE_GREEN "
            "and deploymentStyle.deploymentOption must be WITH_TRAFFIC_CONTROL"
        )
    configs.routing(doc["deploymentConfigName"], context)
    check_alarms(doc.get("alarmConfiguration", {}))
    check_rollback(doc.get("autoRollbackConfiguration", {}))
    triggers.check(doc.get("triggerConfigurations", []))


def _last(row: DeploymentRow) -> dict[str, Any]:
    shown = {"deploymentId": row.name, "status": row.status, "createTime": row.created}
    return shown | ({"endTime": row.completed} if row.completed is not None else {})
