"""`slipway run`: compile and start a pipeline on the project's data, watch it, and show what came of it."""

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.cli import executions, local, names, projects, screen, versions, watch
from slipway.cli.checkout import Checkout
from slipway.cli.target import Target, WrongUsage

BROUGHT = "run-data"  # where files lie that a run brings along: nothing that is trained on later is below it
INPUT = "InputDataUrl"


@dataclass(frozen=True)
class Wish:
    """What the command line says: a pipeline, the file it brings along, parameters."""

    pipeline: str
    data: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    wait: bool = True
    as_json: bool = False


def run(target: Target, checkout: Checkout, wish: Wish) -> int:
    """Exit code: 0 when a version was registered (or, without waiting, when it started), 1 otherwise."""
    checkout.need(wish.pipeline)
    if wish.data is not None:
        _check(wish.data, wish)
    os.environ.update(target.environ)
    if not wish.as_json:
        screen.say_styled(f"[bold]{wish.pipeline}[/bold] of {screen.escape_markup(checkout.root)}, on {target.title}")
    arn = start(target, checkout, wish)
    if not wish.wait:
        _report_start(arn, as_json=wish.as_json)
        return 0
    try:
        ended = watch.watch(target, arn, quiet=wish.as_json)
    except KeyboardInterrupt:
        print(f"\nThe execution goes on. See it with: slipway steps {arn}", file=sys.stderr)
        return 130
    summary = summarise(target, ended)
    if wish.as_json:
        screen.show_json(summary)
    else:
        show(summary)
    return 0 if summary["status"] == "Succeeded" else 1


def start(target: Target, checkout: Checkout, wish: Wish) -> str:
    """Put the definition, and the data that the run brings along, in place and start an execution; its ARN."""
    from slipway.build import run_pipeline, run_values
    from slipway.build.project import UsageError

    module, values = f"pipelines.{wish.pipeline}.pipeline", dict(wish.parameters)
    try:
        project = _project(target)
        made, what = run_pipeline.upsert(module, project.arguments, checkout.root)
        if not wish.as_json:
            screen.say(f"pipeline {made.name} {what}")
        trained_on = str(run_values.declared_parameters(made.text).get(INPUT, {}).get("DefaultValue", ""))
        if wish.data is not None:
            values[INPUT] = upload(target, project.bucket, wish.pipeline, wish.data, trained_on)
            which = f"{wish.data}, for this run alone"
        elif INPUT in values:
            which = "as the parameter says"
        elif url := run_pipeline.sample_data_url(made, module, project.region):
            values[INPUT] = url
            which = f"{run_pipeline.SAMPLE_ROWS} made-up rows: there are no data in {trained_on} yet"
        else:
            which = "what the project trains on"
        arn = run_pipeline.start(made, project.region, checkout.root, values)
    except UsageError as fault:
        raise WrongUsage(str(fault)) from None
    if not wish.as_json:
        screen.say(f"data {values.get(INPUT, trained_on)} ({which})\n")
    return arn


def _project(target: Target) -> Any:
    """Where the pipeline runs: the launched project, else names of its own, which a later launch doesn't meet."""
    from slipway.build.project import Project

    launched = projects.find(target)
    if launched is None:
        if target.local:
            local.prepare(target)
        return Project.from_environment(given={"name": names.before_launch(target.project)})
    role = launched.outputs.get("PipelineExecutionRoleArn") or target.environ.get("SAGEMAKER_PIPELINE_ROLE_ARN", "")
    return Project(launched.name, role, launched.bucket, target.region, launched.id)


def _check(data: Path, wish: Wish) -> None:
    if INPUT in wish.parameters:
        raise WrongUsage(f"--data and --parameters {INPUT}=... both say what to train on; give one of them")
    if not data.is_file():
        raise WrongUsage(f"There is no data file {data}; give a CSV file with --data (DATA= with make)")
    if data.stat().st_size == 0:
        raise WrongUsage(
            f"The data file {data} is empty; expected rows of the columns in pipelines/{wish.pipeline}/config.yml"
        )


def upload(target: Target, bucket: str, pipeline: str, data: Path, trained_on: str) -> str:
    """Put a file into a folder of its own, by name and content: unchanged data keep their URI and steps their cache."""
    digest = hashlib.sha256(f"{data.name}\0".encode())
    with data.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    prefix = f"{BROUGHT}/{pipeline}/{digest.hexdigest()[:16]}/"
    url = f"s3://{bucket}/{prefix}"
    if url.startswith(trained_on):
        raise WrongUsage(f"data.url in config.yml is {trained_on}, where {url} would be trained on, too; name a folder")
    s3 = target.client("s3")
    if s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("KeyCount", 0) == 0:
        s3.upload_file(str(data), bucket, prefix + data.name)
    return url


def _report_start(arn: str, *, as_json: bool) -> None:
    if as_json:
        screen.show_json({"pipeline": names.of_execution(arn), "execution": arn})
    else:
        screen.say(f"started {arn}\nSee it with: slipway steps {arn}")


def summarise(target: Target, ended: dict[str, Any]) -> dict[str, Any]:
    """What came of an execution, as JSON data."""
    arn = ended["PipelineExecutionArn"]
    steps = executions.steps(target, arn)
    registered = next(filter(None, map(executions.registered_version, steps)), "")
    package = target.client("sagemaker").describe_model_package(ModelPackageName=registered) if registered else None
    from slipway.cli.verdicts import verdicts

    return {
        "pipeline": names.of_execution(arn),
        "execution": arn,
        "status": ended["PipelineExecutionStatus"],
        "failure_reason": ended.get("FailureReason"),
        "seconds": (
            max((s["EndTime"] for s in steps if "EndTime" in s), default=ended["LastModifiedTime"])
            - ended["CreationTime"]
        ).total_seconds(),
        "steps": [
            {
                "name": s["StepName"],
                "status": s["StepStatus"],
                "seconds": executions.seconds(s),
                "cached": "CacheHitResult" in s,
                "job": (executions.job_of(s) or (None, None))[1],
            }
            for s in steps
        ],
        "gates": [verdict.dump() for verdict in verdicts(target, arn)],
        "group": package and package["ModelPackageGroupName"],
        "version": package and package["ModelPackageVersion"],
        "approval": package and package["ModelApprovalStatus"],
        "model": package and versions.lineage(package).get("model data"),
        "report": package and versions.report_uri(package),
        "pictures": [str(path) for path in versions.pictures(target, package)] if package else [],
    }


def show(summary: dict[str, Any]) -> None:
    """The closing screen."""
    cached = sum(step["cached"] for step in summary["steps"])
    screen.say()
    if summary["gates"]:
        rows = [
            (
                g["metric"],
                screen.number(g["value"]),
                f"{g['sign']} {screen.number(g['bound'])}",
                "pass" if g["holds"] else "FAIL",
            )
            for g in summary["gates"]
        ]
        screen.console.print(screen.table(("metric", "value", "gate", "verdict"), rows, right=("value", "gate")))
        screen.say()
    took = screen.duration(summary["seconds"])
    taken = f", {cached} of {len(summary['steps'])} steps from the cache" if cached else ""
    screen.say_styled(f"[bold]{summary['status']}[/bold] in {took}{taken}")
    if summary["failure_reason"]:
        screen.say(summary["failure_reason"], style="red")
        failed = [step["name"] for step in summary["steps"] if step["status"] == "Failed" and step["job"]]
        if failed:
            screen.say(f"see    slipway logs {failed[-1]} --pipeline {summary['pipeline']}")
            screen.say(f"open   slipway shell {failed[-1]} --pipeline {summary['pipeline']}")
    if summary["version"]:
        screen.say_styled(f"version [bold]{summary['version']}[/bold] of {summary['group']}: {summary['approval']}\n")
        pictures = summary["pictures"]
        facts = {
            "model": summary["model"],
            "report": summary["report"],
            "pictures": f"{Path(pictures[0]).parent}/ ({', '.join(Path(p).name for p in pictures)})"
            if pictures
            else None,
            "logs": f"slipway logs {_training_step(summary)} --pipeline {summary['pipeline']}",
            "details": f"slipway version {summary['version']} --pipeline {summary['group']}",
            "approve": f"slipway approve {summary['version']} --pipeline {summary['group']}"
            if summary["approval"] != "Rejected"
            else None,
        }
        for name, value in facts.items():
            if value:
                screen.say(f"  {name:<9}{value}")


def _training_step(summary: dict[str, Any]) -> str:
    names = [step["name"] for step in summary["steps"]]
    return "Tune" if "Tune" in names else "Train"
