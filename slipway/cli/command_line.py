"""The command `slipway`: its help, and what its verbs have in common."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from slipway.cli.sections import Sections, examples

EXAMPLES = examples(
    "slipway local up --detach           start the AWS of this machine",
    "slipway run churn --data churn.csv  train, judge and register a model",
    "slipway version 3                   metrics, gates, lineage, pictures",
    "slipway ship churn                  push this checkout, follow it to production",
    "slipway diff 2 3 --json             what changed, for a program",
)

TRAIN, PROMOTE, OPERATE = "Train and compare", "Approve and promote", "Look at what runs"
PROJECTS, LOCAL = "Projects", "This machine"  # the parts of `slipway --help`, in the order of the verbs below
WIDTH = {"max_content_width": 110}

app = typer.Typer(
    cls=Sections,
    context_settings=WIDTH,
    help="Train, compare, approve, promote and watch models: on AWS, or on the AWS of this machine.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata  # 15 ms, which every other command goes without

        print(f"slipway {metadata.version('slipway')}")
        raise typer.Exit


@app.callback()
def _common(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end."),
    ] = False,
) -> None:
    """What all verbs have in common."""


LOCAL_EXAMPLES = examples(
    "slipway local exec python x.py  run your own script with it, and follow what that starts",
    "slipway local up --detach       start in the background",
    'eval "$(slipway local env)"     point the AWS CLI, boto3 and the SDK of this shell at it',
    "slipway local logs -f           what it says",
    "slipway local down              stop; everything is there at the next `up`",
)
local = typer.Typer(
    cls=Sections, help="Start and stop the AWS of this machine.", epilog=LOCAL_EXAMPLES, no_args_is_help=True
)
app.add_typer(local, name="local", rich_help_panel=LOCAL)


def complete_names(kind: str) -> Callable[[str], list[str]]:
    """What the shell offers for a name: those of a kind that the account has and that begin like it."""

    def complete(incomplete: str) -> list[str]:
        from slipway.cli import names

        try:
            known: list[str] = getattr(names, kind)(target())
        except Exception:  # noqa: BLE001 - whatever is wrong is said when the command runs, not while it is typed
            return []
        return [name for name in known if name.startswith(incomplete)]

    return complete


Last = Annotated[int, typer.Option("--last", min=1, help="How many.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Folder = Annotated[str, typer.Option("--pipeline", "-p", help="A folder of pipelines/.")]
Trained = Annotated[str, typer.Argument(help="A folder of pipelines/; the only one, or the project's, without it.")]
Pipeline = Annotated[
    str,
    typer.Option(
        "--pipeline",
        "-p",
        help="A pipeline's name or ARN; the only one, or the project's, without it.",
        autocompletion=complete_names("pipelines"),
    ),
]
Group = Annotated[
    str,
    typer.Option(
        "--pipeline",
        "-p",
        help="A model package group's name or ARN; the only one, or the project's.",
        autocompletion=complete_names("groups"),
    ),
]
Stage = Annotated[str, typer.Argument(help="staging or prod.", autocompletion=lambda: ["staging", "prod"])]
Version = Annotated[str, typer.Argument(metavar="N", help="Its number, or its ARN.")]


def command(heading: str, *lines: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command of `slipway`, below a heading of its help, with command lines that show its use."""
    return app.command(rich_help_panel=heading, epilog=examples(*lines))


def target() -> Any:
    """The AWS that a verb talks to."""
    from slipway.cli.target import Target

    return Target.find()


def checkout() -> Any:
    """The checkout that a verb works on."""
    from slipway.cli.checkout import enter

    return enter()


def choose_pipeline(target: Any, checkout: Any, pipeline: str) -> str:
    """The folder of pipelines/ that is named; without a name the launched project's, or the only one."""
    from slipway.cli import projects

    if pipeline or len(checkout.pipelines) == 1:
        return pipeline or str(checkout.only_pipeline())
    launched = projects.find(target)
    return launched.pipeline if launched else str(checkout.only_pipeline())


def pairs(texts: list[str], option: str = "--parameters") -> dict[str, str]:
    """The values of a repeated option `k=v`. Raises BadParameter."""
    for text in texts:
        if "=" not in text:
            raise typer.BadParameter(f"{text!r} is not k=v", param_hint=option)
    return dict(text.split("=", 1) for text in texts)
