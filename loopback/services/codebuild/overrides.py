"""What a build is asked to do: the project, with the overrides of the request that starts it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from loopback.services.codebuild.checks import check
from loopback.services.codebuild.errors import InvalidInputException

Doc = dict[str, Any]

_TOP = {  # member of StartBuild -> member of the build
    "artifactsOverride": "artifacts",
    "secondaryArtifactsOverride": "secondaryArtifacts",
    "secondarySourcesOverride": "secondarySources",
    "secondarySourcesVersionOverride": "secondarySourceVersions",
    "sourceVersion": "sourceVersion",
    "cacheOverride": "cache",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey",
    "logsConfigOverride": "logsConfig",
    "idempotencyToken": "idempotencyToken",
}
_SOURCE = {
    "sourceTypeOverride": "type",
    "sourceLocationOverride": "location",
    "sourceAuthOverride": "auth",
    "gitCloneDepthOverride": "gitCloneDepth",
    "gitSubmodulesConfigOverride": "gitSubmodulesConfig",
    "buildspecOverride": "buildspec",
    "insecureSslOverride": "insecureSsl",
}
_ENVIRONMENT = {
    "environmentTypeOverride": "type",
    "imageOverride": "image",
    "computeTypeOverride": "computeType",
    "privilegedModeOverride": "privilegedMode",
    "imagePullCredentialsTypeOverride": "imagePullCredentialsType",
    "hostKernelOverride": "hostKernel",
}
_KNOWN = {"projectName", "environmentVariablesOverride", *_TOP, *_SOURCE, *_ENVIRONMENT}
_NOT_OF_A_BUILD = ("name", "description", "tags", "badgeEnabled", "concurrentBuildLimit", "buildBatchConfig")


def effective(project: Mapping[str, Any], request: Mapping[str, Any]) -> Doc:
    """The build that a StartBuild request describes. Raises InvalidInputException for what is not carried out here."""
    unknown = sorted(set(request) - _KNOWN)
    if unknown:
        raise InvalidInputException(f"loopback does not carry out {', '.join(unknown)} of StartBuild")
    doc = _base(project)
    doc |= {member: request[name] for name, member in _TOP.items() if name in request}
    doc["source"] = doc["source"] | {member: request[name] for name, member in _SOURCE.items() if name in request}
    changed = {member: request[name] for name, member in _ENVIRONMENT.items() if name in request}
    doc["environment"] = doc["environment"] | changed
    _merge_variables(doc, request.get("environmentVariablesOverride", []))
    if request.get("sourceTypeOverride", "CODEPIPELINE") != "CODEPIPELINE" and "artifactsOverride" not in request:
        _leave_the_pipeline(doc)
    check(doc)
    return doc


def for_pipeline(project: Mapping[str, Any], environment: Sequence[Doc], timeout_minutes: int | None) -> Doc:
    """The build of an action: source and artifacts are the pipeline's, whatever the project says."""
    doc = _base(project)
    buildspec = {"buildspec": doc["source"]["buildspec"]} if "buildspec" in doc["source"] else {}
    doc["source"] = {"type": "CODEPIPELINE", **buildspec}
    doc["artifacts"] = {"type": "CODEPIPELINE"}
    for name in ("secondarySources", "secondarySourceVersions", "secondaryArtifacts", "sourceVersion"):
        doc.pop(name, None)
    if timeout_minutes is not None:
        doc["timeoutInMinutes"] = timeout_minutes
    _merge_variables(doc, environment)
    check(doc)
    return doc


def _base(project: Mapping[str, Any]) -> Doc:
    return {key: value for key, value in project.items() if key not in _NOT_OF_A_BUILD}


def _merge_variables(doc: Doc, given: Sequence[Doc]) -> None:
    named = {item["name"]: item for item in [*doc["environment"].get("environmentVariables", []), *given]}
    doc["environment"] = doc["environment"] | {"environmentVariables": list(named.values())}


def _leave_the_pipeline(doc: Doc) -> None:
    """A build of another source cannot hand its artifacts to a pipeline."""
    if doc["artifacts"]["type"] == "CODEPIPELINE":
        raise InvalidInputException(
            "sourceTypeOverride takes the build out of CodePipeline; give artifactsOverride too, "
            "for example {'type': 'NO_ARTIFACTS'}"
        )
