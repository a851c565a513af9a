"""A batch of builds: which of them begin when, and how the batch stands. Pure.

Source: the CodeBuild guide's batch buildspec reference. A failure that is not ignored lets running builds end, or stops
them with fast-fail; nothing begins after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DOWNLOAD = "DOWNLOAD_SOURCE"  # the group of the build that reads the batch out of the buildspec
RUNNING, SUCCEEDED, FAILED = "IN_PROGRESS", "SUCCEEDED", "FAILED"


@dataclass(frozen=True)
class Task:
    """One build of a batch. `environment` has members of CodeBuild's environment that it overrides."""

    identifier: str
    buildspec: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    depends: tuple[str, ...] = ()
    ignore_failure: bool = False


@dataclass(frozen=True)
class Batch:
    """What the buildspec says of a batch."""

    tasks: tuple[Task, ...]
    fast_fail: bool = False

    @classmethod
    def of(cls, doc: Mapping[str, Any]) -> "Batch":
        """From what `dataclasses.asdict` has made of one."""
        tasks = (Task(**{**task, "depends": tuple(task["depends"])}) for task in doc["tasks"])
        return cls(tuple(tasks), doc["fast_fail"])


@dataclass(frozen=True)
class BatchMoves:
    """What to do now; `ended` is the batch's final status, "" while it goes on."""

    begin: tuple[Task, ...] = ()
    stop: tuple[str, ...] = ()
    ended: str = ""


def plan(batch: Batch, statuses: Mapping[str, str], halted: str = "") -> BatchMoves:
    """`statuses` has those of the builds that have begun; `halted` is STOPPED or TIMED_OUT for a batch to be ended."""
    running = tuple(name for name, status in statuses.items() if status == RUNNING)
    failed = any(
        statuses.get(task.identifier, SUCCEEDED) in _FAILURES and not task.ignore_failure for task in batch.tasks
    )
    if halted or failed:
        if running:
            return BatchMoves(stop=running if halted or batch.fast_fail else ())
        return BatchMoves(ended=halted or FAILED)
    ready = tuple(task for task in batch.tasks if task.identifier not in statuses and _free(task, statuses))
    return BatchMoves(begin=ready) if ready or running else BatchMoves(ended=SUCCEEDED)


_FAILURES = (FAILED, "FAULT", "TIMED_OUT", "STOPPED")


def _free(task: Task, statuses: Mapping[str, str]) -> bool:
    return all(statuses.get(name, RUNNING) != RUNNING for name in task.depends)


def outputs_of(tasks: tuple[Task, ...], names: list[str]) -> dict[str, dict[str, str]]:
    """Whose artifact an output of the action is: by task, the output's name by the artifact's, "" for the primary one.

    An output is named `task` or `task_artifact`. Raises ValueError for one that belongs to no task.

    >>> outputs_of((Task("a"), Task("a_b")), ["a", "a_b", "a_b_c"])
    {'a': {'': 'a'}, 'a_b': {'': 'a_b', 'c': 'a_b_c'}}
    """
    found: dict[str, dict[str, str]] = {}
    identifiers = sorted((task.identifier for task in tasks), key=len, reverse=True)
    for name in names:
        task = next((each for each in identifiers if name == each or name.startswith(f"{each}_")), None)
        if task is None:
            known = ", ".join(sorted(identifiers))
            raise ValueError(
                f"the output artifact {name} belongs to no build of the batch ({known}); "
                f"expected <build> or <build>_<artifact>"
            )
        found.setdefault(task, {})[name[len(task) + 1 :]] = name
    return found
