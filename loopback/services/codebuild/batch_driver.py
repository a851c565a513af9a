"""The thread that carries batches through their phases: it starts their builds, and sees how they end.

All that it knows is in the rows, so that after a crash it goes on with what it finds there.
"""

import logging
import queue
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from loopback.core import states
from loopback.core.errors import ResourceNotFound, ServiceError
from loopback.core.kinds import BUILD, BUILD_BATCH
from loopback.core.permissions import checks
from loopback.core.store import Resource
from loopback.engines.codebuild.batch import FAILED, RUNNING, SUCCEEDED, Batch, Moves, plan
from loopback.services.codebuild import batch_builds, builds
from loopback.services.codebuild.batches import MINUTES
from loopback.services.codebuild.combining import combine
from loopback.services.registry import Context

log = logging.getLogger("loopback")
LOOK_SECONDS = 5.0  # builds tell of their end; this is for the time that a batch may take
_EVENTS = {SUCCEEDED: "succeed", FAILED: "fail", "STOPPED": "stop", "TIMED_OUT": "time_out", "FAULT": "fault"}


class Batches:
    """Run `loop` on one thread; `changed` may be called from any."""

    def __init__(self, context: Context, now: Callable[[], float] = time.time) -> None:
        self._context, self._store, self._now = context, context.store, now
        self._inbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._open: set[str] = set()
        self._steps: dict[str, Callable[[Resource], bool]] = {
            "SUBMITTED": self._submitted,
            "DOWNLOAD_BATCHSPEC": self._downloaded,
            "IN_PROGRESS": self._in_progress,
            "COMBINE_ARTIFACTS": self._combined,
        }

    def changed(self, kind: str, name: str) -> None:
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
            return str(self._store.get(BUILD, build).doc.get("batch", {}).get("id", ""))
        except ResourceNotFound:
            return ""

    def _advance(self, name: str) -> None:
        """Step after step, until only running builds are left."""
        self._open.add(name)
        try:
            while not states.is_final(BUILD_BATCH.lifecycle, (row := self._store.get(BUILD_BATCH, name)).status):
                if not self._step(row):
                    return
        except ResourceNotFound:  # deleted with its project
            pass
        except Exception:
            log.exception("batch %s", name)
            self._end(self._store.get(BUILD_BATCH, name), "FAULT", "loopback failed to run the batch; see its log")
        self._open.discard(name)

    def _step(self, row: Resource) -> bool:
        """Whether there is more to do now."""
        try:
            return self._steps[row.result["currentPhase"]](row)
        except (ServiceError, ClientError, BotoCoreError) as fault:
            for build in row.result["builds"].values():  # whoever may do it: nothing of a failed batch runs on
                builds.stop({"id": build}, self._context)
            self._end(row, FAILED, str(fault))
            return False

    def _submitted(self, row: Resource) -> bool:
        """The first build reads the buildspec."""
        self._permit("StartBuild", row)
        with self._store.transaction():
            build = builds.start_of_batch(row.parent, batch_builds.download(row), self._context)
            begun = [{"phaseType": "SUBMITTED", "startTime": row.created}]
            self._enter(row, "DOWNLOAD_BATCHSPEC", begun, download=build)
        return True

    def _downloaded(self, row: Resource) -> bool:
        build = self._store.get(BUILD, row.result["download"])
        halted = self._halted(row)
        if build.status == RUNNING:
            if halted:
                self._stop_build(build.name, row)
            return False
        if halted or build.status != SUCCEEDED:
            self._end(row, halted or build.status, build.result.get("failure") or "")
            return False
        read = Batch.of(build.result["batch"])
        if why := batch_builds.fault(row, read):
            self._end(row, FAILED, why)
            return False
        more = {"batch": build.result["batch"], "resolvedSourceVersion": build.result.get("resolvedSourceVersion")}
        self._enter(row, "IN_PROGRESS", row.result["phases"], **more)
        return True

    def _in_progress(self, row: Resource) -> bool:
        moves = plan(Batch.of(row.result["batch"]), self._statuses(row), self._halted(row))
        for identifier in moves.stop:
            self._stop_build(row.result["builds"][identifier], row)
        if moves.begin:
            self._begin(moves, row)
        if not moves.ended:
            return False
        if moves.ended == SUCCEEDED and batch_builds.combines(row):
            self._enter(row, "COMBINE_ARTIFACTS", row.result["phases"])
            return True
        self._end(row, moves.ended, self._why(row))
        return False

    def _combined(self, row: Resource) -> bool:
        combine(row, self._context)
        self._end(row, SUCCEEDED, "")
        return False

    def _begin(self, moves: Moves, row: Resource) -> None:
        self._permit("StartBuild", row)
        with self._store.transaction():
            begun = {
                task.identifier: builds.start_of_batch(row.parent, batch_builds.of_task(row, task), self._context)
                for task in moves.begin
            }
            self._store.amend(BUILD_BATCH, row.name, "builds", result={"builds": row.result["builds"] | begun})

    def _stop_build(self, build: str, row: Resource) -> None:
        if not self._store.get(BUILD, build).result.get("stopping"):
            self._permit("StopBuild", row)
            builds.stop({"id": build}, self._context)

    def _permit(self, operation: str, row: Resource) -> None:
        """The role of the batch starts and stops its builds. Raises AccessDeniedException."""
        request = {"projectName": row.parent, "id": row.name}
        asked = checks("codebuild", operation, request, self._context.place)
        self._context.permit(row.doc["buildBatchConfig"]["serviceRole"], asked)

    def _statuses(self, row: Resource) -> dict[str, str]:
        return {name: self._store.get(BUILD, build).status for name, build in row.result["builds"].items()}

    def _halted(self, row: Resource) -> str:
        minutes = row.doc["buildBatchConfig"].get("timeoutInMins", MINUTES)
        if row.result.get("stopping"):
            return "STOPPED"
        return "TIMED_OUT" if self._now() > row.created + minutes * 60 else ""

    def _why(self, row: Resource) -> str:
        """Of the builds that did not succeed, by name."""
        failed = [f"{name} {status}" for name, status in self._statuses(row).items() if status != SUCCEEDED]
        return ", ".join(failed).lower().replace("_", " ")

    def _enter(self, row: Resource, phase: str, phases: list[dict[str, Any]], **more: Any) -> None:
        passed = [*_closed(phases, SUCCEEDED, self._now(), ""), {"phaseType": phase, "startTime": self._now()}]
        result = {"phases": passed, "currentPhase": phase, **more}
        self._store.amend(BUILD_BATCH, row.name, f"entered {phase}", result=result)

    def _end(self, row: Resource, status: str, why: str) -> None:
        now = self._now()
        phases = row.result["phases"] or [{"phaseType": "SUBMITTED", "startTime": row.created}]
        last = status if status in (SUCCEEDED, "STOPPED") else FAILED
        passed = [*_closed(phases, status, now, why), {"phaseType": last, "startTime": now}]
        result = {"phases": passed, "currentPhase": last, "endTime": now, "failure": why}
        self._store.fire(BUILD_BATCH, row.name, _EVENTS[status], result)
        self._open.discard(row.name)
        self._context.changed(BUILD_BATCH.slug, row.name)


def _closed(phases: list[dict[str, Any]], status: str, now: float, why: str) -> list[dict[str, Any]]:
    """The phases with the end of the last one."""
    *before, last = phases
    contexts = [{"statusCode": f"BATCH_{status}", "message": why}] if why else []
    seconds = int(now - last["startTime"])
    ended = {"phaseStatus": status, "endTime": now, "durationInSeconds": seconds, "contexts": contexts}
    return [*before, last | ended]
