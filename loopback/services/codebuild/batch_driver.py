"""The thread that carries batches through their phases: it starts their builds, and sees how they end.

All that it knows is in the rows, so that after a crash it goes on with what it finds there.
"""

import logging
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from loopback.core import states
from loopback.core.errors import ResourceNotFound, ServiceError
from loopback.core.kinds import BUILD, BUILD_BATCH
from loopback.core.part import Loop, Part
from loopback.core.permissions import checks
from loopback.engines.codebuild.batch import FAILED, RUNNING, SUCCEEDED, Batch, BatchMoves, plan
from loopback.rows.codebuild import BuildBatchResult, BuildBatchRow, BuildRow
from loopback.rows.row import changes
from loopback.services.codebuild import batch_builds, builds
from loopback.services.codebuild.batches import MINUTES
from loopback.services.codebuild.combining import combine
from loopback.services.registry import Context

log = logging.getLogger("loopback")
LOOK_SECONDS = 5.0  # builds tell of their end; this is for the time that a batch may take
_EVENTS = {SUCCEEDED: "succeed", FAILED: "fail", "STOPPED": "stop", "TIMED_OUT": "time_out", "FAULT": "fault"}


class Batches(Part):
    """Run `loop` on one thread; `changed` may be called from any."""

    kinds = (BUILD_BATCH, BUILD)

    def __init__(self, context: Context, now: Callable[[], float] = time.time) -> None:
        self._context, self._store, self._now = context, context.store, now
        self._inbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._open: set[str] = set()
        self._steps: dict[str, Callable[[BuildBatchRow], bool]] = {
            "SUBMITTED": self._start_first_build,
            "DOWNLOAD_BATCHSPEC": self._plan_builds,
            "IN_PROGRESS": self._in_progress,
            "COMBINE_ARTIFACTS": self._combine,
        }

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: look at the batch that it is, or that it belongs to."""
        if kind == BUILD_BATCH.slug:
            self._inbox.put(name)
        elif kind == BUILD.slug and (batch := self._batch_of(name)):
            self._inbox.put(batch)

    def recover(self) -> None:
        """Take up what ran when the process before this one ended."""
        for row in self._store.find(BUILD_BATCH, status=RUNNING):
            self._inbox.put(row.name)

    def close(self) -> None:
        """End the loop after what is in the inbox."""
        self._inbox.put(None)

    def loop(self) -> None:
        """Work until `close`."""
        while True:
            try:
                name = self._inbox.get(timeout=LOOK_SECONDS if self._open else None)
            except queue.Empty:
                for each in tuple(self._open):
                    self._advance(each)
                continue
            if name is None:
                return
            self._advance(name)

    def _batch_of(self, build: str) -> str:
        try:
            part = BuildRow.get(self._store, build).part_of
        except ResourceNotFound:
            return ""
        return part.id if part else ""

    def _advance(self, name: str) -> None:
        """Step after step, until only running builds are left."""
        self._open.add(name)
        try:
            while not states.is_final(BUILD_BATCH.lifecycle, (row := BuildBatchRow.get(self._store, name)).status):
                if not self._step(row):
                    return
        except ResourceNotFound:  # deleted with its project
            pass
        except Exception:
            log.exception("batch %s", name)
            self._end(BuildBatchRow.get(self._store, name), "FAULT", "loopback failed to run the batch; see its log")
        self._open.discard(name)

    def _step(self, row: BuildBatchRow) -> bool:
        """Whether there is more to do now."""
        try:
            return self._steps[row.current_phase](row)
        except (ServiceError, ClientError, BotoCoreError) as fault:
            for build in row.builds.values():  # whoever may do it: nothing of a failed batch runs on
                builds.stop({"id": build}, self._context)
            self._end(row, FAILED, str(fault))
            return False

    def _start_first_build(self, row: BuildBatchRow) -> bool:
        """The first build reads the buildspec."""
        self._permit("StartBuild", row)
        with self._store.transaction():
            build = builds.start_of_batch(row.parent, batch_builds.download(row), self._context)
            begun = [{"phaseType": "SUBMITTED", "startTime": row.created}]
            self._enter(row, "DOWNLOAD_BATCHSPEC", begun, changes(BuildBatchResult, download=build))
        return True

    def _plan_builds(self, row: BuildBatchRow) -> bool:
        build = BuildRow.get(self._store, row.download or "")
        halted = self._stop_reason(row)
        if build.status == RUNNING:
            if halted:
                self._stop_build(build.name, row)
            return False
        if halted or build.status != SUCCEEDED:
            self._end(row, halted or build.status, build.failure or "")
            return False
        read = build.batch or Batch(())
        if why := batch_builds.fault(row, read):
            self._end(row, FAILED, why)
            return False
        more = changes(BuildBatchResult, batch=read, resolved_version=build.resolved_version)
        self._enter(row, "IN_PROGRESS", row.phases, more)
        return True

    def _in_progress(self, row: BuildBatchRow) -> bool:
        moves = plan(row.tasks, self._statuses(row), self._stop_reason(row))
        for identifier in moves.stop:
            self._stop_build(row.builds[identifier], row)
        if moves.begin:
            self._begin(moves, row)
        if not moves.ended:
            return False
        if moves.ended == SUCCEEDED and batch_builds.combines(row):
            self._enter(row, "COMBINE_ARTIFACTS", row.phases)
            return True
        self._end(row, moves.ended, self._why(row))
        return False

    def _combine(self, row: BuildBatchRow) -> bool:
        combine(row, self._context)
        self._end(row, SUCCEEDED, "")
        return False

    def _begin(self, moves: BatchMoves, row: BuildBatchRow) -> None:
        self._permit("StartBuild", row)
        with self._store.transaction():
            begun = {
                task.identifier: builds.start_of_batch(row.parent, batch_builds.of_task(row, task), self._context)
                for task in moves.begin
            }
            noted = changes(BuildBatchResult, builds=row.builds | begun)
            BuildBatchRow.amend(self._store, row.name, "builds", result=noted)

    def _stop_build(self, build: str, row: BuildBatchRow) -> None:
        if not BuildRow.get(self._store, build).stopping:
            self._permit("StopBuild", row)
            builds.stop({"id": build}, self._context)

    def _permit(self, operation: str, row: BuildBatchRow) -> None:
        """The role of the batch starts and stops its builds. Raises AccessDeniedException."""
        request = {"projectName": row.parent, "id": row.name}
        asked = checks("codebuild", operation, request, self._context.place)
        self._context.permit(row.config["serviceRole"], asked)

    def _statuses(self, row: BuildBatchRow) -> dict[str, str]:
        return {name: self._store.get(BUILD, build).status for name, build in row.builds.items()}

    def _stop_reason(self, row: BuildBatchRow) -> str:
        minutes = row.config.get("timeoutInMins", MINUTES)
        if row.stopping:
            return "STOPPED"
        return "TIMED_OUT" if self._now() > row.created + minutes * 60 else ""

    def _why(self, row: BuildBatchRow) -> str:
        """Of the builds that did not succeed, by name."""
        failed = [f"{name} {status}" for name, status in self._statuses(row).items() if status != SUCCEEDED]
        return ", ".join(failed).lower().replace("_", " ")

    def _enter(
        self, row: BuildBatchRow, phase: str, phases: list[dict[str, Any]], more: Mapping[str, Any] | None = None
    ) -> None:
        passed = [*_close_phases(phases, SUCCEEDED, self._now(), ""), {"phaseType": phase, "startTime": self._now()}]
        entered = changes(BuildBatchResult, phases=passed, current_phase=phase)
        BuildBatchRow.amend(self._store, row.name, f"entered {phase}", result={**entered, **(more or {})})

    def _end(self, row: BuildBatchRow, status: str, why: str) -> None:
        now = self._now()
        phases = row.phases or [{"phaseType": "SUBMITTED", "startTime": row.created}]
        last = status if status in (SUCCEEDED, "STOPPED") else FAILED
        passed = [*_close_phases(phases, status, now, why), {"phaseType": last, "startTime": now}]
        ended = changes(BuildBatchResult, phases=passed, current_phase=last, ended=now, failure=why)
        BuildBatchRow.fire(self._store, row.name, _EVENTS[status], ended)
        self._open.discard(row.name)
        self._context.on_change(BUILD_BATCH.slug, row.name)


def _close_phases(phases: list[dict[str, Any]], status: str, now: float, why: str) -> list[dict[str, Any]]:
    """The phases with the end of the last one."""
    *before, last = phases
    contexts = [{"statusCode": f"BATCH_{status}", "message": why}] if why else []
    seconds = int(now - last["startTime"])
    ended = {"phaseStatus": status, "endTime": now, "durationInSeconds": seconds, "contexts": contexts}
    return [*before, last | ended]
