"""Verbs that train models and compare them."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.command_line import (
    TRAIN,
    Group,
    Json,
    Last,
    Pipeline,
    Trained,
    Version,
    checkout,
    choose_pipeline,
    command,
    complete_names,
    pairs,
    target,
)


@command(
    TRAIN, "slipway run churn --data churn.csv", "slipway run abalone -P TrainingInstanceType=ml.m5.2xlarge --no-wait"
)
def run(
    pipeline: Trained = "",
    data: Annotated[
        Path | None, typer.Option(help="A CSV file for this run alone; what the project trains on without it.")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--parameters", "-P", help="k=v, of the pipeline. Repeatable.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Watch until it ends.")] = True,
    as_json: Json = False,
) -> None:
    """Compile, start and watch a pipeline; show the metrics against their gates and the new version."""
    from slipway.cli import run as verb

    here, aws = checkout(), target()
    wish = verb.Wish(choose_pipeline(aws, here, pipeline), data, pairs(parameters or []), wait, as_json)
    raise typer.Exit(verb.run(aws, here, wish))


@command(TRAIN, "slipway new wine --data wine.csv", "slipway new wine --data wine.csv --label quality --model")
def new(  # noqa: PLR0913, PLR0917 - the options of a command
    name: Annotated[str, typer.Argument(help="Of the pipeline: a folder of pipelines/.")],
    data: Annotated[Path, typer.Option(help="A CSV file like those to train on.")],
    label: Annotated[str, typer.Option(help="The column to predict; guessed without it.")] = "",
    positive: Annotated[str, typer.Option(help="Of a label of two values, the one that means yes.")] = "",
    problem: Annotated[str, typer.Option(help="binary, multiclass or regression; guessed without it.")] = "",
    own: Annotated[bool, typer.Option("--model", help="With a model.py of scikit-learn, for you to change.")] = False,
    as_json: Json = False,
) -> None:
    """Make a pipeline from a table: what is in its columns is guessed, shown, and written to config.yml."""
    from slipway.cli.checkout import enter

    checkout = enter()
    from slipway.cli.new import command as verb

    raise typer.Exit(verb.new(checkout, verb.Wish(name, data, label, positive, problem, own), as_json=as_json))


@command(TRAIN, "slipway status --json")
def status(as_json: Json = False) -> None:
    """Every pipeline of the account: its last execution and its newest version; and all other groups."""
    from slipway.cli import report

    report.status(target(), as_json=as_json)


@command(TRAIN, "slipway executions -p abalone")
def executions(pipeline: Pipeline = "", last: Last = 20, as_json: Json = False) -> None:
    """The newest executions of a pipeline."""
    from slipway.cli import report

    report.executions_table(target(), pipeline, last, as_json=as_json)


@command(TRAIN, "slipway steps", "slipway steps 3f9a --json")
def steps(
    execution: Annotated[str, typer.Argument(help="Its id or the first letters; the newest without it.")] = "",
    pipeline: Pipeline = "",
    as_json: Json = False,
) -> None:
    """The steps of an execution: state, duration, cache hit, failure."""
    from slipway.cli import report

    report.steps_table(target(), pipeline, execution, as_json=as_json)


@command(TRAIN, "slipway logs Train", "slipway logs Evaluate -f")
def logs(
    step: Annotated[str, typer.Argument(help="The step, for example Train.")],
    execution: Annotated[str, typer.Option("--execution", "-e", help="Its id; the newest without it.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the step ends.")] = False,
    pipeline: Pipeline = "",
    as_json: Json = False,
) -> None:
    """What a step printed."""
    from slipway.cli import report

    report.logs(target(), pipeline, execution, step, follow=follow, as_json=as_json)


@command(
    TRAIN,
    "slipway shell Train",
    "slipway shell Prepare --pdb",
    "slipway shell Evaluate --resume -- run-job",
)
def shell(  # noqa: PLR0913, PLR0917 - the options of a command
    step: Annotated[str, typer.Argument(help="The step, for example Train; or the ARN of a job.")],
    run: Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="In place of a shell.")] = None,
    execution: Annotated[str, typer.Option("--execution", "-e", help="Its id; the newest without it.")] = "",
    pipeline: Pipeline = "",
    pdb: Annotated[
        bool, typer.Option("--pdb", help="Run the step's command, with the debugger where it fails.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Download the job's files again; changes to them go.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the execution, with the changed files, where this ends well.")
    ] = False,
) -> None:
    """Open a step's /opt/ml, environment and command again, here: look, change the code, run it as the job did."""
    from slipway.cli import step_shell as verb

    wish = verb.Wish(step, execution, pipeline, tuple(run or ()), fresh=fresh, debugger=pdb, resumes=resume)
    raise typer.Exit(verb.open_step(target(), wish))


@command(TRAIN, "slipway resume", "slipway resume 3f9a --no-wait")
def resume(
    execution: Annotated[str, typer.Argument(help="Its id or the first letters; the newest without it.")] = "",
    pipeline: Pipeline = "",
    wait: Annotated[bool, typer.Option(help="Watch until it ends.")] = True,
    as_json: Json = False,
) -> None:
    """Go on with an execution that failed or was stopped: what has succeeded is not run again."""
    from slipway.cli import executions
    from slipway.cli import resume as verb

    aws = target()
    arn = executions.execution_arn(aws, pipeline, execution)
    raise typer.Exit(verb.resume(aws, arn, wait=wait, as_json=as_json))


@command(TRAIN, "slipway versions")
def versions(pipeline: Group = "", last: Last = 20, as_json: Json = False) -> None:
    """The newest versions of a model package group: those that a pipeline has registered."""
    from slipway.cli import report

    report.versions_table(target(), pipeline, last, as_json=as_json)


@command(TRAIN, "slipway version 3")
def version(number: Version, pipeline: Group = "", as_json: Json = False) -> None:
    """One version: metrics, champion, gates, lineage, pictures."""
    from slipway.cli import report

    report.version_page(target(), pipeline, number, as_json=as_json)


@command(TRAIN, "slipway diff 2 3", "slipway diff before.json churn", "slipway diff churn-v2 churn-v3 --exit-code")
def diff(
    first: Annotated[
        str,
        typer.Argument(
            metavar="FIRST",
            help="A version's number or ARN; or a definition: a JSON file, a pipeline or an execution's ARN.",
            autocompletion=complete_names("pipelines"),
        ),
    ],
    second: Annotated[
        str, typer.Argument(metavar="SECOND", help="The other one.", autocompletion=complete_names("pipelines"))
    ],
    pipeline: Group = "",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Of definitions: end with 1 where something changes the run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What differs between two versions: metrics, parameters, data, code; or between two definitions."""
    from slipway.cli import definitions, report

    versions = [text for text in (first, second) if definitions.is_version(text)]
    if len(versions) == 1:
        raise typer.BadParameter(f"{versions[0]} is a version, and the other argument is none")
    if versions and exit_code:
        raise typer.BadParameter(f"--exit-code is for pipeline definitions, and {first} and {second} are versions")
    if versions:
        report.diff(target(), pipeline, first, second, as_json=as_json)
        return
    if pipeline:
        raise typer.BadParameter("--pipeline is for versions; two definitions are named by the arguments alone")
    differs = definitions.diff(target, first, second, as_json=as_json)
    raise typer.Exit(1 if differs and exit_code else 0)
