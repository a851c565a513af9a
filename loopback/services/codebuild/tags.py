"""Tags as CodeBuild writes them: key and value."""

from loopback.services.codebuild.errors import InvalidInputException
from loopback.services.registry import Context, Request, Response


def keep(arn: str, request: Request, context: Context) -> None:
    """Write the tags of a request. Raises InvalidInputException for one without a key."""
    tags = request.get("tags", [])
    if not all(tag.get("key") for tag in tags):
        raise InvalidInputException("every tag needs a key")
    context.store.tag(arn, {tag["key"]: tag.get("value", "") for tag in tags})


def as_list(arn: str, context: Context) -> list[Response]:
    """The tags of a resource."""
    return [{"key": key, "value": value} for key, value in context.store.tags(arn).items()]
