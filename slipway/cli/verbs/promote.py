"""Verbs that take a version to production, and back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.command_line import (
    PROMOTE,
    Group,
    Json,
    Stage,
    Trained,
    Version,
    checkout,
    choose_pipeline,
    command,
    target,
)


@command(PROMOTE, 'slipway approve 3 --reason "better on new customers"')
def approve(
    number: Version,
    reason: Annotated[str, typer.Option(help="Kept with the version.")] = "",
    pipeline: Group = "",
    as_json: Json = False,
) -> None:
    """Approve a version for deployment."""
    from slipway.cli import report

    report.decide(target(), pipeline, number, "Approved", reason, as_json=as_json)


@command(PROMOTE, 'slipway reject 3 --reason "too slow"')
def reject(
    number: Version,
    reason: Annotated[str, typer.Option(help="Kept with the version.")],
    pipeline: Group = "",
    as_json: Json = False,
) -> None:
    """Reject a version."""
    from slipway.cli import report

    report.decide(target(), pipeline, number, "Rejected", reason, as_json=as_json)


@command(PROMOTE, "slipway ship churn", 'APPROVE=auto slipway ship churn --data customers.csv -m "data of May"')
def ship(  # noqa: PLR0913, PLR0917 - the options of a command
    pipeline: Trained = "",
    data: Annotated[Path | None, typer.Option(help="A CSV file to train on from now on.")] = None,
    message: Annotated[str, typer.Option("--message", "-m", help="Of the commit that is pushed.")] = "",
    approve: Annotated[
        str, typer.Option(help="ask at the terminal, or auto: give every approval, and say so.", envvar="APPROVE")
    ] = "",
    push: Annotated[bool, typer.Option(help="Push this checkout; without, follow what the repository has.")] = True,
    merge: Annotated[
        bool, typer.Option("--merge", help="Push the template's changes also beside commits of others.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take this checkout to production: push, build, approve, staging, test, approve, prod."""
    from slipway.cli import ship as verb

    approve = approve or ("ask" if sys.stdin.isatty() and not as_json else "auto")
    if approve not in ("ask", "auto"):
        raise typer.BadParameter(f"{approve!r} is neither ask nor auto", param_hint="--approve")
    here, aws = checkout(), target()
    wishes = verb.Wishes(choose_pipeline(aws, here, pipeline), data, message, approve, push, merge, as_json)
    raise typer.Exit(verb.ship(aws, here, wishes))


@command(PROMOTE, "slipway release", 'slipway release --refuse "wait for Monday"')
def release(
    refuse: Annotated[str, typer.Option(metavar="REASON", help="Do not let it go to production, and say why.")] = "",
    as_json: Json = False,
) -> None:
    """Let the version that waits before production go there; follow it."""
    from slipway.cli import promote as verbs

    raise typer.Exit(verbs.release(target(), refuse, as_json=as_json))


@command(PROMOTE, "slipway promote 3")
def promote(number: Annotated[int, typer.Argument(metavar="N")], as_json: Json = False) -> None:
    """Send an approved version through staging and its test to the approval for production."""
    from slipway.cli import promote as verbs

    raise typer.Exit(verbs.promote(target(), number, as_json=as_json))


@command(PROMOTE, "slipway rollback prod", "slipway rollback prod --to 2")
def rollback(
    stage: Stage,
    to: Annotated[int, typer.Option(metavar="N", help="The version; the one before without it.")] = 0,
    as_json: Json = False,
) -> None:
    """Bring a stage back to what it ran before, from the artifact that was deployed then."""
    from slipway.cli import promote as verbs

    raise typer.Exit(verbs.rollback(target(), stage, to, as_json=as_json))
