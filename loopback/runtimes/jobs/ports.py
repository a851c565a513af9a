"""What goes into `run_job` and what comes out of it. Only data and protocols; importing this costs nothing."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from loopback.core.acting import Acting
from loopback.core.faults import Faults
from loopback.core.objects import Objects
from loopback.runtimes.jobs.images import Images

if TYPE_CHECKING:
    from loopback.runtimes.jobs.hosts import Zygote

Kind = Literal["processing", "training", "transform"]
Report = Callable[[str, str], None]  # secondary status, message
Observe = Callable[[list[float]], None]  # the values of the watched metric so far
Publish = Callable[[Mapping[str, str], list[dict[str, Any]]], None]  # the job's Environment, metrics it left

INTERNAL = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY = "SageMaker.CAPACITY_ERROR"
LIMIT = "SageMaker.RESOURCE_LIMIT"
# What the reason of a failure begins with, and the name that retry policies have for it.
FAILURES = {"InternalServerError": INTERNAL, "CapacityError": CAPACITY, "ResourceLimitExceeded": LIMIT}


class LogWriter(Protocol):
    """CloudWatch Logs. A group and a stream begin with their first event."""

    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        """Add events: (milliseconds since the epoch, line without its newline)."""


@dataclass(frozen=True)
class Job:
    """One job to run. `request` is the Create*Job request; `model` the container of a transform job's model.

    `watched` is the metric of a training job whose values are told while it runs.

    `environ` is the caller's part of the job's environment: endpoint URL, credentials, region. Nothing else of
    this process's environment reaches the job.
    """

    kind: Kind
    name: str
    arn: str
    request: Mapping[str, Any]
    model: Mapping[str, Any] | None = None
    watched: str | None = None
    region: str = "us-east-1"
    account: str = "000000000000"
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ports:
    """Everything that a job touches outside its own folder."""

    objects: Objects
    logs: LogWriter
    zygote: "Zygote"
    folder: Path  # jobs work in sub-folders of it
    images: Images = field(default_factory=Images)
    image_cache: Path | None = None  # where environments of images are kept; None for the user's cache
    clock: Callable[[], float] = time.time
    capacity: int = 20  # the most hosts that one job may have
    grace_seconds: float = 120.0  # between SIGTERM and SIGKILL, as on AWS
    keep_folders: bool = False
    acting: Acting | None = None  # where IAM is enforced: what a job does, it does with its role
    faults: Faults = field(default_factory=Faults)  # those that a test has asked for
    python: str = sys.executable  # what jobs run with, where their image has no other
    publish: Publish | None = None  # what processing jobs leave in /opt/ml/output/metrics/cloudwatch


@dataclass(frozen=True)
class Outcome:
    """How a job ended. `started` and `ended` are epoch seconds around the run of the containers."""

    status: Literal["Completed", "Failed", "Stopped"]
    secondary: str
    started: float
    ended: float
    failure_reason: str | None = None
    failure_kind: str | None = None  # set when the job lost its workers: the names that retry policies use
    exit_message: str | None = None
    artifacts: str | None = None
    metrics: tuple[Mapping[str, Any], ...] = ()
    series: tuple[float, ...] = ()  # of the watched metric


class JobFault(Exception):
    """The job cannot go on. The text is AWS's FailureReason; `kind` is set when a retry may help."""

    def __init__(self, reason: str, kind: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
