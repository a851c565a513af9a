"""What a shell is offered while a command is typed."""

from importlib import metadata

import pytest
from typer.testing import CliRunner

from slipway.cli import command_line
from slipway.cli.verbs import app
from tests.slipway.cli.test_names import have


def offered(words: str) -> list[str]:
    """What bash is told for a line whose last word is being typed (its protocol: click's documentation)."""
    environment = {
        "_SLIPWAY_COMPLETE": "complete_bash",
        "COMP_WORDS": f"slipway {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    return CliRunner().invoke(app, env=environment, prog_name="slipway").output.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("vers", ["versions", "version"]),
        ("local ex", ["exec"]),
        ("steps -p demo-c", ["demo-churn"]),
        ("approve 3 -p demo", ["demo-churn", "demo-abalone"]),
        ("traffic st", ["staging"]),
    ],
)
def test_verbs_and_names_are_completed(words, found, aws, monkeypatch):
    have(aws, "demo-churn", "demo-abalone", "other")
    monkeypatch.setattr(command_line, "target", lambda: aws.target)
    assert offered(words) == found


def test_without_an_aws_nothing_is_offered_and_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert offered("steps -p demo-c") == []


def test_the_version_is_that_of_the_distribution():
    found = CliRunner().invoke(app, ["--version"])
    assert (found.exit_code, found.output) == (0, f"slipway {metadata.version('slipway')}\n")
