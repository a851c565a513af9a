"""`slipway resume`: an execution that failed goes on from the steps that have no result yet.

Where the pipeline is as it was, that is RetryPipelineExecution. Where it has changed, a new execution of it takes over
the results of the steps that succeeded (selective execution).
"""

import io
import json
import sys
import tarfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.cli import executions, names, screen, watch
from slipway.cli import run as runs
from slipway.cli.target import Target, UserError

Document = dict[str, Any]
ENDED = ("Failed", "Stopped")
PREFIX = "resumed"  # where inputs go that were changed by hand; nothing of a team's own lies there
SUBMITTED = "sagemaker_submit_directory"


@dataclass(frozen=True)
class ChangedInput:
    """An input of a step's job whose files were changed: as its request names it, and the folder that has them.

    `kind` is ProcessingInput, Channel or SubmitDirectory (the code archive of script mode).
    """

    step: str
    kind: str
    name: str
    folder: Path
    files: tuple[str, ...]


def resume(
    target: Target, arn: str, changed: Sequence[ChangedInput] = (), *, wait: bool = True, as_json: bool = False
) -> int:
    """Go on with an execution and watch it; exit code 0 when it succeeded, or without waiting when it began."""
    going = start(target, arn, changed, tell=(lambda _text: None) if as_json else screen.say)
    if not wait:
        if as_json:
            screen.show_json({"pipeline": names.of_execution(going), "execution": going})
        else:
            screen.say(f"See it with: slipway steps {going}")
        return 0
    try:
        ended = watch.watch(target, going, quiet=as_json)
    except KeyboardInterrupt:
        print(f"\nThe execution goes on. See it with: slipway steps {going}", file=sys.stderr)
        return 130
    summary = runs.summarise(target, ended)
    (screen.show_json if as_json else runs.show)(summary)
    return 0 if summary["status"] == "Succeeded" else 1


def start(target: Target, arn: str, changed: Sequence[ChangedInput], tell: Any) -> str:
    """Have an execution go on; the ARN of the one that does. Raises UserError."""
    from botocore.exceptions import ClientError

    sagemaker = target.client("sagemaker")
    execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    status, identity = execution["PipelineExecutionStatus"], arn.rpartition("/")[2]
    if status not in ENDED:
        raise UserError(f"{identity} is {status}; what failed or was stopped can be resumed")
    ran = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
    pipeline = sagemaker.describe_pipeline(PipelineName=names.of_execution(arn))
    definition = json.loads(pipeline["PipelineDefinition"])
    try:
        if not changed and definition == json.loads(ran):
            sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)
            tell(f"{identity} goes on: {pipeline['PipelineName']} is as it was")
            return arn
        if not changed:
            return _start_selected(target, arn, pipeline["PipelineName"], definition, tell)
        return _start_changed(target, arn, pipeline, _with_changes(target, identity, definition, changed), tell)
    except ClientError as fault:
        raise UserError(f"{identity} cannot be resumed: {fault.response['Error']['Message']}") from None


def _start_changed(target: Target, arn: str, pipeline: Mapping[str, Any], definition: Document, tell: Any) -> str:
    """Give the pipeline a definition and start what has no result; where that is refused it has its own again."""
    sagemaker, name = target.client("sagemaker"), pipeline["PipelineName"]
    _update(sagemaker, pipeline, json.dumps(definition))
    try:
        started = _start_selected(target, arn, name, definition, tell)
    except Exception:
        _update(sagemaker, pipeline, pipeline["PipelineDefinition"])
        raise
    tell(f"pipeline {name} has your changed files now; what deploys it next replaces them")
    return started


def _update(sagemaker: Any, pipeline: Mapping[str, Any], definition: str) -> None:
    kept = {"ParallelismConfiguration": p} if (p := pipeline.get("ParallelismConfiguration")) else {}
    sagemaker.update_pipeline(
        PipelineName=pipeline["PipelineName"],
        PipelineDefinition=definition,
        RoleArn=pipeline["RoleArn"],
        **kept,
    )


def _start_selected(target: Target, arn: str, pipeline: str, definition: Document, tell: Any) -> str:
    """Start an execution of the steps that have no result in another one; its ARN."""
    sagemaker = target.client("sagemaker")
    pages = sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(PipelineExecutionArn=arn)
    declared = {parameter["Name"] for parameter in definition.get("Parameters", [])}
    given = [p for page in pages for p in page["PipelineParameters"] if p["Name"] in declared]
    done = {step["StepName"] for step in executions.steps(target, arn) if step["StepStatus"] == "Succeeded"}
    selected = steps_to_run(definition, done)
    if not selected:
        raise UserError(f"every step of {pipeline} has a result in {arn.rpartition('/')[2]}; start a new execution")
    started = sagemaker.start_pipeline_execution(
        PipelineName=pipeline,
        ClientRequestToken=uuid.uuid4().hex,
        PipelineParameters=given,
        SelectiveExecutionConfig={
            "SourcePipelineExecutionArn": arn,
            "SelectedSteps": [{"StepName": name} for name in selected],
        },
    )["PipelineExecutionArn"]
    kept = ", ".join(sorted(done - set(selected))) or "none"
    tell(f"{started.rpartition('/')[2]} runs {', '.join(selected)}; results taken over: {kept}")
    return str(started)


def steps_to_run(definition: Document, done: Iterable[str]) -> list[str]:
    """The steps of a definition that have no result yet, in its order.

    A condition none of whose branches is done is judged again, with all of its steps: which branch is taken is its to
    say.
    """
    return list(_steps_to_run(definition["Steps"], frozenset(done)))


def _steps_to_run(steps: Iterable[Document], done: frozenset[str]) -> Iterator[str]:
    for step in steps:
        branches = [branch for branch in branches_of(step) if branch]
        finished = any(not list(_steps_to_run(branch, done)) for branch in branches)
        if step["Name"] in done and (finished or not branches):
            continue
        yield step["Name"]
        for branch in branches:
            yield from (found["Name"] for found in all_steps(branch))


def branches_of(step: Document) -> list[list[Document]]:
    """IfSteps and ElseSteps of a condition; none of another step."""
    arguments = step.get("Arguments", {}) if step["Type"] == "Condition" else {}
    return [arguments.get("IfSteps", []), arguments.get("ElseSteps", [])]


def all_steps(steps: Iterable[Document]) -> Iterator[Document]:
    """Each step and those of its branches, outer before inner."""
    for step in steps:
        yield step
        for branch in branches_of(step):
            yield from all_steps(branch)


def _with_changes(target: Target, identity: str, definition: Document, changed: Sequence[ChangedInput]) -> Document:
    """The definition, with the inputs that were changed from where this puts them in S3. Raises UserError."""
    steps = {step["Name"]: step for step in all_steps(definition["Steps"])}
    for entry in changed:
        step = steps.get(entry.step)
        if step is None:
            raise UserError(f"the pipeline has no step {entry.step} any more: its changed files have no place")
        bucket = target.environ.get("ARTIFACT_BUCKET") or _bucket_of(step, entry)
        key = f"{PREFIX}/{identity}/{entry.step}/{entry.name}-{uuid.uuid4().hex[:8]}"
        put_input(step, entry, _upload(target.client("s3"), entry, bucket, key))
    return definition


def _upload(s3: Any, entry: ChangedInput, bucket: str, key: str) -> str:
    """Send the folder of an input; the URI that the step's request is given."""
    if entry.kind == "SubmitDirectory":
        s3.put_object(Bucket=bucket, Key=f"{key}/sourcedir.tar.gz", Body=_pack(entry.folder))
        return f"s3://{bucket}/{key}/sourcedir.tar.gz"
    for path in files_below(entry.folder):
        s3.upload_file(str(path), bucket, f"{key}/{path.relative_to(entry.folder).as_posix()}")
    return f"s3://{bucket}/{key}/"


def files_below(folder: Path) -> list[Path]:
    """The regular files of a folder and of those below it; what Python compiles is left out."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in found if "__pycache__" not in path.parts]


def _pack(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in files_below(folder):
            archive.add(path, path.relative_to(folder).as_posix())
    return packed.getvalue()


def _bucket_of(step: Document, entry: ChangedInput) -> str:
    """The bucket that an input comes from, where the definition says it in letters. Raises UserError."""
    found = json.dumps(step["Arguments"])
    _, mark, rest = found.partition("s3://")
    bucket = rest.partition("/")[0]
    if not mark or not bucket.replace("-", "").replace(".", "").isalnum():
        raise UserError(f"there is no bucket for the changed files of {entry.step}: set ARTIFACT_BUCKET to one")
    return bucket


def put_input(step: Document, entry: ChangedInput, uri: str) -> None:
    """Have a step's request name another place for one input. Raises UserError where it has no such input."""
    arguments = step["Arguments"]
    if entry.kind == "SubmitDirectory":
        settings = arguments.get("Environment", {})
        if "SAGEMAKER_SUBMIT_DIRECTORY" in settings:
            settings["SAGEMAKER_SUBMIT_DIRECTORY"] = uri
            return
        if SUBMITTED in arguments.get("HyperParameters", {}):
            arguments["HyperParameters"][SUBMITTED] = json.dumps(uri)
            return
    for found in arguments.get("ProcessingInputs", []) if entry.kind == "ProcessingInput" else []:
        if found.get("InputName") == entry.name:
            found["S3Input"] |= {"S3Uri": uri, "S3DataType": "S3Prefix"}
            return
    for found in arguments.get("InputDataConfig", []) if entry.kind == "Channel" else []:
        if found.get("ChannelName") == entry.name:
            found["DataSource"]["S3DataSource"] |= {"S3Uri": uri, "S3DataType": "S3Prefix"}
            return
    raise UserError(f"step {entry.step} has no {entry.name} any more: its changed files have no place")
