"""CloudWatch Logs of the base, as workers and builds write to it."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from loopback.ministack.base import Ministack

KNOWN_STREAMS = 1000
GROUP = ":log-group:"  # in the ARN of one


class Logs:
    """Log groups and streams that come into being with their first line."""

    def __init__(self, base: Ministack) -> None:
        self._base = base
        self._streams: dict[tuple[str, str], None] = {}  # that are there: the last ones written to

    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        """Put these events: (milliseconds since the epoch, line)."""
        if (group, stream) not in self._streams:
            self._create(group, stream)
            self._streams[group, stream] = None
            if len(self._streams) > KNOWN_STREAMS:
                del self._streams[next(iter(self._streams))]
        lines = [{"timestamp": at, "message": line} for at, line in events]
        request = {"logGroupName": group, "logStreamName": stream, "logEvents": lines}
        self._base.call("logs", "Logs_20140328.PutLogEvents", request)

    def _create(self, group: str, stream: str) -> None:
        for target, request in (
            ("CreateLogGroup", {"logGroupName": group}),
            ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
        ):
            self._base.call_unless_there("logs", f"Logs_20140328.{target}", request)


def log_event(base: Ministack, target: Mapping[str, Any], event: str) -> None:
    """An EventBridge rule whose target is a log group, which has to be there. Raises ServiceError."""
    group = str(target["Arn"]).partition(GROUP)[2].removesuffix(":*")
    stream = hashlib.sha256(str(target).encode()).hexdigest()[:32]
    where = {"logGroupName": group, "logStreamName": stream}
    base.call_unless_there("logs", "Logs_20140328.CreateLogStream", where)
    lines = [{"timestamp": int(time.time() * 1000), "message": event}]
    base.call("logs", "Logs_20140328.PutLogEvents", {**where, "logEvents": lines})
