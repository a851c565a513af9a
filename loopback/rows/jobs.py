"""Processing, training and transform jobs."""

from dataclasses import dataclass, field

from loopback.rows.row import Json, Result, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult(Result):
    """What becomes of a job. `outcome` has all of it, under the names of AWS's Describe.

    `failure_kind` is the exception type that retry policies match, None for a failure of the user's own code.
    `secondary` is how a job ended: Completed, Failed, Stopped or MaxRuntimeExceeded. A training job also has
    its SecondaryStatus and that status's `transitions` so far. `series` has the metric `watched` each time that a
    training job of a tuning job has told it.
    """

    outcome: Json = field(default_factory=dict, metadata=document("result"))
    failure_reason: str = field(default="", metadata=key("FailureReason"))
    failure_kind: str | None = None
    secondary: str | None = None
    secondary_status: str = field(default="", metadata=key("SecondaryStatus"))
    transitions: list[Json] = field(default_factory=list, metadata=key("SecondaryStatusTransitions"))
    metrics: list[Json] = field(default_factory=list, metadata=key("FinalMetricDataList"))
    tuning_job: str | None = field(default=None, metadata=key("TuningJobArn"))
    watched: str | None = None
    series: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow(JobResult):
    """A job of one of the three kinds of `core.kinds.JOBS`, named by its name. `request` is its Create request."""

    request: Json = field(metadata=document())
