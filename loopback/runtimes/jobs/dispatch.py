"""From rows to running jobs and back: one thread a job, rows as the only contact with the services."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from loopback.core import states
from loopback.core.arn import Place
from loopback.core.kinds import BY_SLUG, JOBS, PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, Kind
from loopback.core.part import Part
from loopback.core.states import IllegalTransition
from loopback.core.store import Store
from loopback.rows.jobs import JobResult, JobRow
from loopback.rows.models import ModelRow
from loopback.rows.row import changes
from loopback.runtimes.jobs import job_dir as place
from loopback.runtimes.jobs.ports import FAILURES, INTERNAL, Job, Outcome, Ports
from loopback.runtimes.jobs.run import run_job

log = logging.getLogger("loopback")
LOST = "InternalServerError: We encountered an internal error. Please try again. ({})"
_NOUNS = {PROCESSING_JOB.slug: "Processing", TRAINING_JOB.slug: "Training", TRANSFORM_JOB.slug: "Transform"}
_EVENTS = {"Completed": "complete", "Failed": "fail", "Stopped": "halt"}


class Dispatcher(Part):
    """Runs every job that is written down, `limit` at a time, in the order they came."""

    kinds = JOBS

    def __init__(
        self,
        store: Store,
        place: Place,
        ports: Ports,
        environ: dict[str, str],
        changed: Callable[[str, str], None],
        limit: int,
    ) -> None:
        self._store, self._place, self._ports, self._environ = store, place, ports, environ
        self._announce = changed
        self._pool = ThreadPoolExecutor(max_workers=limit, thread_name_prefix="job")
        self._stops: dict[tuple[str, str], threading.Event] = {}
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Jobs that ran in a process that is gone have lost their workers; waiting ones get their turn."""
        if not self._ports.keep_folders:
            place.clear(self._ports.folder)
        for kind in JOBS:
            for status in ("InProgress", "Stopping"):
                for row in self._store.find(kind, status=status):
                    reason = LOST.format("loopback was restarted while the job ran")
                    result = changes(JobResult, failure_reason=reason, failure_kind=INTERNAL)
                    if kind is TRAINING_JOB:
                        secondary = "Failed" if status == "InProgress" else "Stopped"
                        result |= changes(JobResult, secondary_status=secondary)
                    self._store.fire(kind, row.name, "lose", result)
            for row in self._store.find(kind, status="Queued"):
                self.on_change(kind.slug, row.name)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: a new job is taken, a stopping one is told."""
        if kind not in _NOUNS:
            return
        row = self._store.get(BY_SLUG[kind], name)
        if row.status == "Queued":
            self._pool.submit(self._run, BY_SLUG[kind], name)
        elif row.status == "Stopping":
            with self._lock:
                stop = self._stops.get((kind, name))
            if stop is not None:
                stop.set()

    def close(self) -> None:
        """Take no more jobs. Those that run lose their workers with this process."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, kind: Kind, name: str) -> None:
        stop = threading.Event()
        with self._lock:
            self._stops[kind.slug, name] = stop
        try:
            started = {f"{_NOUNS[kind.slug]}StartTime": self._ports.clock()}
            row = JobRow.from_row(self._store.fire(kind, name, "lease", started, lease="job"))
        except IllegalTransition:  # stopped before its turn
            return
        try:
            self._keep(kind, name, self._carry_out(kind, row, stop))
        except Exception:
            log.exception("job %s", name)
            now = self._ports.clock()
            reason = LOST.format("loopback failed to run the job; see its log")
            self._keep(kind, name, Outcome("Failed", "Failed", now, now, reason, INTERNAL))
        finally:
            with self._lock:
                del self._stops[kind.slug, name]
        self._announce(kind.slug, name)

    def _carry_out(self, kind: Kind, row: JobRow, stop: threading.Event) -> Outcome:
        if fault := self._ports.faults.for_job(f"{_NOUNS[kind.slug]}Job", row.name):
            now = self._ports.clock()
            return Outcome("Failed", "Failed", now, now, fault.reason, FAILURES.get(fault.reason.partition(":")[0]))
        model = None
        if kind is TRANSFORM_JOB:
            model = ModelRow.get(self._store, row.request["ModelName"]).containers[0]
        job = Job(
            kind=_NOUNS[kind.slug].lower(),  # type: ignore[arg-type]
            name=row.name,
            arn=self._place.arn(f"{kind.slug}/{row.name}"),
            request=row.request,
            model=model,
            watched=row.watched,
            region=self._place.region,
            account=self._place.account,
            environ=self._environ,
        )
        ports = self._ports
        if (acting := ports.acting) is not None:
            role = self._role(kind, row)
            job = replace(job, environ={**self._environ, **acting.credentials(role, "SageMaker")})
            ports = replace(ports, objects=acting.objects_of(role))
        report = self._transition(row.name) if kind is TRAINING_JOB else lambda _status, _message: None
        return run_job(job, ports, stop, report, self._observer(row.name))

    def _role(self, kind: Kind, row: JobRow) -> str:
        """A transform job has the role of its model."""
        if kind is TRANSFORM_JOB:
            return ModelRow.get(self._store, row.request["ModelName"]).role
        return str(row.request.get("RoleArn", ""))

    def _transition(self, name: str) -> Callable[[str, str], None]:
        """Write SecondaryStatusTransitions as they happen, for those who watch a training job."""

        def report(status: str, message: str) -> None:
            now = self._ports.clock()
            row = JobRow.from_row(self._store.get(TRAINING_JOB, name))
            passed = [{"EndTime": now, **transition} for transition in row.transitions]
            passed.append({"Status": status, "StartTime": now, "StatusMessage": message})
            result = changes(JobResult, secondary_status=status, transitions=passed)
            self._store.amend(TRAINING_JOB, name, "progress", result=result)

        return report

    def _observer(self, name: str) -> Callable[[list[float]], None]:
        """Write the values of the metric that a tuning job watches, and tell it."""

        def observe(values: list[float]) -> None:
            self._store.amend(TRAINING_JOB, name, "observe", result=changes(JobResult, series=values))
            self._announce(TRAINING_JOB.slug, name)

        return observe

    def _keep(self, kind: Kind, name: str, outcome: Outcome) -> None:
        noun = _NOUNS[kind.slug]
        result: dict[str, Any] = {
            f"{noun}StartTime": outcome.started,
            f"{noun}EndTime": outcome.ended,
            "FailureReason": outcome.failure_reason,
            "ExitMessage": outcome.exit_message,
            **changes(JobResult, failure_kind=outcome.failure_kind, secondary=outcome.secondary),
        }
        if kind is TRAINING_JOB:
            seconds = max(1, round(outcome.ended - outcome.started))
            result |= {
                "SecondaryStatus": outcome.secondary,
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
            }
            result["FinalMetricDataList"] = [dict(metric) for metric in outcome.metrics]
            result |= changes(JobResult, series=list(outcome.series))
            if outcome.artifacts:
                result["ModelArtifacts"] = {"S3ModelArtifacts": outcome.artifacts}
            result["SecondaryStatusTransitions"] = _final_transitions(
                JobRow.from_row(self._store.get(kind, name)).transitions, outcome
            )
        present = {key: value for key, value in result.items() if value not in (None, [])}
        row = self._store.get(kind, name)
        if not states.is_final(kind.lifecycle, row.status):
            self._store.fire(kind, name, _EVENTS[outcome.status], present)


def _final_transitions(passed: list[dict[str, Any]], outcome: Outcome) -> list[dict[str, Any]]:
    """The transitions of a training job that is over: each has an end, and one says how the job ended."""
    if not passed or passed[-1]["Status"] != outcome.secondary:
        message = outcome.failure_reason or f"Training job {outcome.status.lower()}"
        passed = [*passed, {"Status": outcome.secondary, "StartTime": outcome.ended, "StatusMessage": message}]
    return [{"EndTime": outcome.ended, **transition} for transition in passed]
