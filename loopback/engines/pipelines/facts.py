"""What has happened in an execution, what is to be done next, and how the second becomes the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from loopback.engines.pipelines.model import Step

ACTIVE = frozenset({"Starting", "Executing", "Stopping"})
ENDED = frozenset({"Succeeded", "Failed", "Stopped"})


@dataclass(frozen=True)
class StepFact:
    """One step that has started. `properties` is what references see; times are epoch seconds.

    `failure_kind` is an exception type of `retries`, or None for a failure of the user's own code.
    `retry_at` is set between a Retry and the Start that follows it.
    """

    status: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 1
    failure_kind: str | None = None
    failure_reason: str = ""
    first_started: float | None = None
    retry_at: float | None = None

    @property
    def waiting(self) -> bool:
        """Failed, and to be tried again."""
        return self.status == "Failed" and self.retry_at is not None

    @property
    def ended(self) -> bool:
        """Over for good."""
        return self.status in ENDED and not self.waiting


@dataclass(frozen=True)
class ExecutionFacts:
    """All that `plan` knows of an execution. Only steps that have started are in `steps`.

    Iterations of a ForEach body are there as `<step>-<n>`. `variables` are the Execution.* values.
    `selected` restricts the execution to these steps; `source` then has the properties of the others.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, StepFact] = field(default_factory=dict)
    stopping: bool = False
    selected: frozenset[str] | None = None
    source: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    max_parallel: int | None = None


@dataclass(frozen=True)
class StartStep:
    """Begin `step` under `name`: `arguments` and `envelope` (the keys beside Arguments) are resolved."""

    step: Step
    name: str
    arguments: dict[str, Any]
    envelope: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    iteration: int | None = None


@dataclass(frozen=True)
class OpenForEach:
    """Record `name`, a ForEach, as Executing with these properties; there is nothing else to carry out."""

    name: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class EndStep:
    """Record `name` as ended; there is nothing else to carry out."""

    name: str
    status: str
    properties: dict[str, Any] = field(default_factory=dict)
    failure_reason: str = ""


@dataclass(frozen=True)
class RetryStep:
    """Record that failed `name` is tried again at `at`, and plan again then."""

    name: str
    at: float


@dataclass(frozen=True)
class StopStep:
    """Stop the running work of `name`; its status becomes Stopping."""

    name: str


@dataclass(frozen=True)
class EndExecution:
    """The execution ends."""

    status: str
    failure_reason: str = ""


Action = StartStep | OpenForEach | EndStep | RetryStep | StopStep | EndExecution


def record(
    fact: StepFact | None, action: StartStep | OpenForEach | EndStep | RetryStep | StopStep, now: float
) -> StepFact:
    """The fact of a step right after `action` on it was taken up."""
    before = fact or StepFact("Starting", first_started=now)
    if isinstance(action, StartStep):
        return StepFact("Starting", attempts=action.attempt, first_started=before.first_started)
    if isinstance(action, OpenForEach):
        return replace(before, status="Executing", properties=action.properties)
    if isinstance(action, RetryStep):
        return replace(before, retry_at=action.at)
    if isinstance(action, StopStep):
        return replace(before, status="Stopping")
    properties = action.properties or before.properties
    reason = action.failure_reason or before.failure_reason
    return replace(before, status=action.status, properties=properties, failure_reason=reason, retry_at=None)
