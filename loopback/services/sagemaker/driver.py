"""The thread that carries executions forward: it asks the engine what is next, does it, and writes it down.

Everything that it decides upon is in the store, in the same commit as what follows from it: after a crash
`recover` reads the running executions back and goes on.
"""

import heapq
import json
import logging
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

from loopback.core import states
from loopback.core.errors import ResourceInUse, ResourceNotFound, ServiceError
from loopback.core.kinds import BY_SLUG, EXECUTION, STEP
from loopback.core.objects import split_uri
from loopback.core.part import Loop, Part
from loopback.engines.pipelines import cache, selective
from loopback.engines.pipelines.definition import Definition, parse
from loopback.engines.pipelines.plan import (
    Action,
    EndExecution,
    EndStep,
    ExecutionFacts,
    OpenForEach,
    RetryStep,
    StartStep,
    StepFact,
    StopStep,
    plan,
    record,
)
from loopback.rows.pipelines import CachedStepRow, ExecutionResult, ExecutionRow, JobKey, StepResult, StepRow
from loopback.rows.row import changes
from loopback.services.registry import Context
from loopback.services.sagemaker import executions, experiments, jobs, steps
from loopback.services.sagemaker.pipelines import MOST_STEPS

log = logging.getLogger("loopback")
_EVENTS = {"Succeeded": "succeed", "Failed": "fail", "Stopped": "halt"}
_LOST = "InternalServerError: We encountered an internal error. Please try again. (loopback was restarted)"


@dataclass
class LiveExecution:
    """One execution that runs, as the driver holds it in memory; every fact is in the store too."""

    row: ExecutionRow
    arn: str
    definition: Definition
    source: dict[str, dict[str, Any]]
    steps: dict[str, StepFact] = field(default_factory=dict)

    @property
    def facts(self) -> ExecutionFacts:
        """What the engine plans from."""
        selection = self.row.selection
        moment = steps.iso(self.row.created)
        return ExecutionFacts(
            parameters=self.row.parameters,
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
            max_parallel=self.row.parallelism.get("MaxParallelExecutionSteps"),
        )


class ExecutionDriver(Part):
    """Run `loop` on one thread; `changed` may be called from any."""

    kinds = (EXECUTION, STEP, *(BY_SLUG[slug] for slug in steps.AWAITED))

    def __init__(self, context: Context, executor: Executor, now: Callable[[], float] = time.time) -> None:
        self._context = context
        self._store = context.store
        self._executor = executor
        self._now = now
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._runs: dict[str, LiveExecution] = {}
        self._jobs: dict[JobKey, tuple[str, str]] = {}  # a job -> its execution and step
        self._timers: list[tuple[float, str]] = []  # (when, execution)

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: look whether an execution waits for it."""
        if kind == EXECUTION.slug:
            self._inbox.put(lambda: self._on_execution_change(name))
        elif kind == STEP.slug:
            self._inbox.put(lambda: self._on_callback_answer(name))
        elif kind in steps.AWAITED:
            self._inbox.put(lambda: self._on_job_change(kind, name))

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
            for row in ExecutionRow.find(self._store, status=status):
                run = self._take_up(row)
                for step in StepRow.find(self._store, parent=row.name):
                    self._restore(run, step)
                self.on_change(EXECUTION.slug, row.name)

    def _restore(self, run: LiveExecution, step: StepRow) -> None:
        name = step.step
        run.steps[name] = fact_of(step)
        if step.status not in ("Starting", "Executing", "Stopping"):
            return
        if step.job:
            self._jobs[step.job] = (run.row.name, name)
            self.on_change(*step.job)
        elif step.type == "Lambda" or step.status == "Starting":
            self._end(run, name, steps.StepEnded("Failed", reason=_LOST, kind="Step.SERVICE_FAULT"))
        elif step.answer is not None:
            self.on_change(STEP.slug, step.name)

    def _take_up(self, row: ExecutionRow) -> LiveExecution:
        arn = executions.arn_of(row.parent, row.name, self._context)
        definition = parse(row.definition, max_steps=MOST_STEPS)
        run = LiveExecution(row, arn, definition, self._source(row, definition))
        self._runs[row.name] = run
        return run

    def _source(self, row: ExecutionRow, definition: Definition) -> dict[str, dict[str, Any]]:
        """Selective execution: the results of steps that are not selected, from the source execution."""
        config = row.selection
        if not config or "SourcePipelineExecutionArn" not in config:
            return {}
        identity = executions.find(config["SourcePipelineExecutionArn"], self._context).name
        wanted = selective.sources(definition, [s["StepName"] for s in config["SelectedSteps"]])
        return {name: StepRow.get(self._store, f"{identity}/{name}").properties for name in wanted}

    def _on_execution_change(self, name: str) -> None:
        row = ExecutionRow.get(self._store, name)
        if states.is_final(EXECUTION.lifecycle, row.status):
            return
        run = self._runs.get(name)
        if run is None:
            run = self._take_up(row)
            run.steps = {step.step: fact_of(step) for step in StepRow.find(self._store, parent=name)}
            experiments.track(row, run.arn, self._context)
        run.row = row
        self._advance(run)

    def _on_job_change(self, kind: str, name: str) -> None:
        found = self._jobs.get((kind, name))
        if found is None:
            return
        run = self._runs[found[0]]
        with self._store.transaction():
            step = StepRow.get(self._store, f"{found[0]}/{found[1]}")
            try:
                ended = steps.end_of_work(step, self._store.get(BY_SLUG[kind], name), self._context)
            except ServiceError as fault:
                ended = steps.StepEnded("Failed", metadata=step.metadata, reason=f"ClientError: {fault}")
            if ended is None:
                return
            del self._jobs[kind, name]
            self._end(run, found[1], ended)
            self._plan(run)
        self._after(run)

    def _on_callback_answer(self, row_name: str) -> None:
        step = StepRow.get(self._store, row_name)
        run = self._runs.get(step.parent)
        if run is not None and step.status in ("Executing", "Stopping") and step.answer is not None:
            self._end(run, step.step, steps.end_of_callback(step, step.answer))
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
        if isinstance(action, EndExecution):
            self._finish(run, action)
            return
        before = run.steps.get(action.name)
        run.steps[action.name] = record(before, action, self._now())
        if isinstance(action, StartStep):
            self._start(run, action)
        elif isinstance(action, StopStep):
            self._stop(run, action.name)
        elif isinstance(action, RetryStep):
            self._note(run, action.name, "retry_later", changes(StepResult, retry_at=action.at))
        else:
            self._conclude(run, action, new=before is None)

    def _conclude(self, run: LiveExecution, action: OpenForEach | EndStep, *, new: bool) -> None:
        """Steps that are decided without work: Condition, Fail, ForEach, and those whose arguments cannot be had."""
        if new:
            self._create(run, action.name)
        properties = dict(action.properties)
        if isinstance(action, OpenForEach):
            self._move(run, action.name, "begin", changes(StepResult, properties=properties))
            return
        shown = {
            "Condition": {"Outcome": properties.get("Outcome")},
            "Fail": {"ErrorMessage": properties.get("ErrorMessage")},
        }
        step = StepRow.get(self._store, f"{run.row.name}/{action.name}")
        metadata = {k: v for k, v in shown.items() if k == step.type and None not in v.values()}
        if step.status == "Starting" and action.status == "Succeeded":
            self._move(run, action.name, "begin")
        if step.status == action.status:  # a retry that was waiting when the execution was stopped
            self._note(run, action.name, "give_up", changes(StepResult, retry_at=None))
        else:
            ended = changes(
                StepResult,
                properties=properties,
                failure_reason=action.failure_reason,
                metadata=metadata,
                ended=self._now(),
            )
            self._move(run, action.name, _EVENTS[action.status], ended)

    def _start(self, run: LiveExecution, action: StartStep) -> None:
        if action.attempt == 1:
            self._create(run, action.name, action)
        else:
            self._move(run, action.name, "again", changes(StepResult, attempts=action.attempt, retry_at=None))
        key = cache.key(action.step, action.arguments, action.envelope)
        hit = self._find_cached(run, action, key)
        self._move(run, action.name, "begin", changes(StepResult, cache_key=key))
        if hit is not None:
            ended = steps.StepEnded("Succeeded", hit.properties, hit.metadata)
            origin = hit.cache_source or self._arn_of(hit)
            self._end(run, action.name, ended, cache_source=origin)
            return
        done = lambda ended: self._inbox.put(lambda: self._on_work_end(run, action.name, ended))  # noqa: E731
        begun = steps.begin(steps.StepStart(action, run.row, run.arn, self._context, self._executor, done))
        if isinstance(begun, steps.StepEnded):
            self._end(run, action.name, begun)
            return
        job = (begun.job[0].slug, begun.job[1]) if begun.job else None
        noted = changes(StepResult, metadata=dict(begun.metadata), job=job)
        self._note(run, action.name, "work", {**noted, **begun.waits})
        run.steps[action.name] = replace(run.steps[action.name], status="Executing")
        if job:
            self._jobs[job] = (run.row.name, action.name)
            if job[0] in jobs.BY_KIND:
                experiments.track_job(run.row.name, *job, self._context)

    def _on_work_end(self, run: LiveExecution, name: str, ended: steps.StepEnded) -> None:
        if run.row.name in self._runs:
            self._end(run, name, ended)
            self._advance(run)

    def _find_cached(self, run: LiveExecution, action: StartStep, key: str | None) -> StepRow | None:
        """The newest successful run of this step with an equal key that is young enough, or None."""
        if key is None:
            return None
        try:
            entry = CachedStepRow.get(self._store, f"{run.row.parent}/{action.name}/{key}")
            earlier = StepRow.get(self._store, entry.step)
        except ResourceNotFound:
            return None
        age = self._now() - entry.ended
        return earlier if age <= cache.duration(action.step.raw["CacheConfig"]["ExpireAfter"]).total_seconds() else None

    def _arn_of(self, step: StepRow) -> str:
        execution = self._store.get(EXECUTION, step.parent)
        return executions.arn_of(execution.parent, execution.name, self._context)

    def _end(self, run: LiveExecution, name: str, ended: steps.StepEnded, cache_source: str | None = None) -> None:
        """Record the end of a step's work; a success is kept for later executions to take over."""
        properties = json.loads(json.dumps(dict(ended.properties)))
        now = self._now()
        result = changes(
            StepResult,
            properties=properties,
            metadata=dict(ended.metadata),
            failure_reason=ended.reason[:1024],
            failure_kind=ended.kind,
            ended=now,
            cache_source=cache_source,
        )
        step = self._move(run, name, _EVENTS[ended.status], result)
        run.steps[name] = fact_of(step)
        if ended.status == "Succeeded" and step.cache_key and cache_source is None:
            entry = f"{run.row.parent}/{name}/{step.cache_key}"
            newest = CachedStepRow(step=step.name, ended=now)
            try:
                newest.create(self._store, entry)
            except ResourceInUse:
                replace(newest, name=entry).with_doc(self._store, "renew")

    def _stop(self, run: LiveExecution, name: str) -> None:
        step = self._move(run, name, "stop")
        try:
            steps.stop(step, run.arn, self._context)
        except ServiceError as fault:  # its job has just ended by itself
            log.info("stop of %s: %s", step.name, fault)

    def _finish(self, run: LiveExecution, action: EndExecution) -> None:
        event = {"Succeeded": "succeed", "Failed": "fail", "Stopped": "halt"}[action.status]
        ended = changes(ExecutionResult, failure_reason=action.failure_reason or None, ended=self._now())
        self._store.fire(EXECUTION, run.row.name, event, ended)
        del self._runs[run.row.name]
        self._context.on_change(EXECUTION.slug, run.row.name)

    def _create(self, run: LiveExecution, name: str, start: StartStep | None = None) -> None:
        step = start.step if start else run.definition.steps[name]
        now = self._now()
        new = StepRow(
            step=name,
            type=step.type,
            display_name=step.raw.get("DisplayName"),
            description=step.raw.get("Description"),
            started=now,
            first_started=now,
        )
        new.create(self._store, f"{run.row.name}/{name}", run.row.name)

    def _move(self, run: LiveExecution, name: str, event: str, result: dict[str, Any] | None = None) -> StepRow:
        return StepRow.fire(self._store, f"{run.row.name}/{name}", event, result)

    def _note(self, run: LiveExecution, name: str, event: str, result: dict[str, Any]) -> None:
        self._store.amend(STEP, f"{run.row.name}/{name}", event, result=result)

    def _read_json(self, uri: str) -> Any:
        try:
            return json.loads(self._context.objects.read(*split_uri(uri)))
        except ServiceError as fault:
            raise LookupError(str(fault)) from None


def fact_of(step: StepRow) -> StepFact:
    """A step's row as the engine sees it."""
    return StepFact(
        status=step.status,
        properties=step.properties,
        attempts=step.attempts,
        failure_kind=step.failure_kind,
        failure_reason=step.failure_reason,
        first_started=step.first_started,
        retry_at=step.retry_at,
    )
