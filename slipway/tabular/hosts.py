"""Several training hosts as one: XGBoost's own collective, its tracker on the first host."""

import json
import os
import socket
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from slipway.tabular.job import JobError

FIRST_PORT, PORTS = 9100, 800  # a job's port follows from its name: a port stays busy for a minute after a job
PATIENCE_SECONDS = 120  # hosts of one job do not start at the same moment


@dataclass(frozen=True)
class Hosts:
    """The hosts of a training job, sorted as resourceconfig.json has them, and which of them this is."""

    names: tuple[str, ...]
    current: str
    port: int = FIRST_PORT

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Hosts":
        """Read SM_HOSTS, SM_CURRENT_HOST and XGBOOST_TRACKER_PORT; without them there is one host."""
        names = tuple(json.loads(environment.get("SM_HOSTS", '["algo-1"]')))
        job = environment.get("TRAINING_JOB_NAME", "").encode()
        port = int(environment.get("XGBOOST_TRACKER_PORT", FIRST_PORT + zlib.crc32(job) % PORTS))
        return cls(names, environment.get("SM_CURRENT_HOST", names[0]), port)

    @property
    def rank(self) -> int:
        """The place of this host among the hosts: which share of the rows it reads."""
        return self.names.index(self.current)

    @property
    def is_first(self) -> bool:
        """Whether this host runs the tracker and saves the model."""
        return self.rank == 0


@contextmanager
def tracker(hosts: Hosts) -> Iterator[None]:
    """On the first host of several: the meeting point of all. Start it before reading data, so that nobody waits."""
    if len(hosts.names) == 1 or not hosts.is_first:
        yield
        return
    from xgboost.core import XGBoostError
    from xgboost.tracker import RabitTracker

    address = _resolve(hosts.names[0])
    try:
        meeting = RabitTracker(n_workers=len(hosts.names), host_ip=address, port=hosts.port, sortby="task")
    except XGBoostError as error:
        raise JobError(f"the tracker can't listen on {address}:{hosts.port} (XGBOOST_TRACKER_PORT): {error}") from None
    meeting.start()
    yield
    meeting.wait_for(timeout=PATIENCE_SECONDS)


@contextmanager
def collective(hosts: Hosts) -> Iterator[None]:
    """Inside, `xgboost.train` on all hosts builds one and the same model. One host: nothing to do."""
    if len(hosts.names) == 1:
        yield
        return
    from xgboost import collective as xgboost_collective

    _join(hosts)
    try:
        yield
    finally:
        xgboost_collective.finalize()


def _join(hosts: Hosts) -> None:
    """Meet the tracker. XGBoost's own retry sleeps whole seconds, so the waiting is done here."""
    from xgboost import collective as xgboost_collective
    from xgboost.core import XGBoostError

    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with warnings.catch_warnings(action="ignore"):  # each refused connection would be one
                xgboost_collective.init(
                    dmlc_tracker_uri=_resolve(hosts.names[0]),
                    dmlc_tracker_port=hosts.port,
                    dmlc_task_id=f"{hosts.rank:04d}",
                    dmlc_retry=1,
                    dmlc_timeout=PATIENCE_SECONDS,
                )
            return
        except XGBoostError as error:
            if time.monotonic() > deadline:
                first = str(error).strip().splitlines()[0]
                raise JobError(
                    f"{hosts.current} can't reach the tracker on {hosts.names[0]}:{hosts.port}: {first}"
                ) from None
            time.sleep(0.1)


def _resolve(name: str) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.gethostbyname(name)
        except OSError:
            if time.monotonic() > deadline:
                raise JobError(f"host {name} has no address after {PATIENCE_SECONDS} s") from None
            time.sleep(0.2)
