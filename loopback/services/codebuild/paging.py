"""Pages of names. Pure."""

import base64
from collections.abc import Sequence
from typing import Any

from loopback.services.codebuild.errors import InvalidInputException


def page(items: Sequence[Any], request: dict[str, Any], member: str, size: int) -> dict[str, Any]:
    """The items that `nextToken` and `maxResults` ask for; a token counts the items shown before."""
    start = _decode(request["nextToken"]) if "nextToken" in request else 0
    end = start + request.get("maxResults", size)
    answer: dict[str, Any] = {member: list(items[start:end])}
    if end < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def _decode(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError:
        raise InvalidInputException("nextToken is not one that this operation gave; start again without it") from None
