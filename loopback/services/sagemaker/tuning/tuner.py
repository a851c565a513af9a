"""The thread that carries tuning jobs forward: it asks the engine what is next, does it, and writes it down.

What it decides upon is in the store, in the same commit as what follows from it: after a crash `recover` goes on.
"""

import logging
import queue
import secrets
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loopback.core import states
from loopback.core.errors import ResourceNotFound, ServiceError
from loopback.core.kinds import TRAINING_JOB, TUNED_JOB, TUNING_JOB
from loopback.core.part import Loop, Part
from loopback.engines.tuning import ranges
from loopback.engines.tuning.plan import EndTuning, LaunchTrial, Rules, StopTrial, TrialFact, best, plan
from loopback.engines.tuning.suggest import Tried, suggest
from loopback.rows.jobs import JobResult, JobRow
from loopback.rows.row import changes
from loopback.rows.tuning import TunedJobRow, TuningJobRow, TuningResult
from loopback.services.registry import Context, call
from loopback.services.sagemaker.tuning import tuning_jobs, warm_start
from loopback.services.sagemaker.tuning.definitions import algorithms, rules_of, training_job

log = logging.getLogger("loopback")
LONGEST_REASON = 1024
_EVENTS = {"Completed": "complete", "Failed": "fail", "Stopped": "halt"}


@dataclass
class LiveTuning:
    """One tuning job that runs, as the tuner holds it in memory; every fact is in the store too."""

    row: TuningJobRow
    rules: Rules
    learned: list[Tried]
    trials: dict[str, TunedJobRow] = field(default_factory=dict)
    series: dict[str, list[float]] = field(default_factory=dict)  # of what runs, as far as it is known

    @property
    def facts(self) -> list[TrialFact]:
        """Its training jobs as the engine sees them."""
        return [
            TrialFact(
                row.name,
                row.algorithm,
                row.index,
                row.status,
                row.attempt,
                row.objective,
                row.series or self.series.get(row.name, ()),
                row.lost,
            )
            for row in self.trials.values()
        ]

    def tried_values(self, algorithm: int) -> list[Tried]:
        """The combinations of one algorithm that have an objective, or will have one."""
        found = list(self.learned)
        for row in self.trials.values():
            values = ranges.read(self.rules.algorithms[algorithm].searched, row.values)
            running = row.status in ("InProgress", "Stopping")
            if row.algorithm == algorithm and values is not None and (running or row.objective is not None):
                found.append(Tried(values, row.objective))
        return found


class Tuner(Part):
    """Run `loop` on one thread; `changed` may be called from any. `now` returns epoch seconds."""

    kinds = (TUNING_JOB, TRAINING_JOB)

    def __init__(
        self,
        context: Context,
        now: Callable[[], float] = time.time,
        token: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._context, self._store, self._now, self._token = context, context.store, now, token
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._live: dict[str, LiveTuning] = {}
        self._owners: dict[str, str] = {}  # a training job that runs -> its tuning job

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: look whether a tuning job waits for it."""
        if kind == TUNING_JOB.slug:
            self._inbox.put(lambda: self._on_tuning_change(name))
        elif kind == TRAINING_JOB.slug and name in self._owners:
            self._inbox.put(lambda: self._on_training_change(name))

    def close(self) -> None:
        """End the loop after what is in the inbox."""
        self._inbox.put(None)

    def loop(self) -> None:
        """Work until `close`."""
        while True:
            try:
                message = self._inbox.get(timeout=self._wait())
            except queue.Empty:
                message = self._look
            if message is None:
                return
            try:
                message()
            except Exception:
                log.exception("hyperparameter tuning")

    def recover(self) -> None:
        """Take up the tuning jobs that ran when the process before this one ended. Call after jobs are recovered."""
        for status in ("InProgress", "Stopping"):
            for row in TuningJobRow.find(self._store, status=status):
                self._inbox.put(lambda name=row.name: self._on_tuning_change(name))  # type: ignore[misc]

    def _wait(self) -> float | None:
        """Seconds until a tuning job's time is over."""
        ends = [live.row.created + live.rules.seconds for live in self._live.values() if live.rules.seconds]
        return max(0.0, min(ends) - self._now()) if ends else None

    def _look(self) -> None:
        for live in list(self._live.values()):
            self._advance(live)

    def _on_tuning_change(self, name: str) -> None:
        try:
            row = TuningJobRow.get(self._store, name)
        except ResourceNotFound:  # deleted meanwhile
            return
        if states.is_final(TUNING_JOB.lifecycle, row.status):
            return
        live = self._live.get(name) or self._take_up(row)
        live.row = row
        self._advance(live)

    def _take_up(self, row: TuningJobRow) -> LiveTuning:
        rules = rules_of(row.request)
        learned = list(warm_start.parents_results(row.request, rules.algorithms[0].searched, self._context))
        live = self._live[row.name] = LiveTuning(row, rules, learned)
        for trial in TunedJobRow.find(self._store, parent=row.name):
            live.trials[trial.name] = trial
            if not states.is_final(TUNED_JOB.lifecycle, trial.status):
                self._owners[trial.name] = row.name
                self._sync(live, trial.name)
        return live

    def _on_training_change(self, name: str) -> None:
        live = self._live.get(self._owners.get(name, ""))
        if live is not None:
            self._sync(live, name)
            self._advance(live)

    def _sync(self, live: LiveTuning, name: str) -> None:
        """Take over what has become of a training job."""
        job = JobRow.from_row(self._store.get(TRAINING_JOB, name))
        if not states.is_final(TRAINING_JOB.lifecycle, job.status):
            live.series[name] = job.series
            return
        metric = live.rules.algorithms[live.trials[name].algorithm].metric
        live.trials[name] = TunedJobRow.fire(self._store, name, _EVENTS[job.status], tuning_jobs.result_of(job, metric))
        live.series.pop(name, None)
        del self._owners[name]

    def _advance(self, live: LiveTuning) -> None:
        try:
            self._decide(live)
        except ServiceError as fault:  # no training job can begin: what runs is left to end by itself
            log.warning("the hyperparameter tuning job %s fails: %s", live.row.name, fault)
            reason = f"ClientError: {fault.code}: {fault}"[:LONGEST_REASON]
            result = changes(TuningResult, failure_reason=reason, ended=self._now())
            TuningJobRow.fire(self._store, live.row.name, "fail", result)
            del self._live[live.row.name]

    def _decide(self, live: LiveTuning) -> None:
        """Decide and do, until only running training jobs are left. One commit."""
        with self._store.transaction():
            while actions := self._plan(live):
                for action in actions:
                    if isinstance(action, EndTuning):
                        self._finish(live, action)
                        return
                    self._carry_out(live, action)
            self._note(live)

    def _plan(self, live: LiveTuning) -> list[LaunchTrial | StopTrial | EndTuning]:
        elapsed = self._now() - live.row.created
        return plan(live.rules, live.facts, elapsed, stopping_all=live.row.status == "Stopping")

    def _carry_out(self, live: LiveTuning, action: LaunchTrial | StopTrial) -> None:
        if isinstance(action, StopTrial):
            live.trials[action.name] = TunedJobRow.fire(self._store, action.name, "stop")
            try:
                call("sagemaker", "StopTrainingJob", {"TrainingJobName": action.name}, self._context)
            except ServiceError as fault:  # it has just ended by itself
                log.info("stop of %s: %s", action.name, fault)
            return
        self._launch(live, action)

    def _launch(self, live: LiveTuning, launch: LaunchTrial) -> None:
        number = len(live.trials) + 1
        name = f"{live.row.name}-{number:03}-{self._token()}"
        algorithm = live.rules.algorithms[launch.algorithm]
        values = live.trials[launch.again].values if launch.again else self._next(live, launch)
        definition = algorithms(live.row.request)[launch.algorithm]
        request = training_job(definition, algorithm, name, values)
        if tags := live.row.request.get("Tags"):
            request["Tags"] = tags
        row = TunedJobRow(
            number=number, algorithm=launch.algorithm, index=launch.index, attempt=launch.attempt, values=values
        )
        live.trials[name] = row.create(self._store, name, live.row.name)
        self._owners[name] = live.row.name
        call("sagemaker", "CreateTrainingJob", request, self._context)
        watched = algorithm.metric if live.rules.early or live.rules.resources else None
        owner = tuning_jobs.arn_of(live.row.name, self._context)
        self._store.amend(TRAINING_JOB, name, "tune", result=changes(JobResult, tuning_job=owner, watched=watched))

    def _next(self, live: LiveTuning, launch: LaunchTrial) -> dict[str, str]:
        config = live.row.request["HyperParameterTuningJobConfig"]
        seed = config.get("RandomSeed", zlib.crc32(f"{live.row.name}/{live.row.created}".encode()))
        algorithm = live.rules.algorithms[launch.algorithm]
        found = suggest(
            live.rules.strategy,
            algorithm.searched,
            live.tried_values(launch.algorithm),
            launch.index,
            seed,
            maximize=algorithm.maximize,
        )
        return {name: ranges.as_text(value) for name, value in found.items()}

    def _note(self, live: LiveTuning) -> None:
        top = best(live.rules, live.facts)
        tuning_jobs.update_counters(live.row.name, list(live.trials.values()), top.name if top else None, self._context)

    def _finish(self, live: LiveTuning, end: EndTuning) -> None:
        self._note(live)
        result = changes(TuningResult, failure_reason=end.reason, details=dict(end.details), ended=self._now())
        TuningJobRow.fire(self._store, live.row.name, _EVENTS[end.status], result)
        del self._live[live.row.name]
        self._context.on_change(TUNING_JOB.slug, live.row.name)
