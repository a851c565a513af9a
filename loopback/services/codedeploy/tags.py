"""Tags of applications and deployment groups."""

from typing import Any

from loopback.core.kinds import DEPLOY_APPLICATION, DEPLOY_GROUP
from loopback.services.codedeploy import rows
from loopback.services.codedeploy.errors import InvalidArnException, InvalidTagsToAddException
from loopback.services.registry import Context, Request, Response, handles


def check_tags(given: list[dict[str, Any]] | None) -> dict[str, str]:
    """The tags of a request. Raises InvalidTagsToAddException for one without a key."""
    if not all(tag.get("Key") for tag in given or ()):
        raise InvalidTagsToAddException("every tag needs a Key")
    return {tag["Key"]: tag.get("Value", "") for tag in given or ()}


@handles("TagResource", rows.SERVICE)
def tag(request: Request, context: Context) -> Response:
    """Add or replace."""
    context.store.tag(_require_known(request["ResourceArn"], context), check_tags(request["Tags"]))
    return {}


@handles("UntagResource", rows.SERVICE)
def untag(request: Request, context: Context) -> Response:
    """Remove by key."""
    context.store.untag(_require_known(request["ResourceArn"], context), request["TagKeys"])
    return {}


@handles("ListTagsForResource", rows.SERVICE)
def list_tags(request: Request, context: Context) -> Response:
    """All of them: there are at most fifty."""
    tags = context.store.tags(_require_known(request["ResourceArn"], context))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _require_known(arn: str, context: Context) -> str:
    application, _, group = arn.rpartition(":")[2].partition("/")
    kind, name = (DEPLOY_GROUP, rows.group_key(application, group)) if group else (DEPLOY_APPLICATION, application)
    arns = (rows.application_arn(application, context), rows.group_arn(application, group, context))
    if arn not in arns or not context.store.exists(kind, name):
        raise InvalidArnException(f"{arn} is not the ARN of an application or a deployment group that exists")
    return arn
