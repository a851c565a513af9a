"""The thread that carries monitoring schedules out: what is due becomes an execution, an execution becomes jobs.

Whatever it decides is in the store, in one commit with what follows from it, and an execution's name says its window,
so that none is run twice. After a crash the next look goes on from the rows.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from loopback.core.errors import ResourceInUse, ServiceError
from loopback.core.kinds import MONITORING_EXECUTION, MONITORING_SCHEDULE, PROCESSING_JOB
from loopback.core.part import Loop, Part
from loopback.engines.schedules import cron
from loopback.rows.monitoring import MonitoringExecutionRow, MonitoringScheduleResult, MonitoringScheduleRow
from loopback.rows.row import changes
from loopback.services.registry import Context
from loopback.services.sagemaker.monitoring import data, schedules, windows
from loopback.services.sagemaker.monitoring.definitions import require_capture
from loopback.services.sagemaker.monitoring.progress import JOB_PREFIXES, LONGEST_REASON, ScheduleProgress
from loopback.services.sagemaker.monitoring.specs import Spec

SETTLE_SECONDS = 2.0  # captures reach S3 within two seconds of their requests: an execution begins when those are there
LONGEST_WAIT = 60.0  # between two looks at the clock while schedules wait: it may be set, and machines sleep
RETRY_SECONDS = 1.0  # after a look that failed, for example because a row changed under it
MOST_MISSED = 48  # due times of the past that are made up for, if there are captures in their windows
log = logging.getLogger("loopback")


class Wake(Protocol):
    """What the loop waits on: as threading.Event."""

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is set, or so many seconds have passed."""

    def set(self) -> None:
        """End the wait, or the next one."""

    def clear(self) -> None:
        """Wait again."""


class Monitor(Part):
    """Run `loop` on one thread; `changed` may be called from any. `now` returns epoch seconds."""

    kinds = (PROCESSING_JOB, MONITORING_SCHEDULE, MONITORING_EXECUTION)

    def __init__(
        self,
        context: Context,
        now: Callable[[], float] = time.time,
        settle_seconds: float = SETTLE_SECONDS,
        wake: Wake | None = None,
    ) -> None:
        self._context, self._store, self._now = context, context.store, now
        self._settle_seconds = settle_seconds
        self._progress = ScheduleProgress(context, now)
        self._wake: Wake = wake or threading.Event()
        self._open = True

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: look whether there is something to do."""
        ours = kind == PROCESSING_JOB.slug and name.startswith(JOB_PREFIXES)
        if ours or kind in (MONITORING_SCHEDULE.slug, MONITORING_EXECUTION.slug):
            self._wake.set()

    def recover(self) -> None:
        """Take up what was running. Call once, after jobs that were lost have been marked so."""
        self._wake.set()

    def close(self) -> None:
        """End the loop."""
        self._open = False
        self._wake.set()

    def loop(self) -> None:
        """Work until `close`; begins with `recover`."""
        wait: float | None = None
        while self._open:
            self._wake.wait(wait)
            self._wake.clear()
            try:
                wait = self.look() if self._open else None
            except Exception:
                log.exception("model monitor")
                wait = RETRY_SECONDS

    def look(self) -> float | None:
        """Do everything that is due; seconds until the next thing is, None when nothing waits."""
        for row in MonitoringScheduleRow.find(self._store, status="Pending"):
            self._activate(row)
        for row in MonitoringScheduleRow.find(self._store, status="Scheduled"):
            self._plan_due(row)
        for status in ("InProgress", "Stopping"):
            for execution in MonitoringExecutionRow.find(self._store, status=status):
                self._progress.follow(execution)
        for execution in MonitoringExecutionRow.find(self._store, status="Pending"):
            if self._begins(execution) <= self._now():
                self._progress.begin(execution)
        return self._wait()

    def _wait(self) -> float | None:
        times = [row.next for row in MonitoringScheduleRow.find(self._store, status="Scheduled")]
        times += [self._begins(row) for row in MonitoringExecutionRow.find(self._store, status="Pending")]
        due = [at for at in times if at is not None]
        return min(LONGEST_WAIT, max(0.0, min(due) - self._now())) if due else None

    def _begins(self, execution: MonitoringExecutionRow) -> float:
        return execution.scheduled + self._settle_seconds

    def _activate(self, row: MonitoringScheduleRow) -> None:
        """Pending to Scheduled, or Failed where the endpoint or the definition is gone."""
        config, now = row.config, self._now()
        recurrence = windows.recurrence(config["ScheduleConfig"]["ScheduleExpression"])
        with self._store.transaction():
            try:
                spec = schedules.spec_of(config, self._context)
                require_capture(spec.endpoint, self._context)
            except ServiceError as fault:
                self._give_up(row, fault)
                return
            if recurrence is None:
                self._plan(row, spec, now, f"now-{row.asked}")
            due = cron.following(recurrence, now) if recurrence else None
            row.fire(self._store, row.name, "schedule", changes(MonitoringScheduleResult, next=due))

    def _plan_due(self, row: MonitoringScheduleRow) -> None:
        """Plan an execution for every due time that has come, and note the next one."""
        due, now = row.next, self._now()
        if due is None or due > now:
            return
        config = row.config
        recurrence = windows.recurrence(config["ScheduleConfig"]["ScheduleExpression"])
        times: list[float] = []
        while recurrence is not None and due is not None and due <= now:
            times.append(due)
            due = cron.following(recurrence, due)
        with self._store.transaction():
            try:
                spec = schedules.spec_of(config, self._context)
            except ServiceError as fault:
                self._give_up(row, fault)
                return
            for at in times[-MOST_MISSED:]:
                if at == times[-1] or self._has_captures(row, spec, at):
                    self._plan(row, spec, at, str(int(at)))
            row.amend(self._store, row.name, "due", result=changes(MonitoringScheduleResult, next=due))

    def _give_up(self, row: MonitoringScheduleRow, fault: ServiceError) -> None:
        failed = changes(MonitoringScheduleResult, failure_reason=str(fault)[:LONGEST_REASON])
        row.fire(self._store, row.name, "fail", failed)

    def _has_captures(self, row: MonitoringScheduleRow, spec: Spec, due: float) -> bool:
        """Whether an execution that was missed, because nothing ran here then, would have had data."""
        try:
            run = data.run_of(row.name, row.config, spec, due, self._context)
            return bool(data.captured_hours(run, self._context))
        except ServiceError:
            return False

    def _plan(self, row: MonitoringScheduleRow, spec: Spec, due: float, mark: str) -> None:
        """Write an execution down. Its name is its window's, so a second one for the same cannot be made."""
        config = row.config
        new = MonitoringExecutionRow(
            scheduled=due,
            endpoint=spec.endpoint,
            type=config["MonitoringType"],
            definition_name=config.get("MonitoringJobDefinitionName"),
            config=config,
            definition=schedules.definition_of(config, self._context),
        )
        try:
            new.create(self._store, f"{row.name}/{row.id}/{mark}", row.name)
        except ResourceInUse:
            log.info("the execution %s of %s exists already", mark, row.name)
