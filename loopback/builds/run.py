"""One build from its row to its end: what each phase does. Which phase follows is decided by the table."""

import gzip
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopback.builds import caches, environment, python_home, runtimes, secrets, zips
from loopback.builds.artifacts import Sender
from loopback.builds.buildspec import BuildspecError, parse
from loopback.builds.environment import Folders
from loopback.builds.faults import ClientFault, PhaseFault
from loopback.builds.log import Log
from loopback.builds.machine import Halted, Limits, LostMachine, Machine, Setting, born
from loopback.builds.phases import Announce, Phases
from loopback.builds.reports import Reporter
from loopback.builds.sources import S3_ARN, Fetcher, missing
from loopback.builds.specification import COMMAND_PHASES, Buildspec, OnFailure, Phase
from loopback.builds.transitions import FIRST, LAST, SUCCEEDED, following
from loopback.core.arn import Place
from loopback.core.artifacts import Artifact
from loopback.core.errors import ServiceError
from loopback.core.kinds import BUILD
from loopback.core.objects import Objects
from loopback.core.store import Resource, Store
from loopback.workers.ports import Logs

own_log = logging.getLogger("loopback")
LOST = "INTERNAL_SERVICE_ERROR"


@dataclass(frozen=True)
class Means:
    """Everything that builds touch outside their folders.

    `environ` is what an AWS client of this loopback needs; `credentials(role, session)` replaces its account part.
    `client(service, role)` makes a boto3 client. `minute` is in seconds; `clock` returns epoch seconds.
    """

    store: Store
    place: Place
    objects: Objects
    logs: Logs
    credentials: Callable[[str, str], Mapping[str, str]]
    client: Callable[[str, str], Any]
    environ: Mapping[str, str]
    folder: Path
    announce: Announce
    clock: Callable[[], float] = time.time
    minute: float = 60.0


class Run:
    """One build. Call `run` once, on a thread of its own; `stop` ends it early."""

    def __init__(self, row: Resource, means: Means, tools: python_home.Tools, stop: threading.Event) -> None:
        self._row, self._doc, self._means, self._tools = row, row.doc, means, tools
        self._project, _, self._mark = row.name.partition(":")
        self._arn = means.place.arn(f"build/{row.name}", "codebuild")
        self._folders = Folders(means.folder / self._mark)
        self._limits = Limits(stop, time.monotonic() + row.doc["timeoutInMinutes"] * means.minute)
        self._phases = Phases(means.store, row.name, means.announce, means.clock)
        self._spec = Buildspec()
        self._log: Log | None = None
        self._machine: Machine | None = None
        self._git: dict[str, str] = {}
        self._resolved: str = row.doc.get("resolvedSourceVersion", "")
        self._secret: dict[str, str] = {}
        self._cache_hit: str | None = None
        self._result: dict[str, Any] = {}
        self._carried = {
            "SUBMITTED": lambda: None,
            "QUEUED": self._leave_queue,
            "PROVISIONING": self._provision,
            "DOWNLOAD_SOURCE": self._download,
            "UPLOAD_ARTIFACTS": self._upload,
            "FINALIZING": self._finalize,
        }

    def run(self) -> dict[str, Any]:
        """Go through the phases; the result for the row, with `status` beside it."""
        phase = FIRST
        while phase != LAST:
            self._phases.begin(phase, at=self._row.created if phase in (FIRST, "QUEUED") else None)
            status, contexts = self._carry_out(phase)
            self._phases.end(status, contexts)
            self._tell(phase, status, contexts)
            said = self._spec.phases.get(phase, Phase()).on_failure
            phase = following(phase, status, said.action if said else None)
        self._phases.begin(LAST)
        self._abandon()
        result: dict[str, Any] = {"exported": {}, "resolvedSourceVersion": self._resolved or None, **self._result}
        result |= {"phases": self._phases.passed, "currentPhase": LAST, "failure": self._phases.failure}
        result["endTime"] = self._means.clock()
        return {"status": self._phases.status, "result": result}

    def _carry_out(self, phase: str) -> tuple[str, list[dict[str, str]]]:
        try:
            if phase != "FINALIZING":
                self._limits.check()
            if phase in COMMAND_PHASES:
                self._command_phase(phase)
            else:
                self._carried[phase]()
        except PhaseFault as fault:
            message = self._log.masked(fault.message) if self._log else fault.message
            return fault.status, [{"statusCode": fault.code, "message": message}]
        except Halted as halt:
            return halt.status, [{"statusCode": f"BUILD_{halt.status}", "message": _HALTED[halt.status]}]
        except LostMachine:
            return "FAULT", [{"statusCode": LOST, "message": "the processes of the build were ended from outside"}]
        except Exception:  # noqa: BLE001 - a defect of ours ends this build, not the thread
            own_log.exception("build %s", self._row.name)
            return "FAULT", [{"statusCode": LOST, "message": "loopback failed to run the build; see its log"}]
        return SUCCEEDED, []

    def _tell(self, phase: str, status: str, contexts: list[dict[str, str]]) -> None:
        if self._log is not None:
            self._log.say(f"Phase complete: {phase} State: {status}")
            context = contexts[0] if contexts else {"statusCode": "", "message": ""}
            self._log.say(f"Phase context status code: {context['statusCode']} Message: {context['message']}")

    def _leave_queue(self) -> None:
        waited = self._means.clock() - self._row.created
        if waited > self._doc.get("queuedTimeoutInMinutes", 480) * self._means.minute:
            raise PhaseFault("BUILD_TIMED_OUT", "the build has waited in the queue for too long", "TIMED_OUT")

    def _provision(self) -> None:
        """The folder, the Python, the log, the role's credentials."""
        folders = self._folders
        for folder in (folders.src, folders.home, folders.tmp, self._means.folder / "pip"):
            folder.mkdir(parents=True, exist_ok=True)
        python_home.make(folders.root / "python")
        (folders.root / "tools").symlink_to(self._tools.folder())
        logs = self._row.result["logs"]
        target = (logs["groupName"], logs["streamName"]) if logs else None
        self._log = Log(self._means.logs, target, folders.root / "log", self._means.clock)
        self._log.say(f"Running on this machine as {self._doc['environment']['image']}")
        if self._doc.get("vpcConfig"):
            self._log.say("vpcConfig has no effect here: builds use this machine's network")
        role = self._doc.get("serviceRole", "")
        try:
            given = self._means.credentials(role, f"AWSCodeBuild-{self._mark}")
        except Exception as fault:  # noqa: BLE001 - whatever STS said
            message = f"CodeBuild is not authorized to perform: sts:AssumeRole on service role {role}: {fault}"
            raise ClientFault(message) from None
        self._git = environment.git(
            self._means.environ["AWS_ENDPOINT_URL"], self._means.place.region, folders.home, credentials=False
        )
        self._base = {**environment.machine(folders, self._means.folder / "pip"), **self._means.environ, **given}

    def _download(self) -> None:
        """Sources, the buildspec, the variables; then the shell's machine, and what the cache has kept."""
        log = self._open_log
        log.say("Waiting for DOWNLOAD_SOURCE")
        places = self._fetch()
        try:
            self._spec = parse(self._buildspec_text())
            runtimes.check(self._spec.runtimes, runtimes.installed_here)
        except BuildspecError as fault:
            raise PhaseFault("YAML_FILE_ERROR", str(fault)) from None
        environ = self._environ(places)
        shell = environment.shell(self._spec.shell)
        self._machine = Machine(Setting(self._folders.root / "shell", self._folders.src, shell, environ), log)
        process = {"pid": self._machine.pid, "born": born(self._machine.pid)}
        self._means.store.amend(BUILD, self._row.name, "machine", result={"machine": process})
        self._restore_cache()

    def _fetch(self) -> dict[str, Path]:
        """All sources in their folders; the folders of the secondary ones by their names."""
        fetcher = Fetcher(self._means.objects, {**self._base, **self._git}, self._folders.tmp, self._limits)
        pipeline = self._doc.get("pipeline")
        if pipeline is not None:
            places = {}
            for item in pipeline["inputs"]:
                primary = item["name"] == pipeline["primary"]
                folder = self._folders.src if primary else self._folders.secondary(item["name"])
                fetcher.unzip(item["bucket"], item["key"], folder)
                if not primary:
                    places[item["name"]] = folder
            return places
        resolved = fetcher.fetch(self._doc["source"], self._doc.get("sourceVersion", ""), self._folders.src)
        self._resolved = resolved or self._resolved
        versions = {v["sourceIdentifier"]: v["sourceVersion"] for v in self._doc.get("secondarySourceVersions", [])}
        places = {}
        for source in self._doc.get("secondarySources", []):
            name = source["sourceIdentifier"]
            places[name] = self._folders.secondary(name)
            fetcher.fetch(source, versions.get(name, ""), places[name])
        return places

    def _buildspec_text(self) -> str:
        """Inline text, an object of S3, or a file of the source."""
        given: str = self._doc["source"].get("buildspec") or "buildspec.yml"
        if "\n" in given or re.match(r"\s*(version\s*:|[{#]|---)", given):
            return given
        if given.startswith(S3_ARN):
            bucket, _, key = given.removeprefix(S3_ARN).partition("/")
            with missing(given):
                return self._means.objects.read(bucket, key).decode(errors="replace")
        path = (self._folders.src / given).resolve()
        if not path.is_relative_to(self._folders.src.resolve()):
            raise BuildspecError(f"the buildspec {given!r} is not below the source folder")
        if not path.is_file():
            raise BuildspecError(f"there is no buildspec {given!r} in the source; source.buildspec names another one")
        return path.read_text(errors="replace")

    def _environ(self, places: Mapping[str, Path]) -> dict[str, str]:
        role = self._doc.get("serviceRole", "")

        def client(service: str) -> Any:
            return self._means.client(service, role)

        variables = self._doc["environment"].get("environmentVariables", [])
        spec_plain, spec_secret = secrets.of_buildspec(self._spec, client)
        plain, secret = secrets.of_project(variables, client)
        self._secret = spec_secret | secret
        self._open_log.mask(self._secret.values())
        git = environment.git(
            self._means.environ["AWS_ENDPOINT_URL"],
            self._means.place.region,
            self._folders.home,
            credentials=self._spec.git_credentials,
        )
        return environment.merged([self._base, git, self._told(places), spec_plain, spec_secret, plain, secret])

    def _told(self, places: Mapping[str, Path]) -> dict[str, str]:
        """The CODEBUILD_* variables."""
        doc = self._doc
        told = {
            "CODEBUILD_CI": "true",
            "CODEBUILD_BUILD_ARN": self._arn,
            "CODEBUILD_BUILD_ID": self._row.name,
            "CODEBUILD_BUILD_NUMBER": str(doc["buildNumber"]),
            "CODEBUILD_BUILD_IMAGE": doc["environment"]["image"],
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_INITIATOR": doc["initiator"],
            "CODEBUILD_LOG_PATH": self._row.result["logs"].get("streamName", ""),
            "CODEBUILD_RESOLVED_SOURCE_VERSION": self._resolved,
            "CODEBUILD_SOURCE_VERSION": doc.get("sourceVersion", ""),
            "CODEBUILD_SOURCE_REPO_URL": doc["source"].get("location", ""),
            "CODEBUILD_SRC_DIR": str(self._folders.src),
            "CODEBUILD_START_TIME": str(int(self._row.created * 1000)),
            "CODEBUILD_KMS_KEY_ID": doc.get("encryptionKey", ""),
        }
        return told | {environment.source_variable(name): str(folder) for name, folder in places.items()}

    def _command_phase(self, phase: str) -> None:
        wanted = self._spec.phases.get(phase, Phase())
        log = self._open_log
        log.say(f"Entering phase {phase}")
        retry = wanted.on_failure or OnFailure("")
        for attempt in range(retry.attempts + 1):
            log.forget()
            failed = self._attempt(wanted)
            if failed is None:
                return
            again = attempt < retry.attempts and (retry.pattern is None or re.search(retry.pattern, log.recent))
            if not again:
                break
            log.say(f"Retrying phase {phase}: attempt {attempt + 1} of {retry.attempts}")
        command, status = failed or ("", 0)
        message = f"Error while executing command: {command}. Reason: exit status {status}"
        raise PhaseFault("COMMAND_EXECUTION_ERROR", message)

    def _attempt(self, wanted: Phase) -> tuple[str, int] | None:
        """Run a phase's commands up to the first that fails, and `finally` in any case; the first failure."""
        failed: tuple[str, int] | None = None
        for commands in (wanted.commands, wanted.lastly):
            for command in commands:
                self._open_log.say(f"Running command {command}")
                succeeding = failed is None and self._phases.status == SUCCEEDED
                status = self._open_machine.run(command, self._limits, succeeding=succeeding)
                if status:
                    self._open_log.say(f"Command did not exit successfully {command} exit status {status}")
                    failed = failed or (command, status)
                    break
        return failed

    def _upload(self) -> None:
        """Exported variables, reports, artifacts, the cache: each is attempted; the first fault is told."""
        succeeding = self._phases.status == SUCCEEDED
        shell = self._open_machine.environment(self._limits)
        self._result["exported"] = environment.exported(self._spec.exported, shell, self._secret)
        faults: list[PhaseFault] = []
        for work in (self._upload_reports, self._upload_artifacts, *([self._save_cache] if succeeding else [])):
            try:
                work()
            except PhaseFault as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def _upload_reports(self) -> None:
        means = self._means
        reporter = Reporter(means.store, means.place, self._project, self._arn, means.clock)
        for name, files in self._spec.reports.items():
            self._open_log.say(f"Preparing to copy TEST report {name}")
            arn = reporter.report(name, files, self._folders.src)
            self._result["reportArns"] = [*self._result.get("reportArns", []), arn]

    def _upload_artifacts(self) -> None:
        sender = Sender(self._means.objects, self._folders.src, self._folders.tmp, self._project, self._mark)
        spec, pipeline = self._spec, self._doc.get("pipeline")
        if pipeline is not None:
            sender.to_pipeline(spec, [Artifact(**item) for item in pipeline["outputs"]])
            return
        config = self._doc["artifacts"]
        if config["type"] == "S3":
            if spec.artifacts is None:
                raise ClientFault("the project has artifacts of type S3, and the buildspec has no artifacts")
            self._result["artifacts"] = sender.to_s3(spec.artifacts, config, self._expanded(spec.artifacts.name))
        for config in self._doc.get("secondaryArtifacts", []):
            name = config["artifactIdentifier"]
            files = spec.secondary.get(name)
            if files is None:
                raise ClientFault(f"the buildspec has no secondary artifact {name}; it has {', '.join(spec.secondary)}")
            sent = sender.to_s3(files, config, self._expanded(files.name))
            self._result["secondaryArtifacts"] = [*self._result.get("secondaryArtifacts", []), sent]

    def _expanded(self, text: str) -> str:
        return self._open_machine.expand(text, self._limits)

    @property
    def _cache(self) -> caches.Place | None:
        config = self._doc.get("cache", {})
        return caches.place_of(config, self._project, self._means.objects, self._means.folder / "cache")

    def _restore_cache(self) -> None:
        wanted, place = self._spec.cache, self._cache
        if wanted is None or place is None or wanted.action == "save":
            return
        keys = [self._expanded(key) for key in (wanted.key or "default", *wanted.fallback_keys)]
        try:
            self._cache_hit = caches.restore(place, keys, self._folders)
        except zips.BadZip as fault:
            self._open_log.say(f"Unable to restore the cache: {fault}")
        self._open_log.say(f"Cache: {'restored ' + self._cache_hit if self._cache_hit else 'nothing to restore'}")

    def _save_cache(self) -> None:
        wanted, place = self._spec.cache, self._cache
        if wanted is None or place is None or wanted.action == "restore":
            return
        try:
            key = self._expanded(wanted.key or "default")
            caches.save(place, key, wanted.paths, self._folders, self._open_log.say)
        except (ServiceError, OSError) as fault:
            self._open_log.say(f"Unable to save the cache: {fault}")

    def _finalize(self) -> None:
        """What the build has started ends here; the log goes to S3 where the project says so."""
        self._abandon(keep_log=True)
        config = self._doc.get("logsConfig", {}).get("s3Logs", {})
        if self._log is None or config.get("status") != "ENABLED":
            return
        bucket, _, prefix = config["location"].removeprefix(S3_ARN).partition("/")
        packed = self._folders.tmp / "log.gz"
        self._log.flush()
        with (self._folders.root / "log").open("rb") as text, gzip.open(packed, "wb") as target:
            shutil.copyfileobj(text, target)
        key = f"{prefix.strip('/')}/{self._mark}.gz".lstrip("/")
        with missing(f"s3://{bucket}/{key}"):
            self._means.objects.store(bucket, key, packed)

    def _abandon(self, *, keep_log: bool = False) -> None:
        if self._machine is not None:
            self._machine.close()
            self._machine = None
        if self._log is not None and not keep_log:
            self._log.close()
            self._log = None

    @property
    def _open_log(self) -> Log:
        assert self._log is not None
        return self._log

    @property
    def _open_machine(self) -> Machine:
        assert self._machine is not None
        return self._machine


_HALTED = {"STOPPED": "Build was stopped", "TIMED_OUT": "Build has timed out"}
