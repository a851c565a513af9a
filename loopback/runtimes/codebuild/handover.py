"""What outlives a build: its reports, its artifacts, its cache, its log."""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.permissions import PermissionCheck
from loopback.runtimes.codebuild import caches, zips
from loopback.runtimes.codebuild.artifacts import Sender, name_outputs
from loopback.runtimes.codebuild.build import Build
from loopback.runtimes.codebuild.faults import ClientFault, PhaseFault
from loopback.runtimes.codebuild.formats.table import CODE_COVERAGE, FORMATS, TEST
from loopback.runtimes.codebuild.reports import Reporter
from loopback.runtimes.codebuild.sources import S3_ARN, missing
from loopback.runtimes.codebuild.specification import Buildspec, FilePatterns

REPORTING = ("CreateReportGroup", "CreateReport", "UpdateReport")  # what a report takes, and by its type:
PUTTING = {TEST: "BatchPutTestCases", CODE_COVERAGE: "BatchPutCodeCoverages"}


@dataclass(frozen=True)
class Handover:
    """Of one build. `expand` evaluates text in the build's shell, `say` writes to its log.

    `sent` fills up with members of AWS's Build: artifacts and reports.
    """

    build: Build
    spec: Buildspec
    expand: Callable[[str], str]
    say: Callable[[str], None]
    sent: dict[str, Any] = field(default_factory=dict)

    def upload(self, *, succeeding: bool) -> None:
        """Reports, artifacts and the cache: each is attempted, then the first fault is raised."""
        faults: list[PhaseFault] = []
        for work in (self._reports, self._artifacts, *([self._save_cache] if succeeding else [])):
            try:
                work()
            except PhaseFault as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def _reports(self) -> None:
        means = self.build.means
        reporter = Reporter(means.store, means.place, self.build.project, self.build.arn, means.clock)
        for written, files in self.spec.reports.items():
            name, kind = self._text(written), FORMATS[files.format].type
            self._may_report(name, kind)
            self.say(f"Preparing to copy {kind} report {name}")
            arn = reporter.report(name, self._expand_files(files), self.build.folders.src)
            self.sent["reportArns"] = [*self.sent.get("reportArns", []), arn]

    def _may_report(self, name: str, kind: str) -> None:
        """The build's role writes reports. Raises ClientFault."""
        build, acting = self.build, self.build.means.acting
        if acting is None:
            return
        group = name if name.startswith("arn:") else f"report-group/{build.project}-{name}"
        arn = group if group.startswith("arn:") else build.means.place.arn(group, "codebuild")
        try:
            acting.permit(
                build.role, [PermissionCheck(f"codebuild:{action}", arn) for action in (*REPORTING, PUTTING[kind])]
            )
        except ServiceError as fault:
            raise ClientFault(str(fault)) from None

    def _text(self, text: str) -> str:
        """Text with its variables. What is empty then stays as it is written: a message can name it."""
        return self.expand(text) or text

    def _expand_files(self, files: FilePatterns) -> FilePatterns:
        """The variables of a buildspec's patterns have the values that the build's commands have left."""
        return replace(
            files,
            files=tuple(self._text(text) for text in files.files),
            exclude=tuple(self._text(text) for text in files.exclude),
            base_directory=self._text(files.base_directory),
            name=self.expand(files.name),
            s3_prefix=self.expand(files.s3_prefix),
        )

    def _artifacts(self) -> None:
        build, spec = self.build, self._evaluated_artifacts()
        sender = Sender(build.means.objects, build.folders.src, build.folders.tmp, build.project, build.mark)
        pipeline, config = build.row.pipeline, build.request["artifacts"]
        if pipeline is not None:
            outputs = list(pipeline.outputs)
            if outputs and spec.artifacts is None and not spec.secondary:
                self.say(f"The buildspec has no artifacts: nothing is uploaded for {name_outputs(outputs)}")
            else:
                sender.to_pipeline(spec, outputs)
            return
        if config["type"] == "S3":
            if spec.artifacts is None:
                raise ClientFault("the project has artifacts of type S3, and the buildspec has no artifacts")
            self.sent["artifacts"] = sender.to_s3(spec.artifacts, config)
        for config in build.request.get("secondaryArtifacts", []):
            name = config["artifactIdentifier"]
            files = spec.secondary.get(name)
            if files is None:
                known = ", ".join(spec.secondary) or "none"
                raise ClientFault(f"the buildspec has no files for the secondary artifact {name}; it has {known}")
            artifact = sender.to_s3(files, config)
            self.sent["secondaryArtifacts"] = [*self.sent.get("secondaryArtifacts", []), artifact]

    def _evaluated_artifacts(self) -> Buildspec:
        primary = self.spec.artifacts
        secondary = {name: self._expand_files(files) for name, files in self.spec.secondary.items()}
        return replace(self.spec, artifacts=primary and self._expand_files(primary), secondary=secondary)

    @property
    def _cache(self) -> caches.CacheStore | None:
        build = self.build
        folder = build.means.folder / "cache"
        return caches.place_of(build.request.get("cache", {}), build.project, build.means.objects, folder)

    def restore_cache(self) -> None:
        """Unpack what an earlier build has kept. A cache that cannot be had is no fault."""
        wanted, place = self.spec.cache, self._cache
        if wanted is None or place is None or wanted.action == "save":
            return
        try:
            keys = [self.expand(key) for key in (wanted.key or "default", *wanted.fallback_keys)]
            found = caches.restore(place, keys, self.build.folders)
        except (zips.BadZip, OSError) as fault:
            self.say(f"Unable to restore the cache: {fault}")
            return
        self.say("Cache: nothing to restore" if found is None else f"Cache: restored {found}")

    def _save_cache(self) -> None:
        wanted, place = self.spec.cache, self._cache
        if wanted is None or place is None or wanted.action == "restore":
            return
        try:
            paths = [self._text(path) for path in wanted.paths]
            caches.save(place, self.expand(wanted.key or "default"), paths, self.build.folders, self.say)
        except (ServiceError, OSError) as fault:
            self.say(f"Unable to save the cache: {fault}")


def log_to_s3(build: Build, log: Path) -> None:
    """The log as a gz object where the project asks for one. Raises PhaseFault."""
    config = build.request.get("logsConfig", {}).get("s3Logs", {})
    if config.get("status") != "ENABLED":
        return
    bucket, _, prefix = config["location"].removeprefix(S3_ARN).partition("/")
    packed = build.folders.tmp / "log.gz"
    key = f"{prefix.strip('/')}/{build.mark}.gz".lstrip("/")
    with missing(f"s3://{bucket}/{key}"):
        with log.open("rb") as text, gzip.open(packed, "wb") as target:
            shutil.copyfileobj(text, target)
        build.means.objects.store(bucket, key, packed)
