"""Who asks for a repository, where IAM is enforced: what `aws codecommit credential-helper` gives to git. Pure.

The user's name is an access key, with `%` and the session's token behind it; the password is the time and a signature
of the address. The account's own key may also come with its secret for a password.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CLOCK_SKEW = timedelta(minutes=15)
_TIMESTAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Credential:
    """A key that loopback has given out: its secret, and the ARN that it acts as; "" for the account."""

    secret: str
    principal: str


Find = Callable[[str, str], Credential | None]  # (access key, session token) -> what is known of them


@dataclass(frozen=True)
class CredentialRequest:
    """A request of git: the host and the path of the repository's address, and when it came."""

    host: str
    path: str
    region: str
    now: datetime


def principal(headers: Mapping[str, str], asked: CredentialRequest, find: Find) -> str | None:
    """The ARN that a request acts as, "" for the account, None where its credentials are missing or wrong."""
    user, password = _basic(headers.get("authorization", ""))
    key, _, token = user.partition("%")
    found = find(key, token) if key else None
    if found is None:
        return None
    if not found.principal and hmac.compare_digest(password.encode(), found.secret.encode()):
        return ""
    stamp, _, given = password.partition("Z")
    if not _is_now(stamp, asked.now):
        return None
    expected = signature(found.secret, stamp, asked)
    return found.principal if hmac.compare_digest(given.encode(), expected.encode()) else None


def signature(secret: str, stamp: str, asked: CredentialRequest) -> str:
    """Signature Version 4 of git's own method, GIT, on an address without its port."""
    canonical = f"GIT\n{asked.path}\n\nhost:{asked.host.partition(':')[0]}\n\nhost\n"
    scope = f"{stamp[:8]}/{asked.region}/codecommit/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, text = authorization.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _is_now(stamp: str, now: datetime) -> bool:
    try:
        signed = datetime.strptime(stamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(now - signed) <= CLOCK_SKEW
