"""A build's source code: from the pipeline's artifacts, from S3, from repositories of this loopback."""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.objects import Objects
from loopback.runtimes.codebuild import zips
from loopback.runtimes.codebuild.faults import ClientFault, PhaseFault
from loopback.runtimes.codebuild.machine import TICK, BuildLimits, Halted

S3_ARN = "arn:aws:s3:::"
_PROVIDERS = ("GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET")
_CONNECTION = re.compile(r"arn:aws:code(?:star-)?connections:([a-z0-9-]+):(\d{12}):connection/([A-Za-z0-9-]+)")
_REPOSITORY = re.compile(r"https://(?:[^/@]*@)?[^/]+/([^?#]+?)(?:\.git)?/?")
_VERSION = re.compile(r"[A-Za-z0-9_./^{}~@+-]+")


@dataclass(frozen=True)
class Fetcher:
    """Fetches sources. `environ` is what git is run with; `scratch` takes files on their way."""

    objects: Objects
    environ: Mapping[str, str]
    scratch: Path
    limits: BuildLimits

    def fetch(self, source: Mapping[str, Any], version: str, folder: Path) -> str:
        """Put a source into a folder; the version that it turned out to be. Raises PhaseFault, Halted."""
        folder.mkdir(parents=True, exist_ok=True)
        kind = source["type"]
        if kind == "NO_SOURCE":
            return ""
        if kind == "S3":
            return self._from_s3(source["location"], folder)
        if kind == "CODECOMMIT" or kind in _PROVIDERS:
            return self._clone(source, version, folder)
        raise ClientFault(f"a source of type {kind} cannot be fetched here")

    def unzip(self, bucket: str, key: str, folder: Path) -> None:
        """Unpack a zip object into a folder. Raises PhaseFault."""
        self.limits.check()
        archive = self.scratch / f"source-{time.monotonic_ns()}.zip"
        try:
            with missing(f"s3://{bucket}/{key}"):
                self.objects.fetch(bucket, key, archive)
                zips.unpack(archive, folder, f"s3://{bucket}/{key}")
        finally:
            archive.unlink(missing_ok=True)

    def _from_s3(self, location: str, folder: Path) -> str:
        bucket, _, key = location.removeprefix(S3_ARN).partition("/")
        with missing(f"s3://{bucket}/{key}"):
            found = self.objects.list(bucket, key)
        exact = [item for item in found if item.key == key]
        if exact and not key.endswith("/"):
            self.unzip(bucket, key, folder)
            return exact[0].etag
        prefix = key if key.endswith("/") or not key else f"{key}/"
        below = [item.key for item in found if item.key.startswith(prefix) and not item.key.endswith("/")]
        if not below:
            raise ClientFault(f"NoSuchKey: there is no object s3://{bucket}/{key}, and none below it")
        for name in below:
            self.limits.check()
            place = PurePosixPath(name[len(prefix) :])
            if ".." in place.parts or place.is_absolute():
                raise ClientFault(f"the key {name!r} leads out of the source folder")
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            with missing(f"s3://{bucket}/{name}"):
                self.objects.fetch(bucket, name, target)
        return ""

    def _clone(self, source: Mapping[str, Any], version: str, folder: Path) -> str:
        url = repository_url(source, self.environ.get("AWS_ENDPOINT_URL", ""))
        if version and (version.startswith("-") or not _VERSION.fullmatch(version)):
            raise ClientFault(f"source version {version!r} is not the name of a commit, branch or tag")
        depth = source.get("gitCloneDepth", 0)
        shallow = ["--depth", str(depth)] if depth and not version else []
        self._git(["clone", "--quiet", *shallow, "--", url, str(folder)], self.scratch)
        if version:
            self._git(["checkout", "--quiet", version, "--"], folder)
        if source.get("gitSubmodulesConfig", {}).get("fetchSubmodules"):
            self._git(["submodule", "update", "--quiet", "--init", "--recursive"], folder)
        return self._git(["rev-parse", "HEAD"], folder).strip()

    def _git(self, arguments: list[str], folder: Path) -> str:
        git = subprocess.Popen(
            ["git", *arguments],
            cwd=folder,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while True:
            try:
                output, _ = git.communicate(timeout=TICK)
                break
            except subprocess.TimeoutExpired:
                try:
                    self.limits.check()
                except Halted:
                    git.kill()
                    git.communicate()
                    raise
        text = output.decode(errors="replace")
        if git.returncode:
            words = " ".join(text.split())[-700:]
            raise ClientFault(f"git {arguments[0]} failed with exit status {git.returncode}: {words}")
        return text


def repository_url(source: Mapping[str, Any], own: str = "") -> str:
    """The URL to clone. A provider's repository is reached through a connection of this loopback, which is at `own`.

    Raises ClientFault.

    >>> repository_url({"type": "CODECOMMIT", "location": "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/r"})
    'https://git-codecommit.us-east-1.amazonaws.com/v1/repos/r'
    """
    location: str = source["location"]
    host = re.fullmatch(r"https://([a-z0-9.-]+\.amazonaws\.com)/[A-Za-z0-9_./-]+", location)
    if host and re.match(r"(git-codecommit|codeconnections|codestar-connections)\.", host[1]):
        return location
    if own and re.fullmatch(re.escape(own) + r"/(v1/repos|git-http|git)/[A-Za-z0-9_./-]+", location):
        return location
    auth = source.get("auth", {})
    connection = _CONNECTION.fullmatch(auth.get("resource", ""))
    repository = _REPOSITORY.fullmatch(location)
    if source["type"] in _PROVIDERS and connection and repository and ".." not in repository[1]:
        region, account, mark = connection.groups()
        path = f"{account}/{region}/{mark}/{repository[1]}.git"
        return f"https://codeconnections.{region}.amazonaws.com/git-http/{path}"
    raise ClientFault(
        f"source location {location!r} of type {source['type']} cannot be reached from here; use a CodeCommit "
        f"repository of this loopback, or give source.auth: type CODECONNECTIONS, resource a connection's ARN"
    )


@contextmanager
def missing(what: str) -> Iterator[None]:
    """Turn errors of S3, zip files and the disk into a phase's fault."""
    try:
        yield
    except ServiceError as fault:
        raise ClientFault(f"{fault.code}: {fault}") from None
    except zips.BadZip as fault:
        raise ClientFault(str(fault)) from None
    except OSError as fault:
        raise PhaseFault("INTERNAL_SERVICE_ERROR", f"{what}: {fault}", "FAULT") from None
