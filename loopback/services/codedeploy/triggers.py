"""What a deployment group's triggers tell their SNS topics. A topic that cannot be told stops no deployment."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from loopback.core.errors import ServiceError
from loopback.core.kinds import DEPLOY_GROUP
from loopback.rows.codedeploy import DeployGroupRow, DeploymentRow
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


def tell(row: DeploymentRow, events: Iterable[str], overview: Mapping[str, int], context: Context) -> None:
    """Publish what happened to a deployment to the topics of its group that want to know."""
    if not context.store.exists(DEPLOY_GROUP, row.parent):
        return
    wanted = set(events)
    for trigger in DeployGroupRow.get(context.store, row.parent).request.get("triggerConfigurations", ()):
        if wanted & set(trigger["triggerEvents"]):
            _publish(trigger, row, overview, context)


def _publish(trigger: Mapping[str, Any], row: DeploymentRow, overview: Mapping[str, int], context: Context) -> None:
    message = _message(trigger["triggerName"], row, overview, context)
    subject = f"{row.status.upper()}: AWS CodeDeploy {row.name} in {context.place.region} to {row.application}"
    try:
        sns = context.client("sns", row.role)
        sns.publish(TopicArn=trigger["triggerTargetArn"], Subject=subject[:100], Message=json.dumps(message))
    except (BotoCoreError, ClientError, ServiceError) as fault:
        log.warning("trigger %s of %s: %s", trigger["triggerName"], row.name, fault)


def _message(trigger: str, row: DeploymentRow, overview: Mapping[str, int], context: Context) -> dict[str, Any]:
    told: dict[str, Any] = {
        "region": context.place.region,
        "accountId": context.place.account,
        "eventTriggerName": trigger,
        "applicationName": row.application,
        "deploymentId": row.name,
        "deploymentGroupName": row.group,
        "createTime": f"{row.created:.3f}",
        "deploymentOverview": {name: str(count) for name, count in overview.items()},
        "status": row.status,
    }
    if row.completed is not None:
        told["completeTime"] = f"{row.completed:.3f}"
    if row.error:
        told["errorInformation"] = {"ErrorCode": row.error["code"], "ErrorMessage": row.error["message"]}
    return told
