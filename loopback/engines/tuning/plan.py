"""What a tuning job does next: training jobs that begin, training jobs that are stopped, and its end.

The words of its failures are AWS's (amazon-sagemaker-examples#2437; the second one is in AWS's troubleshooting).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from loopback.engines.tuning import stopping
from loopback.engines.tuning.ranges import Space
from loopback.engines.tuning.stopping import EpochBounds

ATTEMPTS = 5  # training jobs without a success, or without an objective, after which a tuning job gives up
MOST_LOST = 3  # times that a training job which lost its workers is begun again
NO_SUCCESS = (
    "No training job succeeded after {} attempts. Please take a look at the training job failures to get more details."
)
NO_OBJECTIVE = (
    "No objective metrics found after running {} training jobs. Please ensure that the custom algorithm is emitting "
    "the objective metric as defined by the regular expression provided."
)


@dataclass(frozen=True)
class Algorithm:
    """One training job definition: what is searched in it, and what for."""

    searched: Space
    metric: str
    maximize: bool


@dataclass(frozen=True)
class Rules:
    """What a request says about how long is searched.

    `most` is None where only the time limits it. `resources` are Hyperband's, `early` is early stopping.
    """

    strategy: str
    algorithms: tuple[Algorithm, ...]
    parallel: int
    most: int | None = None
    seconds: float | None = None
    target: float | None = None
    not_improving: int | None = None
    early: bool = False
    resources: EpochBounds | None = None


@dataclass(frozen=True)
class TrialFact:
    """A training job that a tuning job has begun.

    `index` counts the combinations of its algorithm, from 0. `lost` says that it failed with its workers, and not by
    itself; `attempt` counts how often its combination was begun. `series` is its objective so far, `objective` the
    last of it once it has ended.
    """

    name: str
    algorithm: int
    index: int
    status: str
    attempt: int = 1
    objective: float | None = None
    series: Sequence[float] = ()
    lost: bool = False

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.status in ("Completed", "Failed", "Stopped")

    @property
    def retried(self) -> bool:
        """Whether it does not count, since its combination is begun again."""
        return self.lost and self.attempt <= MOST_LOST


@dataclass(frozen=True)
class LaunchTrial:
    """Begin the combination with this index of an algorithm. `again` names the training job that lost its workers."""

    algorithm: int
    index: int
    attempt: int = 1
    again: str | None = None


@dataclass(frozen=True)
class StopTrial:
    """Stop this training job."""

    name: str


@dataclass(frozen=True)
class EndTuning:
    """The tuning job is over. `details` go into TuningJobCompletionDetails."""

    status: str
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


Action = LaunchTrial | StopTrial | EndTuning


def plan(rules: Rules, trials: Sequence[TrialFact], elapsed: float, *, stopping_all: bool) -> list[Action]:
    """What to do now; empty while what runs is left to run. `elapsed` are the seconds since it began."""
    running = [trial for trial in trials if not trial.ended]
    over = EndTuning("Stopped") if stopping_all else _over(rules, trials, elapsed)
    if over is not None and not running:
        return [over]
    if over is not None:  # where nothing has succeeded what runs is waited for, since it may
        at_once = over.status != "Failed"
        return [StopTrial(trial.name) for trial in running if at_once and trial.status != "Stopping"]
    found: list[Action] = [StopTrial(name) for name in _cut(rules, trials)]
    launches = list(islice(_launches(rules, trials), max(0, rules.parallel - len(running))))
    if not launches and not running:
        return [_end(trials)]
    return [*found, *launches]


def best(rules: Rules, trials: Sequence[TrialFact]) -> TrialFact | None:
    """The training job with the best objective, the earliest of equal ones."""
    known = [trial for trial in trials if trial.objective is not None and trial.status in ("Completed", "Stopped")]
    return max(known, key=lambda trial: _merit(rules, trial), default=None)


def _merit(rules: Rules, trial: TrialFact) -> float:
    assert trial.objective is not None
    return trial.objective if rules.algorithms[trial.algorithm].maximize else -trial.objective


def _over(rules: Rules, trials: Sequence[TrialFact], elapsed: float) -> EndTuning | None:
    """Why no more training jobs are begun; None while there is none."""
    ended = [trial for trial in trials if trial.ended and not trial.retried]
    succeeded = [trial for trial in ended if trial.status in ("Completed", "Stopped")]
    if len(ended) >= ATTEMPTS and not succeeded:
        return _end(trials)
    if len(succeeded) >= ATTEMPTS and all(trial.objective is None for trial in ended):
        return _end(trials)
    if rules.seconds is not None and elapsed >= rules.seconds:
        return _end(trials)
    top = best(rules, trials)
    if top is None:
        return None
    sign = 1 if rules.algorithms[top.algorithm].maximize else -1
    if rules.target is not None and _merit(rules, top) >= sign * rules.target:
        return _end(trials)
    since = len(ended) - 1 - ended.index(top)
    if rules.not_improving is not None and since >= rules.not_improving:
        return EndTuning("Completed", details={"NumberOfTrainingJobsObjectiveNotImproving": since})
    return None


def _end(trials: Sequence[TrialFact]) -> EndTuning:
    ended = [trial for trial in trials if trial.ended and not trial.retried]
    if any(trial.objective is not None for trial in ended) or not ended:
        return EndTuning("Completed")
    succeeded = [trial for trial in ended if trial.status in ("Completed", "Stopped")]
    if not succeeded:
        return EndTuning("Failed", NO_SUCCESS.format(len(ended)))
    return EndTuning("Failed", NO_OBJECTIVE.format(len(succeeded)))


def _cut(rules: Rules, trials: Sequence[TrialFact]) -> Iterator[str]:
    """The running training jobs that are ended early."""
    for trial in trials:
        if trial.status != "InProgress" or not trial.series:
            continue
        maximize = rules.algorithms[trial.algorithm].maximize
        peers = [other for other in trials if other.algorithm == trial.algorithm and other is not trial]
        if rules.resources is not None:
            known = [(other.index, other.series) for other in peers]
            if stopping.is_cut(trial.index, trial.series, known, rules.resources, maximize=maximize):
                yield trial.name
        elif rules.early:
            before = [other.series for other in peers if other.ended]
            if stopping.is_worse_than_median(trial.series, before, maximize=maximize):
                yield trial.name


def _launches(rules: Rules, trials: Sequence[TrialFact]) -> Iterator[LaunchTrial]:
    """What may begin, in order: what lost its workers first, then one combination of each algorithm after the other."""
    replaced = {(trial.algorithm, trial.index, trial.attempt) for trial in trials}
    for trial in trials:
        if trial.retried and trial.ended and (trial.algorithm, trial.index, trial.attempt + 1) not in replaced:
            yield LaunchTrial(trial.algorithm, trial.index, trial.attempt + 1, trial.name)
    begun = len({(trial.algorithm, trial.index) for trial in trials})
    while rules.most is None or begun < rules.most:
        index, algorithm = divmod(begun, len(rules.algorithms))
        yield LaunchTrial(algorithm, index)
        begun += 1
