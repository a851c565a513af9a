"""Verbs that start and stop the AWS of this machine."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.command_line import Json, local
from slipway.cli.sections import examples

State = Annotated[
    Path | None,
    typer.Option("--state", help="The state folder; .slipway/local here or above without it.", envvar="LOOPBACK_STATE"),
]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="On 127.0.0.1; 4566 without it, or any free one.")]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for what the command has started.")]
WHOLE_COMMAND = {"ignore_unknown_options": True, "allow_interspersed_args": False}  # its options are its own


@local.command("up")
def local_up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 4566,
    state: State = None,
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

    raise typer.Exit(verbs.up(port, _folder(state), detach=detach, account=account, accept_loss=accept_loss))


@local.command(
    "exec",
    context_settings=WHOLE_COMMAND,
    epilog=examples(
        "slipway local exec python pipelines/run.py",
        "slipway local exec --no-follow -- aws sagemaker list-pipelines",
        "slipway local exec --json -- pytest tests/integration",
    ),
)
def local_exec(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command and its arguments.")],
    state: State = None,
    port: Port = None,
    follow: Follow = True,
    as_json: Json = False,
) -> None:
    """Run a command with it: started if need be; what the command starts is followed to its end.

    The command finds it where AWS would be: endpoint, credentials of a role, region, bucket. Nothing of the command or
    its repository is changed. The exit code is the command's.
    """
    from slipway.cli import local_exec as verb

    raise typer.Exit(verb.execute(command, _folder(state), port, follow=follow, as_json=as_json))


@local.command("shell")
def local_shell(state: State = None, port: Port = None) -> None:
    """A shell with it: started if need be; at the end it says what was started and what failed."""
    from slipway.cli import local_exec as verb

    raise typer.Exit(verb.execute([os.environ.get("SHELL") or "/bin/sh"], _folder(state), port))


@local.command("env")
def local_env(
    state: State = None,
    as_json: Annotated[bool, typer.Option("--json", help="The variables as a JSON object.")] = False,
) -> None:
    """Shell lines for `eval`: they point the AWS CLI, boto3 and the template at it."""
    from slipway.cli import local as verbs

    found = verbs.session_variables(_folder(state))
    print(json.dumps(found, indent=2) if as_json else verbs.exports(found))


def _folder(state: Path | None) -> Path:
    from slipway.cli.target import state_folder

    return state or state_folder()


def _add_loopback_verb(name: str, text: str, *flags: str) -> None:
    """A local verb that loopback's own command carries out."""

    def verb(
        state: State = None,
        follow: Annotated[bool, typer.Option("--follow", "-f", hidden="follow" not in flags)] = False,
        as_json: Annotated[bool, typer.Option("--json", hidden="json" not in flags)] = False,
    ) -> None:
        """Hand the options on; this text is not shown, `help` is."""
        from slipway.cli import local as verbs

        extra = ["--follow"] * follow + ["--json"] * as_json
        raise typer.Exit(verbs.pass_on([name, "--state", str(_folder(state)), *extra]))

    local.command(name, help=text)(verb)


_add_loopback_verb("down", "Stop it; the state stays.")
_add_loopback_verb("status", "Whether it runs, where, and since when.", "json")
_add_loopback_verb("logs", "What it has printed.", "follow")
_add_loopback_verb("reset", "Delete the state of a stopped one.")
