"""One job from its request to its outcome. Runs in a thread of the control plane; the work is in other processes."""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from loopback.runtimes.jobs import failures, image_environments, supervise
from loopback.runtimes.jobs import job_dir as place
from loopback.runtimes.jobs.hosts import HostCannotStart, HostProcess
from loopback.runtimes.jobs.images import Runtime, UnknownImage
from loopback.runtimes.jobs.job_dir import JobDir
from loopback.runtimes.jobs.messages import HostSpec
from loopback.runtimes.jobs.output import Output
from loopback.runtimes.jobs.ports import CAPACITY, INTERNAL, LIMIT, Job, JobFault, Observe, Outcome, Ports, Report
from loopback.runtimes.jobs.processing import Processing
from loopback.runtimes.jobs.published import Recipe
from loopback.runtimes.jobs.stopping import Stoppable, Stopped
from loopback.runtimes.jobs.supervise import HostsEnded
from loopback.runtimes.jobs.training import Training
from loopback.runtimes.jobs.transform import Transform

DEFAULT_SECONDS = 86400.0
TELL_SECONDS = 0.2  # between two looks at a watched metric
TAB = "#011"  # what patterns that are made for CloudWatch expect


class Contract(Protocol):
    """What differs between the kinds of jobs."""

    group: str
    exit_message: str | None
    artifacts: str | None
    metrics: tuple[dict[str, str], ...]

    def prepare(self) -> list[HostSpec]:
        """Fill the hosts' folders and say what runs in them. Raises JobFault."""

    def tick(self) -> None:
        """Called now and then while the hosts run. Raises JobFault."""

    def finish(self, ended: HostsEnded) -> None:
        """Send the results, of a job that failed or was stopped too as far as AWS does. Raises JobFault."""

    def explain(self, code: int, message: str) -> tuple[str, int]:
        """The container's words for a failure, and its exit code, from the process's exit code and last words."""


CONTRACTS: Mapping[str, Callable[[Job, Ports, JobDir, Runtime], Contract]] = {
    "processing": Processing,
    "training": Training,
    "transform": Transform,
}
CLUSTERS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "processing": lambda request: request["ProcessingResources"]["ClusterConfig"],
    "training": lambda request: request["ResourceConfig"],
    "transform": lambda request: request["TransformResources"],
}


def image_of(job: Job) -> str:
    """The image URI that the job runs in. Raises JobFault."""
    image: str | None = None
    if job.kind == "processing":
        image = job.request["AppSpecification"].get("ImageUri")
    elif job.kind == "training":
        image = job.request["AlgorithmSpecification"].get("TrainingImage")
    elif job.model:
        image = job.model.get("Image")
    if not image:
        raise JobFault("ClientError: the job names no container image; algorithms by name are not supported here")
    return image


def ignore_values(_values: list[float]) -> None:
    """The Observe of a job that nobody watches."""


def run_job(job: Job, ports: Ports, stop: threading.Event, report: Report, observe: Observe = ignore_values) -> Outcome:
    """Run a job to its end. Whatever is wrong with the job itself is in the outcome, not raised."""
    started = ports.clock()
    run = _Run(job, replace(ports, objects=Stoppable(ports.objects, stop)), stop, report, observe)
    try:
        outcome = run.run(started)
    except Stopped:
        outcome = Outcome("Stopped", "Stopped", started, ports.clock())
    except JobFault as fault:
        outcome = _failure(fault, started, ports.clock(), run.contract)
    except OSError as error:
        outcome = _failure(JobFault(f"InternalServerError: {error}", INTERNAL), started, ports.clock(), run.contract)
    finally:
        run.close()
    report(outcome.secondary, outcome.failure_reason or f"{job.kind.capitalize()} job {outcome.status.lower()}")
    return outcome


def prepare_hosts(job: Job, ports: Ports, report: Report) -> list[HostSpec]:
    """The hosts of a job, their folders filled below `ports.folder`, and nothing started. Raises JobFault."""
    return _Run(job, ports, threading.Event(), report, ignore_values).make_contract().prepare()


def _failure(fault: JobFault, started: float, ended: float, contract: Contract | None) -> Outcome:
    message = contract.exit_message if contract else None
    return Outcome(
        "Failed", "Failed", started, ended, fault.reason[: failures.LONGEST], fault.kind, exit_message=message
    )


@dataclass
class _Run:
    """The state of one call of `run_job`."""

    job: Job
    ports: Ports
    stop: threading.Event
    report: Report
    observe: Observe
    place: JobDir | None = None
    contract: Contract | None = None
    hosts: tuple[HostProcess, ...] = ()
    asked: float = 0.0  # when the job began to wait for instances
    begun: float = 0.0  # when its first container began
    trained: float = 0.0  # seconds in containers whose instances were taken away

    def run(self, started: float) -> Outcome:
        """The job's way through its states. Raises JobFault, and Stopped if it never gets to its container."""
        self.asked = started
        while (outcome := self._attempt()) is None:  # a container began, and lost its spot instances
            self.report("Interrupted", "The spot instances were taken away; the job goes on with others")
            self.close()
            self.hosts = ()
        return outcome

    def _attempt(self) -> Outcome | None:
        """The job on some instances; None when those were taken away."""
        self.report("Starting", "Preparing the instances for training")
        contract = self.make_contract()
        self._go_on()
        self.report("Downloading", "Downloading input data")
        specs = contract.prepare()
        self._go_on()
        metrics = _Metrics([*self._metric_definitions(), *contract.metrics], self.job.watched)
        self.report("Training", "Training image download completed. Training in progress.")
        attempt, ooms = self.ports.clock(), failures.oom_kills()
        started = self.begun = self.begun or attempt
        ended = self._supervise(specs, contract, metrics)
        finished = self.ports.clock()
        self.trained += finished - attempt
        if ended.halt == "Interrupted":
            cast(Training, contract).send_checkpoints()
            return None
        short_of_memory = failures.oom_kills() > ooms
        self.report("Uploading", "Uploading generated training model")
        fault = None if ended.halt else failures.fault_of(ended, contract.explain, out_of_memory=short_of_memory)
        contract.finish(ended)
        if fault:
            return _failure(fault, started, finished, contract)
        base = Outcome("Completed", "Completed", started, finished, None, None, contract.exit_message)
        base = replace(base, artifacts=contract.artifacts, metrics=metrics.final(), series=tuple(metrics.series))
        return replace(base, status="Stopped", secondary=ended.halt) if ended.halt else base

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def _metric_definitions(self) -> list[dict[str, str]]:
        return (self.job.request.get("AlgorithmSpecification") or {}).get("MetricDefinitions") or []

    def make_contract(self) -> Contract:
        """Make the job's folder, and what its kind does with it. Raises JobFault."""
        cluster = CLUSTERS[self.job.kind](self.job.request)
        count = int(cluster.get("InstanceCount") or 1)
        if count > self.ports.capacity:
            limit = f"{count} instances requested, this loopback runs at most {self.ports.capacity} a job"
            raise JobFault(f"ResourceLimitExceeded: {limit}", LIMIT)
        try:
            image = image_of(self.job)
            runtime = self.ports.images.of_job(image)
        except UnknownImage as error:
            raise JobFault(f"ClientError: {error}") from None
        if runtime.recipe:
            runtime = replace(runtime, interpreter=self._environment(runtime.recipe))
        self.place = place.make(self.ports.folder, self.job, count)
        self.contract = CONTRACTS[self.job.kind](self.job, self.ports, self.place, runtime)
        return self.contract

    def _environment(self, recipe: Recipe) -> str:
        """The Python of an image's environment; what is told of it is in the job's status and log. Raises JobFault."""
        group, stream = CONTRACTS[self.job.kind].group, f"{self.job.name}/image"  # type: ignore[attr-defined]

        def tell(text: str) -> None:
            self.report("DownloadingTrainingImage", text)
            self.ports.logs.append(group, stream, [(int(time.time() * 1000), text)])

        if recipe.note:
            self.ports.logs.append(group, stream, [(int(time.time() * 1000), recipe.note)])
        folder = self.ports.image_cache or image_environments.cache_folder()
        run_uv = image_environments.uv_of(self.ports.python)
        return image_environments.python_of(recipe, image_of(self.job), folder, tell, run_uv)

    def _supervise(self, specs: list[HostSpec], contract: Contract, metrics: "_Metrics") -> HostsEnded:
        self.hosts = self._spawn(specs)
        epoch = int(time.time())
        outputs = [
            Output(
                host.output, self.ports.logs, contract.group, f"{self.job.name}/{spec.hostname}-{epoch}", metrics.see
            )
            for host, spec in zip(self.hosts, specs, strict=True)
        ]
        limits = self._limits()

        def tick() -> None:
            contract.tick()
            metrics.tell(self.observe)

        return supervise.HostWatch(self.hosts, outputs, limits).run(tick)

    def _limits(self) -> supervise.TimeLimits:
        condition = self.job.request.get("StoppingCondition") or {}
        seconds = float(condition.get("MaxRuntimeInSeconds") or DEFAULT_SECONDS) - self.trained
        limits = supervise.TimeLimits(self.stop, seconds, self.ports.grace_seconds)
        if not self.job.request.get("EnableManagedSpotTraining"):
            return limits
        taken = self.ports.faults.for_spot_instances(self.job.name)
        waited = self.ports.clock() - self.asked
        return replace(
            limits,
            wait=float(condition.get("MaxWaitTimeInSeconds") or math.inf) - waited,
            interruption=taken.after if taken else math.inf,
        )

    def _spawn(self, specs: list[HostSpec]) -> tuple[HostProcess, ...]:
        hosts: list[HostProcess] = []
        try:
            for spec in specs:
                join = hosts[0].pid if spec.isolated and hosts else None
                hosts.append(self.ports.zygote.spawn(replace(spec, join=join)))
        except HostCannotStart as error:
            raise JobFault(
                f"CapacityError: Unable to provision requested ML compute capacity: {error}", CAPACITY
            ) from None
        finally:
            self.hosts = tuple(hosts)
        return self.hosts

    def close(self) -> None:
        """End what still runs, and leave nothing on the disk."""
        for host in self.hosts:
            if host.wait(0) is None:
                host.signal(9)
                host.wait(10)
            host.close()
        if self.place and not self.ports.keep_folders:
            self.place.remove()


class _Metrics:
    """MetricDefinitions, looked for in every line of a job's logs: as it is, and as AWS's log layer shows it."""

    def __init__(self, definitions: Sequence[Mapping[str, str]], watched: str | None = None) -> None:
        self._watched, self._told, self._told_at = watched, 0, float("-inf")
        self.series: list[float] = []  # of the watched metric
        try:
            self._patterns = [(entry["Name"], re.compile(entry["Regex"])) for entry in definitions]
        except re.error as error:
            raise JobFault(
                f"ClientError: MetricDefinitions: the regular expression {error.pattern!r} is wrong: {error}"
            ) from None
        self._values: dict[str, tuple[float, float]] = {}

    def see(self, milliseconds: int, line: str) -> None:
        """Note the values in a line."""
        if not self._patterns:
            return
        shown = line.replace("\t", TAB)
        for name, pattern in self._patterns:
            if (match := pattern.search(shown) or pattern.search(line)) and match.re.groups:
                try:
                    value = float(match.group(1).partition(TAB)[0])
                except (AttributeError, ValueError):
                    continue  # what the group caught is not a number: no metric, as on AWS
                if not math.isfinite(value):
                    continue  # the service's numbers are JSON's
                self._values[name] = (value, milliseconds / 1000)
                if name == self._watched:
                    self.series.append(value)

    def tell(self, observe: Observe) -> None:
        """Hand new values of the watched metric on, some at a time."""
        now = time.monotonic()
        if len(self.series) > self._told and now - self._told_at >= TELL_SECONDS:
            self._told, self._told_at = len(self.series), now
            observe(list(self.series))

    def final(self) -> tuple[Mapping[str, Any], ...]:
        """FinalMetricDataList: the last value of each."""
        found = self._values.items()
        return tuple({"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in found)
