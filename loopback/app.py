"""The composition root: settings in, a running control plane out. The only file that imports all the others."""

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from loopback.adapter.alarms import Alarms
from loopback.adapter.base import Base
from loopback.adapter.stacks import Stacks
from loopback.builds.build import Means as BuildMeans
from loopback.builds.builder import Builder
from loopback.core.acting import Acting
from loopback.core.permissions import anything, invocation
from loopback.core.settings import Settings
from loopback.core.store import Store
from loopback.endpoints.courier import Courier
from loopback.endpoints.deploy import Deployer
from loopback.endpoints.door import Door, bound
from loopback.endpoints.front import Front
from loopback.endpoints.link import Link
from loopback.endpoints.queue import Ends, Queue
from loopback.endpoints.unpack import Means
from loopback.git.bare import Bare
from loopback.git.front import PREFIXES as GIT_PREFIXES
from loopback.git.front import Front as GitFront
from loopback.services import registry
from loopback.services.alarms.evaluator import Evaluator
from loopback.services.announce import Announcer
from loopback.services.autoscaling.scaler import Scaler
from loopback.services.clients import Clients
from loopback.services.codebuild import registered as codebuild
from loopback.services.codebuild.batch_driver import Batches
from loopback.services.codedeploy import registered as codedeploy
from loopback.services.codedeploy.shifts import Shifts
from loopback.services.codepipeline import registered as delivery
from loopback.services.codepipeline.driver import Deliveries
from loopback.services.codepipeline.targets import start_build, start_pipeline
from loopback.services.codepipeline.watch import Watch
from loopback.services.provisioning import Provisioner
from loopback.services.sagemaker import announcements as _announcements  # noqa: F401  # it registers itself
from loopback.services.sagemaker import code_repositories as _code_repositories  # noqa: F401  # it registers itself
from loopback.services.sagemaker import domains as _domains  # noqa: F401  # it registers itself
from loopback.services.sagemaker import projects as _projects  # noqa: F401  # it registers itself
from loopback.services.sagemaker.driver import Driver
from loopback.services.sagemaker.monitoring import metrics as monitoring_metrics
from loopback.services.sagemaker.monitoring.monitor import Monitor
from loopback.services.servicecatalog import registered as catalog
from loopback.services.stacks.resources import Resources
from loopback.wire import model
from loopback.workers.dispatch import Dispatcher
from loopback.workers.hosts import Zygote
from loopback.workers.images import mapped
from loopback.workers.ports import Ports

SERVICES = ("sagemaker", "application-autoscaling")  # ours, by botocore's names; what is not here is the base's
log = logging.getLogger("loopback")


class Control:
    """One control plane: the base, our services on its port, and the threads that carry work out."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.sdk_config.write_text(settings.sdk_defaults())
        self.base = Base(settings)
        self.store = Store(settings.database)
        self.store.reserve()
        self.zygote = Zygote(idle_seconds=settings.idle_seconds)
        self._listeners: list[Callable[[str, str], None]] = []
        self.clients = Clients(settings.client_environment(), enforced=settings.enforce_iam)
        permit = self.base.permissions.permit if self.base.permissions else anything
        acting = Acting(self.base, permit, self.clients.credentials) if settings.enforce_iam else None
        self.context = registry.Context(
            self.store,
            settings.place,
            self.base,
            self.base.call,
            self.base.invoke,
            self.changed,
            self.clients.client,
            Bare(settings.state),
            permit,
        )
        logs, images = _Logs(self.base), mapped((Path.cwd(), settings.state))
        publish = partial(monitoring_metrics.put, self.base.call)
        ports = Ports(
            self.base, logs, self.zygote, settings.state / "jobs", images=images, acting=acting, publish=publish
        )
        limit = max(4, 2 * (os.cpu_count() or 1))
        self.dispatcher = Dispatcher(
            self.store, settings.place, ports, settings.client_environment(), self.changed, limit
        )
        self.driver = Driver(self.context, ThreadPoolExecutor(16, thread_name_prefix="step"))
        self.announcer = Announcer(self.context, self.base.put_event, self.base.has_rules)
        self.monitor = Monitor(self.context)
        self.batches = Batches(self.context)
        self.builder = Builder(
            BuildMeans(
                self.store,
                settings.place,
                self.base,
                logs,
                self.clients.credentials,
                self.clients.client,
                settings.client_environment(),
                settings.state / "codebuild",
                self.changed,
                acting=acting,
            )
        )
        folder = settings.state / "endpoints"
        self.link = Link(folder, settings)
        means = Means(self.base, folder, settings.client_environment(), images, settings.pace, acting)
        self.deployer = Deployer(self.store, self.link, means, self.changed, self._alarm_states)
        ends = Ends(self.base, self._notify, self._put_metrics, settings.place.region)
        self.queue = Queue(folder / "queue", self.store, self.link, ends)
        self.courier = Courier(folder / "outbox", self.base, logs, self._put_metrics, self.link.wanted)
        self.resources = Resources(self.context)
        Stacks(self.resources, settings.place, permit)
        self.provisioner = Provisioner(self.context, self.base.save)
        self.scaler = Scaler(self.context, self.base.put_event)
        self.evaluator = Evaluator(self.context, Alarms(self.base), self.base.put_event, self.scaler.on_alarm)
        self.deliveries = Deliveries(self.context, ThreadPoolExecutor(32, thread_name_prefix="delivery"))
        self.watch = Watch(self.context)
        hooks = ThreadPoolExecutor(8, thread_name_prefix="deployment hook")
        self.shifts = Shifts(self.context, hooks, self.base.save)
        for service in (*SERVICES, *codebuild.SERVICES, *delivery.SERVICES, *catalog.SERVICES, *codedeploy.SERVICES):
            self.base.add_service(service, model.target_prefix(service), partial(self._answer, service))
        self.base.add_front("/endpoints/", Front(self.link.path), partial(invocation, settings.place))
        git = GitFront(Bare(settings.state), self.watch.admitted, self.watch.known, self.watch.moved)
        for prefix in GIT_PREFIXES:
            self.base.add_front(prefix, git)
        self.base.add_target("sagemaker", self._start_pipeline)
        self.base.add_target("codepipeline", partial(start_pipeline, self.context))
        self.base.add_target("codebuild", partial(start_build, self.context))

    def changed(self, kind: str, name: str) -> None:
        """A row changed: tell those who may have to act."""
        for listener in self._listeners:
            listener(kind, name)

    def run(self, started: Callable[[], None]) -> None:
        """Recover what was running, then serve until SIGTERM or SIGINT."""
        self._listeners = [self.dispatcher.changed, self.driver.changed, self.announcer.changed, self.deployer.changed]
        loops = (self.driver.loop, self.announcer.loop, self.deployer.keep, self.courier.loop)
        self._listeners += [self.provisioner.changed, self.scaler.changed, self.builder.changed]
        self._listeners.append(self.batches.changed)
        self._listeners.append(self.monitor.changed)
        threading.Thread(target=self.monitor.loop, name="model monitor", daemon=True).start()
        for loop in (*loops, self.scaler.loop, self.evaluator.loop, self.deployer.wait, self.queue.loop):
            threading.Thread(target=loop, name=loop.__qualname__, daemon=True).start()

        self._listeners += [self.deliveries.changed, self.watch.changed, self.shifts.changed]
        threading.Thread(target=self.deliveries.loop, name="deliveries", daemon=True).start()
        threading.Thread(target=self.shifts.loop, name="deployments", daemon=True).start()
        threading.Thread(target=self.batches.loop, name="batches", daemon=True).start()

        def open_for_business() -> None:
            self.dispatcher.recover()
            self.driver.recover()
            self.deliveries.recover()
            self.watch.recover()
            self.shifts.recover()
            self.deployer.recover()
            self.builder.recover()
            self.batches.recover()
            self.provisioner.recover()
            self.scaler.recover()
            self.monitor.recover()
            started()

        if not self.deployer.begin():  # what serves comes up first; jobs warm up with the first request
            self.zygote.start()
        try:
            self.base.serve(self._door, open_for_business, self._someone_is_there)
        finally:
            self.resources.close()
            self.provisioner.close()
            self.evaluator.close()
            self.scaler.close()
            self.builder.close()
            self.batches.close()
            self.monitor.close()
            self.dispatcher.close()
            self.deliveries.close()
            self.shifts.close()
            self.driver.close()
            self.announcer.close()
            self.queue.close()
            self.deployer.close()
            self.courier.close()
            self.courier.deliver()
            self.zygote.close()
            self.base.save()
            self.store.close()

    def _door(self) -> Door:
        return Door(bound(self.settings.port), None if self.settings.enforce_iam else self.link.entrance)

    def _someone_is_there(self) -> None:
        """A request arrived: jobs may follow, so the warm process comes back from idleness meanwhile."""
        if self.zygote.pid is None:
            threading.Thread(target=self.zygote.start, name="warm-up", daemon=True).start()

    def _answer(self, service: str, headers: Mapping[str, str], body: bytes) -> registry.Answer:
        return registry.answer(service, headers, body, self.context)

    def _put_metrics(self, request: Mapping[str, Any]) -> None:
        self.base.call("monitoring", "GraniteServiceVersion20100801.PutMetricData", request)

    def _alarm_states(self, names: Sequence[str]) -> dict[str, str]:
        request = {"AlarmNames": list(names), "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        answer = self.base.call("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", request)
        alarms = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    def _notify(self, topic: str, message: str) -> None:
        self.clients.client("sns", "").publish(TopicArn=topic, Message=message)

    def _start_pipeline(self, target: dict[str, Any], event: str) -> None:
        """An EventBridge rule whose target is a SageMaker pipeline."""
        from loopback.services.sagemaker.targets import start_request

        registry.call("sagemaker", "StartPipelineExecution", start_request(target, event), self.context)


class _Logs:
    """CloudWatch Logs, as the workers write to it."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._streams: set[tuple[str, str]] = set()

    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        """Create what is missing, then put the lines."""
        if (group, stream) not in self._streams:
            self._create(group, stream)
            self._streams.add((group, stream))
        lines = [{"timestamp": at, "message": line} for at, line in events]
        request = {"logGroupName": group, "logStreamName": stream, "logEvents": lines}
        self._base.call("logs", "Logs_20140328.PutLogEvents", request)

    def _create(self, group: str, stream: str) -> None:
        for target, request in (
            ("CreateLogGroup", {"logGroupName": group}),
            ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
        ):
            self._base.call_unless_there("logs", f"Logs_20140328.{target}", request)
