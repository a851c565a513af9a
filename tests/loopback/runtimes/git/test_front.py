"""What the front lets through to git, without a socket."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from loopback.runtimes.git.bare import BareRepositories
from loopback.runtimes.git.front import GitServer, Guard

CONNECTION = "0" * 8 + "-0000-0000-0000-" + "0" * 12
HERE = f"/git-http/000000000000/us-east-1/{CONNECTION}"


@pytest.fixture
def bare(tmp_path: Path) -> BareRepositories:
    return BareRepositories(tmp_path)


def ask(
    bare: BareRepositories,
    path: str,
    method: str = "GET",
    query: str = "",
    told: list[str] | None = None,
    guard: Guard | None = None,
) -> tuple[int, bytes]:
    admitted = lambda account, region, connection: connection == CONNECTION  # noqa: E731
    front = GitServer(bare, admitted, lambda name: name == "known", (told if told is not None else []).append, guard)
    scope = {"method": method, "raw_path": path.encode(), "query_string": query.encode(), "headers": []}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    asyncio.run(front(scope, receive, send))
    return sent[0]["status"], b"".join(event.get("body", b"") for event in sent[1:])


PUSH, FETCH = "service=git-receive-pack", "service=git-upload-pack"


@pytest.mark.parametrize(
    ("path", "method", "query", "status"),
    [
        ("/git/team/app.git/info/refs", "GET", PUSH, 200),
        ("/git/team/app/info/refs", "GET", PUSH, 200),
        (f"{HERE}/team/app.git/info/refs", "GET", PUSH, 200),
        ("/v1/repos/known/info/refs", "GET", FETCH, 200),
        ("/git/team/app.git/info/refs", "GET", FETCH, 404),
        ("/v1/repos/other/info/refs", "GET", PUSH, 404),
        (f"{HERE.replace('0-', '1-')}/team/app.git/info/refs", "GET", PUSH, 404),
        ("/git/team/app.git/HEAD", "GET", "", 404),
        ("/git/team/app.git/info/refs", "GET", "", 404),
        ("/git/team/app.git/info/refs", "GET", "service=git-upload-archive", 404),
        ("/git/team/app.git/git-receive-pack", "GET", "", 404),
        ("/git/..%2F..%2Fx/info/refs", "GET", PUSH, 404),
        ("/git/../x.git/info/refs", "GET", PUSH, 400),
        ("/git/a/b/c.git/info/refs", "GET", PUSH, 404),
        ("/git/a/%2e%2e.git/info/refs", "GET", PUSH, 400),
    ],
)
def test_only_git_s_smart_protocol_on_names_that_are_some(bare, path, method, query, status) -> None:
    found, body = ask(bare, path, method, query)
    assert found == status, body
    assert status == 200 or body


@pytest.mark.parametrize("path", ["/git/team/app.git", "/v1/repos/known", f"{HERE}/team/app.git"])
def test_who_asks_before_a_first_push_is_answered_as_by_an_empty_repository(bare: BareRepositories, path: str) -> None:
    status, body = ask(bare, f"{path}/info/refs", query=PUSH)
    assert (status, b"# service=git-receive-pack" in body) == (200, True)
    assert bare.names() == []


def test_a_first_push_makes_the_repository(bare: BareRepositories) -> None:
    ask(bare, "/git/team/app.git/git-receive-pack", "POST")
    assert bare.names() == ["team/app"]


def test_a_guard_says_who_is_refused(bare: BareRepositories) -> None:
    seen: list[tuple[str, ...]] = []

    def guard(_scope: dict[str, Any], address: str, name: str, service: str) -> tuple[int, str]:
        seen.append((address, name, service))
        return 401, "who are you?"

    assert ask(bare, "/git/team/app.git/info/refs", query=PUSH, guard=guard) == (401, b"who are you?\n")
    assert seen == [("/git/team/app.git", "team/app", "git-receive-pack")]


def test_after_a_push_somebody_is_told(bare: BareRepositories) -> None:
    told: list[str] = []
    bare.ensure("team/app")
    ask(bare, "/git/team/app.git/git-receive-pack", "POST", told=told)
    assert told == ["team/app"]
