"""The builds of a batch: what each is asked to do, made of the batch and of its part of the buildspec."""

from collections.abc import Mapping
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.core.store import Resource
from loopback.engines.codebuild.batch import DOWNLOAD, Batch, Task, outputs_of

Doc = dict[str, Any]
_OF_THE_BATCH = ("buildBatchConfig", "buildBatchNumber", "idempotencyToken", "projectName")
_VERSIONED = ("CODECOMMIT", "GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET")


def download(batch: Resource) -> Doc:
    """The build that reads the batch out of the buildspec; it makes nothing."""
    doc = _base(batch, DOWNLOAD)
    doc["cache"] = {"type": "NO_CACHE"}
    doc.pop("secondaryArtifacts", None)
    if pipeline := doc.get("pipeline"):
        doc["pipeline"] = pipeline | {"outputs": []}
    else:
        doc["artifacts"] = {"type": "NO_ARTIFACTS"}
    return doc


def of_task(batch: Resource, task: Task) -> Doc:
    """The build of one task, of the very source that the batch was read from."""
    doc = _base(batch, task.identifier)
    if task.buildspec:
        doc["source"] = doc["source"] | {"buildspec": task.buildspec}
    version = batch.result.get("resolvedSourceVersion")
    if version and doc["source"]["type"] in _VERSIONED:
        doc["sourceVersion"] = version
    given = {item["name"]: item for item in doc["environment"].get("environmentVariables", [])}
    given |= {name: {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in task.variables.items()}
    doc["environment"] = doc["environment"] | task.environment | {"environmentVariables": list(given.values())}
    if pipeline := doc.get("pipeline"):
        doc["pipeline"] = pipeline | {"outputs": [vars(output) for output in _outputs(batch, task)]}
    return doc


def _base(batch: Resource, identifier: str) -> Doc:
    doc = {key: value for key, value in batch.doc.items() if key not in _OF_THE_BATCH}
    return doc | {"batch": {"id": batch.name, "identifier": identifier}}


def _outputs(batch: Resource, task: Task) -> list[Artifact]:
    """By the names of the task's own artifacts, "" being the primary one."""
    outputs = batch.doc["pipeline"]["outputs"]
    if combines(batch):
        return [part(batch, task.identifier)]
    places = {each["name"]: each for each in outputs}
    names = outputs_of(Batch.of(batch.result["batch"]).tasks, list(places)).get(task.identifier, {})
    return [Artifact(own, places[name]["bucket"], places[name]["key"]) for own, name in names.items()]


def combines(batch: Resource) -> bool:
    """Whether the primary artifacts of the builds become one zip. In a folder of S3 they meet without doing."""
    wanted = batch.doc["buildBatchConfig"].get("combineArtifacts", False)
    return bool(wanted and batch.doc.get("pipeline", {}).get("outputs"))


def part(batch: Resource, identifier: str) -> Artifact:
    """Where a build's part of the combined artifact waits for the others."""
    whole = batch.doc["pipeline"]["outputs"][0]
    return Artifact("", whole["bucket"], f"{whole['key']}.{identifier}")


def fault(batch: Resource, read: Batch) -> str:
    """Why what the buildspec says must not be carried out, "" where it may."""
    limits: Mapping[str, Any] = batch.doc["buildBatchConfig"].get("restrictions", {})
    most, types = limits.get("maximumBuildsAllowed"), limits.get("computeTypesAllowed")
    if most is not None and len(read.tasks) > most:
        return f"the batch has {len(read.tasks)} builds; restrictions.maximumBuildsAllowed is {most}"
    for task in read.tasks:
        compute = task.environment.get("computeType", batch.doc["environment"]["computeType"])
        if types and compute not in types:
            return f"the build {task.identifier} has compute type {compute}; allowed: {', '.join(types)}"
    outputs = [each["name"] for each in batch.doc.get("pipeline", {}).get("outputs", [])]
    if outputs and not combines(batch):
        try:
            outputs_of(read.tasks, outputs)
        except ValueError as reason:
            return str(reason)
    return ""
