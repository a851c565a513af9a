"""One execution from Pending to its end: its jobs are begun, followed, made anew when they are lost, and judged."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from loopback.core.errors import ResourceNotFound, ServiceError
from loopback.core.kinds import MONITORING_EXECUTION, PROCESSING_JOB
from loopback.core.queries import Selection
from loopback.rows.jobs import JobRow
from loopback.rows.monitoring import (
    MonitoringExecutionResult,
    MonitoringExecutionRow,
    MonitoringScheduleResult,
    MonitoringScheduleRow,
)
from loopback.rows.row import changes
from loopback.services.registry import Context
from loopback.services.sagemaker import jobs
from loopback.services.sagemaker.monitoring import alerts, data, specs
from loopback.services.sagemaker.monitoring.job_requests import ScheduledRun

MERGE_PREFIX = "groundtruth-merge-"
ANALYSIS_PREFIXES = {  # of the jobs of each MonitoringType; the last two are not recorded anywhere
    "DataQuality": "model-monitoring-",
    "ModelQuality": "model-quality-monitoring-",
    "ModelBias": "model-bias-monitoring-",
    "ModelExplainability": "model-explainability-monitoring-",
}
JOB_PREFIXES = (MERGE_PREFIX, *ANALYSIS_PREFIXES.values())
SUFFIX_DIGITS = 24
LONGEST_NAME = 63  # of a processing job, by the service model; the explainability prefix leaves room for 18 digits
ATTEMPTS = 3  # of a job that was lost with this process
LONGEST_REASON = 1024


class ScheduleProgress:
    """Moves executions along. `now` returns epoch seconds."""

    def __init__(self, context: Context, now: Callable[[], float]) -> None:
        self._context, self._store, self._now = context, context.store, now

    def begin(self, row: MonitoringExecutionRow) -> None:
        """Pending to InProgress with its first job, or Failed with what is missing."""
        try:
            stage, request = data.first_job(self._run(row), self._context)
        except ServiceError as fault:
            self._fail(row, str(fault))
            return
        with self._store.transaction():
            row.fire(self._store, row.name, "begin", changes(MonitoringExecutionResult, attempt=1))
            self._submit(row, stage, request)

    def _run(self, row: MonitoringExecutionRow) -> ScheduledRun:
        config, definition = row.config, row.definition
        spec = specs.of_definition(row.type, definition) if definition else specs.of_inline(config[specs.INLINE])
        return data.run_of(row.parent, config, spec, row.scheduled, self._context)

    def _submit(self, row: MonitoringExecutionRow, stage: str, request: dict[str, Any]) -> None:
        """Write the job down, together with the execution that waits for it."""
        name = _job_name(row, stage, uuid.uuid4().hex[:SUFFIX_DIGITS])
        named = {**request, "ProcessingJobName": name}
        with self._store.transaction():
            row.amend(self._store, row.name, stage, result=changes(MonitoringExecutionResult, stage=stage, job=name))
            jobs.create(named, self._context, jobs.PROCESSING)

    def follow(self, row: MonitoringExecutionRow) -> None:
        """See what became of the job."""
        try:
            job = JobRow.from_row(self._store.get(PROCESSING_JOB, row.job or ""))
        except ResourceNotFound:
            self._fail(row, f"The processing job {row.job} was deleted")
            return
        if job.status == "Stopping" and row.status == "InProgress":
            row.fire(self._store, row.name, "stop")
        elif job.status == "Stopped":
            reason = job.secondary if job.secondary != "Stopped" else None
            self._end(row, "halt", changes(MonitoringExecutionResult, failure_reason=reason))
        elif job.status == "Failed":
            self._fail_or_retry(row, job)
        elif job.status == "Completed" and row.stage == "merge":
            self._analyze_merged(row)
        elif job.status == "Completed":
            violated = str(job.outcome.get("ExitMessage")).startswith("CompletedWithViolations")
            self._end(row, "violate" if violated else "complete", {})

    def _fail_or_retry(self, row: MonitoringExecutionRow, job: JobRow) -> None:
        """A job that loopback lost is made anew; any other failure is the execution's."""
        if not job.failure_kind or row.attempt == ATTEMPTS or row.status == "Stopping":
            self._fail(row, job.failure_reason or "The processing job failed")
            return
        with self._store.transaction():
            again = changes(MonitoringExecutionResult, attempt=row.attempt + 1)
            row.amend(self._store, row.name, "again", result=again)
            self._submit(row, row.stage, job.request)

    def _analyze_merged(self, row: MonitoringExecutionRow) -> None:
        try:
            request = data.analysis_of_merged(self._run(row), self._context)
        except ServiceError as fault:
            self._fail(row, str(fault))
            return
        self._submit(row, "analysis", request)

    def _fail(self, row: MonitoringExecutionRow, reason: str) -> None:
        self._end(row, "fail", changes(MonitoringExecutionResult, failure_reason=reason[:LONGEST_REASON]))

    def _end(self, row: MonitoringExecutionRow, event: str, result: dict[str, Any]) -> None:
        """The execution has ended; the schedule's alert may change with it."""
        with self._store.transaction():
            row.fire(self._store, row.name, event, result)
            self._alert(row.parent)
        self._context.on_change(MONITORING_EXECUTION.slug, row.name)

    def _alert(self, schedule: str) -> None:
        try:
            row = MonitoringScheduleRow.get(self._store, schedule)
        except ResourceNotFound:
            return
        alert = row.alert
        newest = Selection(MONITORING_EXECUTION, schedule, alerts.COUNTED, descending=True)
        statuses = [found.status for found in self._store.page(newest, alert.period).rows]
        judged = alerts.next_state(alert, statuses, self._now())
        if judged != alert:
            row.amend(self._store, schedule, "alert", result=changes(MonitoringScheduleResult, alert=judged))
            alerts.keep_change(schedule, judged.status, self._context)


def _job_name(row: MonitoringExecutionRow, stage: str, fresh: str) -> str:
    """AWS's: the kind, the minute, and 24 digits which an analysis shares with the merge before it."""
    before = row.job or ""
    follows_merge = stage == "analysis" and before.startswith(MERGE_PREFIX)
    suffix = before.rpartition("-")[2] if follows_merge else fresh
    prefix = MERGE_PREFIX if stage == "merge" else ANALYSIS_PREFIXES[row.type]
    return f"{prefix}{datetime.fromtimestamp(row.scheduled, UTC):%Y%m%d%H%M}-{suffix}"[:LONGEST_NAME]
