"""From rows to endpoints that answer: rows are the only contact with the services, the link with the data plane."""

import logging
import shutil
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import ENDPOINT
from loopback.core.objects import Objects
from loopback.core.store import Resource, Store
from loopback.endpoints.fleet import Fleet, Variant, capture_of
from loopback.endpoints.link import Link, Refused, Unreachable
from loopback.serving.models import SKLEARN, XGBOOST
from loopback.workers import archives, environments, images, transfer
from loopback.workers.images import Images, UnknownImage
from loopback.workers.place import SYSTEM_PATH
from loopback.workers.ports import JobFault
from loopback.workers.transfer import Source

SERVING = {images.XGBOOST.name: XGBOOST, images.SKLEARN.name: SKLEARN}
CODE = "/opt/ml/model/code"  # where `bring` puts what SAGEMAKER_SUBMIT_DIRECTORY names in S3
START_SECONDS = 480.0  # for the first ping, where the variant does not say
RETRY_SECONDS = 1.0  # when the data plane cannot be started
ATTEMPTS = 3  # with a data plane that dies meanwhile
LONGEST_REASON = 1024
log = logging.getLogger("loopback.endpoints")


@dataclass(frozen=True)
class Means:
    """What endpoints are made with. `environ` is the client's part of an instance's environment."""

    objects: Objects
    folder: Path
    environ: Mapping[str, str]
    images: Images = field(default_factory=Images)


class Deployer:
    """Carries out what is written in endpoint rows."""

    def __init__(self, store: Store, link: Link, means: Means, announce: Callable[[str, str], None]) -> None:
        self._store, self._link, self._means, self._announce = store, link, means, announce
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="endpoint")
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._closing = threading.Event()
        self._needed = threading.Event()

    def begin(self) -> bool:
        """Have the data plane started if endpoints need it; whether they do."""
        if any(row.status != "Failed" for row in self._store.find(ENDPOINT)):
            self._needed.set()
        return self._needed.is_set()

    def recover(self) -> None:
        """Take up what was being changed."""
        for row in self._store.find(ENDPOINT):
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

    def close(self) -> None:
        """Take no more changes, and end the data plane."""
        self._closing.set()
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
                self._deploy(row)
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

    def _deploy(self, row: Resource) -> None:
        pending = row.result["pending"]
        try:
            fleet = self._fleet(row.doc["EndpointName"], pending)
            self._apply(fleet)
        except (JobFault, UnknownImage, Refused) as fault:
            self._settle(row.name, str(fault))
            return
        self._store.fire(ENDPOINT, row.name, "serve", {"serving": pending, "pending": None, "FailureReason": None})
        self._tidy(row.name, keep=pending["generation"])

    def _apply(self, fleet: Fleet) -> None:
        """Raises Refused."""
        for attempt in range(ATTEMPTS):
            try:
                self._needed.set()
                self._link.ensure()
                self._link.apply(fleet)
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
        self._store.fire(ENDPOINT, name, "serve", told)
        self._tidy(name, keep=row.result["serving"]["generation"])

    def _delete(self, row: Resource) -> None:
        self._link.ensure()
        self._link.delete(row.name)
        self._tidy(row.name, keep=None)
        self._store.delete(ENDPOINT, row.name)
        if not self._store.find(ENDPOINT):
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

    def _fleet(self, name: str, wanted: Mapping[str, Any]) -> Fleet:
        """Unpack the models and say what is to be run. Raises JobFault, UnknownImage."""
        folder = self._means.folder / "models" / name.lower() / wanted["generation"]
        variants = tuple(
            self._variant(variant_name, variant, folder / variant_name)
            for variant_name, variant in wanted["variants"].items()
        )
        return Fleet(name, wanted["generation"], variants, capture_of(wanted["capture"]))

    def _variant(self, name: str, wanted: Mapping[str, Any], folder: Path) -> Variant:
        container, given = wanted["container"], wanted["given"]
        runtime = self._means.images.runtime(container["Image"])
        if runtime.name not in SERVING:
            image = container["Image"]
            raise JobFault(f"ClientError: endpoints run the XGBoost and scikit-learn images here, not {image}")
        if not folder.exists():
            bring(self._means.objects, container, folder)
        python = None
        if (requirements := folder / "code" / "requirements.txt").is_file():
            python = environments.python_with(requirements, sys.executable, self._means.folder.parent / "environments")
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "MPLBACKEND": "Agg",
            **self._means.environ,
            "SAGEMAKER_SERVING_MODULE": SERVING[runtime.name],
            "SAGEMAKER_BIND_TO_PORT": "8080",
            "OMP_NUM_THREADS": "1",
            **(container.get("Environment") or {}),
        }
        if environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "").startswith("s3://"):
            environ["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
        return Variant(
            name=name,
            weight=wanted["weight"],
            count=wanted["count"],
            model=str(folder),
            environ=environ,
            interpreter=python,
            isolated=wanted["isolated"],
            least_outstanding=(given.get("RoutingConfig") or {}).get("RoutingStrategy") == "LEAST_OUTSTANDING_REQUESTS",
            seconds=float(given.get("ContainerStartupHealthCheckTimeoutInSeconds") or START_SECONDS),
        )


def bring(objects: Objects, container: Mapping[str, Any], folder: Path) -> None:
    """Unpack a container's model into `folder`, whole or not at all. Raises JobFault."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri and source.get("CompressionType") == "None":
        transfer.download(objects, transfer.items(objects, Source(uri)), part)
    elif uri:
        archives.fetch(objects, uri, part, "Model download failed")
    submitted = (container.get("Environment") or {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith("s3://"):
        archives.fetch(objects, submitted, part / "code", "Code download failed")
    part.rename(folder)
