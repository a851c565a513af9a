"""Manual approvals: a token that somebody answers, for seven days unless the action says otherwise."""

import json
import time
from datetime import UTC, datetime

from loopback.core.kinds import DELIVERY_ACTION
from loopback.rows.codepipeline import ActionAnswer, ActionResult, ActionRow, actions_of_token
from loopback.rows.row import changes
from loopback.services.codepipeline import pipelines
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, Wait
from loopback.services.codepipeline.errors import (
    ActionNotFoundException,
    ApprovalAlreadyCompletedException,
    InvalidApprovalTokenException,
)
from loopback.services.registry import Context, Request, Response, handles


def run(work: ActionContext) -> Outcome:
    """Tell the topic, once the token is written down, then wait for the answer."""
    answer = work.row.answer
    if answer is not None:
        by = changes(ActionResult, updated_by=answer.by)
        if answer.status == "Approved":
            return ActionEnded(summary=answer.summary, noted=by)
        return ActionEnded("JobFailed", answer.summary or "Rejected", noted=by)
    if "NotificationArn" in work.configuration and not work.row.notified:
        _notify(work)
    return Wait(None, changes(ActionResult, notified=True))


def _notify(work: ActionContext) -> None:
    row, configuration = work.row, work.configuration
    link = f"{work.client('sns').meta.endpoint_url}/#/pipelines/{row.pipeline}"
    message = {
        "region": work.context.place.region,
        "consoleLink": link,
        "approval": {
            "pipelineName": row.pipeline,
            "stageName": row.stage,
            "actionName": row.action,
            "token": row.token,
            "expires": datetime.fromtimestamp(row.deadline, UTC).strftime("%Y-%m-%dT%H:%MZ"),
            "externalEntityLink": configuration.get("ExternalEntityLink"),
            "approvalReviewLink": f"{link}/{row.stage}/{row.action}/approve/{row.token}",
            "customData": configuration.get("CustomData"),
        },
    }
    subject = f"APPROVAL NEEDED: AWS CodePipeline {row.pipeline} for action {row.action}"
    work.client("sns").publish(
        TopicArn=configuration["NotificationArn"], Subject=subject[:100], Message=json.dumps(message)
    )


@handles("PutApprovalResult", pipelines.SERVICE)
def put_result(request: Request, context: Context) -> Response:
    """Approve or reject the approval that waits with this token."""
    store, now = context.store, time.time()
    with store.transaction():
        pipeline = pipelines.get(request["pipelineName"], context)
        structure = pipelines.structure_of(pipeline)
        stage = structure.stages[pipelines.valid_stage(structure, request["stageName"])]
        action = stage.action(request["actionName"])
        if action is None or action.category != "Approval":
            raise ActionNotFoundException(
                f"Stage '{stage.name}' of pipeline '{pipeline.name}' has no approval action '{request['actionName']}'"
            )
        row = _of_token(pipeline.name, stage.name, action.name, request["token"], context)
        if row.status != "InProgress" or row.answer is not None:
            raise ApprovalAlreadyCompletedException("The approval action has already been approved or rejected")
        answer = ActionAnswer(**request["result"], by=pipelines.caller(context))
        ActionRow.amend(store, row.name, "answer", result=changes(ActionResult, answer=answer))
    context.on_change(DELIVERY_ACTION.slug, row.name)
    return {"approvedAt": now}


def _of_token(pipeline: str, stage: str, action: str, token: str, context: Context) -> ActionRow:
    wanted = (pipeline, stage, action)
    for row in ActionRow.scan(context.store, actions_of_token(token)):
        if (row.pipeline, row.stage, row.action) == wanted and not row.replaced:
            return row
    raise InvalidApprovalTokenException("The approval token is not valid: no approval of this action waits with it")
