"""`run-pipeline`: create or update a pipeline if its definition has changed, start it, wait for it."""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway.build.compiled import Arguments, Compiled, compile_pipeline, upload_code
from slipway.build.project import Project, UsageError, arguments
from slipway.build.run_values import declared_parameters, looked_up
from slipway.build.working_folder import work_here
from slipway.tabular.approved import find

Tags = Sequence[Mapping[str, str]]
FINISHED = {"Succeeded", "Failed", "Stopped"}
SAMPLE_ROWS = 5000


def upsert(module: str, given: Arguments, root: Path, tags: Tags = (), description: str = "") -> tuple[Compiled, str]:
    """Make the pipeline in the account what the module says; `created`, `updated` or `unchanged`."""
    import boto3

    made, region, role = compile_pipeline(module, given, root), given.get("region"), given.get("role")
    if not role:
        raise UsageError("the pipeline needs a role: --role-arn, or SAGEMAKER_PIPELINE_ROLE_ARN")
    upload_code(made, module, given, root, boto3.client("s3", region_name=region))
    return made, _upsert(boto3.client("sagemaker", region_name=region), made, role, tags, description)


def _upsert(sagemaker: Any, made: Compiled, role: str, tags: Tags, description: str) -> str:
    wanted = {"PipelineDefinition": made.text, "RoleArn": role}
    wanted |= {"PipelineDescription": description} if description else {}
    try:
        present = sagemaker.describe_pipeline(PipelineName=made.name)
    except sagemaker.exceptions.ResourceNotFound:
        sagemaker.create_pipeline(PipelineName=made.name, **wanted, **({"Tags": list(tags)} if tags else {}))
        return "created"
    if tags:
        sagemaker.add_tags(ResourceArn=present["PipelineArn"], Tags=list(tags))
    if all(present.get(key) == value for key, value in wanted.items()):
        return "unchanged"
    sagemaker.update_pipeline(PipelineName=made.name, **wanted)
    return "updated"


def start(
    made: Compiled,
    region: str | None,
    root: Path,
    parameters: Mapping[str, str] | None = None,
    selective: Sequence[str] = (),
) -> str:
    """Start an execution and return its ARN. Commit, data version and champion are looked up unless given.

    `selective` names the steps to run; the results of the others come from the latest execution that succeeded.
    """
    import boto3

    sagemaker = boto3.client("sagemaker", region_name=region)
    s3 = boto3.client("s3", region_name=region)
    values = looked_up(made.text, made.group or made.name, parameters or {}, sagemaker, s3, root)
    request: dict[str, Any] = {
        "PipelineName": made.name,
        "PipelineParameters": [{"Name": name, "Value": value} for name, value in values.items()],
    }
    if build := os.environ.get("CODEBUILD_BUILD_ID"):
        request["PipelineExecutionDescription"] = (
            f"build {build}"  # the project's notifications tell of one, not of both
        )
    if selective:
        request["SelectiveExecutionConfig"] = _selection(sagemaker, made, selective)
    return str(sagemaker.start_pipeline_execution(**request)["PipelineExecutionArn"])


def require_own(arn: str, made: Compiled, region: str | None) -> None:
    """Two checks at once change one pipeline. Raises UsageError where this execution is of the other's definition."""
    import boto3

    sagemaker = boto3.client("sagemaker", region_name=region)
    found = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
    if json.loads(found) != json.loads(made.text):
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
        raise UsageError(
            f"another run changed pipeline {made.name} while this one began, and {arn} is stopped: run again"
        )


def _selection(sagemaker: Any, made: Compiled, steps: Sequence[str]) -> dict[str, Any]:
    known = [step["Name"] for step in json.loads(made.text)["Steps"]]
    if unknown := [step for step in steps if step not in known]:
        raise UsageError(f"--selective: there is no step {', '.join(unknown)}; the pipeline has {', '.join(known)}")
    newest = sagemaker.list_pipeline_executions(PipelineName=made.name, SortBy="CreationTime", SortOrder="Descending")
    finished = [e for e in newest["PipelineExecutionSummaries"] if e["PipelineExecutionStatus"] in FINISHED]
    sources = [e for e in finished if e["PipelineExecutionStatus"] == "Succeeded"] or finished
    if not sources:
        raise UsageError("--selective needs an earlier execution to take the other steps' results from")
    return {
        "SourcePipelineExecutionArn": sources[0]["PipelineExecutionArn"],
        "SelectedSteps": [{"StepName": step} for step in steps],
    }


def training_data(made: Compiled) -> str:
    """Where a pipeline looks for its data; "" for one that has no such parameter."""
    return str(declared_parameters(made.text).get("InputDataUrl", {}).get("DefaultValue", ""))


def sample_data_url(made: Compiled, module: str, region: str | None) -> str:
    """Where a pipeline's default InputDataUrl has no object yet: the URL of made-up rows, else "".

    A project that has just been launched has no data; so its first run shows something. They lie apart from the
    project's own data, and a pipeline that there are no made-up rows for is left to say that it finds none.
    """
    import tempfile
    from urllib.parse import urlparse

    import boto3

    from slipway.build import sample_data

    kind = module.removesuffix(".pipeline").rpartition(".")[2]
    own = training_data(made)
    address = urlparse(own)
    s3 = boto3.client("s3", region_name=region)
    where = {"Bucket": address.netloc, "Prefix": address.path.lstrip("/")}
    if not own or kind not in sample_data.KINDS or s3.list_objects_v2(**where, MaxKeys=1).get("KeyCount"):
        return ""
    prefix = f"sample-data/{kind}/{SAMPLE_ROWS}-rows/"
    url = f"s3://{made.bucket}/{prefix}"
    if url.startswith(own):
        raise UsageError(f"data.url in config.yml is {own}, where made-up rows would be trained on, too; name a folder")
    if not s3.list_objects_v2(Bucket=made.bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rows.csv")
            sample_data.write(kind, SAMPLE_ROWS, 0, 0.0, path)
            s3.upload_file(str(path), made.bucket, f"{prefix}rows.csv")
    return url


def wait(
    arn: str, region: str | None, say: Callable[[str], None] = print, sleep: Callable[[float], None] = time.sleep
) -> tuple[str, str]:
    """Report each step's transitions until the execution ends; its status and the reason of a failure."""
    import boto3

    sagemaker = boto3.client("sagemaker", region_name=region)
    seen: dict[str, str] = {}
    waited = 0.0
    while True:
        status = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        reasons = []
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        for step in (step for page in pages for step in page["PipelineExecutionSteps"]):
            line = _line(step)
            if seen.get(step["StepName"]) != line:
                seen[step["StepName"]] = line
                say(line)
            if step["StepStatus"] == "Failed":
                reasons.append(f"{step['StepName']}: {_reason(sagemaker, step)}")
        if status["PipelineExecutionStatus"] in FINISHED:
            return status["PipelineExecutionStatus"], "\n".join(reasons) or status.get("FailureReason", "")
        pause = min(max(0.1, waited / 10), 10)  # what ended is seen a tenth of its time later
        sleep(pause)
        waited += pause


def _reason(sagemaker: Any, step: Mapping[str, Any]) -> str:
    """What a failed job itself has said, which is more than the step's own FailureReason."""
    if arn := step.get("Metadata", {}).get("ProcessingJob", {}).get("Arn"):
        job = sagemaker.describe_processing_job(ProcessingJobName=arn.rpartition("/")[2])
        if said := job.get("ExitMessage"):
            return str(said)
    return str(step.get("FailureReason", "no reason given"))


def _line(step: Mapping[str, Any]) -> str:
    cached = " (from the cache)" if "CacheHitResult" in step else ""
    outcome = step.get("Metadata", {}).get("Condition", {}).get("Outcome")
    return f"{step['StepName']:10s} {step['StepStatus']}{cached}" + (f" ({outcome})" if outcome else "")


def main(typed: Sequence[str] | None = None) -> int:
    """The console command: 0 started or succeeded, 1 failed, 2 wrong usage."""
    words = sys.argv[1:] if typed is None else typed
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return _run(work_here(), _parser().parse_args(words))
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused: {error}", file=sys.stderr)
        return 1


def _run(root: Path, options: argparse.Namespace) -> int:
    given = arguments(options.kwargs, options.role_arn)
    region, values = given.get("region"), _pairs(options.parameters)
    if options.report and not options.wait:
        raise UsageError("--report needs --wait: what it shows is there once the run has ended")
    if options.check:
        given, group = beside(options.module_name, given)
    made, what = upsert(options.module_name, given, root, _tags(options.tags), options.description or "")
    print(f"pipeline {made.name} {what}", flush=True)
    if options.check and "ChampionModelPackageArn" in declared_parameters(made.text):
        values.setdefault("ChampionModelPackageArn", champion_of(group, region))
    made_up = options.sample_data and "InputDataUrl" not in values
    if url := sample_data_url(made, options.module_name, region) if made_up else "":
        values["InputDataUrl"] = url
        print(f"no data in {training_data(made)} yet: this run takes {SAMPLE_ROWS} made-up rows from {url}")
    arn = start(made, region, root, values, options.selective)
    print(arn, flush=True)
    if options.check:
        require_own(arn, made, region)
    if not options.wait:
        return 0
    status, reason = wait(arn, region, lambda line: print(line, flush=True))
    if options.report:
        write_report(Path(options.report), arn, made, region, status, reason)
    print(f"{status}{': ' if reason else ''}{reason}", file=sys.stdout if status == "Succeeded" else sys.stderr)
    return 0 if status == "Succeeded" else 1


def beside(module: str, given: Arguments) -> tuple[dict[str, Any], str]:
    """The arguments of a pipeline and a group beside the project's, and the group of the champion."""
    folder = module.removesuffix(".pipeline").rpartition(".")[2]
    project = given.get("sagemaker_project_name") or Project.from_arguments(dict(given)).name
    own = f"{project}-check-{folder}"
    group = given.get("model_package_group_name") or given.get("pipeline_name") or f"{project}-{folder}"
    return {**given, "pipeline_name": own, "model_package_group_name": own}, str(group)


def champion_of(group: str, region: str | None) -> str:
    """The ARN of the model in production of a group, as `approved.find` tells it."""
    import boto3

    return find(boto3.client("sagemaker", region_name=region), group)


def write_report(path: Path, arn: str, made: Compiled, region: str | None, status: str, reason: str) -> None:
    """Write what a run has come to as Markdown."""
    import boto3

    from slipway.build import outcome

    sagemaker, s3 = (boto3.client(name, region_name=region) for name in ("sagemaker", "s3"))
    path.write_text(outcome.markdown(outcome.read(sagemaker, s3, arn, made.text, status, reason)))
    print(f"wrote {path}")


def _tags(text: str | None) -> list[dict[str, str]]:
    try:
        tags = json.loads(text or "[]")
    except json.JSONDecodeError:
        tags = None
    if not isinstance(tags, list) or not all(isinstance(t, dict) and set(t) == {"Key", "Value"} for t in tags):
        raise UsageError(f'--tags must be a JSON list such as [{{"Key": "team", "Value": "risk"}}], found {text}')
    return tags


def _pairs(given: Sequence[str]) -> dict[str, str]:
    wrong = [pair for pair in given if "=" not in pair]
    if wrong:
        raise UsageError(f"--parameters takes name=value, found {', '.join(wrong)}")
    return {name.strip(): value for name, _, value in (pair.partition("=") for pair in given)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("run-pipeline", description=__doc__)
    parser.add_argument("-n", "--module-name", required=True, help="for example pipelines.churn.pipeline")
    parser.add_argument("-role-arn", "--role-arn", help="instead of SAGEMAKER_PIPELINE_ROLE_ARN")
    parser.add_argument("-description", "--description", help="of the pipeline")
    parser.add_argument("-tags", "--tags", help='JSON: [{"Key": "team", "Value": "risk"}]')
    parser.add_argument("-kwargs", "--kwargs", help="dictionary of arguments of get_pipeline: region, role, ...")
    parser.add_argument("--parameters", action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    parser.add_argument(
        "--selective", action="append", default=[], metavar="STEP", help="run only this step; repeatable"
    )
    parser.add_argument(
        "--sample-data", action="store_true", help="where InputDataUrl's default has no data, take made-up rows"
    )
    parser.add_argument(
        "--check", action="store_true", help="of a change that is not merged: beside the project's pipeline and group"
    )
    parser.add_argument("--report", metavar="FILE", help="Markdown: what the run has come to, beside the champion")
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=False)
    return parser


if __name__ == "__main__":
    ended = main()
    gc.freeze()  # Python would look through all that is left once more, for a tenth of a second
    sys.exit(ended)
