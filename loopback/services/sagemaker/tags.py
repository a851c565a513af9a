"""AddTags, ListTags, DeleteTags, and the Tags member of every Create request."""

from loopback.core.errors import ResourceLimitExceeded, ResourceNotFound
from loopback.core.kinds import BY_SLUG
from loopback.services.registry import Context, Request, Response, handles

MOST = 50  # tags a resource, as on AWS


def keep_tags(arn: str, request: Request, context: Context) -> None:
    """Write the Tags of a Create request."""
    context.store.tag(arn, {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])})


@handles("AddTags")
def add(request: Request, context: Context) -> Response:
    """Add or replace tags; the answer shows them all."""
    arn = _existing(request["ResourceArn"], context)
    wanted = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    if len(context.store.tags(arn) | wanted) > MOST:
        raise ResourceLimitExceeded(f"{arn} would have more than {MOST} tags")
    context.store.tag(arn, wanted)
    return {"Tags": _tag_list(arn, context)}


@handles("ListTags")
def list_tags(request: Request, context: Context) -> Response:
    """All of them: at most 50, one page."""
    return {"Tags": _tag_list(_existing(request["ResourceArn"], context), context)}


@handles("DeleteTags")
def delete(request: Request, context: Context) -> Response:
    """Keys that are not there are no error, as on AWS."""
    context.store.untag(_existing(request["ResourceArn"], context), request["TagKeys"])
    return {}


def _tag_list(arn: str, context: Context) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in context.store.tags(arn).items()]


def _existing(arn: str, context: Context) -> str:
    slug, _, name = arn.split(":", 5)[-1].partition("/")
    kind = BY_SLUG.get(slug)
    if kind is None or not context.store.exists(kind, name):
        raise ResourceNotFound(f"{arn} does not exist")
    return arn
