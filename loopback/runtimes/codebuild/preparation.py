"""What a build needs before its first command: sources, the buildspec's text, the variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopback.rows.codebuild import PipelineArtifacts
from loopback.runtimes.codebuild import environment, secrets
from loopback.runtimes.codebuild.build import Build
from loopback.runtimes.codebuild.faults import ClientFault
from loopback.runtimes.codebuild.sources import S3_ARN, Fetcher, missing
from loopback.runtimes.codebuild.specification import Buildspec
from loopback.runtimes.codebuild.walker import BuildspecError

_INLINE = re.compile(r"\s*(version\s*:|[{#]|---)")


@dataclass(frozen=True)
class Sources:
    """What was fetched: the version of the primary source, and the folders of the secondary ones by their names."""

    version: str
    secondary: Mapping[str, Path] = field(default_factory=dict)


def base(build: Build) -> dict[str, str]:
    """What every program of the build sees, with the credentials of its role. Raises ClientFault."""
    means = build.means
    try:
        given = means.credentials(build.role, f"AWSCodeBuild-{build.mark}")
    except Exception as fault:  # noqa: BLE001 - whatever STS said
        message = f"CodeBuild is not authorized to perform: sts:AssumeRole on service role {build.role}: {fault}"
        raise ClientFault(message) from None
    return {**environment.machine(build.folders, means.pip), **means.environ, **given, **_git(build)}


def _git(build: Build, *, credentials: bool = False) -> dict[str, str]:
    means = build.means
    url = means.environ["AWS_ENDPOINT_URL"]
    return environment.git(url, means.place.region, build.folders.home, credentials=credentials)


def fetch(build: Build, environ: Mapping[str, str]) -> Sources:
    """All sources in their folders. Raises PhaseFault, Halted."""
    fetcher = Fetcher(build.means.objects, environ, build.folders.tmp, build.limits)
    request = build.request
    if build.row.pipeline is not None:
        return _unzip(build, fetcher, build.row.pipeline)
    version = fetcher.fetch(request["source"], request.get("sourceVersion", ""), build.folders.src)
    versions = {v["sourceIdentifier"]: v["sourceVersion"] for v in request.get("secondarySourceVersions", [])}
    secondary = {}
    for source in request.get("secondarySources", []):
        name = source["sourceIdentifier"]
        secondary[name] = build.folders.secondary(name)
        fetcher.fetch(source, versions.get(name, ""), secondary[name])
    return Sources(version, secondary)


def _unzip(build: Build, fetcher: Fetcher, pipeline: PipelineArtifacts) -> Sources:
    secondary = {}
    for artifact in pipeline.inputs:
        folder = build.folders.src
        if artifact.name != pipeline.primary:
            folder = secondary[artifact.name] = build.folders.secondary(artifact.name)
        fetcher.unzip(artifact.bucket, artifact.key, folder)
    return Sources(build.request.get("resolvedSourceVersion", ""), secondary)


def buildspec_text(build: Build) -> str:
    """Inline text, an object of S3, or a file of the source. Raises BuildspecError, ClientFault."""
    given: str = build.request["source"].get("buildspec") or "buildspec.yml"
    if "\n" in given or _INLINE.match(given):
        return given
    if given.startswith(S3_ARN):
        bucket, _, key = given.removeprefix(S3_ARN).partition("/")
        with missing(given):
            return build.means.objects.read(bucket, key).decode(errors="replace")
    root = build.folders.src.resolve()
    path = (root / given).resolve()
    if not path.is_relative_to(root):
        raise BuildspecError(f"the buildspec {given!r} is not below the source folder")
    if not path.is_file():
        raise BuildspecError(f"there is no buildspec {given!r} in the source; source.buildspec names another one")
    return path.read_text(errors="replace")


def variables(
    build: Build, spec: Buildspec, base: Mapping[str, str], sources: Sources
) -> tuple[dict[str, str], dict[str, str]]:
    """The environment of the shell, and the part of it that is secret. Raises ClientFault."""

    def client(service: str) -> Any:
        return build.means.client(service, build.role)

    told = codebuild(build, sources)
    plain, secret = secrets.of_buildspec(spec, client)
    given, more = secrets.of_project(build.request["environment"].get("environmentVariables", []), client)
    git = _git(build, credentials=spec.git_credentials)
    return environment.merge([base, git, told, plain, secret, given, more]), secret | more


def codebuild(build: Build, sources: Sources) -> dict[str, str]:
    """The CODEBUILD_* variables."""
    doc = build.request
    told = {
        "CODEBUILD_CI": "true",
        "CODEBUILD_BUILD_ARN": build.arn,
        "CODEBUILD_BUILD_ID": build.row.name,
        "CODEBUILD_BUILD_NUMBER": str(doc["buildNumber"]),
        "CODEBUILD_BUILD_IMAGE": doc["environment"]["image"],
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_INITIATOR": doc["initiator"],
        "CODEBUILD_LOG_PATH": build.row.logs.get("streamName", ""),
        "CODEBUILD_RESOLVED_SOURCE_VERSION": sources.version,
        "CODEBUILD_SOURCE_VERSION": doc.get("sourceVersion", ""),
        "CODEBUILD_SOURCE_REPO_URL": doc["source"].get("location", ""),
        "CODEBUILD_SRC_DIR": str(build.folders.src),
        "CODEBUILD_START_TIME": str(int(build.row.created * 1000)),
        "CODEBUILD_KMS_KEY_ID": doc.get("encryptionKey", ""),
    }
    if build.row.part_of:
        told["CODEBUILD_BATCH_BUILD_IDENTIFIER"] = build.row.part_of.identifier
    return told | {environment.source_variable(name): str(folder) for name, folder in sources.secondary.items()}
