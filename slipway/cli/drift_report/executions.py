"""The executions of a monitor, and since when each of their violations has been there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

VERDICTS = ("Completed", "CompletedWithViolations")


@dataclass(frozen=True)
class Execution:
    """One look of a monitor at its endpoint. `violations` are the entries of its constraint_violations.json.

    `folder` is where its documents are in S3, and `asked` says that somebody started it, not the schedule.
    """

    at: datetime
    status: str
    job: str = ""
    reason: str = ""
    folder: str = ""
    violations: tuple[Mapping[str, Any], ...] = ()
    asked: bool = False

    @property
    def has_verdict(self) -> bool:
        """Whether it compared data with the baseline: those that failed, or still run, say nothing of drift."""
        return self.status in VERDICTS

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "time": self.at,
            "status": self.status,
            "reason": self.reason,
            "job": self.job,
            "folder": self.folder,
            "violations": len(self.violations),
            "asked_for": self.asked,
        }


Key = tuple[str, str]


def key(violation: Mapping[str, Any]) -> Key:
    """What a violation is about: the feature, metric or label, and the check that it did not pass."""
    subject = violation.get("feature_name") or violation.get("metric_name") or ""
    if facet := violation.get("facet"):
        subject = f"{subject} of {facet} = {violation.get('facet_value')}"
    elif label := violation.get("label"):
        subject = attributions_of(label)
    return str(subject), str(violation.get("constraint_check_type", ""))


def attributions_of(label: object) -> str:
    """The subject of a violation that is about all features."""
    return f"attributions of {label}"


@dataclass(frozen=True)
class Since:
    """The row of executions, one after another, that had a violation.

    `at_least`: the oldest execution that was looked at had it too, so it may have begun before.
    """

    at: datetime
    executions: int
    at_least: bool

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        return {"time": self.at, "executions": self.executions, "at_least": self.at_least}


def since(wanted: Key, history: Iterable[Execution]) -> Since | None:
    """Of the newest execution backwards; one without verdict neither ends the row nor counts in it."""
    judged = sorted((one for one in history if one.has_verdict), key=lambda one: one.at, reverse=True)
    row = 0
    for execution in judged:
        if wanted not in {key(violation) for violation in execution.violations}:
            break
        row += 1
    return Since(judged[row - 1].at, row, row == len(judged)) if row else None


def marks(wanted: Key, history: Sequence[Execution]) -> list[bool | None]:
    """For each execution, the oldest first: violated, met, or None without a verdict."""
    ordered = sorted(history, key=lambda one: one.at)
    return [wanted in {key(v) for v in one.violations} if one.has_verdict else None for one in ordered]
