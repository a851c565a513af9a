"""What CodeBuild refuses about a project or a build although it fits the service model. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from loopback.services.codebuild.errors import InvalidInputException

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TIMEOUT = (5, 2160)  # minutes
QUEUED = (5, 480)
MOST_BUILDS = 100  # of a batch
_LOCATED = ("CODECOMMIT", "GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET", "S3")
_NOT_RUN = ("fileSystemLocations",)


def check(doc: Mapping[str, Any]) -> None:
    """Raise InvalidInputException, naming the member and what is allowed."""
    for member in _NOT_RUN:
        if doc.get(member):
            raise InvalidInputException(f"loopback does not carry out {member}: builds run on this machine")
    if doc.get("autoRetryLimit"):
        raise InvalidInputException("loopback does not carry out autoRetryLimit; use RetryBuild")
    _between("timeoutInMinutes", doc, TIMEOUT)
    _between("queuedTimeoutInMinutes", doc, QUEUED)
    _sources(doc)
    _artifacts(doc)
    _environment(doc["environment"])
    _cache(doc.get("cache", {"type": "NO_CACHE"}))
    check_batch(doc.get("buildBatchConfig") or {}, doc["artifacts"])
    logs = doc.get("logsConfig", {}).get("s3Logs", {})
    if logs.get("status") == "ENABLED" and not logs.get("location"):
        raise InvalidInputException("logsConfig.s3Logs needs a location: bucket, or bucket/prefix")


def check_batch(config: Mapping[str, Any], artifacts: Mapping[str, Any]) -> None:
    """Raise InvalidInputException for a batch configuration that cannot be carried out with these artifacts."""
    _between("buildBatchConfig.timeoutInMins", {"buildBatchConfig.timeoutInMins": config.get("timeoutInMins")}, TIMEOUT)
    restrictions = config.get("restrictions", {})
    if restrictions.get("fleetsAllowed"):
        raise InvalidInputException("loopback does not carry out restrictions.fleetsAllowed: there are no fleets here")
    most = restrictions.get("maximumBuildsAllowed", 1)
    if not 1 <= most <= MOST_BUILDS:
        raise InvalidInputException(
            f"restrictions.maximumBuildsAllowed is {most}; it must be between 1 and {MOST_BUILDS}"
        )
    if config.get("combineArtifacts") and artifacts["type"] == "S3" and artifacts.get("packaging") == "ZIP":
        raise InvalidInputException(
            "loopback does not carry out combineArtifacts for artifacts in S3 with packaging ZIP; give NONE"
        )


def _between(member: str, doc: Mapping[str, Any], bounds: tuple[int, int]) -> None:
    value = doc.get(member)
    if value is not None and not bounds[0] <= value <= bounds[1]:
        raise InvalidInputException(f"{member} is {value}; it must be between {bounds[0]} and {bounds[1]} minutes")


def _sources(doc: Mapping[str, Any]) -> None:
    source = doc["source"]
    if (source["type"] == "CODEPIPELINE") != (doc["artifacts"]["type"] == "CODEPIPELINE"):
        raise InvalidInputException(
            f"source type {source['type']} with artifacts type {doc['artifacts']['type']}: "
            f"with CodePipeline both must be CODEPIPELINE"
        )
    for member in (source, *doc.get("secondarySources", [])):
        _source(member)
    if source["type"] == "NO_SOURCE" and not source.get("buildspec", "").strip():
        raise InvalidInputException("source type NO_SOURCE needs a buildspec in source.buildspec, as YAML text")
    _check_identifier("secondarySources", "sourceIdentifier", doc)
    known = {item["sourceIdentifier"] for item in doc.get("secondarySources", [])}
    for version in doc.get("secondarySourceVersions", []):
        if version["sourceIdentifier"] not in known:
            raise InvalidInputException(
                f"secondarySourceVersions names {version['sourceIdentifier']!r}, no such source"
            )


def _source(source: Mapping[str, Any]) -> None:
    if source["type"] in _LOCATED and not source.get("location"):
        raise InvalidInputException(f"source type {source['type']} needs a location")
    if source["type"] == "S3" and "/" not in source["location"].removeprefix("arn:aws:s3:::"):
        raise InvalidInputException(
            f"source location {source['location']!r}: expected bucket/key.zip or bucket/folder/"
        )


def _artifacts(doc: Mapping[str, Any]) -> None:
    for member in (doc["artifacts"], *doc.get("secondaryArtifacts", [])):
        if member["type"] == "S3" and not member.get("location"):
            raise InvalidInputException("artifacts type S3 needs a location: the name of a bucket")
        path = f"{member.get('path', '')}/{member.get('name', '')}"
        if ".." in path.split("/"):
            raise InvalidInputException(f"artifacts path and name {path!r} may not contain '..'")
    _check_identifier("secondaryArtifacts", "artifactIdentifier", doc)


def _check_identifier(member: str, identifier: str, doc: Mapping[str, Any]) -> None:
    seen: set[str] = set()
    for item in doc.get(member, []):
        name = item.get(identifier, "")
        if not IDENTIFIER.fullmatch(name):
            raise InvalidInputException(
                f"each of {member} needs {identifier}: letters, digits, underscores; got {name!r}"
            )
        if name in seen:
            raise InvalidInputException(f"{member} has {identifier} {name!r} twice")
        seen.add(name)


def _environment(environment: Mapping[str, Any]) -> None:
    kind = environment["type"]
    if kind.startswith(("WINDOWS", "MAC")):
        raise InvalidInputException(f"environment type {kind}: builds run on this machine, which is neither")
    for variable in environment.get("environmentVariables", []):
        name = variable["name"]
        if not VARIABLE.fullmatch(name):
            raise InvalidInputException(f"environment variable {name!r}: letters, digits and underscores only")
        if name.startswith("CODEBUILD_"):
            raise InvalidInputException(f"environment variable {name}: names that begin with CODEBUILD_ are reserved")


def _cache(cache: Mapping[str, Any]) -> None:
    if cache["type"] == "S3" and not cache.get("location"):
        raise InvalidInputException("cache type S3 needs a location: bucket, or bucket/prefix")
    if cache["type"] == "LOCAL" and "LOCAL_DOCKER_LAYER_CACHE" in cache.get("modes", []):
        raise InvalidInputException(
            "loopback does not carry out LOCAL_DOCKER_LAYER_CACHE: there is no Docker in a build"
        )
