"""Delivers the data plane's outbox: captured requests to S3, lines to CloudWatch Logs, values to CloudWatch."""

import json
import logging
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from loopback.core.errors import ServiceError
from loopback.core.objects import NoSuchBucket, Objects, split_uri
from loopback.core.part import Loop, Part
from loopback.runtimes.endpoints import outbox
from loopback.runtimes.jobs.ports import LogWriter

PAUSE_SECONDS = 0.05
MOST_DATA = 500  # of one PutMetricData
log = logging.getLogger("loopback.runtimes.endpoints")
PutMetrics = Callable[[Mapping[str, Any]], Any]


class OutboxRelay(Part):
    """Run `loop` on one thread."""

    def __init__(
        self, folder: Path, objects: Objects, logs: LogWriter, put_metrics: PutMetrics, begun: threading.Event
    ) -> None:
        self._folder, self._objects, self._logs, self._put_metrics = folder, objects, logs, put_metrics
        self._begun = begun
        self._closing = threading.Event()

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def loop(self) -> None:
        """Once there is a data plane, or one has left something, deliver until `close`."""
        if not outbox.parcels(self._folder):
            self._begun.wait()
        while not self._closing.wait(PAUSE_SECONDS):
            self.deliver()

    def close(self) -> None:
        """End the loop. What the data plane has left by now is delivered."""
        self._closing.set()
        self.deliver()

    def deliver(self) -> None:
        """Deliver what waits. A parcel that cannot be delivered now stays for later."""
        for path in outbox.parcels(self._folder):
            head, content = outbox.open_parcel(path)
            try:
                self._hand_over(head, content)
            except NoSuchBucket as fault:
                log.warning("captured requests are lost: %s", fault)
            except ServiceError as fault:
                log.warning("not delivered yet: %s", fault)
                return
            path.unlink()

    def _hand_over(self, head: Mapping[str, Any], content: bytes) -> None:
        if not content:
            return
        if head["kind"] == "capture":
            self._store(head["uri"], content)
            return
        items = [json.loads(line) for line in content.splitlines()]
        if head["kind"] == "logs":
            self._logs.append(head["group"], head["stream"], [(at, line) for at, line in items])
            return
        for start in range(0, len(items), MOST_DATA):
            namespace = head.get("namespace", "AWS/SageMaker")
            self._put_metrics({"Namespace": namespace, "MetricData": items[start : start + MOST_DATA]})

    def _store(self, uri: str, content: bytes) -> None:
        bucket, key = split_uri(uri)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".out") as file:
            file.write(content)
            file.flush()
            self._objects.store(bucket, key, Path(file.name))
