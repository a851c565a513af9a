"""The builds of a batch: what each is asked to do, made of the batch and of its part of the buildspec."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.engines.codebuild.batch import DOWNLOAD, Batch, Task, outputs_of
from loopback.rows.codebuild import BatchPart, BuildBatchRow, BuildRow

Doc = dict[str, Any]
_OF_THE_BATCH = ("buildBatchConfig", "buildBatchNumber", "idempotencyToken", "projectName", "pipeline")
_VERSIONED = ("CODECOMMIT", "GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET")


def download(batch: BuildBatchRow) -> BuildRow:
    """The build that reads the batch out of the buildspec; it makes nothing."""
    doc = _base(batch)
    doc["cache"] = {"type": "NO_CACHE"}
    doc.pop("secondaryArtifacts", None)
    if batch.pipeline is None:
        doc["artifacts"] = {"type": "NO_ARTIFACTS"}
    return _build(batch, doc, DOWNLOAD, [])


def of_task(batch: BuildBatchRow, task: Task) -> BuildRow:
    """The build of one task, of the very source that the batch was read from."""
    doc = _base(batch)
    if task.buildspec:
        doc["source"] = doc["source"] | {"buildspec": task.buildspec}
    version = batch.resolved_version
    if version and doc["source"]["type"] in _VERSIONED:
        doc["sourceVersion"] = version
    given = {item["name"]: item for item in doc["environment"].get("environmentVariables", [])}
    given |= {name: {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in task.variables.items()}
    doc["environment"] = doc["environment"] | task.environment | {"environmentVariables": list(given.values())}
    return _build(batch, doc, task.identifier, _outputs(batch, task) if batch.pipeline else [])


def _base(batch: BuildBatchRow) -> Doc:
    return {key: value for key, value in batch.request.items() if key not in _OF_THE_BATCH}


def _build(batch: BuildBatchRow, doc: Doc, identifier: str, outputs: Sequence[Artifact]) -> BuildRow:
    pipeline = batch.pipeline and replace(batch.pipeline, outputs=tuple(outputs))
    return BuildRow(request=doc, pipeline=pipeline, part_of=BatchPart(batch.name, identifier))


def _outputs(batch: BuildBatchRow, task: Task) -> list[Artifact]:
    """By the names of the task's own artifacts, "" being the primary one."""
    if combines(batch):
        return [part(batch, task.identifier)]
    places = {each.name: each for each in batch.outputs}
    names = outputs_of(batch.tasks.tasks, list(places)).get(task.identifier, {})
    return [replace(places[name], name=own) for own, name in names.items()]


def combines(batch: BuildBatchRow) -> bool:
    """Whether the primary artifacts of the builds become one zip. In a folder of S3 they meet without doing."""
    return bool(batch.config.get("combineArtifacts", False) and batch.outputs)


def part(batch: BuildBatchRow, identifier: str) -> Artifact:
    """Where a build's part of the combined artifact waits for the others."""
    whole = batch.outputs[0]
    return Artifact("", whole.bucket, f"{whole.key}.{identifier}")


def fault(batch: BuildBatchRow, read: Batch) -> str:
    """Why what the buildspec says must not be carried out, "" where it may."""
    limits: Mapping[str, Any] = batch.config.get("restrictions", {})
    most, types = limits.get("maximumBuildsAllowed"), limits.get("computeTypesAllowed")
    if most is not None and len(read.tasks) > most:
        return f"the batch has {len(read.tasks)} builds; restrictions.maximumBuildsAllowed is {most}"
    for task in read.tasks:
        compute = task.environment.get("computeType", batch.request["environment"]["computeType"])
        if types and compute not in types:
            return f"the build {task.identifier} has compute type {compute}; allowed: {', '.join(types)}"
    outputs = [each.name for each in batch.outputs]
    if outputs and not combines(batch):
        try:
            outputs_of(read.tasks, outputs)
        except ValueError as reason:
            return str(reason)
    return ""
