"""From rows to endpoints that answer: rows are the only contact with the services, the link with the data plane."""

import logging
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import ENDPOINT
from loopback.core.part import Loop, Part
from loopback.core.queries import Selection
from loopback.core.store import Store
from loopback.engines.endpoints import guardrails
from loopback.engines.endpoints.guardrails import DeploymentPlan, DeploymentProgress, TrafficState
from loopback.rows.endpoints import EndpointResult, EndpointRow, FleetSpec, InstanceCounts
from loopback.rows.row import changes
from loopback.runtimes.endpoints.fleet import Fleet, Setup
from loopback.runtimes.endpoints.link import FleetFailed, Link, Unreachable
from loopback.runtimes.endpoints.unpack import FleetDependencies, fleet_of
from loopback.runtimes.jobs.images import UnknownImage
from loopback.runtimes.jobs.ports import JobFault

AlarmStates = Callable[[Sequence[str]], Mapping[str, str]]  # names of alarms -> StateValue by name
CHANGING = ("Creating", "Updating", "RollingBack", "Deleting")
RETRY_SECONDS = 1.0  # when the data plane cannot be started
ATTEMPTS = 3  # with a data plane that dies meanwhile
LONGEST_REASON = 1024
log = logging.getLogger("loopback.runtimes.endpoints")


class Deployer(Part):
    """Carries out what is written in endpoint rows. `now` returns epoch seconds."""

    kinds = (ENDPOINT,)

    def __init__(
        self,
        store: Store,
        link: Link,
        means: FleetDependencies,
        announce: Callable[[str, str], None],
        alarm_states: AlarmStates = lambda _names: {},
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._link, self._means, self._announce = store, link, means, announce
        self._alarm_states, self._now = alarm_states, now
        self._due: dict[str, float] = {}
        self._timed = threading.Event()  # a time was set
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="endpoint")
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._closing = threading.Event()
        self._needed = threading.Event()

    @property
    def loops(self) -> Sequence[Loop]:
        """One keeps the data plane up, the other waits for the next step of a deployment."""
        return (self.keep, self.wait)

    def begin(self) -> bool:
        """Have the data plane started if endpoints need it; whether they do."""
        if self.is_needed():
            self._needed.set()
        return self._needed.is_set()

    def is_needed(self) -> bool:
        """Whether there is an endpoint that answers, or will."""
        return self._store.first(Selection(ENDPOINT, statuses=("InService", *CHANGING))) is not None

    def recover(self) -> None:
        """Take up what was being changed."""
        for row in self._store.scan(Selection(ENDPOINT, statuses=CHANGING)):
            self.on_change(ENDPOINT.slug, row.name)

    def on_change(self, kind: str, name: str) -> None:
        """A row changed: there may be something to do."""
        if kind == ENDPOINT.slug:
            self._pool.submit(self._carry_out, name)

    def keep(self) -> None:
        """Start the data plane again whenever it dies, until `close`. Runs on a thread of its own."""
        while self._needed.wait() and not self._closing.is_set():
            try:
                self._link.ensure()
            except Unreachable:
                log.exception("data plane")
                self._closing.wait(RETRY_SECONDS)
            self._link.watch()

    def wait(self) -> None:
        """Go on with deployments that wait for their time, until `close`. Runs on a thread of its own."""
        while not self._closing.is_set():
            self._timed.clear()
            first = min(list(self._due.values()), default=None)
            self._timed.wait(None if first is None else max(first - time.monotonic(), 0.0))
            now = time.monotonic()
            for name in [name for name, due in list(self._due.items()) if due <= now]:
                self._due.pop(name, None)
                self.on_change(ENDPOINT.slug, name)

    def _wait_for(self, name: str, seconds: float) -> None:
        self._due[name] = time.monotonic() + seconds
        self._timed.set()

    def forget(self) -> None:
        """There are no endpoints any more."""
        self._due.clear()

    def close(self) -> None:
        """Take no more changes, and end the data plane."""
        self._closing.set()
        self._timed.set()
        self._needed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._link.close()

    def _carry_out(self, name: str) -> None:
        with self._locks[name]:
            if self._act(name):
                self._announce(ENDPOINT.slug, name)

    def _act(self, name: str) -> bool:
        """Do what the row asks for; whether there was anything to do."""
        try:
            row = EndpointRow.get(self._store, name)
            if row.status == "Deleting":
                self._delete(row)
            elif row.status in ("Creating", "Updating", "RollingBack"):
                return self._deploy(row)
            else:
                return False
        except ResourceNotFound:
            return False
        except Exception:
            if self._closing.is_set():  # it is taken up again at the next start
                return False
            log.exception("endpoint %s", name)
            self._settle(name, "InternalServerError: loopback failed to bring up the endpoint; see its log")
        return True

    def _deploy(self, row: EndpointRow) -> bool:
        """Bring up what is new, or what has another number; or take the next steps of a deployment.

        Whether that is at an end.
        """
        pending = _pending(row)
        if row.serving and row.serving.generation != pending.generation:
            return self._shift(row.name)
        try:
            self._apply((self._fleet(row, pending),))
        except (JobFault, UnknownImage, FleetFailed) as fault:
            self._settle(row.name, str(fault))
            return True
        self._note_served(row.name, pending)
        return True

    def _note_served(self, name: str, pending: FleetSpec) -> None:
        served = changes(EndpointResult, serving=pending.deployed, pending=None, failure_reason=None)
        EndpointRow.fire(self._store, name, "serve", served)
        self._tidy(name, keep=pending.generation)

    def _shift(self, name: str) -> bool:
        """Take the steps of a deployment that can be taken now. Each is in the row before it is carried out.

        Whether it has ended; if not, `wait` goes on with it.
        """
        while not self._closing.is_set():
            row = EndpointRow.get(self._store, name)
            pending = _pending(row)
            plan, at = replace(pending.plan or DeploymentPlan(), pace=self._means.pace), _progress(pending)
            why = guardrails.reason_to_retreat(plan, at, self._now(), self._states(plan))
            if why is None and at.phase not in (guardrails.BAKING, guardrails.TERMINATING):
                why = self._stand(row, guardrails.picture(plan, at))
            after = guardrails.following(plan, at, self._now())
            if why is not None and row.status == "RollingBack":
                log.warning("%s: the old fleet does not come up: %s", name, why)
                self._wait_for(name, RETRY_SECONDS)
                return False
            if why is not None:
                self._roll_back(name, why)
                self._write(row, plan, guardrails.retreat(plan, at, self._now()))
            elif after == at:
                self._wait_for(name, guardrails.pause(plan, at, self._now()))
                return False
            elif after.phase not in guardrails.FINAL:
                self._write(row, plan, after)
            else:
                if after.phase == guardrails.DONE:
                    self._note_served(name, pending)
                else:
                    self._settle(name, row.failure_reason or "")
                EndpointRow.amend(self._store, name, "deployment")
                return True
        return False

    def _states(self, plan: DeploymentPlan) -> Mapping[str, str]:
        return self._alarm_states(plan.alarms) if plan.alarms else {}

    def _stand(self, row: EndpointRow, stands: TrafficState) -> str | None:
        """Have a picture stand; the reason why it does not."""
        try:
            setup: list[Fleet] = []
            if stands.blue and row.serving:
                setup.append(self._fleet(row, row.serving, 1.0 - stands.share, stands.blue))
            if stands.green:
                setup.append(self._fleet(row, _pending(row), stands.share, stands.green))
            self._apply(tuple(setup))
        except (JobFault, UnknownImage, FleetFailed) as fault:
            return str(fault)
        return None

    def _write(self, row: EndpointRow, plan: DeploymentPlan, at: DeploymentProgress) -> None:
        """The step that is taken next, and what is shown of it."""
        pending, stands = _pending(row), guardrails.picture(plan, at)
        counts = {name: variant.count for name, variant in pending.variants.items()}
        shown = {name: guardrails.variant_status(plan, at, count) for name, count in counts.items()}
        serving = row.serving.variants if row.serving else {}
        now = InstanceCounts(
            green={name: guardrails.instances(count, stands.green) for name, count in counts.items()},
            blue={name: guardrails.instances(variant.count, stands.blue) for name, variant in serving.items()},
        )
        changed = replace(pending, progress=at, status=shown, now=now)
        EndpointRow.amend(self._store, row.name, "deployment", result=changes(EndpointResult, pending=changed))
        self._announce(ENDPOINT.slug, row.name)

    def _apply(self, setup: Setup) -> None:
        """Raises Refused."""
        for attempt in range(ATTEMPTS):
            try:
                self._needed.set()
                self._link.ensure()
                self._link.apply(setup)
                return
            except Unreachable:
                if attempt == ATTEMPTS - 1 or self._closing.is_set():
                    raise

    def _settle(self, name: str, reason: str) -> None:
        """What is wanted did not come up: what served before still does, or nothing."""
        row = EndpointRow.get(self._store, name)
        failed = changes(EndpointResult, failure_reason=reason[:LONGEST_REASON])
        if row.status == "Creating":
            EndpointRow.fire(self._store, name, "fail", failed)
            return
        if row.status == "Updating":
            self._roll_back(name, reason)
        try:
            self._stand(row, guardrails.ALONE)
        except Unreachable:
            log.exception("endpoint %s", name)  # the data plane comes back with what it served last
        EndpointRow.fire(self._store, name, "serve", failed | changes(EndpointResult, pending=None))
        self._tidy(name, keep=row.serving.generation if row.serving else None)

    def _roll_back(self, name: str, reason: str) -> None:
        EndpointRow.fire(
            self._store, name, "roll_back", changes(EndpointResult, failure_reason=reason[:LONGEST_REASON])
        )

    def _delete(self, row: EndpointRow) -> None:
        self._link.ensure()
        self._link.delete(row.name)
        self._tidy(row.name, keep=None)
        self._store.delete(ENDPOINT, row.name)
        if self._store.first(Selection(ENDPOINT)) is None:
            self._needed.clear()
            self._link.drain()

    def _tidy(self, name: str, keep: str | None) -> None:
        """Delete unpacked models that nothing serves from any more."""
        folder = self._means.folder / "models" / name
        for path in folder.glob("*"):
            if path.name != keep:
                shutil.rmtree(path, ignore_errors=True)
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)

    def _fleet(self, row: EndpointRow, wanted: FleetSpec, share: float = 1.0, part: float = 1.0) -> Fleet:
        """Unpack the models and say what is to be run: this part of it. Raises JobFault, UnknownImage."""
        return fleet_of(self._means, row.endpoint, wanted, share, part)


def _pending(row: EndpointRow) -> FleetSpec:
    """What is being brought up: there is something as long as the endpoint is being changed."""
    assert row.pending is not None
    return row.pending


def _progress(pending: FleetSpec) -> DeploymentProgress:
    return pending.progress or DeploymentProgress(guardrails.LAUNCHING, pending.started, pending.started)
