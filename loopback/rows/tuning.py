"""Hyperparameter tuning jobs, and the training jobs that they begin."""

from dataclasses import dataclass, field

from loopback.core.kinds import TUNED_JOB, TUNING_JOB
from loopback.rows.row import Json, Result, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningResult(Result):
    """How far a tuning job is, and how it ended.

    `jobs` and `objectives` count its training jobs as AWS does (TrainingJobStatusCounters, ObjectiveStatusCounters);
    `best` is the name of the best one so far. `details` are its TuningJobCompletionDetails.
    """

    failure_reason: str = field(default="", metadata=key("FailureReason"))
    jobs: dict[str, int] = field(default_factory=dict)
    objectives: dict[str, int] = field(default_factory=dict)
    best: str | None = None
    details: Json = field(default_factory=dict)
    ended: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningJobRow(TuningResult):
    """A tuning job, named by its name. `request` is its Create request."""

    KIND = TUNING_JOB

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedJobResult(Result):
    """What came of a training job: its objective, and that after each epoch where it is watched.

    `lost` says that it failed with its workers, and not by itself.
    """

    objective: float | None = None
    series: list[float] = field(default_factory=list)
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedJobRow(TunedJobResult):
    """A training job of a tuning job, named by its name; its parent is the tuning job.

    `algorithm` is the place of its definition, `index` counts the combinations of that one. `values` are its tuned
    hyperparameters, as text. `number` counts the training jobs of the tuning job.
    """

    KIND = TUNED_JOB

    number: int
    algorithm: int
    index: int
    attempt: int
    values: dict[str, str]
