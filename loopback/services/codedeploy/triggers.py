"""What a deployment group's triggers tell their SNS topics. A topic that cannot be told stops no deployment."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from loopback.core.errors import ServiceError
from loopback.core.kinds import DEPLOY_GROUP
from loopback.core.store import Resource
from loopback.services.codedeploy.errors import InvalidTriggerConfigException, TriggerTargetsLimitExceededException
from loopback.services.registry import Context

MOST = 10
START, ROLLBACK = "DeploymentStart", "DeploymentRollback"
ENDED = {"Succeeded": "DeploymentSuccess", "Failed": "DeploymentFailure", "Stopped": "DeploymentStop"}
log = logging.getLogger("loopback")


def check(configured: list[Mapping[str, Any]]) -> None:
    """Raises InvalidTriggerConfigException and TriggerTargetsLimitExceededException."""
    if len(configured) > MOST:
        raise TriggerTargetsLimitExceededException(
            f"triggerConfigurations has {len(configured)} triggers; at most {MOST}"
        )
    names = [trigger.get("triggerName") for trigger in configured]
    if not all(names) or len(set(names)) < len(names):
        raise InvalidTriggerConfigException("triggerConfigurations: every trigger needs a name, and each only once")
    for trigger in configured:
        if not str(trigger.get("triggerTargetArn", "")).startswith("arn:aws:sns:"):
            raise InvalidTriggerConfigException(f"The target of trigger {trigger['triggerName']} is not an SNS topic")
        if not trigger.get("triggerEvents"):
            raise InvalidTriggerConfigException(f"The trigger {trigger['triggerName']} has no events")


def tell(row: Resource, events: Iterable[str], overview: Mapping[str, int], context: Context) -> None:
    """Publish what happened to a deployment to the topics of its group that want to know."""
    if not context.store.exists(DEPLOY_GROUP, row.parent):
        return
    wanted = set(events)
    for trigger in context.store.get(DEPLOY_GROUP, row.parent).doc.get("triggerConfigurations", ()):
        if wanted & set(trigger["triggerEvents"]):
            _publish(trigger, row, overview, context)


def _publish(trigger: Mapping[str, Any], row: Resource, overview: Mapping[str, int], context: Context) -> None:
    message = _message(trigger["triggerName"], row, overview, context)
    application = row.doc["applicationName"]
    subject = f"{row.status.upper()}: AWS CodeDeploy {row.name} in {context.place.region} to {application}"
    try:
        sns = context.client("sns", row.doc["serviceRoleArn"])
        sns.publish(TopicArn=trigger["triggerTargetArn"], Subject=subject[:100], Message=json.dumps(message))
    except (BotoCoreError, ClientError, ServiceError) as fault:
        log.warning("trigger %s of %s: %s", trigger["triggerName"], row.name, fault)


def _message(trigger: str, row: Resource, overview: Mapping[str, int], context: Context) -> dict[str, Any]:
    told: dict[str, Any] = {
        "region": context.place.region,
        "accountId": context.place.account,
        "eventTriggerName": trigger,
        "applicationName": row.doc["applicationName"],
        "deploymentId": row.name,
        "deploymentGroupName": row.doc["deploymentGroupName"],
        "createTime": f"{row.created:.3f}",
        "deploymentOverview": {name: str(count) for name, count in overview.items()},
        "status": row.status,
    }
    if "completeTime" in row.result:
        told["completeTime"] = f"{row.result['completeTime']:.3f}"
    if error := row.result.get("errorInformation"):
        told["errorInformation"] = {"ErrorCode": error["code"], "ErrorMessage": error["message"]}
    return told
