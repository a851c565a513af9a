"""What git sends, with AWS's own credential helper as the client."""

import base64
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from awscli.customizations import codecommit
from botocore.credentials import Credentials

from loopback.core.arn import Place
from loopback.core.errors import AccessDeniedException
from loopback.core.permissions import PermissionCheck
from loopback.runtimes.git.credentials import Credential, CredentialRequest, principal
from loopback.runtimes.git.guard import Guard

HOST, PATH, REGION = "127.0.0.1:4566", "/v1/repos/team", "us-east-1"
ROLE = "arn:aws:sts::000000000000:assumed-role/build/session"
KNOWN = {("ASIA1", "token"): Credential("role secret", ROLE), ("000000000000", ""): Credential("own secret", "")}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def find(key: str, token: str) -> Credential | None:
    return KNOWN.get((key, token))


def helper(key: str, secret: str, token: str | None, path: str = PATH, at: datetime = NOW) -> tuple[str, str]:
    """What `aws codecommit credential-helper get --ignore-host-check` says: user's name and password."""
    session = SimpleNamespace(get_credentials=lambda: Credentials(key, secret, token))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codecommit, "get_current_datetime", lambda: at)
        password = codecommit.CodeCommitGetCommand(session).sign_request(REGION, f"http://{HOST}{path}")
    return f"{key}%{token}" if token else key, password


def headers(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def caller(given: dict[str, str]) -> str | None:
    return principal(given, CredentialRequest(HOST, PATH, REGION, NOW), find)


def test_what_the_credential_helper_signs_is_right() -> None:
    assert caller(headers(*helper("ASIA1", "role secret", "token"))) == ROLE
    assert caller(headers(*helper("000000000000", "own secret", None))) == ""


def test_the_account_s_secret_may_be_the_password() -> None:
    assert caller(headers("000000000000", "own secret")) == ""
    assert caller(headers("ASIA1%token", "role secret")) is None


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": "Basic !"},
        {"authorization": "Bearer x"},
        headers("", ""),
        headers("000000000000", ""),
        headers("000000000000", "other"),
        headers("test", "test"),
        headers("111111111111", "own secret"),
        headers(*helper("ASIA1", "other", "token")),
        headers(*helper("ASIA1", "role secret", "other")),
        headers(*helper("ASIA1", "role secret", "token", "/v1/repos/other")),
        headers(*helper("ASIA1", "role secret", "token", at=NOW - timedelta(minutes=16))),
        headers(*helper("ASIA1", "role secret", "token", at=NOW + timedelta(minutes=16))),
    ],
)
def test_anything_else_is_nobody(given: dict[str, str]) -> None:
    assert caller(given) is None


@pytest.mark.parametrize(
    ("address", "service", "user", "status", "action"),
    [
        ("/v1/repos/team", "git-upload-pack", "role", None, "codecommit:GitPull"),
        ("/v1/repos/team", "git-receive-pack", "role", None, "codecommit:GitPush"),
        ("/v1/repos/other", "git-upload-pack", "role", 403, "codecommit:GitPull"),
        (
            "/git-http/0/us-east-1/id/o/n.git",
            "git-upload-pack",
            "role",
            403,
            "codeconnections:UseConnection",
        ),
        ("/git/o/n.git", "git-upload-pack", "role", 403, "codeconnections:UseConnection"),
        ("/git/o/n.git", "git-receive-pack", "account", None, None),
        ("/v1/repos/team", "git-receive-pack", "nobody", 401, None),
    ],
)
def test_a_role_needs_the_permission_of_the_repository(
    address: str, service: str, user: str, status: int | None, action: str | None
) -> None:
    seen: list[str] = []

    def permit(_role: str, checks: list[PermissionCheck]) -> None:
        seen.extend(check.action for check in checks)
        if any(not check.resource.endswith(":team") for check in checks):
            raise AccessDeniedException("is not authorized")

    users = {
        "role": headers(*helper("ASIA1", "role secret", "token", address)),
        "account": headers("000000000000", "own secret"),
        "nobody": {},
    }
    given = {"host": HOST, **users[user]}
    scope = {"headers": [(key.encode(), value.encode()) for key, value in given.items()]}
    found = Guard(Place(), find, permit, lambda: NOW)(scope, address, address.rpartition("/")[2], service)
    assert (found and found[0]) == status
    assert seen == ([action] if action else [])
