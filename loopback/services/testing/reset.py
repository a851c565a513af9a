"""An empty account again: what works is stopped and waited for, then everything is deleted."""

import logging
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loopback.core import states
from loopback.core.errors import ServiceError
from loopback.core.kinds import (
    BUILD,
    BUILD_BATCH,
    DELIVERY,
    DEPLOYMENT,
    ENDPOINT,
    EXECUTION,
    MONITORING_EXECUTION,
    PROCESSING_JOB,
    PROJECT,
    PROVISIONED_PRODUCT,
    STACK_OPERATION,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
    Kind,
)
from loopback.core.queries import Selection
from loopback.core.store import Resource
from loopback.services import registry
from loopback.services.registry import Context
from loopback.services.sagemaker import executions

TRASH = ".deleted-"
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.005
UNSTABLE = [  # statuses of a stack that is being changed
    *("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"),
    *("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
]
log = logging.getLogger("loopback")


Working = tuple[str, Callable[[], None]]  # what it is, and how to ask it to stop


class StillWorking(Exception):
    """Something did not stop in time; the message names it. Nothing was deleted."""


@dataclass(frozen=True)
class Work:
    """A kind of row that something works on: in which statuses, and the operation that stops it.

    Without an operation it ends by itself, or with what it has started.
    """

    kind: Kind
    statuses: tuple[str, ...]
    service: str = ""
    operation: str = ""
    request: Callable[[Resource, Context], Mapping[str, Any]] = lambda _row, _context: {}


def _by_name(member: str) -> Callable[[Resource, Context], Mapping[str, Any]]:
    return lambda row, _context: {member: row.name}


def _execution(row: Resource, context: Context) -> Mapping[str, Any]:
    arn = executions.arn_of(row.parent, row.name, context)
    return {"PipelineExecutionArn": arn, "ClientRequestToken": str(uuid.uuid5(uuid.NAMESPACE_URL, arn))}


def _delivery(row: Resource, _context: Context) -> Mapping[str, Any]:
    return {"pipelineName": row.parent, "pipelineExecutionId": row.name, "abandon": True}


# In this order: what starts other work stops first.
WORK = (
    Work(DELIVERY, ("InProgress", "Stopping"), "codepipeline", "StopPipelineExecution", _delivery),
    Work(DEPLOYMENT, ("Created", "InProgress"), "codedeploy", "StopDeployment", _by_name("deploymentId")),
    Work(EXECUTION, ("Executing", "Stopping"), "sagemaker", "StopPipelineExecution", _execution),
    Work(
        TUNING_JOB,
        ("InProgress", "Stopping"),
        "sagemaker",
        "StopHyperParameterTuningJob",
        _by_name("HyperParameterTuningJobName"),
    ),
    *(
        Work(
            kind,
            ("Queued", "InProgress", "Stopping"),
            "sagemaker",
            f"Stop{noun}Job",
            _by_name(f"{noun}JobName"),
        )
        for kind, noun in ((PROCESSING_JOB, "Processing"), (TRAINING_JOB, "Training"), (TRANSFORM_JOB, "Transform"))
    ),
    Work(MONITORING_EXECUTION, ("Pending", "InProgress", "Stopping")),
    Work(BUILD_BATCH, ("IN_PROGRESS",), "codebuild", "StopBuildBatch", _by_name("id")),
    Work(BUILD, ("IN_PROGRESS",), "codebuild", "StopBuild", _by_name("id")),
    Work(STACK_OPERATION, ("CREATED", "IN_PROGRESS", "IN_PROGRESS_IN_ERROR")),
    Work(PROJECT, ("Pending", "CreateInProgress", "UpdateInProgress", "DeleteInProgress")),
    Work(PROVISIONED_PRODUCT, ("UNDER_CHANGE",)),
    Work(ENDPOINT, tuple(states.ENDPOINT), "sagemaker", "DeleteEndpoint", _by_name("EndpointName")),
)


class Reset:
    """Empties the account. `forget` empties what is not in the store: parts, the emulator underneath, folders."""

    def __init__(
        self,
        context: Context,
        forget: Sequence[Callable[[], None]],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context, self._forget = context, forget
        self._now, self._sleep = now, sleep

    def run(self) -> None:
        """Stop what works, wait for its end, then delete all there is. Raises StillWorking."""
        store, deadline = self._context.store, self._now() + PATIENCE_SECONDS
        while True:
            working = [*self._working(), *self._unstable_stacks()]
            with store.transaction():
                if not working and not (working := list(self._working())):
                    store.clear()
                    break
            if self._now() > deadline:
                raise StillWorking(
                    f"not ended within {PATIENCE_SECONDS:.0f} s: {', '.join(name for name, _ in working)}"
                )
            for _, stop in working:
                stop()
            self._sleep(LOOK_SECONDS)
        for forget in self._forget:
            forget()

    def _working(self) -> Iterator[Working]:
        for work in WORK:
            for row in self._context.store.scan(Selection(work.kind, statuses=work.statuses)):
                yield f"{work.kind.noun} {row.name} ({row.status})", partial(self._stop, row, work)

    def _unstable_stacks(self) -> Iterator[Working]:
        found = self._context.client("cloudformation", "").list_stacks(StackStatusFilter=UNSTABLE)
        for stack in found["StackSummaries"]:
            yield f"stack {stack['StackName']} ({stack['StackStatus']})", _wait

    def _stop(self, row: Resource, work: Work) -> None:
        if not work.operation or row.status == "Stopping":
            return
        try:
            registry.call(work.service, work.operation, work.request(row, self._context), self._context)
        except ServiceError as fault:  # it has just ended, or cannot be stopped in this status: look again
            log.debug("reset: %s: %s", row.name, fault)


def _wait() -> None:
    """What changes a stack ends by itself, or with what it has started."""


def empty(folders: Sequence[Path], aside: Path) -> None:
    """Empty folders at once; what was in them is deleted in the background. `aside` is on the same disk."""
    trash = Path(tempfile.mkdtemp(prefix=TRASH, dir=aside))
    for folder in folders:
        for index, path in enumerate(folder.iterdir() if folder.is_dir() else ()):
            path.rename(trash / f"{folder.name}-{index}")
    threading.Thread(target=shutil.rmtree, args=(trash,), kwargs={"ignore_errors": True}, daemon=True).start()
