"""Verbs that look at what runs."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.command_line import (
    OPERATE,
    Json,
    Last,
    Stage,
    app,
    command,
    complete_names,
    target,
)
from slipway.cli.sections import Sections, examples


@command(OPERATE, "slipway endpoints", "slipway endpoints churn-team-prod")
def endpoints(
    name: Annotated[
        str,
        typer.Argument(
            help="An endpoint's name or ARN; all of the account without it.", autocompletion=complete_names("endpoints")
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Every endpoint of the account: state, instances, what it serves, since when."""
    from slipway.cli import endpoints as verb

    verb.show(target(), name, as_json=as_json)


@command(OPERATE, "slipway stacks", "slipway stacks churn-team-prod")
def stacks(
    name: Annotated[
        str,
        typer.Argument(help="A stack's name or ARN; all without it.", autocompletion=complete_names("stacks")),
    ] = "",
    as_json: Json = False,
) -> None:
    """Every stack of CloudFormation: state, since when, why it failed; of one its resources and outputs."""
    from slipway.cli import stacks as verb

    verb.show(target(), name, as_json=as_json)


@command(OPERATE, "slipway deliveries", "slipway deliveries churn-team-modeldeploy --last 3")
def deliveries(
    name: Annotated[
        str,
        typer.Argument(
            help="A pipeline of CodePipeline, or its ARN; the newest execution of each without it.",
            autocompletion=complete_names("delivery_pipelines"),
        ),
    ] = "",
    last: Last = 10,
    as_json: Json = False,
) -> None:
    """Every pipeline of CodePipeline: how far its newest execution is, what it waits for, why it failed."""
    from slipway.cli import delivery_pages

    delivery_pages.show(target(), name, last, as_json=as_json)


@command(OPERATE, "slipway stages", "slipway stages --json")
def stages(as_json: Json = False) -> None:
    """What runs where: version, endpoint, instances, since when, approved by whom, alarms."""
    from slipway.cli import stages as found

    found.show(target(), as_json=as_json)


@command(
    OPERATE,
    "slipway traffic prod --seconds 5",
    "slipway traffic prod --rate 0 --senders 16",
    "slipway traffic prod --drift 0.5",
)
def traffic(
    stage: Stage,
    rate: Annotated[float, typer.Option(min=0, help="Requests a second; 0: as many as the senders manage.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1)] = 30,
    senders: Annotated[int, typer.Option(min=1, max=64)] = 4,
    drift: Annotated[float, typer.Option(min=0, max=1, help="How far the requests are from what was trained on.")] = 0,
    as_json: Json = False,
) -> None:
    """Send made-up requests to a stage, and watch variants, instances and latencies."""
    from slipway.cli.traffic import Load
    from slipway.cli.traffic import traffic as send

    raise typer.Exit(send(target(), stage, Load(rate, seconds, senders, drift), as_json=as_json))


@command(OPERATE, "slipway drift prod", "slipway drift prod --hours 72 --page drift.html")
def drift(
    stage: Stage,
    page: Annotated[Path | None, typer.Option(help="Where the page goes; below .slipway/drift without it.")] = None,
    hours: Annotated[float, typer.Option(min=0, help="How far back to look for since when.")] = 24,
    open_nothing: Annotated[bool, typer.Option("--open-nothing", help="Do not open the page.")] = False,
    as_json: Json = False,
) -> None:
    """What a stage's monitors found: violations, since when, how sure; and a page. Exits 1 with violations."""
    from slipway.cli import drift as verb

    wishes = verb.Wishes(hours, page, opens=not open_nothing)
    raise typer.Exit(verb.drift(target(), stage, wishes, as_json=as_json))


@command(OPERATE, "slipway dashboard prod", "slipway dashboard prod --hours 24 --open-nothing")
def dashboard(
    stage: Stage,
    page: Annotated[
        Path | None, typer.Option(help="Where the page goes; below .slipway/dashboards without it.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.1, max=720, help="How far back.")] = 3,
    open_nothing: Annotated[bool, typer.Option("--open-nothing", help="Do not open the page.")] = False,
    as_json: Json = False,
) -> None:
    """A stage's alarms, requests, latencies and instances, as its CloudWatch dashboard shows them. Exits 1 in alarm."""
    from slipway.cli import dashboard as verb

    wishes = verb.Wishes(hours, page, opens=not open_nothing)
    raise typer.Exit(verb.dashboard(target(), stage, wishes, as_json=as_json))


MONITOR_EXAMPLES = examples(
    "slipway monitor run prod --hours 3   look at the last three hours and the running one, now",
    "slipway monitor status               every monitor, its last execution, its alarms",
)
monitor = typer.Typer(
    cls=Sections, help="Look at a stage now, and how its monitors stand.", epilog=MONITOR_EXAMPLES, no_args_is_help=True
)
app.add_typer(monitor, name="monitor", rich_help_panel=OPERATE)


@monitor.command("run")
def monitor_run(
    stage: Stage,
    hours: Annotated[int, typer.Option(min=0, max=168, help="Whole hours before the running one.")] = 1,
    wait: Annotated[bool, typer.Option(help="Wait for the end, and show what it found.")] = True,
    kind: Annotated[
        str, typer.Option("--monitor", help="data_quality or explainability; the first that the stage has without it.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Compare what a stage was asked in the last hours with the baseline, without waiting for the schedule."""
    from slipway.cli import monitor as verbs

    options = verbs.Options(hours, wait, kind=kind)
    raise typer.Exit(verbs.run(target(), stage, options, as_json=as_json))


@monitor.command("status")
def monitor_status(as_json: Json = False) -> None:
    """Each monitor: schedule, state, last execution, violations; and the alarms."""
    from slipway.cli import monitor as verbs

    verbs.status(target(), as_json=as_json)


@command(OPERATE, "slipway iam", "slipway iam churn-jobs", "slipway iam churn-jobs --policy")
def iam(
    role: Annotated[str, typer.Argument(help="A role's name or ARN; all that were asked without it.")] = "",
    policy: Annotated[bool, typer.Option("--policy", help="Print the least policy alone.")] = False,
    as_json: Json = False,
) -> None:
    """The least policy of a role: what it was asked for with IAM enforced, and what it has beyond that."""
    from slipway.cli import iam as verb
    from slipway.cli.target import state_folder

    verb.show(target(), state_folder(), role, policy=policy, as_json=as_json)


@command(OPERATE, "slipway mcp", "slipway mcp --allow-changes")
def mcp(
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Offer also the verbs that train, approve, promote and roll back.")
    ] = False,
) -> None:
    """These verbs as tools of a coding assistant, over the Model Context Protocol."""
    from slipway.cli import mcp as server

    server.serve(changes=allow_changes)
