"""Train, compare, approve, promote and watch models: on AWS, or on the AWS of this machine."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from slipway.sections import Sections, examples

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
    help=__doc__,
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
LOCAL_EXAMPLES = examples(
    "slipway local up --detach       start in the background",
    'eval "$(slipway local env)"     point the AWS CLI, boto3 and the SDK of this shell at it',
    "slipway local logs -f           what it says",
    "slipway local down              stop; everything is there at the next `up`",
)
local = typer.Typer(
    cls=Sections, help="Start and stop the AWS of this machine.", epilog=LOCAL_EXAMPLES, no_args_is_help=True
)
app.add_typer(local, name="local", rich_help_panel=LOCAL)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Folder = Annotated[str, typer.Option("--pipeline", "-p", help="A folder of pipelines/.")]
Trained = Annotated[str, typer.Argument(help="A folder of pipelines/; the only one, or the project's, without it.")]
Pipeline = Annotated[
    str, typer.Option("--pipeline", "-p", help="A pipeline's name or ARN; the only one, or the project's, without it.")
]
Group = Annotated[
    str,
    typer.Option("--pipeline", "-p", help="A model package group's name or ARN; the only one, or the project's."),
]
Version = Annotated[str, typer.Argument(metavar="N", help="Its number, or its ARN.")]
State = Annotated[Path, typer.Option("--state", help="The state folder.", envvar="LOOPBACK_STATE")]
DEFAULT_STATE = Path(".slipway/local")


def command(heading: str, *lines: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command of `slipway`, below a heading of its help, with command lines that show its use."""
    return app.command(rich_help_panel=heading, epilog=examples(*lines))


def _target() -> Any:
    from slipway.target import Target

    return Target.find()


def _checkout() -> Any:
    from slipway import checkout

    return checkout.enter()


def _trained(target: Any, checkout: Any, pipeline: str) -> str:
    """The folder of pipelines/ that is named; without a name the launched project's, or the only one."""
    from slipway import projects

    if pipeline or len(checkout.pipelines) == 1:
        return pipeline or str(checkout.only_pipeline())
    launched = projects.find(target)
    return launched.pipeline if launched else str(checkout.only_pipeline())


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
    from slipway import run as verb

    checkout, target = _checkout(), _target()
    wish = verb.Wish(_trained(target, checkout, pipeline), data, _pairs(parameters or []), wait, as_json)
    raise typer.Exit(verb.run(target, checkout, wish))


@command(TRAIN, "slipway status --json")
def status(as_json: Json = False) -> None:
    """Every pipeline of the account: its last execution and its newest version; and all other groups."""
    from slipway import report

    report.status(_target(), as_json=as_json)


@command(TRAIN, "slipway executions -p abalone")
def executions(pipeline: Pipeline = "", as_json: Json = False) -> None:
    """The newest executions of a pipeline."""
    from slipway import report

    report.executions_table(_target(), pipeline, as_json=as_json)


@command(TRAIN, "slipway steps", "slipway steps 3f9a --json")
def steps(
    execution: Annotated[str, typer.Argument(help="Its id or the first letters; the newest without it.")] = "",
    pipeline: Pipeline = "",
    as_json: Json = False,
) -> None:
    """The steps of an execution: state, duration, cache hit, failure."""
    from slipway import report

    report.steps_table(_target(), pipeline, execution, as_json=as_json)


@command(TRAIN, "slipway logs Train", "slipway logs Evaluate -f")
def logs(
    step: Annotated[str, typer.Argument(help="The step, for example Train.")],
    execution: Annotated[str, typer.Option("--execution", "-e", help="Its id; the newest without it.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the step ends.")] = False,
    pipeline: Pipeline = "",
    as_json: Json = False,
) -> None:
    """What a step printed."""
    from slipway import report

    report.logs(_target(), pipeline, execution, step, follow=follow, as_json=as_json)


@command(TRAIN, "slipway versions")
def versions(pipeline: Group = "", as_json: Json = False) -> None:
    """The versions of a model package group: those that a pipeline has registered."""
    from slipway import report

    report.versions_table(_target(), pipeline, as_json=as_json)


@command(TRAIN, "slipway version 3")
def version(number: Version, pipeline: Group = "", as_json: Json = False) -> None:
    """One version: metrics, champion, gates, lineage, pictures."""
    from slipway import report

    report.version_page(_target(), pipeline, number, as_json=as_json)


@command(PROMOTE, 'slipway approve 3 --reason "better on new customers"')
def approve(
    number: Version,
    reason: Annotated[str, typer.Option(help="Kept with the version.")] = "",
    pipeline: Group = "",
    as_json: Json = False,
) -> None:
    """Approve a version for deployment."""
    from slipway import report

    report.decide(_target(), pipeline, number, "Approved", reason, as_json=as_json)


@command(PROMOTE, 'slipway reject 3 --reason "too slow"')
def reject(
    number: Version,
    reason: Annotated[str, typer.Option(help="Kept with the version.")],
    pipeline: Group = "",
    as_json: Json = False,
) -> None:
    """Reject a version."""
    from slipway import report

    report.decide(_target(), pipeline, number, "Rejected", reason, as_json=as_json)


@command(TRAIN, "slipway diff 2 3")
def diff(
    first: Version,
    second: Annotated[str, typer.Argument(metavar="M", help="The other one.")],
    pipeline: Group = "",
    as_json: Json = False,
) -> None:
    """What differs between two versions: metrics, parameters, data, code."""
    from slipway import report

    report.diff(_target(), pipeline, first, second, as_json=as_json)


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
    from slipway import ship as verb

    approve = approve or ("ask" if sys.stdin.isatty() and not as_json else "auto")
    if approve not in ("ask", "auto"):
        raise typer.BadParameter(f"{approve!r} is neither ask nor auto", param_hint="--approve")
    checkout, target = _checkout(), _target()
    wishes = verb.Wishes(_trained(target, checkout, pipeline), data, message, approve, push, merge, as_json)
    raise typer.Exit(verb.ship(target, checkout, wishes))


Stage = Annotated[str, typer.Argument(help="staging or prod.")]


@command(OPERATE, "slipway endpoints", "slipway endpoints churn-team-prod")
def endpoints(
    name: Annotated[str, typer.Argument(help="An endpoint's name or ARN; all of the account without it.")] = "",
    as_json: Json = False,
) -> None:
    """Every endpoint of the account: state, instances, what it serves, since when."""
    from slipway import endpoints as verb

    verb.show(_target(), name, as_json=as_json)


@command(OPERATE, "slipway stages", "slipway stages --json")
def stages(as_json: Json = False) -> None:
    """What runs where: version, endpoint, instances, since when, approved by whom, alarms."""
    from slipway import stages as found

    found.show(_target(), as_json=as_json)


@command(PROMOTE, "slipway release", 'slipway release --refuse "wait for Monday"')
def release(
    refuse: Annotated[str, typer.Option(metavar="REASON", help="Do not let it go to production, and say why.")] = "",
    as_json: Json = False,
) -> None:
    """Let the version that waits before production go there; follow it."""
    from slipway import promote as verbs

    raise typer.Exit(verbs.release(_target(), refuse, as_json=as_json))


@command(PROMOTE, "slipway promote 3")
def promote(number: Annotated[int, typer.Argument(metavar="N")], as_json: Json = False) -> None:
    """Send an approved version through staging and its test to the approval for production."""
    from slipway import promote as verbs

    raise typer.Exit(verbs.promote(_target(), number, as_json=as_json))


@command(PROMOTE, "slipway rollback prod", "slipway rollback prod --to 2")
def rollback(
    stage: Stage,
    to: Annotated[int, typer.Option(metavar="N", help="The version; the one before without it.")] = 0,
    as_json: Json = False,
) -> None:
    """Bring a stage back to what it ran before, from the artifact that was deployed then."""
    from slipway import promote as verbs

    raise typer.Exit(verbs.rollback(_target(), stage, to, as_json=as_json))


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
    from slipway.traffic import Load
    from slipway.traffic import traffic as send

    raise typer.Exit(send(_target(), stage, Load(rate, seconds, senders, drift), as_json=as_json))


@command(OPERATE, "slipway drift prod", "slipway drift prod --hours 72 --page drift.html")
def drift(
    stage: Stage,
    page: Annotated[Path | None, typer.Option(help="Where the page goes; below .slipway/drift without it.")] = None,
    hours: Annotated[float, typer.Option(min=0, help="How far back to look for since when.")] = 24,
    open_nothing: Annotated[bool, typer.Option("--open-nothing", help="Do not open the page.")] = False,
    as_json: Json = False,
) -> None:
    """What a stage's monitors found: violations, since when, how sure; and a page. Exits 1 with violations."""
    from slipway import drift as verb

    wishes = verb.Wishes(hours, page, opens=not open_nothing)
    raise typer.Exit(verb.drift(_target(), stage, wishes, as_json=as_json))


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
    from slipway import dashboard as verb

    wishes = verb.Wishes(hours, page, opens=not open_nothing)
    raise typer.Exit(verb.dashboard(_target(), stage, wishes, as_json=as_json))


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
    from slipway import monitor as verbs

    options = verbs.Options(hours, wait, kind=kind)
    raise typer.Exit(verbs.run(_target(), stage, options, as_json=as_json))


@monitor.command("status")
def monitor_status(as_json: Json = False) -> None:
    """Each monitor: schedule, state, last execution, violations; and the alarms."""
    from slipway import monitor as verbs

    verbs.status(_target(), as_json=as_json)


@command(
    PROJECTS,
    "slipway publish --roles --domain d-abcdefghijkl",
    "slipway publish --service-catalog --principal arn:aws:iam::111122223333:role/DataScientist",
)
def publish(
    bucket: Annotated[str, typer.Option(help="Where to; slipway-templates-ACCOUNT-REGION without it.")] = "",
    domain: Annotated[str, typer.Option(help="The Studio domain that shall offer it.")] = "",
    roles: Annotated[bool, typer.Option("--roles", help="Also make the launch role and the policy for users.")] = False,
    service_catalog: Annotated[bool, typer.Option("--service-catalog", help="Also make a product of it.")] = False,
    principal: Annotated[str, typer.Option(help="Who may launch the product: the ARN of a role.")] = "",
    as_json: Json = False,
) -> None:
    """Put the project template and its seed code where Studio and `slipway launch` find them."""
    from slipway import publish as verb

    options = verb.Options(bucket, domain, roles, service_catalog, principal)
    verb.publish(_target(), options, as_json=as_json)


@command(
    PROJECTS,
    "slipway launch churn-team",
    "slipway launch churn-team --source s3 --parameter NotificationEmail=ml@example.com",
)
def launch(  # noqa: PLR0913, PLR0917 - the options of a command
    name: Annotated[str, typer.Argument(help="The project's name.")],
    source: Annotated[str, typer.Option(help="codecommit, s3, or the ARN of a connection.")] = "codecommit",
    repository: Annotated[str, typer.Option(help="owner/name behind a connection; a CodeCommit repository.")] = "",
    branch: Annotated[str, typer.Option(help="The branch that is built.")] = "main",
    pipeline: Folder = "churn",
    parameter: Annotated[list[str] | None, typer.Option(help="k=v, of the template. Repeatable.")] = None,
    bucket: Annotated[str, typer.Option(help="Where it was published to.")] = "",
    role: Annotated[str, typer.Option(help="Launch role; the one of `publish --roles` without it.")] = "",
    as_json: Json = False,
) -> None:
    """Make a project from the published template; show what there is then, and what to do first."""
    from slipway import launch as verb

    given = _pairs(parameter or [], "--parameter")
    wish = verb.Wish(name, source, repository, branch, pipeline, bucket, role, given)
    raise typer.Exit(verb.launch(_target(), wish, as_json=as_json))


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
    from slipway import doctor as verb

    subject = verb.Subject(bucket, domain, connection, name, pipeline)
    raise typer.Exit(verb.doctor(_target(), subject, as_json=as_json))


@command(PROJECTS, "slipway destroy churn-team")
def destroy(
    name: Annotated[str, typer.Argument(help="The project's name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a project with its endpoints, in the order that AWS needs; say what is kept."""
    from slipway import destroy as verb

    target = _target()
    if not yes:
        typer.confirm(
            f"Delete project {name} on {target.title}, with its staging and production endpoints?", abort=True
        )
    raise typer.Exit(verb.destroy(target, name, as_json=as_json))


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
    from slipway import local as verbs

    raise typer.Exit(verbs.up(port, state, detach=detach, account=account, accept_loss=accept_loss))


@local.command("env")
def local_env(state: State = DEFAULT_STATE) -> None:
    """Shell lines for `eval`: they point the AWS CLI, boto3 and the template at it."""
    from slipway import local as verbs

    print(verbs.exports(state))


def _passed_on(name: str, text: str, *flags: str) -> None:
    """A local verb that loopback's own command carries out."""

    def verb(
        state: State = DEFAULT_STATE,
        follow: Annotated[bool, typer.Option("--follow", "-f", hidden="follow" not in flags)] = False,
        as_json: Annotated[bool, typer.Option("--json", hidden="json" not in flags)] = False,
    ) -> None:
        from slipway import local as verbs

        extra = ["--follow"] * follow + ["--json"] * as_json
        raise typer.Exit(verbs.pass_on([name, "--state", str(state), *extra]))

    local.command(name, help=text)(verb)


_passed_on("down", "Stop it; the state stays.")
_passed_on("status", "Whether it runs, where, and since when.", "json")
_passed_on("logs", "What it has printed.", "follow")
_passed_on("reset", "Delete the state of a stopped one.")


def _pairs(texts: list[str], option: str = "--parameters") -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise typer.BadParameter(f"{text!r} is not k=v", param_hint=option)
    return dict(text.split("=", 1) for text in texts)
