"""Verbs that begin and end projects."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.command_line import (
    PROJECTS,
    Folder,
    Json,
    checkout,
    command,
    pairs,
    target,
)


@command(
    PROJECTS,
    "slipway publish --roles --domain d-abcdefghijkl",
    "slipway publish --service-catalog --principal arn:aws:iam::111122223333:role/DataScientist",
)
def publish(  # noqa: PLR0913, PLR0917 - the options of a command
    bucket: Annotated[str, typer.Option(help="Where to; slipway-templates-ACCOUNT-REGION without it.")] = "",
    domain: Annotated[str, typer.Option(help="The Studio domain that shall offer it.")] = "",
    roles: Annotated[
        bool, typer.Option("--roles", help="Also make the account's roles: to launch, of projects.")
    ] = False,
    boundary: Annotated[str, typer.Option(help="ARN of the policy that no role of a project may exceed.")] = "",
    service_catalog: Annotated[bool, typer.Option("--service-catalog", help="Also make a product of it.")] = False,
    principal: Annotated[str, typer.Option(help="Who may launch the product: the ARN of a role.")] = "",
    as_json: Json = False,
) -> None:
    """Put the project template and its seed code where Studio and `slipway launch` find them."""
    from slipway.cli import publish as verb
    from slipway.cli.template import find_above

    options = verb.Options(bucket, domain, roles, service_catalog, principal, boundary)
    verb.publish(target(), find_above(Path.cwd()), options, as_json=as_json)


@command(
    PROJECTS,
    "slipway launch churn-team",
    "slipway launch churn-team --source s3 --parameter NotificationEmail=ml@example.com",
    "slipway launch churn-team --account-roles",
)
def launch(  # noqa: PLR0913, PLR0917 - the options of a command
    name: Annotated[str, typer.Argument(help="The project's name.")],
    source: Annotated[str, typer.Option(help="codecommit, s3, or the ARN of a connection.")] = "codecommit",
    repository: Annotated[str, typer.Option(help="owner/name behind a connection; a CodeCommit repository.")] = "",
    branch: Annotated[str, typer.Option(help="The branch that is built.")] = "main",
    pipeline: Folder = "churn",
    parameter: Annotated[list[str] | None, typer.Option(help="k=v, of the template. Repeatable.")] = None,
    bucket: Annotated[str, typer.Option(help="Where it was published to.")] = "",
    runner: Annotated[
        str,
        typer.Option(help="github or gitlab: its jobs take up pushes, and the source is a zip that they put into S3."),
    ] = "",
    role: Annotated[str, typer.Option(help="Launch role; the one of `publish --roles` without it.")] = "",
    account_roles: Annotated[
        bool, typer.Option("--account-roles", help="Take the account's roles, and make none for the project.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a project from the published template; show what there is then, and what to do first."""
    from slipway.cli import launch as verb
    from slipway.cli import wishes

    given = wishes.runner_parameters(runner) | pairs(parameter or [], "--parameter")
    source = "s3" if runner else source
    wish = wishes.Wish(name, source, repository, branch, pipeline, bucket, role, account_roles, given)
    raise typer.Exit(verb.launch(target(), wish, as_json=as_json))


@command(PROJECTS, "slipway doctor", "slipway doctor --name churn-team --domain d-abcdefghijkl")
def doctor(
    bucket: Annotated[str, typer.Option(help="Where the template was published to.")] = "",
    domain: Annotated[str, typer.Option(help="The Studio domain.")] = "",
    connection: Annotated[str, typer.Option(help="The ARN of the connection to use.")] = "",
    name: Annotated[str, typer.Option(help="A project, planned or launched.")] = "",
    pipeline: Folder = "churn",
    as_json: Json = False,
) -> None:
    """Whether a project can be launched: each precondition, what was found, how to mend it."""
    from slipway.cli import doctor as verb

    subject = verb.Subject(bucket, domain, connection, name, pipeline)
    raise typer.Exit(verb.doctor(target(), subject, as_json=as_json))


@command(
    PROJECTS,
    "slipway conformance --plan",
    "slipway conformance",
    "slipway conformance --only codecommit --only model-monitor",
)
def conformance(
    only: Annotated[list[str] | None, typer.Option(help="Ask this alone, by its name. Repeatable.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="Where the report goes; below .slipway/conformance without it.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be asked, and what it costs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Ask an account what no document settles about AWS; a report for an issue. Exits 1 when an answer differs."""
    from slipway.cli.conformance import command as verb

    wishes = verb.Wishes(only or (), page, yes=yes, plan=plan)
    raise typer.Exit(verb.conformance(target(), wishes, typer.confirm, as_json=as_json))


@command(
    PROJECTS,
    "slipway upgrade --dry-run",
    "slipway upgrade --template ../slipway",
    "slipway upgrade --to slipway-0.3.0-py3-none-any.whl",
)
def upgrade(
    template: Annotated[
        Path | None, typer.Option(help="A checkout of the template; the one that slipway is installed from without it.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="A wheel of slipway, with the template in it; of a project's own wheel the library alone."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Bring this clone to another version: what the team has changed stays, and is shown."""
    from slipway.cli import upgrade as verb

    raise typer.Exit(verb.upgrade(checkout(), template, to, dry=dry_run, as_json=as_json))


@command(PROJECTS, "slipway runner github acme/churn", "slipway runner gitlab acme/models/churn --branch release")
def runner(
    host: Annotated[str, typer.Argument(help="github or gitlab.")],
    repository: Annotated[str, typer.Argument(help="owner/name: the one repository whose jobs are let in.")],
    branch: Annotated[str, typer.Option(help="The branch that is built and deployed.")] = "main",
    boundary: Annotated[str, typer.Option(help="ARN of the policy that neither role may exceed.")] = "",
    as_json: Json = False,
) -> None:
    """Let a repository's CI train and hand over the project: no key is stored."""
    from slipway.cli import runner as verb

    wish = verb.Wish(host, repository, branch, boundary)
    raise typer.Exit(verb.runner(target(), checkout(), wish, as_json=as_json))


@command(PROJECTS, "slipway destroy churn-team")
def destroy(
    name: Annotated[str, typer.Argument(help="The project's name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a project with its endpoints, in the order that AWS needs; say what is kept."""
    from slipway.cli import destroy as verb

    aws = target()
    if not yes:
        typer.confirm(f"Delete project {name} on {aws.title}, with its staging and production endpoints?", abort=True)
    raise typer.Exit(verb.destroy(aws, name, as_json=as_json))
