"""From rows to running builds and back: one thread a build, rows as the only contact with the services."""

import logging
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from loopback.core import states
from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import BUILD
from loopback.core.part import Part
from loopback.core.states import IllegalTransition
from loopback.rows.codebuild import BuildResult, BuildRow
from loopback.rows.row import changes
from loopback.runtimes.codebuild.build import BuildDependencies
from loopback.runtimes.codebuild.machine import end
from loopback.runtimes.codebuild.python_home import Tools
from loopback.runtimes.codebuild.run import LOST, BuildRun
from loopback.runtimes.codebuild.transitions import EVENTS, FIRST, LAST

log = logging.getLogger("loopback")
PARALLEL = 4
KEPT = ("pip", "cache", "tools")  # folders that outlive builds
_WAITING = ("SUBMITTED", "QUEUED")


class Builder(Part):
    """Runs every build that is written down, `limit` at a time, in the order they came."""

    kinds = (BUILD,)

    def __init__(self, means: BuildDependencies, limit: int = PARALLEL) -> None:
        self._means = means
        self._tools = Tools(means.folder / "tools", means.python)
        self._pool = ThreadPoolExecutor(max_workers=limit, thread_name_prefix="build")
        self._removals = ThreadPoolExecutor(1, "remove-build")
        self._stops: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._open = True

    def recover(self) -> None:
        """Builds that ran in a process that is gone have lost their machines; waiting ones get their turn."""
        for row in BuildRow.find(self._means.store, status="IN_PROGRESS"):
            if row.machine is not None:
                end(row.machine.pid, row.machine.born)
            if row.current_phase in _WAITING and not row.stopping:
                self._take(row.name)
            else:
                self._lose(row, "The build machine was lost: loopback was restarted while the build ran")
        for folder in self._means.folder.glob("*"):
            if folder.name not in KEPT and folder.name not in self._marks():
                self._removals.submit(_remove, folder)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: a new build is taken, a stopping one is told."""
        if kind != BUILD.slug:
            return
        try:
            row = BuildRow.get(self._means.store, name)
        except ResourceNotFound:
            return
        if row.status != "IN_PROGRESS":
            return
        if row.current_phase == FIRST and not row.phases:
            self._take(name)
        if row.stopping:
            with self._lock:
                stop = self._stops.get(name)
            if stop is not None:
                stop.set()

    def close(self) -> None:
        """Take no more builds. Those that run lose their processes with this one."""
        self._open = False
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._removals.shutdown(wait=False, cancel_futures=True)

    def _marks(self) -> set[str]:
        with self._lock:
            return {name.rpartition(":")[2] for name in self._stops}

    def _take(self, name: str) -> None:
        with self._lock:
            if name in self._stops or not self._open:
                return
            self._stops[name] = threading.Event()
        self._pool.submit(self._run, name)

    def _run(self, name: str) -> None:
        store = self._means.store
        try:
            row = BuildRow.get(store, name)
            if row.stopping:
                self._stops[name].set()
            ended = BuildRun(row, self._means, self._tools, self._stops[name]).run()
            BuildRow.fire(store, name, EVENTS[ended.status], ended.outcome)
        except (ResourceNotFound, IllegalTransition):  # deleted, or lost
            return
        except Exception:
            log.exception("build %s", name)
            self._lose(BuildRow.get(store, name), "loopback failed to run the build; see its log")
        finally:
            with self._lock:
                del self._stops[name]
            if self._open:
                self._removals.submit(_remove, self._means.folder / name.rpartition(":")[2])
        self._means.announce(BUILD.slug, name)

    def _lose(self, row: BuildRow, why: str) -> None:
        if states.is_final(BUILD.lifecycle, row.status):
            return
        now = self._means.clock()
        phases: list[dict[str, Any]] = row.phases or [{"phaseType": FIRST, "startTime": row.created}]
        context = {"statusCode": LOST, "message": why}
        last = phases[-1]
        if "phaseStatus" not in last:
            seconds = int(now - last["startTime"])
            last |= {"phaseStatus": "FAULT", "endTime": now, "durationInSeconds": seconds, "contexts": [context]}
        phases.append({"phaseType": LAST, "startTime": now})
        lost = changes(BuildResult, phases=phases, current_phase=LAST, ended=now, failure=why, exported={})
        BuildRow.fire(self._means.store, row.name, "fault", lost)
        self._means.announce(BUILD.slug, row.name)


def _remove(folder: Path) -> None:
    """A folder and everything in it, also where a build took permissions away."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for parent, names, _ in os.walk(folder):
            for path in (os.path.join(parent, name) for name in names):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)
