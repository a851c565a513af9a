"""Applications: what deployment groups are kept under."""

import uuid

from loopback.core.errors import ResourceInUse
from loopback.core.kinds import DEPLOY_APPLICATION, DEPLOY_GROUP
from loopback.core.queries import NAME, Selection
from loopback.rows.codedeploy import DeployApplicationRow, DeployGroupRow
from loopback.services.codedeploy import rows, tags
from loopback.services.codedeploy.errors import ApplicationAlreadyExistsException
from loopback.services.paging import Items
from loopback.services.registry import Context, Request, Response, handles


@handles("CreateApplication", rows.SERVICE)
def create(request: Request, context: Context) -> Response:
    """Of the compute platform Lambda; without one AWS takes Server, which is refused.

    The ARN is for callers in this process: AWS's answer, and so the wire's, has none.
    """
    rows.check_platform(request.get("computePlatform", "Server"))
    name, kept = request["applicationName"], tags.check_tags(request.get("tags"))
    with context.store.transaction():
        try:
            made = DeployApplicationRow(id=str(uuid.uuid4())).create(context.store, name)
        except ResourceInUse:
            raise ApplicationAlreadyExistsException(f"Application already exists: {name}") from None
        context.store.tag(rows.application_arn(name, context), kept)
    return {"applicationId": made.id, "arn": rows.application_arn(name, context)}


@handles("GetApplication", rows.SERVICE)
def describe(request: Request, context: Context) -> Response:
    """One, by name."""
    row = rows.application(request["applicationName"], context)
    shown = {"applicationName": row.name, "applicationId": row.id, "createTime": row.created, "linkedToGitHub": False}
    return {"application": shown | {"computePlatform": rows.PLATFORM}}


@handles("ListApplications", rows.SERVICE)
def list_all(request: Request, context: Context) -> Response:
    """Names, sorted."""
    by_name = Selection(DEPLOY_APPLICATION, order=NAME)
    names = Items("applications", lambda row: row.name, rows.PAGE)
    return rows.PAGING.of_rows(context.store, request, [by_name], names)


@handles("DeleteApplication", rows.SERVICE)
def delete(request: Request, context: Context) -> Response:
    """With its deployment groups. One that is not there is no error, as on AWS."""
    name = request["applicationName"]
    with context.store.transaction():
        if not context.store.exists(DEPLOY_APPLICATION, name):
            return {}
        for group in DeployGroupRow.find(context.store, parent=name):
            context.store.untag(rows.group_arn(name, group.group, context))
            context.store.delete(DEPLOY_GROUP, group.name)
        context.store.untag(rows.application_arn(name, context))
        context.store.delete(DEPLOY_APPLICATION, name)
    context.on_change(DEPLOY_APPLICATION.slug, name)
    return {}
