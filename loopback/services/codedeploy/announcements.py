"""What CodeDeploy tells EventBridge of deployments. An instance's own event is for servers only, on AWS too."""

from collections.abc import Iterator

from loopback.core.kinds import DEPLOY_GROUP, DEPLOYMENT
from loopback.core.store import Event, Resource
from loopback.rows.codedeploy import DeployGroupRow, DeploymentRow
from loopback.services.announce import Announcement, announces
from loopback.services.codedeploy import rows
from loopback.services.registry import Context

STATES = {"InProgress": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP"}


@announces(DEPLOYMENT)
def _deployment(event: Event, resource: Resource, context: Context) -> Iterator[Announcement]:
    if event.old == event.new or event.new not in STATES:
        return
    row = DeploymentRow.from_row(resource)
    of, group = row.application, row.group
    known = context.store.exists(DEPLOY_GROUP, row.parent)
    detail = {
        "instanceGroupId": DeployGroupRow.get(context.store, row.parent).id if known else "",
        "region": context.place.region,
        "application": of,
        "deploymentId": row.name,
        "state": STATES[event.new],
        "deploymentGroup": group,
    }
    resources = [rows.application_arn(of, context), rows.group_arn(of, group, context)]
    yield Announcement("CodeDeploy Deployment State-change Notification", resources, detail, "aws.codedeploy")
