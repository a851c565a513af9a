"""Verbs that start and stop the AWS of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.command_line import (
    local,
)

State = Annotated[Path, typer.Option("--state", help="The state folder.", envvar="LOOPBACK_STATE")]
DEFAULT_STATE = Path(".slipway/local")


@local.command("up")
def local_up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 4566,
    state: State = DEFAULT_STATE,
    detach: Annotated[bool, typer.Option(help="Return when the port answers.")] = False,
    account: Annotated[
        str, typer.Option(envvar="LOOPBACK_ACCOUNT", help="existing, or new: without what AWS closed to new customers.")
    ] = "existing",
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on without what is damaged or missing in the state folder.")
    ] = False,
) -> None:
    """Start it; a second one on the same folder says so."""
    from slipway.cli import local as verbs

    raise typer.Exit(verbs.up(port, state, detach=detach, account=account, accept_loss=accept_loss))


@local.command("env")
def local_env(state: State = DEFAULT_STATE) -> None:
    """Shell lines for `eval`: they point the AWS CLI, boto3 and the template at it."""
    from slipway.cli import local as verbs

    print(verbs.exports(state))


def _passed_on(name: str, text: str, *flags: str) -> None:
    """A local verb that loopback's own command carries out."""

    def verb(
        state: State = DEFAULT_STATE,
        follow: Annotated[bool, typer.Option("--follow", "-f", hidden="follow" not in flags)] = False,
        as_json: Annotated[bool, typer.Option("--json", hidden="json" not in flags)] = False,
    ) -> None:
        from slipway.cli import local as verbs

        extra = ["--follow"] * follow + ["--json"] * as_json
        raise typer.Exit(verbs.pass_on([name, "--state", str(state), *extra]))

    local.command(name, help=text)(verb)


_passed_on("down", "Stop it; the state stays.")
_passed_on("status", "Whether it runs, where, and since when.", "json")
_passed_on("logs", "What it has printed.", "follow")
_passed_on("reset", "Delete the state of a stopped one.")
