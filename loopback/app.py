"""The composition root: settings in, a running control plane out. The only file that imports all the others."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loopback import loopback_file
from loopback.core.acting import Acting
from loopback.core.arn import Place
from loopback.core.aws_warnings import WarningFile
from loopback.core.callers import GIT_PREFIXES, TESTING
from loopback.core.faults import Faults
from loopback.core.part import Part, Parts
from loopback.core.permissions import anything, invocation
from loopback.core.quota_rules import QuotaRules
from loopback.core.settings import Settings
from loopback.core.store import Store
from loopback.ministack import metric_queries
from loopback.ministack.alarms import Alarms
from loopback.ministack.base import Ministack
from loopback.ministack.logs import Logs, log_event
from loopback.ministack.permissions import Permissions
from loopback.ministack.stacks import Stacks
from loopback.runtimes.codebuild.build import BuildDependencies as BuildMeans
from loopback.runtimes.codebuild.builder import Builder
from loopback.runtimes.endpoints.acceptor import Acceptor, listening_socket
from loopback.runtimes.endpoints.async_inference import AsyncInference, AsyncOutputs
from loopback.runtimes.endpoints.deploy import Deployer
from loopback.runtimes.endpoints.front import DataPlaneProxy
from loopback.runtimes.endpoints.link import Link
from loopback.runtimes.endpoints.outbox_relay import OutboxRelay
from loopback.runtimes.endpoints.unpack import FleetDependencies
from loopback.runtimes.git.bare import BareRepositories
from loopback.runtimes.git.credentials import Credential
from loopback.runtimes.git.front import GitServer as GitFront
from loopback.runtimes.git.guard import Guard
from loopback.runtimes.jobs.dispatch import Dispatcher
from loopback.runtimes.jobs.hosts import Zygote
from loopback.runtimes.jobs.images import Images
from loopback.runtimes.jobs.ports import Ports
from loopback.services import registry
from loopback.services.announce import Announcer
from loopback.services.autoscaling.scaler import Scaler
from loopback.services.clients import Clients
from loopback.services.cloudformation.resources import ResourceHandlers
from loopback.services.cloudwatch.evaluator import Evaluator
from loopback.services.codebuild import handlers as codebuild
from loopback.services.codebuild.batch_driver import Batches
from loopback.services.codedeploy import handlers as codedeploy
from loopback.services.codedeploy.shifts import Shifts
from loopback.services.codepipeline import handlers as delivery
from loopback.services.codepipeline.driver import PipelineDriver
from loopback.services.codepipeline.targets import start_build, start_pipeline
from loopback.services.codepipeline.watch import SourceWatch
from loopback.services.provisioning import Provisioner
from loopback.services.sagemaker import announcements as _announcements  # noqa: F401  # it registers itself
from loopback.services.sagemaker import code_repositories as _code_repositories  # noqa: F401  # it registers itself
from loopback.services.sagemaker import domains as _domains  # noqa: F401  # it registers itself
from loopback.services.sagemaker import projects as _projects  # noqa: F401  # it registers itself
from loopback.services.sagemaker.driver import ExecutionDriver
from loopback.services.sagemaker.lineage import handlers as _lineage  # noqa: F401  # it registers itself
from loopback.services.sagemaker.monitoring import metrics as monitoring_metrics
from loopback.services.sagemaker.monitoring.monitor import Monitor
from loopback.services.sagemaker.search import operations as _search  # noqa: F401  # it registers itself
from loopback.services.sagemaker.targets import start_request
from loopback.services.sagemaker.tuning.tuner import Tuner
from loopback.services.servicecatalog import handlers as catalog
from loopback.services.testing.front import RequestsOfTests, late, permission_of
from loopback.services.testing.reset import Reset, empty
from loopback.wire import model

SERVICES = ("sagemaker", "application-autoscaling")  # ours, by botocore's names; what is not here is ministack's
INVOKE = "sagemaker:InvokeEndpoint"
FOLDERS = ("base", "codecommit", "git", "jobs", "s3")  # below the state folder: what belongs to rows
CLOUDWATCH = "GraniteServiceVersion20100801"


@dataclass(frozen=True)
class Platform:
    """What all parts stand on. `acting` gives work the permissions of its role; None where IAM is not enforced."""

    settings: Settings
    base: Ministack
    logs: Logs
    zygote: Zygote
    clients: Clients
    context: registry.Context
    acting: Acting | None

    @property
    def client_environment(self) -> dict[str, str]:
        """The variables with which a process is a client of this loopback."""
        return self.settings.client_environment()

    def put_metrics(self, request: Mapping[str, Any]) -> None:
        """PutMetricData."""
        self.base.call("monitoring", f"{CLOUDWATCH}.PutMetricData", request)

    def alarm_states(self, names: Sequence[str]) -> dict[str, str]:
        """The state of each of these alarms that exists."""
        request = {"AlarmNames": list(names), "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        answer = self.base.call("monitoring", f"{CLOUDWATCH}.DescribeAlarms", request)
        alarms = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    def notify(self, topic: str, message: str) -> None:
        """Publish a message to an SNS topic."""
        self.clients.client("sns", "").publish(TopicArn=topic, Message=message)


def _ground(
    settings: Settings, on_change: Callable[[str, str], None], faults: Faults, quotas: Mapping[str, float]
) -> Platform:
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.prepare_clients()
    base, store = Ministack(settings, faults), Store(settings.database)
    store.reserve()
    clients = Clients(settings.client_environment(), enforced=settings.enforce_iam)
    permit = base.permissions.permit if base.permissions else anything
    warn = WarningFile(settings.aws_warnings).note
    context = registry.Context(
        store,
        settings.place,
        base.objects,
        base.call,
        base.invoke,
        on_change,
        clients.client,
        BareRepositories(settings.state),
        permit,
        settings.is_new_account,
        QuotaRules(quotas, settings.is_new_account, warn),
        warn,
    )
    acting = Acting(base.objects, permit, clients.credentials) if settings.enforce_iam else None
    readable = (str(settings.sdk_config),)
    zygote = Zygote(
        idle_seconds=settings.idle_seconds, python=settings.job_python, state=settings.state, readable=readable
    )
    return Platform(settings, base, Logs(base), zygote, clients, context, acting)


class Control:
    """One control plane: ministack, our services on its port, and the threads that carry work out."""

    def __init__(self, settings: Settings) -> None:
        self.faults = Faults()

        def on_change(kind: str, name: str) -> None:  # there are no parts yet
            self.parts.on_change(kind, name)

        file = loopback_file.read((Path.cwd(), settings.state))
        self.ground = _ground(settings, on_change, self.faults, file.quotas)
        context, base, images = self.ground.context, self.ground.base, file.images
        self.dispatcher = _dispatcher(self.ground, images, self.faults)
        self.builder = _builder(self.ground)
        self.link = Link(settings.state / "endpoints", settings)
        self.deployer = _deployer(self.ground, self.link, images)
        self.queue = _queue(self.ground, self.link)
        self.courier = _courier(self.ground, self.link)
        self.driver = ExecutionDriver(context, ThreadPoolExecutor(16, thread_name_prefix="step"))
        self.announcer = Announcer(context, base.events.put, base.events.has_rules, 86_400 * settings.event_days)
        self.monitor = Monitor(context)
        self.tuner = Tuner(context)
        self.batches = Batches(context)
        self.resources = ResourceHandlers(context)
        base.waiting.releases.append(self.resources.close)
        Stacks(self.resources, settings.place, context.permit, base.state.save)
        self.provisioner = Provisioner(context, base.state.save)
        self.scaler = Scaler(context, base.events.put)
        alarms = Alarms(base.state)
        metric_queries.install(alarms)
        self.evaluator = Evaluator(context, alarms, base.events.put, self.scaler.on_alarm)
        self.deliveries = PipelineDriver(context, ThreadPoolExecutor(32, thread_name_prefix="delivery"))
        self.watch = SourceWatch(context)
        hooks = ThreadPoolExecutor(8, thread_name_prefix="deployment hook")
        self.shifts = Shifts(context, hooks, base.state.save)
        self.parts = Parts(self._in_order())
        self._open_services()
        self._open_paths()

    def _in_order(self) -> tuple[Part, ...]:
        """What does work, then what starts it: they start and recover in this order, and close in the reverse."""
        return (
            self.courier,  # delivers what the data plane leaves, to the last
            self.deployer,  # the data plane: what serves comes up first, and outlives what asks it
            self.queue,  # asks the data plane
            self.announcer,  # tells of changes that all below make
            self.dispatcher,  # jobs: the drivers below wait for them
            self.builder,  # builds
            self.tuner,  # tuning jobs start training jobs
            self.driver,  # SageMaker's executions start jobs and tuning jobs
            self.shifts,  # deployments of CodeDeploy
            self.batches,  # batches start builds
            self.deliveries,  # CodePipeline's actions start builds, batches, executions and deployments
            self.watch,  # a push starts a pipeline
            self.monitor,  # schedules start jobs
            self.provisioner,  # stack operations start anything
            self.scaler,  # changes endpoints
            self.evaluator,  # an alarm starts scaling
        )

    def _open_services(self) -> None:
        """Our services on ministack's port, and what of them an EventBridge rule may start."""
        base, context = self.ground.base, self.ground.context
        for service in (*SERVICES, *codebuild.SERVICES, *delivery.SERVICES, *catalog.SERVICES, *codedeploy.SERVICES):
            base.add_service(service, model.target_prefix(service), partial(_answer, context, service))
        base.events.add_target("sagemaker", partial(_start_pipeline, context))
        base.events.add_target("codepipeline", partial(start_pipeline, context))
        base.events.add_target("codebuild", partial(start_build, context))
        base.events.add_target("logs", partial(log_event, base))

    def _open_paths(self) -> None:
        """InvokeEndpoint and git."""
        base, settings = self.ground.base, self.ground.settings
        data_plane = late(DataPlaneProxy(self.link.path, settings.place, self.deployer.is_needed), self.faults, INVOKE)
        base.add_front("/endpoints/", data_plane, partial(invocation, settings.place))
        base.add_front(
            TESTING, RequestsOfTests(self.faults, self._reset() if settings.testing else None), permission_of
        )
        guard = _git_guard(base.permissions, settings.place) if base.permissions else None
        git = GitFront(
            BareRepositories(settings.state),
            self.watch.has_connection,
            self.watch.has_repository,
            self.watch.compare,
            guard,
        )
        for prefix in GIT_PREFIXES:
            base.add_front(prefix, git)

    def _reset(self) -> Reset:
        """What empties this loopback for a test."""
        base, settings = self.ground.base, self.ground.settings
        folders = [settings.state / name for name in FOLDERS]
        return Reset(
            self.ground.context,
            (self.courier.deliver, self.parts.forget, base.forget, partial(empty, folders, settings.state)),
        )

    def run(self, started: Callable[[], None]) -> None:
        """Recover what was running, then serve until SIGTERM or SIGINT."""

        def open_for_business() -> None:
            self.parts.recover()
            started()

        self.parts.start()
        if not self.deployer.begin():  # what serves comes up first; jobs warm up with the first request
            self._warm_up()
        try:
            self.ground.base.serve(self._door, open_for_business, self._someone_is_there)
        finally:
            self._close()

    def _close(self) -> None:
        """What waits inside a stack operation ends first; what all parts stand on comes last."""
        self.resources.close()
        self.parts.close()
        self.ground.zygote.close()
        self.ground.base.state.close()
        self.ground.context.store.close()

    def _door(self) -> Acceptor:
        settings = self.ground.settings
        return Acceptor(
            listening_socket(settings.port), None if settings.enforce_iam or settings.testing else self.link.entrance
        )

    def _someone_is_there(self) -> None:
        """A request arrived: jobs may follow, so the warm process comes back from idleness meanwhile."""
        if self.ground.zygote.pid is None:
            self._warm_up()

    def _warm_up(self) -> None:
        """Nobody waits for it: finding out what rooms this system allows takes a tenth of a second alone."""
        threading.Thread(target=self.ground.zygote.start, name="warm-up", daemon=True).start()


def _dispatcher(ground: Platform, images: Images, faults: Faults) -> Dispatcher:
    settings, context = ground.settings, ground.context
    publish = partial(monitoring_metrics.put, ground.base.call)
    ports = Ports(
        context.objects,
        ground.logs,
        ground.zygote,
        settings.state / "jobs",
        images=images,
        acting=ground.acting,
        publish=publish,
        faults=faults,
        python=settings.job_python,
    )
    limit = max(4, 2 * (os.cpu_count() or 1))
    return Dispatcher(context.store, settings.place, ports, ground.client_environment, context.on_change, limit)


def _builder(ground: Platform) -> Builder:
    settings, context = ground.settings, ground.context
    means = BuildMeans(
        context.store,
        settings.place,
        context.objects,
        ground.logs,
        ground.clients.credentials,
        ground.clients.client,
        ground.client_environment | {"PYTHONPATH": str(settings.python_path)},
        settings.state / "codebuild",
        context.on_change,
        acting=ground.acting,
        python=settings.job_python,
        readable=(str(settings.sdk_config),),
    )
    return Builder(means)


def _deployer(ground: Platform, link: Link, images: Images) -> Deployer:
    settings, context = ground.settings, ground.context
    folder = settings.state / "endpoints"
    means = FleetDependencies(
        context.objects,
        folder,
        ground.client_environment,
        images,
        settings.pace,
        ground.acting,
        settings.job_python,
    )
    return Deployer(context.store, link, means, context.on_change, ground.alarm_states)


def _queue(ground: Platform, link: Link) -> AsyncInference:
    settings, context = ground.settings, ground.context
    ends = AsyncOutputs(context.objects, ground.notify, ground.put_metrics, settings.place.region)
    return AsyncInference(settings.state / "endpoints" / "queue", context.store, link, ends)


def _courier(ground: Platform, link: Link) -> OutboxRelay:
    folder = ground.settings.state / "endpoints" / "outbox"
    return OutboxRelay(folder, ground.context.objects, ground.logs, ground.put_metrics, link.wanted)


def _git_guard(permissions: Permissions, place: Place) -> Guard:
    def find(key: str, token: str) -> Credential | None:
        known = permissions.credential(key, token)
        return Credential(*known) if known else None

    return Guard(place, find, permissions.permit)


def _answer(context: registry.Context, service: str, headers: Mapping[str, str], body: bytes) -> registry.Answer:
    return registry.answer(service, headers, body, context)


def _start_pipeline(context: registry.Context, target: dict[str, Any], event: str) -> None:
    """An EventBridge rule whose target is a SageMaker pipeline."""
    registry.call("sagemaker", "StartPipelineExecution", start_request(target, event), context)
