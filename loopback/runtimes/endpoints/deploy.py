"""From rows to endpoints that answer: rows are the only contact with the services, the link with the data plane."""

import logging
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import ENDPOINT
from loopback.core.queries import Selection
from loopback.core.store import Resource, Store
from loopback.engines.endpoints import guardrails
from loopback.engines.endpoints.guardrails import DeploymentPlan, DeploymentProgress, Picture
from loopback.runtimes.endpoints.fleet import Fleet, Setup
from loopback.runtimes.endpoints.link import FleetFailed, Link, Unreachable
from loopback.runtimes.endpoints.unpack import FleetDependencies, unpacked
from loopback.runtimes.jobs.images import UnknownImage
from loopback.runtimes.jobs.ports import JobFault

AlarmStates = Callable[[Sequence[str]], Mapping[str, str]]  # names of alarms -> StateValue by name
DEPLOYING = ("plan", "progress", "status", "now")  # members of `pending` that end with the deployment
CHANGING = ("Creating", "Updating", "RollingBack", "Deleting")
RETRY_SECONDS = 1.0  # when the data plane cannot be started
ATTEMPTS = 3  # with a data plane that dies meanwhile
LONGEST_REASON = 1024
log = logging.getLogger("loopback.runtimes.endpoints")


class Deployer:
    """Carries out what is written in endpoint rows. `now` returns epoch seconds."""

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

    def begin(self) -> bool:
        """Have the data plane started if endpoints need it; whether they do."""
        if self._store.first(Selection(ENDPOINT, statuses=("InService", *CHANGING))):
            self._needed.set()
        return self._needed.is_set()

    def recover(self) -> None:
        """Take up what was being changed."""
        for row in self._store.scan(Selection(ENDPOINT, statuses=CHANGING)):
            self.changed(ENDPOINT.slug, row.name)

    def changed(self, kind: str, name: str) -> None:
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
                self.changed(ENDPOINT.slug, name)

    def _wait_for(self, name: str, seconds: float) -> None:
        self._due[name] = time.monotonic() + seconds
        self._timed.set()

    def close(self) -> None:
        """Take no more changes, and end the data plane."""
        self._closing.set()
        self._timed.set()
        self._needed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._link.close()

    def _carry_out(self, name: str) -> None:
        with self._locks[name]:
            if self._acted(name):
                self._announce(ENDPOINT.slug, name)

    def _acted(self, name: str) -> bool:
        """Do what the row asks for; whether there was anything to do."""
        try:
            row = self._store.get(ENDPOINT, name)
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

    def _deploy(self, row: Resource) -> bool:
        """Bring up what is new, or what has another number; or take the next steps of a deployment.

        Whether that is at an end.
        """
        pending, serving = row.result["pending"], row.result.get("serving")
        if serving and serving["generation"] != pending["generation"]:
            return self._shift(row.name)
        try:
            self._apply((self._fleet(row, pending),))
        except (JobFault, UnknownImage, FleetFailed) as fault:
            self._settle(row.name, str(fault))
            return True
        self._served(row.name, pending)
        return True

    def _served(self, name: str, pending: Mapping[str, Any]) -> None:
        kept = {key: value for key, value in pending.items() if key not in DEPLOYING}
        self._store.fire(ENDPOINT, name, "serve", {"serving": kept, "pending": None, "FailureReason": None})
        self._tidy(name, keep=pending["generation"])

    def _shift(self, name: str) -> bool:
        """Take the steps of a deployment that can be taken now. Each is in the row before it is carried out.

        Whether it has ended; if not, `wait` goes on with it.
        """
        while not self._closing.is_set():
            row = self._store.get(ENDPOINT, name)
            pending = row.result["pending"]
            plan, at = DeploymentPlan(**pending["plan"], pace=self._means.pace), _progress(row)
            why = guardrails.turned_back(plan, at, self._now(), self._states(plan))
            if why is None and at.phase not in (guardrails.BAKING, guardrails.TERMINATING):
                why = self._stood(row, guardrails.picture(plan, at))
            after = guardrails.following(plan, at, self._now())
            if why is not None and row.status == "RollingBack":
                log.warning("%s: the old fleet does not come up: %s", name, why)
                self._wait_for(name, RETRY_SECONDS)
                return False
            if why is not None:
                self._store.fire(ENDPOINT, name, "roll_back", {"FailureReason": why[:LONGEST_REASON]})
                self._write(row, plan, guardrails.retreat(plan, at, self._now()))
            elif after == at:
                self._wait_for(name, guardrails.pause(plan, at, self._now()))
                return False
            elif after.phase not in guardrails.FINAL:
                self._write(row, plan, after)
            else:
                if after.phase == guardrails.DONE:
                    self._served(name, pending)
                else:
                    self._settle(name, row.result["FailureReason"])
                self._store.amend(ENDPOINT, name, "deployment")
                return True
        return False

    def _states(self, plan: DeploymentPlan) -> Mapping[str, str]:
        return self._alarm_states(plan.alarms) if plan.alarms else {}

    def _stood(self, row: Resource, stands: Picture) -> str | None:
        """Have a picture stand; the reason why it does not."""
        blue, green = row.result["serving"], row.result["pending"]
        try:
            setup: list[Fleet] = []
            if stands.blue:
                setup.append(self._fleet(row, blue, 1.0 - stands.share, stands.blue))
            if stands.green:
                setup.append(self._fleet(row, green, stands.share, stands.green))
            self._apply(tuple(setup))
        except (JobFault, UnknownImage, FleetFailed) as fault:
            return str(fault)
        return None

    def _write(self, row: Resource, plan: DeploymentPlan, at: DeploymentProgress) -> None:
        """The step that is taken next, and what is shown of it."""
        pending, stands = row.result["pending"], guardrails.picture(plan, at)
        counts = {name: variant["count"] for name, variant in pending["variants"].items()}
        shown = {name: guardrails.told(plan, at, count) for name, count in counts.items()}
        now = {
            "green": {name: guardrails.instances(count, stands.green) for name, count in counts.items()},
            "blue": {
                name: guardrails.instances(variant["count"], stands.blue)
                for name, variant in row.result["serving"]["variants"].items()
            },
        }
        changed = pending | {"progress": at.dump(), "status": shown, "now": now}
        self._store.amend(ENDPOINT, row.name, "deployment", result={"pending": changed})
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
        row = self._store.get(ENDPOINT, name)
        told = {"pending": None, "FailureReason": reason[:LONGEST_REASON]}
        if row.status == "Creating":
            self._store.fire(ENDPOINT, name, "fail", told | {"pending": row.result["pending"]})
            return
        if row.status == "Updating":
            self._store.fire(ENDPOINT, name, "roll_back", {"FailureReason": told["FailureReason"]})
        try:
            self._stood(row, guardrails.ALONE)
        except Unreachable:
            log.exception("endpoint %s", name)  # the data plane comes back with what it served last
        self._store.fire(ENDPOINT, name, "serve", told)
        self._tidy(name, keep=row.result["serving"]["generation"])

    def _delete(self, row: Resource) -> None:
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

    def _fleet(self, row: Resource, wanted: Mapping[str, Any], share: float = 1.0, part: float = 1.0) -> Fleet:
        """Unpack the models and say what is to be run: this part of it. Raises JobFault, UnknownImage."""
        return unpacked(self._means, row.doc["EndpointName"], wanted, share, part)


def _progress(row: Resource) -> DeploymentProgress:
    pending = row.result["pending"]
    if "progress" in pending:
        return DeploymentProgress(**pending["progress"])
    return DeploymentProgress(guardrails.LAUNCHING, pending["started"], pending["started"])
