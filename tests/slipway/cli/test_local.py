"""`slipway local`: what it needs of the environment."""

import pytest
from typer.testing import CliRunner

from slipway.cli import local
from slipway.cli.target import Target, UserError
from slipway.cli.verbs import app


@pytest.mark.parametrize("name", ["ARTIFACT_BUCKET", "SAGEMAKER_PIPELINE_ROLE_ARN"])
def test_a_variable_that_is_not_set_is_named(name: str) -> None:
    environ = {"ARTIFACT_BUCKET": "b", "SAGEMAKER_PIPELINE_ROLE_ARN": "arn:aws:iam::000000000000:role/r"}
    del environ[name]
    with pytest.raises(UserError, match=rf'{name} must be set: eval "\$\(slipway local env\)" does it'):
        local.prepare(Target(environ, local=True, project="slipway"))


def test_what_up_is_told_reaches_loopback(monkeypatch, tmp_path) -> None:
    passed = []
    monkeypatch.setattr(local, "pass_on", lambda arguments: passed.append(arguments) or 0)
    command = ["local", "up", "--state", str(tmp_path), "--account", "new", "--accept-loss"]
    assert CliRunner().invoke(app, command).exit_code == 0
    (arguments,) = passed
    assert "--accept-loss" in arguments
    assert arguments[arguments.index("--account") + 1] == "new"
