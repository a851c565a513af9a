"""`slipway run`: put the data in place, compile and start the pipeline, watch it, and show what came of it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pipelines
from slipway import executions, local, screen, versions, watch
from slipway.target import Target, UserError, WrongUsage

SAMPLE_ROWS = 5000
PIPELINES = Path(pipelines.__file__).parent


def run(
    target: Target, pipeline: str, data: Path | None, parameters: dict[str, str], *, wait: bool, as_json: bool
) -> int:
    """Exit code: 0 when a version was registered (or, without waiting, when it started), 1 otherwise."""
    if not (PIPELINES / pipeline / "pipeline.py").is_file():
        known = ", ".join(sorted(path.parent.name for path in PIPELINES.glob("*/pipeline.py")))
        raise WrongUsage(f"There is no pipeline {pipeline} in pipelines/; there is: {known}")
    os.environ.update(target.environ)
    if not as_json:
        screen.say(f"[bold]{pipeline}[/bold] on {target.title}")
    arn = start(target, pipeline, data, parameters, as_json=as_json)
    if not wait:
        _started(target, pipeline, arn, as_json=as_json)
        return 0
    try:
        ended = watch.watch(target, arn, quiet=as_json)
    except KeyboardInterrupt:
        print(f"\nThe execution goes on. See it with: slipway steps {arn.rpartition('/')[2]}", file=sys.stderr)
        return 130
    summary = summarise(target, pipeline, ended)
    if as_json:
        screen.show_json(summary)
    else:
        show(pipeline, summary)
    return 0 if summary["status"] == "Succeeded" else 1


def start(target: Target, pipeline: str, data: Path | None, parameters: dict[str, str], *, as_json: bool) -> str:
    """Put data and definition in place and start an execution; its ARN."""
    from pipelines import run_pipeline
    from pipelines.project import Project, UsageError

    try:
        project = Project.from_environment()
        if target.local:
            local.prepare(target)
        given = {"InputDataUrl": upload(target, pipeline, data or sample(pipeline)), **parameters}
        made, what = run_pipeline.upsert(f"pipelines.{pipeline}.pipeline", project)
        arn = run_pipeline.start(made, project, given)
    except UsageError as fault:
        raise WrongUsage(str(fault)) from None
    if not as_json:
        screen.say(f"pipeline {made.name} {what}, data {given['InputDataUrl']}\n")
    return arn


def sample(pipeline: str) -> Path:
    """Sample data of the pipeline's columns, generated once: the same rows every time."""
    path = Path(f".slipway/data/{pipeline}-{SAMPLE_ROWS}.csv")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        command = [
            sys.executable,
            "-m",
            "pipelines.sample_data",
            pipeline,
            "--rows",
            str(SAMPLE_ROWS),
            "--out",
            str(part),
        ]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            said = (made.stderr.strip() or made.stdout.strip()).splitlines()
            raise UserError(
                f"No sample data for {pipeline} ({said[-1] if said else 'no reason given'}); give --data FILE"
            )
        part.replace(path)
    return path


def upload(target: Target, pipeline: str, data: Path) -> str:
    """Put a file under its content hash, so that unchanged data keeps its URI and steps their cache."""
    if not data.is_file():
        raise WrongUsage(f"There is no data file {data}; give a CSV file with --data (DATA= with make)")
    if data.stat().st_size == 0:
        raise WrongUsage(
            f"The data file {data} is empty; expected rows of the columns in pipelines/{pipeline}/config.yml"
        )
    with data.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    s3, bucket = target.client("s3"), target.environ["ARTIFACT_BUCKET"]
    prefix = f"data/{pipeline}/{digest}/"
    if s3.list_objects_v2(Bucket=bucket, Prefix=prefix + data.name).get("KeyCount", 0) == 0:
        s3.upload_file(str(data), bucket, prefix + data.name)
    return f"s3://{bucket}/{prefix}"


def _started(target: Target, pipeline: str, arn: str, *, as_json: bool) -> None:
    if as_json:
        screen.show_json({"pipeline": executions.pipeline_name(target, pipeline), "execution": arn})
    else:
        screen.say(f"started {arn}\nSee it with: slipway steps {arn.rpartition('/')[2]}")


def summarise(target: Target, pipeline: str, ended: dict[str, Any]) -> dict[str, Any]:
    """What came of an execution, as JSON data."""
    arn = ended["PipelineExecutionArn"]
    steps = executions.steps(target, arn)
    registered = next(
        (s["Metadata"]["RegisterModel"]["Arn"] for s in steps if "RegisterModel" in s.get("Metadata", {})), None
    )
    package = target.client("sagemaker").describe_model_package(ModelPackageName=registered) if registered else None
    from slipway.verdicts import verdicts

    return {
        "pipeline": executions.pipeline_name(target, pipeline),
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
        "version": package and package["ModelPackageVersion"],
        "approval": package and package["ModelApprovalStatus"],
        "model": package and versions.lineage(package).get("model data"),
        "report": package and versions.report_uri(package),
        "pictures": [str(path) for path in versions.pictures(target, pipeline, package)] if package else [],
    }


def show(pipeline: str, summary: dict[str, Any]) -> None:
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
    screen.say(f"[bold]{summary['status']}[/bold] in {took}{taken}")
    if summary["failure_reason"]:
        screen.say(summary["failure_reason"], style="red")
        failed = [step["name"] for step in summary["steps"] if step["status"] == "Failed" and step["job"]]
        if failed:
            screen.say(f"see    slipway logs {failed[-1]} --pipeline {pipeline}")
    if summary["version"]:
        screen.say(f"version [bold]{summary['version']}[/bold] of {summary['pipeline']}: {summary['approval']}\n")
        pictures = summary["pictures"]
        facts = {
            "model": summary["model"],
            "report": summary["report"],
            "pictures": f"{Path(pictures[0]).parent}/ ({', '.join(Path(p).name for p in pictures)})"
            if pictures
            else None,
            "logs": f"slipway logs Train{_option(pipeline)}",
            "details": f"slipway version {summary['version']}{_option(pipeline)}",
            "approve": f"slipway approve {summary['version']}{_option(pipeline)}",
        }
        for name, value in facts.items():
            if value:
                screen.say(f"  {name:<9}{value}")


def _option(pipeline: str) -> str:
    return "" if pipeline == "churn" else f" --pipeline {pipeline}"
