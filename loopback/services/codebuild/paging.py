"""Pages of names and ids. Pure."""

import base64
from collections.abc import Sequence
from typing import Any

from loopback.core.store import Resource
from loopback.services.codebuild.errors import InvalidInputException

IDS_A_PAGE = 100


def page(items: Sequence[Any], request: dict[str, Any], member: str, size: int) -> dict[str, Any]:
    """The items that `nextToken` and `maxResults` ask for; a token counts the items shown before."""
    start = _decode(request["nextToken"]) if "nextToken" in request else 0
    end = start + request.get("maxResults", size)
    answer: dict[str, Any] = {member: list(items[start:end])}
    if end < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def page_of_ids(rows: Sequence[Resource], number: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ids, newest first unless asked otherwise; `number` is the member that tells those of one moment apart."""
    names = [row.name for row in sorted(rows, key=lambda row: (row.created, row.doc[number]))]
    if request.get("sortOrder", "DESCENDING") == "DESCENDING":
        names.reverse()
    return page(names, request, "ids", IDS_A_PAGE)


def _decode(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError:
        raise InvalidInputException("nextToken is not one that this operation gave; start again without it") from None
