"""What CodeDeploy tells EventBridge of deployments. An instance's own event is for servers only, on AWS too."""

from collections.abc import Iterator

from loopback.core.kinds import DEPLOY_GROUP, DEPLOYMENT
from loopback.core.store import Event, Resource
from loopback.services.announce import Announcement, announces
from loopback.services.codedeploy import rows
from loopback.services.registry import Context

STATES = {"InProgress": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP"}


@announces(DEPLOYMENT)
def _deployment(event: Event, row: Resource, context: Context) -> Iterator[Announcement]:
    if event.old == event.new or event.new not in STATES:
        return
    of, group = row.doc["applicationName"], row.doc["deploymentGroupName"]
    found = context.store.get(DEPLOY_GROUP, row.parent) if context.store.exists(DEPLOY_GROUP, row.parent) else None
    detail = {
        "instanceGroupId": found.doc["deploymentGroupId"] if found else "",
        "region": context.place.region,
        "application": of,
        "deploymentId": row.name,
        "state": STATES[event.new],
        "deploymentGroup": group,
    }
    resources = [rows.application_arn(of, context), rows.group_arn(of, group, context)]
    yield Announcement("CodeDeploy Deployment State-change Notification", resources, detail, "aws.codedeploy")
