"""One build from its row to its end: what each phase does. Which phase follows is decided by the table."""

import logging
import re
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from loopback.rows.codebuild import BuildResult, BuildRow, MachineProcess
from loopback.rows.row import changes
from loopback.runtimes.codebuild import batchspec, environment, preparation, python_home, runtimes
from loopback.runtimes.codebuild.build import Build, BuildDependencies
from loopback.runtimes.codebuild.buildspec import parse
from loopback.runtimes.codebuild.faults import PhaseFault
from loopback.runtimes.codebuild.handover import Handover, log_to_s3
from loopback.runtimes.codebuild.log import Log
from loopback.runtimes.codebuild.machine import BuildLimits, Halted, LostMachine, Machine, Setting, start_time
from loopback.runtimes.codebuild.phases import Phases
from loopback.runtimes.codebuild.specification import COMMAND_PHASES, Buildspec, OnFailure, Phase
from loopback.runtimes.codebuild.transitions import FIRST, LAST, SUCCEEDED, following
from loopback.runtimes.codebuild.walker import BuildspecError

own_log = logging.getLogger("loopback")
LOST = "INTERNAL_SERVICE_ERROR"


@dataclass(frozen=True)
class BuildEnded:
    """How a build has ended; `outcome` are `changes` of its row."""

    status: str
    outcome: dict[str, Any]


class BuildRun:
    """One build. Call `run` once, on a thread of its own; `stop` ends it early."""

    def __init__(
        self, row: BuildRow, means: BuildDependencies, tools: python_home.Tools, stop: threading.Event
    ) -> None:
        if means.acting is not None and (role := row.request.get("serviceRole")):
            means = replace(means, objects=means.acting.objects_of(role))
        limits = BuildLimits(stop, time.monotonic() + row.request["timeoutInMinutes"] * means.minute)
        self._build, self._tools = Build(row, means, limits), tools
        self._spec = Buildspec()
        self._phases = Phases(means.store, row.name, means.announce, means.clock)
        self._log: Log | None = None
        self._machine: Machine | None = None
        self._handover: Handover | None = None
        self._base: dict[str, str] = {}
        self._secret: dict[str, str] = {}
        self._made: dict[str, Any] = changes(BuildResult, exported={})
        self._carried = {
            "SUBMITTED": lambda: None,
            "QUEUED": self._leave_queue,
            "PROVISIONING": self._provision,
            "DOWNLOAD_SOURCE": self._download,
            "UPLOAD_ARTIFACTS": self._upload,
            "FINALIZING": self._finalize,
        }

    def run(self) -> BuildEnded:
        """Go through the phases."""
        phase = FIRST
        while phase != LAST:
            self._phases.begin(phase, at=self._build.row.created if phase in (FIRST, "QUEUED") else None)
            status, contexts = self._carry_out(phase)
            self._phases.end(status, contexts)
            self._tell(phase, status, contexts)
            said = self._spec.phases.get(phase, Phase()).on_failure
            phase = following(phase, status, said.action if said else None)
        self._phases.begin(LAST)
        self._abandon()
        sent = self._handover.sent if self._handover else {}
        ended = changes(
            BuildResult,
            phases=self._phases.passed,
            current_phase=LAST,
            failure=self._phases.failure,
            ended=self._build.means.clock(),
        )
        return BuildEnded(self._phases.status, self._made | sent | ended)

    def _carry_out(self, phase: str) -> tuple[str, list[dict[str, str]]]:
        try:
            if phase != "FINALIZING":
                self._build.limits.check()
            if phase in COMMAND_PHASES:
                self._command_phase(phase)
            else:
                self._carried[phase]()
        except PhaseFault as fault:
            message = self._log.hide_secrets(fault.message) if self._log else fault.message
            return fault.status, [{"statusCode": fault.code, "message": message}]
        except Halted as halt:
            return halt.status, [{"statusCode": f"BUILD_{halt.status}", "message": _HALTED[halt.status]}]
        except LostMachine:
            return "FAULT", [{"statusCode": LOST, "message": "the processes of the build were ended from outside"}]
        except Exception:  # noqa: BLE001 - a defect of ours ends this build, not the thread
            own_log.exception("build %s", self._build.row.name)
            return "FAULT", [{"statusCode": LOST, "message": "loopback failed to run the build; see its log"}]
        return SUCCEEDED, []

    def _tell(self, phase: str, status: str, contexts: list[dict[str, str]]) -> None:
        if self._log is not None:
            self._log.say(f"Phase complete: {phase} State: {status}")
            context = contexts[0] if contexts else {"statusCode": "", "message": ""}
            self._log.say(f"Phase context status code: {context['statusCode']} Message: {context['message']}")

    def _leave_queue(self) -> None:
        build = self._build
        waited = build.means.clock() - build.row.created
        if waited > build.request.get("queuedTimeoutInMinutes", 480) * build.means.minute:
            raise PhaseFault("BUILD_TIMED_OUT", "the build has waited in the queue for too long", "TIMED_OUT")

    def _provision(self) -> None:
        """The folder, the Python, the log, the role's credentials."""
        build, folders = self._build, self._build.folders
        for folder in (folders.src, folders.home, folders.tmp, build.means.pip):
            folder.mkdir(parents=True, exist_ok=True)
        python_home.make(folders.root / "python", build.means.python)
        (folders.root / "tools").symlink_to(self._tools.folder())
        logs = build.row.logs
        target = (logs["groupName"], logs["streamName"]) if logs else None
        self._log = Log(build.means.logs, target, folders.log, build.means.clock)
        self._log.say(f"Running on this machine as {build.request['environment']['image']}")
        if build.request.get("vpcConfig"):
            self._log.say("vpcConfig has no effect here: builds use this machine's network")
        self._base = preparation.base(build)

    def _download(self) -> None:
        """Sources, the buildspec, the variables; then the machine, and what the cache has kept."""
        build, log = self._build, self._open_log
        log.say("Waiting for DOWNLOAD_SOURCE")
        sources = preparation.fetch(build, self._base)
        self._made |= changes(BuildResult, resolved_version=sources.version or None)
        try:
            text = preparation.buildspec_text(build)
            if build.reads_batch:
                self._made |= changes(BuildResult, batch=batchspec.parse(text))
            else:
                self._spec = parse(text)
            notes = runtimes.check(self._spec.runtimes, runtimes.installed_here)
        except BuildspecError as fault:
            raise PhaseFault("YAML_FILE_ERROR", str(fault)) from None
        for note in notes:
            log.say(note)
        environ, self._secret = preparation.variables(build, self._spec, self._base, sources)
        log.mask(self._secret.values())
        shell = environment.shell(self._spec.shell)
        setting = Setting(
            build.folders.root / "shell", build.folders.src, shell, environ, build.confine, build.means.python
        )
        self._machine = machine = Machine(setting, log)
        process = MachineProcess(machine.pid, start_time(machine.pid))
        BuildRow.amend(build.means.store, build.row.name, "machine", result=changes(BuildResult, machine=process))
        self._handover = Handover(build, self._spec, lambda text: machine.expand(text, build.limits), log.say)
        self._handover.restore_cache()

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
                status = self._open_machine.run(command, self._build.limits, succeeding=succeeding)
                if status:
                    self._open_log.say(f"Command did not exit successfully {command} exit status {status}")
                    failed = failed or (command, status)
                    break
        return failed

    def _upload(self) -> None:
        """Exported variables, then what is handed over."""
        assert self._handover is not None
        shell = self._open_machine.environment(self._build.limits)
        exported = environment.exported_values(self._spec.exported, shell, self._secret)
        self._made |= changes(BuildResult, exported=exported)
        self._handover.upload(succeeding=self._phases.status == SUCCEEDED)

    def _finalize(self) -> None:
        """What the build has started ends here."""
        self._abandon(keep_log=True)
        if self._log is not None:
            self._log.flush()
            log_to_s3(self._build, self._build.folders.log)

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
