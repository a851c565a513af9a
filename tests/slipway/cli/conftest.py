"""AWS played: real boto3 clients check every request against the service's model; the answers come from a table."""

import os
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from slipway.cli.target import Target

Answer = Any  # a response, an error's code, a function of the request, or a list of those for one call after another


class Aws:
    """`answers[operation]` is what an operation answers; `calls` is what was asked, in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {
            "GetCallerIdentity": {"Account": "111122223333", "Arn": "arn:aws:iam::1:user/me"},
            "ListPipelines": {"PipelineSummaries": []},  # no monitor of our own
            "DeleteSchedule": "ResourceNotFoundException: Schedule does not exist.",
        }
        self.calls: list[tuple[str, dict[str, Any]]] = []
        environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-west-1"}
        kept = {name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"}
        self.target = Target({**kept, **environ}, local=True, project="demo")

    def client(self, service: str) -> Any:
        """A client whose requests come here, until another AWS asks for it."""
        client, asked = _client(service)
        asked[:] = [self]
        return client

    def note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, dict(params)))

    def answer(self, model: Any, **_: Any) -> Any:
        answer = self.answers.get(model.name)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(self.calls[-1][1])
        if answer is None:
            raise AssertionError(f"nobody said what {model.name} answers")
        if isinstance(answer, str):
            code, _, message = answer.partition(": ")
            error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            return SimpleNamespace(status_code=400), error
        return SimpleNamespace(status_code=200), {"ResponseMetadata": {"HTTPStatusCode": 200}, **answer}

    def asked(self, *operations: str) -> list[dict[str, Any]]:
        """The requests of these operations."""
        return [request for name, request in self.calls if name in operations]

    def order(self, *operations: str) -> list[str]:
        """In which order these operations were called."""
        return [name for name, _ in self.calls if name in operations]


@cache
def _client(service: str) -> tuple[Any, list[Aws]]:
    """A client, made once for all tests, which takes longer than what they do with it; and the AWS that it asks."""
    asked: list[Aws] = []  # by the test that runs

    def note(**more: Any) -> None:
        asked[0].note(**more)

    def answer(**more: Any) -> Any:
        return asked[0].answer(**more)

    client = boto3.Session("x", "x", region_name="eu-west-1").client(service)
    client.meta.events.register("provide-client-params", note)
    client.meta.events.register("before-call", answer)
    return client, asked


@pytest.fixture
def aws(monkeypatch) -> Aws:
    made = Aws()
    monkeypatch.setattr(Target, "client", lambda target, service: made.client(service))
    monkeypatch.setattr(Target, "title", "AWS")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return made


@pytest.fixture
def command(aws, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run a command line; its exit code, what it printed, what it complained about."""
    from slipway import __main__
    from slipway.cli.target import Target

    monkeypatch.setattr(Target, "find", lambda: aws.target)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["slipway", *arguments])
        monkeypatch.setattr("signal.signal", lambda number, action: None)  # of the test's own process
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run
