"""What a build hands on: files chosen by the buildspec, to the pipeline's zip objects or to S3."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.core.objects import Objects
from loopback.runtimes.codebuild import globs, zips
from loopback.runtimes.codebuild.faults import ClientFault
from loopback.runtimes.codebuild.sources import S3_ARN, missing
from loopback.runtimes.codebuild.specification import Buildspec, FilePatterns

PRIMARY = ""  # the name of an output that is the primary artifact, whatever else there is


@dataclass(frozen=True)
class Sender:
    """Sends artifacts of one build. `root` is its source folder, `mark` the part of its id after the colon."""

    objects: Objects
    root: Path
    scratch: Path
    project: str
    mark: str

    def to_pipeline(self, spec: Buildspec, outputs: Sequence[Artifact]) -> None:
        """The zip of every output artifact. Raises PhaseFault."""
        for output, files in for_outputs(spec, outputs):
            self._zip(files, output.bucket, output.key)

    def to_s3(self, files: FilePatterns, config: Mapping[str, Any]) -> dict[str, Any]:
        """What AWS calls BuildArtifacts. Raises PhaseFault."""
        bucket = config["location"].removeprefix(S3_ARN)
        key = location(config, self.project, self.mark, files.name, files.s3_prefix)
        if config.get("packaging") == "ZIP":
            sums = self._zip(files, bucket, key)
        else:
            prefix = f"{key}/" if key else ""
            for path, file in _select_files(self.root, files):
                with missing(f"s3://{bucket}/{prefix}{path}"):
                    self.objects.store(bucket, prefix + path, file)
            sums = {}
        shared = {member: config[member] for member in ("artifactIdentifier", "encryptionDisabled") if member in config}
        override = {"overrideArtifactName": config.get("overrideArtifactName", False)}
        return {"location": f"{S3_ARN}{bucket}/{key}", **shared, **override, **sums}

    def _zip(self, files: FilePatterns, bucket: str, key: str) -> dict[str, Any]:
        archive = self.scratch / "artifact.zip"
        found = _select_files(self.root, files)
        with missing(f"s3://{bucket}/{key}"):
            zips.pack(found, archive, links=files.symlinks)
            with archive.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            with archive.open("rb") as content:
                md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            self.objects.store(bucket, key, archive)
        archive.unlink()
        return {"sha256sum": sha256, "md5sum": md5}


def for_outputs(spec: Buildspec, outputs: Sequence[Artifact]) -> list[tuple[Artifact, FilePatterns]]:
    """Which files become which output: by name those of secondary-artifacts, the primary artifact where there is one.

    The buildspec has artifacts. Raises ClientFault for an output that it says nothing about.
    """
    found = []
    for output in outputs:
        files = spec.artifacts if output.name == PRIMARY else spec.secondary.get(output.name)
        if files is None and len(outputs) == 1 and not spec.secondary:
            files = spec.artifacts
        if files is None:
            known = ", ".join(spec.secondary) or "none"
            raise ClientFault(
                f"the pipeline expects {name_outputs([output])}, for which the buildspec has no files; "
                f"secondary-artifacts of the buildspec: {known}"
            )
        found.append((output, files))
    return found


def name_outputs(outputs: Sequence[Artifact]) -> str:
    """Outputs by their names, for people."""
    return ", ".join("a primary artifact" if one.name == PRIMARY else f"the artifact {one.name}" for one in outputs)


def location(config: Mapping[str, Any], project: str, mark: str, name: str, prefix: str = "") -> str:
    """The key of an S3 artifact, or what its files' keys begin with.

    >>> location({"path": "out", "namespaceType": "BUILD_ID", "name": "app.zip"}, "p", "id", "")
    'out/id/app.zip'
    """
    named = name if config.get("overrideArtifactName") and name else config.get("name") or project
    namespace = mark if config.get("namespaceType") == "BUILD_ID" else ""
    parts = [config.get("path", ""), prefix, namespace, named]
    key = "/".join(part.strip("/") for part in parts if part.strip("/") not in ("", "."))
    if ".." in key.split("/"):
        raise ClientFault(f"the artifact name {named!r} may not contain '..'")
    return key


def _select_files(root: Path, files: FilePatterns) -> list[tuple[str, Path]]:
    try:
        return globs.select(root, files)
    except globs.NoSuchFiles as fault:
        raise ClientFault(str(fault)) from None
