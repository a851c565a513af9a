"""What git shows of who asks, judged by what loopback lets in."""

from datetime import UTC, datetime
from typing import Any

import pytest

from loopback.runtimes.git.credentials import Credential, CredentialRequest, principal
from slipway.cli import git_access
from slipway.cli.target import Target

URL = "http://127.0.0.1:4566/git-http/000000000000/us-east-1/1/team/app.git"
ROLE = "arn:aws:sts::000000000000:assumed-role/r/s"


def target(token: str, *, local: bool = True) -> Target:
    environ = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_SESSION_TOKEN": token,
    }
    return Target(environ, local=local, project="p")


@pytest.mark.parametrize(("token", "acts_as"), [("", ""), ("token", ROLE)])
def test_the_header_says_who_asks(token: str, acts_as: str) -> None:
    found = git_access.variables(target(token), URL)
    assert found["GIT_CONFIG_KEY_0"] == "http.http://127.0.0.1:4566/.extraHeader"
    name, _, value = found["GIT_CONFIG_VALUE_0"].partition(": ")
    asked = CredentialRequest(
        "127.0.0.1:4566", URL.removeprefix("http://127.0.0.1:4566"), "us-east-1", datetime.now(UTC)
    )
    known: Any = lambda key, given: Credential("secret", acts_as) if (key, given) == ("key", token) else None  # noqa: E731
    assert principal({name.lower(): value}, asked, known) == acts_as


def test_aws_is_shown_nothing() -> None:
    assert git_access.variables(target("", local=False), URL) == {}
    assert git_access.variables(target(""), "/a/folder") == {}
