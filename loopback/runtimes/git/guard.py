"""Who may fetch from and push to which repository, where IAM is enforced."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from loopback.core.arn import Place
from loopback.core.errors import AccessDeniedException
from loopback.core.permissions import PermissionCheck, Permit
from loopback.runtimes.git.credentials import CredentialRequest, Find, principal

PUSH = "git-receive-pack"
WHO = (
    "git must say who asks: the account's key and secret, or a role with AWS's credential helper; "
    "see docs/local-aws.md, Git, CodePipeline, CodeBuild"
)
Now = Callable[[], datetime]


class Guard:
    """See `front.Guard`."""

    def __init__(self, place: Place, find: Find, permit: Permit, now: Now = lambda: datetime.now(UTC)) -> None:
        self._place, self._find, self._permit, self._now = place, find, permit, now

    def __call__(self, scope: dict[str, Any], address: str, name: str, service: str) -> tuple[int, str] | None:
        """The answer to who may not: 401 without good credentials, 403 without the permission."""
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        asked = CredentialRequest(headers.get("host", ""), address, self._place.region, self._now())
        caller = principal(headers, asked, self._find)
        if caller is None:
            return 401, WHO
        if not caller:
            return None
        try:
            self._permit(caller, [check_of(self._place, address, name, service)])
        except AccessDeniedException as fault:
            return 403, str(fault)
        return None


def check_of(place: Place, address: str, name: str, service: str) -> PermissionCheck:
    """What a role must be allowed: of CodeCommit, of the connection, or without one of every connection."""
    if address.startswith("/v1/repos/"):
        return PermissionCheck(f"codecommit:Git{'Push' if service == PUSH else 'Pull'}", place.arn(name, "codecommit"))
    connection = address.split("/")[4] if address.startswith("/git-http/") else "*"
    return PermissionCheck("codeconnections:UseConnection", place.arn(f"connection/{connection}", "codeconnections"))
