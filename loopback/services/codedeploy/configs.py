"""Deployment configurations: how traffic is shifted. The built-in ones of Lambda exist from the start."""

import uuid
from collections.abc import Mapping
from typing import Any

from loopback.core.errors import ResourceInUse
from loopback.core.kinds import DEPLOY_CONFIG, DEPLOY_GROUP
from loopback.core.queries import NAME, Selection
from loopback.engines.codedeploy.traffic_shifting import BUILT_IN, InvalidRouting, steps
from loopback.rows.codedeploy import DeployConfigRow, DeployGroupRow, with_config
from loopback.services.codedeploy import rows
from loopback.services.codedeploy.errors import (
    DeploymentConfigAlreadyExistsException,
    DeploymentConfigDoesNotExistException,
    DeploymentConfigInUseException,
    InvalidDeploymentConfigNameException,
    InvalidInputException,
    InvalidOperationException,
    InvalidTrafficRoutingConfigurationException,
)
from loopback.services.paging import Items
from loopback.services.registry import Context, Request, Response, handles

RESERVED = "CodeDeployDefault."
DEFAULT = f"{RESERVED}LambdaAllAtOnce"
_OF_SERVERS = ("minimumHealthyHosts", "zonalConfig")


def routing(name: str, context: Context) -> Mapping[str, Any]:
    """The traffic routing of a configuration. Raises DeploymentConfigDoesNotExistException."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    if not context.store.exists(DEPLOY_CONFIG, name):
        other = " (loopback has those of computePlatform Lambda only)" if name.startswith(RESERVED) else ""
        raise DeploymentConfigDoesNotExistException(f"No Deployment Configuration found for name: {name}{other}")
    return DeployConfigRow.get(context.store, name).routing


@handles("CreateDeploymentConfig", rows.SERVICE)
def create(request: Request, context: Context) -> Response:
    """One of one's own; it cannot be changed afterwards."""
    name = request["deploymentConfigName"]
    rows.check_platform(request.get("computePlatform", "Server"))
    if name.startswith(RESERVED):
        raise InvalidDeploymentConfigNameException(f"Names that begin with {RESERVED} are reserved: {name}")
    if refused := [member for member in _OF_SERVERS if member in request]:
        raise InvalidInputException(f"{refused[0]} does not go with computePlatform Lambda")
    if "trafficRoutingConfig" not in request:
        raise InvalidTrafficRoutingConfigurationException("computePlatform Lambda needs a trafficRoutingConfig")
    try:
        steps(request["trafficRoutingConfig"])
    except InvalidRouting as fault:
        raise InvalidTrafficRoutingConfigurationException(f"trafficRoutingConfig: {fault}") from None
    doc = {"deploymentConfigId": str(uuid.uuid4()), "trafficRoutingConfig": request["trafficRoutingConfig"]}
    try:
        context.store.create(DEPLOY_CONFIG, name, doc)
    except ResourceInUse:
        raise DeploymentConfigAlreadyExistsException(f"Deployment Configuration already exists: {name}") from None
    return {"deploymentConfigId": doc["deploymentConfigId"]}


@handles("GetDeploymentConfig", rows.SERVICE)
def describe(request: Request, context: Context) -> Response:
    """One, by name; the built-in ones have no time of creation here."""
    name = request["deploymentConfigName"]
    shown = {"deploymentConfigName": name, "computePlatform": rows.PLATFORM}
    shown["trafficRoutingConfig"] = routing(name, context)
    if name in BUILT_IN:
        shown["deploymentConfigId"] = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    else:
        row = DeployConfigRow.get(context.store, name)
        shown |= row.request | {"createTime": row.created}
    return {"deploymentConfigInfo": shown}


@handles("ListDeploymentConfigs", rows.SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """The built-in ones, then one's own, each sorted."""
    built_in = [] if "nextToken" in request else sorted(BUILT_IN)
    own = Items("deploymentConfigsList", lambda row: row.name, rows.PAGE - len(built_in))
    page = rows.PAGING.of_rows(context.store, request, [Selection(DEPLOY_CONFIG, order=NAME)], own)
    return page | {own.member: [*built_in, *page[own.member]]}


@handles("DeleteDeploymentConfig", rows.SERVICE)
def delete(request: Request, context: Context) -> Response:
    """One that a deployment group uses stays. One that is not there is no error, as on AWS."""
    name = request["deploymentConfigName"]
    if name.startswith(RESERVED):
        raise InvalidOperationException(f"{name} is built in and cannot be deleted")
    with context.store.transaction():
        if user := DeployGroupRow.first(context.store, Selection(DEPLOY_GROUP, equal=(with_config(name),))):
            raise DeploymentConfigInUseException(f"{name} is used by deployment group {user.group} of {user.parent}")
        if context.store.exists(DEPLOY_CONFIG, name):
            context.store.delete(DEPLOY_CONFIG, name)
    return {}
