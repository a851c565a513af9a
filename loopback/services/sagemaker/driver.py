"""The thread that carries executions forward: it asks the engine what is next, does it, and writes it down.

Everything that it decides upon is in the store, in the same commit as what follows from it: after a crash
`recover` reads the running executions back and goes on.
"""

import heapq
import json
import logging
import queue
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

from loopback.core import states
from loopback.core.errors import ResourceInUse, ResourceNotFound, ServiceError
from loopback.core.kinds import BY_SLUG, CACHED_STEP, EXECUTION, STEP
from loopback.core.objects import split_uri
from loopback.core.store import Resource
from loopback.engines.pipelines import cache, selective
from loopback.engines.pipelines.definition import Definition, parse
from loopback.engines.pipelines.plan import (
    Action,
    Conclude,
    ExecutionFacts,
    Finish,
    Open,
    Retry,
    Start,
    StepFact,
    Stop,
    plan,
    recorded,
)
from loopback.services.registry import Context
from loopback.services.sagemaker import executions, experiments, jobs, steps
from loopback.services.sagemaker.pipelines import MOST_STEPS

log = logging.getLogger("loopback")
_EVENTS = {"Succeeded": "succeed", "Failed": "fail", "Stopped": "halt"}
_LOST = "InternalServerError: We encountered an internal error. Please try again. (loopback was restarted)"


@dataclass
class LiveExecution:
    """One execution that runs, as the driver holds it in memory; every fact is in the store too."""

    row: Resource
    arn: str
    definition: Definition
    source: dict[str, dict[str, Any]]
    steps: dict[str, StepFact] = field(default_factory=dict)

    @property
    def facts(self) -> ExecutionFacts:
        """What the engine plans from."""
        doc = self.row.doc
        selection = doc.get("SelectiveExecutionConfig")
        parallelism = doc.get("ParallelismConfiguration") or {}
        moment = steps.iso(self.row.created)
        return ExecutionFacts(
            parameters=doc["parameters"],
            variables={
                "StartDateTime": moment,
                "PipelineName": self.row.parent,
                "PipelineArn": self.arn.partition("/execution/")[0],
                "PipelineExecutionId": self.row.name,
                "PipelineExecutionArn": self.arn,
            },
            steps=self.steps,
            stopping=self.row.status == "Stopping",
            selected=frozenset(s["StepName"] for s in selection["SelectedSteps"]) if selection else None,
            source=self.source,
            max_parallel=parallelism.get("MaxParallelExecutionSteps"),
        )


class ExecutionDriver:
    """Run `loop` on one thread; `changed` may be called from any."""

    def __init__(self, context: Context, executor: Executor, now: Callable[[], float] = time.time) -> None:
        self._context = context
        self._store = context.store
        self._executor = executor
        self._now = now
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._runs: dict[str, LiveExecution] = {}
        self._jobs: dict[tuple[str, str], tuple[str, str]] = {}  # a job -> its execution and step
        self._timers: list[tuple[float, str]] = []  # (when, execution)

    def changed(self, kind: str, name: str) -> None:
        """A row changed: look whether an execution waits for it."""
        if kind == EXECUTION.slug:
            self._inbox.put(lambda: self._execution_changed(name))
        elif kind == STEP.slug:
            self._inbox.put(lambda: self._callback_answered(name))
        elif kind in jobs.BY_KIND:
            self._inbox.put(lambda: self._job_changed(kind, name))

    def close(self) -> None:
        """End the loop after what is in the inbox."""
        self._inbox.put(None)

    def loop(self) -> None:
        """Work until `close`."""
        while True:
            message = self._next()
            if message is None:
                return
            try:
                message()
            except Exception:
                log.exception("pipeline driver")

    def _next(self) -> Callable[[], None] | None:
        while self._timers:
            delay = self._timers[0][0] - self._now()
            if delay > 0:
                try:
                    return self._inbox.get(timeout=delay)
                except queue.Empty:
                    continue
            name = heapq.heappop(self._timers)[1]
            if name in self._runs:
                return lambda name=name: self._advance(self._runs[name])  # type: ignore[misc]
        return self._inbox.get()

    def recover(self) -> None:
        """Take up the executions that ran when the process before this one ended. Call before `loop`."""
        for status in ("Executing", "Stopping"):
            for row in self._store.find(EXECUTION, status=status):
                run = self._take_up(row)
                for step in self._store.find(STEP, parent=row.name):
                    self._restore(run, step)
                self.changed(EXECUTION.slug, row.name)

    def _restore(self, run: LiveExecution, step: Resource) -> None:
        name = step.doc["name"]
        run.steps[name] = fact_of(step)
        if step.status not in ("Starting", "Executing", "Stopping"):
            return
        job = step.result.get("job")
        if job:
            self._jobs[job[0], job[1]] = (run.row.name, name)
            self.changed(job[0], job[1])
        elif step.doc["type"] == "Lambda" or step.status == "Starting":
            self._end(run, name, steps.StepEnded("Failed", reason=_LOST, kind="Step.SERVICE_FAULT"))
        elif "answer" in step.result:
            self.changed(STEP.slug, step.name)

    def _take_up(self, row: Resource) -> LiveExecution:
        arn = executions.arn_of(row.parent, row.name, self._context)
        definition = parse(row.doc["PipelineDefinition"], max_steps=MOST_STEPS)
        run = LiveExecution(row, arn, definition, self._source(row, definition))
        self._runs[row.name] = run
        return run

    def _source(self, row: Resource, definition: Definition) -> dict[str, dict[str, Any]]:
        """Selective execution: the results of steps that are not selected, from the source execution."""
        config = row.doc.get("SelectiveExecutionConfig")
        if not config or "SourcePipelineExecutionArn" not in config:
            return {}
        identity = executions.find(config["SourcePipelineExecutionArn"], self._context).name
        wanted = selective.sources(definition, [s["StepName"] for s in config["SelectedSteps"]])
        return {name: self._store.get(STEP, f"{identity}/{name}").result.get("properties", {}) for name in wanted}

    def _execution_changed(self, name: str) -> None:
        row = self._store.get(EXECUTION, name)
        if states.is_final(EXECUTION.lifecycle, row.status):
            return
        run = self._runs.get(name)
        if run is None:
            run = self._take_up(row)
            run.steps = {step.doc["name"]: fact_of(step) for step in self._store.find(STEP, parent=name)}
            experiments.track(row, run.arn, self._context)
        run.row = row
        self._advance(run)

    def _job_changed(self, kind: str, name: str) -> None:
        found = self._jobs.get((kind, name))
        job = self._store.get(BY_SLUG[kind], name) if found else None
        if found is None or job is None or not states.is_final(BY_SLUG[kind].lifecycle, job.status):
            return
        del self._jobs[kind, name]
        run = self._runs[found[0]]
        with self._store.transaction():
            step = self._store.get(STEP, f"{found[0]}/{found[1]}")
            try:
                ended = steps.job_ended(step, job, self._context)
            except ServiceError as fault:
                ended = steps.StepEnded(
                    "Failed", metadata=step.result.get("metadata", {}), reason=f"ClientError: {fault}"
                )
            self._end(run, found[1], ended)
            self._plan(run)
        self._after(run)

    def _callback_answered(self, row_name: str) -> None:
        step = self._store.get(STEP, row_name)
        run = self._runs.get(step.parent)
        if run is not None and step.status in ("Executing", "Stopping") and "answer" in step.result:
            self._end(run, step.doc["name"], steps.callback_ended(step))
            self._advance(run)

    def _advance(self, run: LiveExecution) -> None:
        with self._store.transaction():
            self._plan(run)
        self._after(run)

    def _plan(self, run: LiveExecution) -> None:
        """Decide and do, until only running work is left. One commit."""
        while actions := plan(run.definition, run.facts, self._read_json, self._now()):
            for action in actions:
                self._carry_out(run, action)
            if run.row.name not in self._runs:
                return

    def _after(self, run: LiveExecution) -> None:
        waiting = [fact.retry_at for fact in run.steps.values() if fact.waiting and fact.retry_at is not None]
        if run.row.name in self._runs and waiting:
            heapq.heappush(self._timers, (min(waiting), run.row.name))

    def _carry_out(self, run: LiveExecution, action: Action) -> None:
        if isinstance(action, Finish):
            self._finish(run, action)
            return
        before = run.steps.get(action.name)
        run.steps[action.name] = recorded(before, action, self._now())
        if isinstance(action, Start):
            self._start(run, action)
        elif isinstance(action, Stop):
            self._stop(run, action.name)
        elif isinstance(action, Retry):
            self._note(run, action.name, "retry_later", {"retry_at": action.at})
        else:
            self._conclude(run, action, new=before is None)

    def _conclude(self, run: LiveExecution, action: Open | Conclude, *, new: bool) -> None:
        """Steps that are decided without work: Condition, Fail, ForEach, and those whose arguments cannot be had."""
        if new:
            self._create(run, action.name)
        properties = dict(action.properties)
        if isinstance(action, Open):
            self._move(run, action.name, "begin", {"properties": properties})
            return
        shown = {
            "Condition": {"Outcome": properties.get("Outcome")},
            "Fail": {"ErrorMessage": properties.get("ErrorMessage")},
        }
        step = self._store.get(STEP, f"{run.row.name}/{action.name}")
        metadata = {k: v for k, v in shown.items() if k == step.doc["type"] and None not in v.values()}
        if step.status == "Starting" and action.status == "Succeeded":
            self._move(run, action.name, "begin")
        result = {"properties": properties, "failure_reason": action.failure_reason, "metadata": metadata}
        if step.status == action.status:  # a retry that was waiting when the execution was stopped
            self._note(run, action.name, "give_up", {"retry_at": None})
        else:
            self._move(run, action.name, _EVENTS[action.status], {**result, "ended": self._now()})

    def _start(self, run: LiveExecution, action: Start) -> None:
        if action.attempt == 1:
            self._create(run, action.name, action)
        else:
            self._move(run, action.name, "again", {"attempts": action.attempt, "retry_at": None})
        key = cache.key(action.step, action.arguments, action.envelope)
        hit = self._cached(run, action, key)
        self._move(run, action.name, "begin", {"cache_key": key})
        if hit is not None:
            ended = steps.StepEnded("Succeeded", hit.result["properties"], hit.result.get("metadata", {}))
            origin = hit.result.get("cache_source") or self._arn_of(hit)
            self._end(run, action.name, ended, cache_source=origin)
            return
        done = lambda ended: self._inbox.put(lambda: self._work_ended(run, action.name, ended))  # noqa: E731
        begun = steps.begin(steps.StepStart(action, run.row, run.arn, self._context, self._executor, done))
        if isinstance(begun, steps.StepEnded):
            self._end(run, action.name, begun)
            return
        job = (begun.job[0].slug, begun.job[1]) if begun.job else None
        self._note(run, action.name, "work", {"metadata": dict(begun.metadata), "job": job, **begun.waits})
        run.steps[action.name] = replace(run.steps[action.name], status="Executing")
        if job:
            self._jobs[job] = (run.row.name, action.name)
            experiments.track_job(run.row.name, *job, self._context)

    def _work_ended(self, run: LiveExecution, name: str, ended: steps.StepEnded) -> None:
        if run.row.name in self._runs:
            self._end(run, name, ended)
            self._advance(run)

    def _cached(self, run: LiveExecution, action: Start, key: str | None) -> Resource | None:
        """The newest successful run of this step with an equal key that is young enough, or None."""
        if key is None:
            return None
        try:
            entry = self._store.get(CACHED_STEP, f"{run.row.parent}/{action.name}/{key}")
            earlier = self._store.get(STEP, entry.doc["step"])
        except ResourceNotFound:
            return None
        age = self._now() - entry.doc["ended"]
        return earlier if age <= cache.duration(action.step.raw["CacheConfig"]["ExpireAfter"]).total_seconds() else None

    def _arn_of(self, step: Resource) -> str:
        execution = self._store.get(EXECUTION, step.parent)
        return executions.arn_of(execution.parent, execution.name, self._context)

    def _end(self, run: LiveExecution, name: str, ended: steps.StepEnded, cache_source: str | None = None) -> None:
        """Record the end of a step's work; a success is kept for later executions to take over."""
        properties = json.loads(json.dumps(dict(ended.properties)))
        result = {
            "properties": properties,
            "metadata": dict(ended.metadata),
            "failure_reason": ended.reason[:1024],
            "failure_kind": ended.kind,
            "ended": self._now(),
            "cache_source": cache_source,
        }
        step = self._move(run, name, _EVENTS[ended.status], result)
        run.steps[name] = fact_of(step)
        key = step.result.get("cache_key")
        if ended.status == "Succeeded" and key and cache_source is None:
            entry = f"{run.row.parent}/{name}/{key}"
            doc = {"step": step.name, "ended": step.result["ended"]}
            try:
                self._store.create(CACHED_STEP, entry, doc)
            except ResourceInUse:
                self._store.amend(CACHED_STEP, entry, "renew", doc=doc)

    def _stop(self, run: LiveExecution, name: str) -> None:
        step = self._move(run, name, "stop")
        try:
            steps.stop(step, run.arn, self._context)
        except ServiceError as fault:  # its job has just ended by itself
            log.info("stop of %s: %s", step.name, fault)

    def _finish(self, run: LiveExecution, action: Finish) -> None:
        event = {"Succeeded": "succeed", "Failed": "fail", "Stopped": "halt"}[action.status]
        self._store.fire(
            EXECUTION, run.row.name, event, {"FailureReason": action.failure_reason or None, "ended": self._now()}
        )
        del self._runs[run.row.name]
        self._context.changed("finished", run.row.name)

    def _create(self, run: LiveExecution, name: str, start: Start | None = None) -> None:
        step = start.step if start else run.definition.steps[name]
        doc = {
            "name": name,
            "type": step.type,
            "display_name": step.raw.get("DisplayName"),
            "description": step.raw.get("Description"),
        }
        now = self._now()
        self._store.create(
            STEP,
            f"{run.row.name}/{name}",
            doc,
            parent=run.row.name,
            result={"started": now, "first_started": now, "attempts": 1},
        )

    def _move(self, run: LiveExecution, name: str, event: str, result: dict[str, Any] | None = None) -> Resource:
        return self._store.fire(STEP, f"{run.row.name}/{name}", event, result)

    def _note(self, run: LiveExecution, name: str, event: str, result: dict[str, Any]) -> None:
        self._store.amend(STEP, f"{run.row.name}/{name}", event, result=result)

    def _read_json(self, uri: str) -> Any:
        try:
            return json.loads(self._context.objects.read(*split_uri(uri)))
        except ServiceError as fault:
            raise LookupError(str(fault)) from None


def fact_of(step: Resource) -> StepFact:
    """A step's row as the engine sees it."""
    return StepFact(
        status=step.status,
        properties=step.result.get("properties", {}),
        attempts=step.result.get("attempts", 1),
        failure_kind=step.result.get("failure_kind"),
        failure_reason=step.result.get("failure_reason", ""),
        first_started=step.result.get("first_started"),
        retry_at=step.result.get("retry_at"),
    )
