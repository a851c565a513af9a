"""State changes as EventBridge events, in AWS's JSON: rows of the event table in, `put_event` out.

Delivery is at least once: how far it got is written down after a batch, so a crash repeats, and loses nothing.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import BY_SLUG, ENDPOINT, EXECUTION, PACKAGE, STEP
from loopback.core.store import Event, Resource
from loopback.services.registry import Context
from loopback.services.sagemaker import endpoints, executions, jobs, packages
from loopback.services.sagemaker.steps import iso

PutEvent = Callable[[str, list[str], Mapping[str, Any], str], None]
log = logging.getLogger("loopback")
CURSOR = "announced events"
GATHER_SECONDS = 0.05

_JOB_TITLES = {
    "processing-job": "SageMaker Processing Job State Change",
    "training-job": "SageMaker Training Job State Change",
    "transform-job": "SageMaker Transform Job State Change",
}


@dataclass(frozen=True)
class Announcement:
    """One event, ready for the bus."""

    title: str
    resources: list[str]
    detail: Mapping[str, Any]


class Announcer:
    """Run `loop` on one thread. `listened` says whether any rule could match; without one nothing is sent."""

    def __init__(self, context: Context, put_event: PutEvent, listened: Callable[[], bool]) -> None:
        self._context = context
        self._put_event = put_event
        self._listened = listened
        self._wake = threading.Event()
        self._open = True

    def changed(self, _kind: str, _name: str) -> None:
        """There may be new rows."""
        self._wake.set()

    def close(self) -> None:
        """End the loop."""
        self._open = False
        self._wake.set()

    def loop(self) -> None:
        """Work until `close`. Rows are gathered for a moment: announcing has time, the work itself has not."""
        while self._open:
            if self._wake.wait(timeout=1.0):
                time.sleep(GATHER_SECONDS)
            self._wake.clear()
            try:
                while self.announce_some():
                    pass
            except Exception:
                log.exception("announcer")

    def announce_some(self) -> int:
        """Send the events of the next rows; how many rows there were."""
        store = self._context.store
        rows = store.events(store.counter(CURSOR))
        if rows and self._listened():
            for row in rows:
                for found in announcements(row, self._context):
                    self._put_event(found.title, found.resources, found.detail, "aws.sagemaker")
        if rows:
            store.set_counter(CURSOR, rows[-1].seq)
        return len(rows)


def announcements(event: Event, context: Context) -> Iterator[Announcement]:
    """What AWS would tell the world about one change: nothing, or one event."""
    kind = BY_SLUG[event.kind]
    build = _BUILDERS.get(event.kind)
    if build is None or not (event.old != event.new or event.kind == PACKAGE.slug):
        return
    try:
        row = context.store.get(kind, event.name)
    except ResourceNotFound:
        return
    yield build(event, row, context)


def _job(event: Event, row: Resource, context: Context) -> Announcement:
    family = jobs.BY_KIND[row.kind]
    shown = jobs.view(row, context)
    status = "InProgress" if event.new == "Queued" else event.new
    detail = {key: _time(key, value) for key, value in shown.items() if key[0].isupper()}
    detail |= {f"{family.noun}Status": status, "Tags": context.store.tags(shown[f"{family.noun}Arn"])}
    return Announcement(_JOB_TITLES[row.kind], [shown[f"{family.noun}Arn"]], detail)


def _time(key: str, value: Any) -> Any:
    """Job events write times as text of epoch milliseconds (contracts 6.2)."""
    return str(int(value * 1000)) if key.endswith("Time") and isinstance(value, float | int) else value


def _package(event: Event, row: Resource, context: Context) -> Announcement:
    shown = packages.view(row, context)
    detail = {key: iso(value) if key.endswith("Time") else value for key, value in shown.items() if key[0].isupper()}
    if event.event == "update":
        detail["UpdatedModelPackageFields"] = row.result.get("updated_fields", [])
    return Announcement("SageMaker Model Package State Change", [shown["ModelPackageArn"]], detail)


def _endpoint(event: Event, row: Resource, context: Context) -> Announcement:
    """Statuses are upper snake case here, times epoch milliseconds (contracts 6.2)."""
    shown = endpoints.view(row, context)
    detail = {key: shown.get(key) for key in ("EndpointName", "EndpointArn", "EndpointConfigName", "FailureReason")}
    properties = ("VariantName", "CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
    variants = shown.get("ProductionVariants", [])
    detail["ProductionVariants"] = [{key: v[key] for key in properties} for v in variants]
    detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", event.new).upper()
    detail |= {key: int(shown[key] * 1000) for key in ("CreationTime", "LastModifiedTime")}
    detail["Tags"] = context.store.tags(shown["EndpointArn"])
    return Announcement("SageMaker Endpoint State Change", [shown["EndpointArn"]], _present(detail))


def _execution(event: Event, row: Resource, context: Context) -> Announcement:
    arn = executions.arn_of(row.parent, row.name, context)
    pipeline = context.place.arn(f"pipeline/{row.parent}")
    detail = {
        "pipelineExecutionDisplayName": executions.view(row, context)["PipelineExecutionDisplayName"],
        "currentPipelineExecutionStatus": event.new,
        "previousPipelineExecutionStatus": event.old or None,
        "executionStartTime": iso(row.created),
        "executionEndTime": iso(row.result["ended"]) if row.result.get("ended") else None,
        "pipelineExecutionDescription": row.doc.get("PipelineExecutionDescription"),
        "pipelineArn": pipeline,
        "pipelineExecutionArn": arn,
    }
    title = "SageMaker Model Building Pipeline Execution Status Change"
    return Announcement(title, [pipeline, arn], _present(detail))


def _step(event: Event, row: Resource, context: Context) -> Announcement:
    execution = context.store.get(EXECUTION, row.parent)
    arn = executions.arn_of(execution.parent, execution.name, context)
    pipeline = context.place.arn(f"pipeline/{execution.parent}")
    shown = executions.step_view(row)
    metadata = shown["Metadata"]
    detail = {
        "metadata": {key[0].lower() + key[1:]: _camel(value) for key, value in metadata.items()},
        "stepStartTime": iso(shown["StartTime"]),
        "stepEndTime": iso(shown["EndTime"]) if shown["EndTime"] else None,
        "stepName": row.doc["name"],
        "stepType": row.doc["type"],
        "previousStepStatus": event.old or None,
        "currentStepStatus": event.new,
        "failureReason": shown["FailureReason"],
        "cacheHitResult": _camel(shown["CacheHitResult"]) if shown["CacheHitResult"] else None,
        "pipelineArn": pipeline,
        "pipelineExecutionArn": arn,
    }
    title = "SageMaker Model Building Pipeline Execution Step Status Change"
    return Announcement(title, [pipeline, arn], _present(detail))


def _camel(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key[0].lower() + key[1:]: value for key, value in members.items()}


def _present(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in detail.items() if value is not None}


_BUILDERS: dict[str, Callable[[Event, Resource, Context], Announcement]] = {
    **dict.fromkeys(_JOB_TITLES, _job),
    PACKAGE.slug: _package,
    ENDPOINT.slug: _endpoint,
    EXECUTION.slug: _execution,
    STEP.slug: _step,
}
