"""Asynchronous inference on the control plane: tickets become answers in S3, and messages to SNS topics.

A ticket stays until its answer is written, so what a crash interrupts is asked again.
"""

import base64
import json
import logging
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loopback.core.errors import ResourceNotFound, ServiceError
from loopback.core.objects import Objects, split_uri
from loopback.core.part import Loop, Part
from loopback.core.store import Store
from loopback.rows.endpoints import EndpointRow
from loopback.runtimes.endpoints.async_spool import Ticket, Tickets
from loopback.runtimes.endpoints.link import Link, Said, Unreachable
from loopback.runtimes.endpoints.outbox_relay import PutMetrics

PAUSE_SECONDS, METRICS_SECONDS = 0.1, 60.0
CONCURRENT = 4  # requests of an instance at a time, where the configuration does not say
THREADS = 32
FAILED_STATUS, UNAVAILABLE_STATUS = 500, 503  # the second: no instance is there to ask
log = logging.getLogger("loopback.runtimes.endpoints")
Notify = Callable[[str, str], None]  # a topic's ARN, a message


@dataclass(frozen=True)
class AsyncOutputs:
    """Where answers and numbers go. `region` is for messages."""

    objects: Objects
    notify: Notify
    put_metrics: PutMetrics
    region: str


class AsyncInference(Part):
    """Run `loop` on one thread. `folder` is the data plane's folder of tickets."""

    def __init__(self, folder: Path, store: Store, link: Link, ends: AsyncOutputs) -> None:
        self._tickets, self._store, self._link, self._ends = Tickets(folder), store, link, ends
        self._folder = folder
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="async")
        self._going: set[Path] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def loop(self) -> None:
        """Once there is a data plane, answer what waits, until `close`."""
        due = 0.0
        self._link.wanted.wait()
        while not self._closing.wait(PAUSE_SECONDS):
            try:
                if self._folder.is_dir():
                    self.begin()
                if time.monotonic() > due:
                    self.measure()
                    due = time.monotonic() + METRICS_SECONDS
            except Exception:
                log.exception("asynchronous requests")

    def close(self) -> None:
        """Begin no more."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def begin(self) -> None:
        """Hand out as many tickets as the endpoints' instances take."""
        for key, paths in self._tickets.waiting_tickets():
            with self._lock:
                going = Counter(path.parent.name for path in self._going)[key]
                chosen = [path for path in paths if path not in self._going][: max(0, self._most(key) - going)]
                self._going.update(chosen)
            for path in chosen:
                self._pool.submit(self._carry_out, key, path)

    def _most(self, key: str) -> int:
        """Requests of an endpoint at a time."""
        try:
            serving = EndpointRow.get(self._store, key).serving
        except ResourceNotFound:
            return 0
        if serving is None or not serving.queue:
            return 0
        each = (serving.queue.get("ClientConfig") or {}).get("MaxConcurrentInvocationsPerInstance", CONCURRENT)
        return int(each * sum(variant.count for variant in serving.variants.values()))

    def _carry_out(self, key: str, path: Path) -> None:
        try:
            self.answer(key, path)
        except Unreachable:
            time.sleep(PAUSE_SECONDS)  # the data plane is being started again; the ticket stays
        except Exception:
            log.exception("asynchronous request to %s", key)
            time.sleep(1.0)
        finally:
            with self._lock:
                self._going.discard(path)

    def answer(self, key: str, path: Path) -> None:
        """Ask the model, write down what it says, tell who wants to know. Raises Unreachable."""
        try:
            ticket: Ticket = json.loads(path.read_text())
        except FileNotFoundError:  # answered since it was listed, or its endpoint is deleted
            return
        if time.time() > ticket["ends"]:
            self._fail(ticket, f"The request waited longer than its RequestTTLSeconds in the queue of {key}")
        else:
            status, headers, body = self._ask_model(key, ticket)
            if status == UNAVAILABLE_STATUS:
                raise Unreachable(_message(body))
            if status == 200:
                self._write(ticket["output"], body)
                self._tell(ticket, "Completed", {"contentType": headers.get("content-type"), "body": body})
            else:
                self._fail(ticket, _message(body))
        path.unlink(missing_ok=True)

    def _ask_model(self, key: str, ticket: Ticket) -> Said:
        try:
            body = self._ends.objects.read(*split_uri(ticket["input"])) if ticket["input"] else None
        except ServiceError as fault:
            return FAILED_STATUS, {}, json.dumps({"Message": f"The input cannot be read: {fault}"}).encode()
        names = {"content_type": "Content-Type", "accept": "Accept", "attributes": "X-Amzn-SageMaker-Custom-Attributes"}
        headers = {theirs: ticket[ours] for ours, theirs in names.items() if ticket[ours]}
        headers["X-Amzn-SageMaker-Inference-Id"] = ticket["inference_id"]
        content = base64.b64decode(ticket["body"]) if body is None else body
        return self._link.ask(key, headers, content, ticket["seconds"])

    def _fail(self, ticket: Ticket, reason: str) -> None:
        if ticket["failure"]:
            self._write(ticket["failure"], reason.encode())
        self._tell(ticket, "Failed", {"failureReason": reason})

    def _write(self, uri: str, content: bytes) -> None:
        bucket, key = split_uri(uri)
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder) as file:
                file.write(content)
                file.flush()
                self._ends.objects.store(bucket, key, Path(file.name))
        except ServiceError as fault:
            log.warning("an asynchronous answer is lost: %s", fault)

    def _tell(self, ticket: Ticket, status: str, found: Mapping[str, Any]) -> None:
        if not (topic := ticket["topics"][status]):
            return
        try:
            self._ends.notify(topic, json.dumps(notice(ticket, status, found, self._ends.region, time.time())))
        except Exception as fault:  # noqa: BLE001 - whatever the topic's service says, the answer is there
            log.warning("no message to %s: %s", topic, fault)

    def measure(self) -> None:
        """The backlog of every asynchronous endpoint, to CloudWatch."""
        lengths = {key: len(paths) for key, paths in self._tickets.waiting_tickets()}
        for row in EndpointRow.find(self._store):
            serving = row.serving
            if serving is None or not serving.queue:
                continue
            waiting = lengths.get(row.name, 0)
            count = sum(variant.count for variant in serving.variants.values())
            values = {
                "ApproximateBacklogSize": waiting,
                "ApproximateBacklogSizePerInstance": waiting / max(1, count),
                "HasBacklogWithoutCapacity": int(waiting > 0 and count == 0),
            }
            dimensions = [{"Name": "EndpointName", "Value": row.endpoint}]
            data = [
                {"MetricName": name, "Dimensions": dimensions, "Value": float(value), "Unit": "Count"}
                for name, value in values.items()
            ]
            self._ends.put_metrics({"Namespace": "AWS/SageMaker", "MetricData": data})


def notice(ticket: Ticket, status: str, found: Mapping[str, Any], region: str, now: float) -> dict[str, Any]:
    """What an SNS topic is told: the same members as on AWS. `found` is the response's `contentType` and `body`, or
    a `failureReason`.
    """
    asked = {"contentType": ticket["content_type"], "accept": ticket["accept"], "inputLocation": ticket["input"]}
    said: dict[str, Any] = {"failureLocation": ticket["failure"]}
    if status == "Completed":
        said = {"contentType": found["contentType"], "outputLocation": ticket["output"]}
        if "SUCCESS_NOTIFICATION_TOPIC" in ticket["with_response"]:
            said["body"] = {"content": base64.b64encode(found["body"]).decode(), "encoding": "BASE64"}
    told = {
        "awsRegion": region,
        "eventTime": _iso(now),
        "receivedTime": _iso(ticket["received"]),
        "invocationStatus": status,
        "failureReason": found.get("failureReason"),
        "requestParameters": {"endpointName": ticket["endpoint"], **_present(asked)},
        "responseParameters": _present(said),
        "inferenceId": ticket["inference_id"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    return _present(told)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _message(body: bytes) -> str:
    """What a refusal of the data plane says."""
    try:
        return str(json.loads(body)["Message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
