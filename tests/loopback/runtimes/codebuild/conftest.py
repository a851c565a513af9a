"""Builds with real shells, in a folder of the test's own, between AWS services that are dictionaries."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback.core.kinds import BUILD, BUILD_PROJECT
from loopback.core.store import Resource, Store
from loopback.runtimes.codebuild.build import BuildDependencies
from loopback.runtimes.codebuild.builder import Builder
from loopback.services import registry
from loopback.services.codebuild import handlers as _registered  # noqa: F401  # the operations

ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "image", "computeType": "BUILD_GENERAL1_SMALL"}


class ListLogs:
    """CloudWatch Logs as lists of lines."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], list[str]] = {}

    def append(self, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        self.lines.setdefault((group, stream), []).extend(line for _, line in events)


class Bench:
    """A builder at work: `build(...)` makes a project of a buildspec and runs one build of it."""

    def __init__(self, means: BuildDependencies, context: registry.Context, logs: ListLogs) -> None:
        self.means, self.context, self.logs = means, context, logs
        self.builder = Builder(means)
        self.ended = threading.Condition()

    def on_change(self, kind: str, name: str) -> None:
        if kind == BUILD.slug:
            self.builder.on_change(kind, name)
            with self.ended:
                self.ended.notify_all()

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return registry.call("codebuild", operation, request, self.context)

    def project(self, spec: dict[str, Any], name: str = "p1", **more: Any) -> None:
        source = more.pop("source", {"type": "NO_SOURCE"}) | {"buildspec": json.dumps({"version": "0.2", **spec})}
        base = {
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": ENVIRONMENT,
            "serviceRole": "arn:aws:iam::0:role/r",
        }
        operation = "UpdateProject" if self.means.store.exists(BUILD_PROJECT, name) else "CreateProject"
        self.call(operation, name=name, source=source, **(base | more))

    def build(self, spec: dict[str, Any], **more: Any) -> Resource:
        self.project(spec, **more)
        return self.run()

    def run(self, project: str = "p1", **more: Any) -> Resource:
        return self.wait(self.call("StartBuild", projectName=project, **more)["build"]["id"])

    def wait(self, name: str, seconds: float = 15) -> Resource:
        with self.ended:
            assert self.ended.wait_for(lambda: self.row(name).status != "IN_PROGRESS", seconds), self.row(name)
        return self.row(name)

    def row(self, name: str) -> Resource:
        return self.means.store.get(BUILD, name)

    def output(self, row: Resource) -> list[str]:
        """What commands have written."""
        logs = row.result["logs"]
        lines = self.logs.lines[logs["groupName"], logs["streamName"]]
        return [line for line in lines if line and not line.startswith("[Container]")]


@pytest.fixture
def bench(
    store: Store, objects: Any, context: registry.Context, clock: Any, base: Any, tmp_path: Path
) -> Iterator[Bench]:
    logs = ListLogs()
    benches: list[Bench] = []

    def on_change(kind: str, name: str) -> None:
        benches[0].on_change(kind, name)

    means = BuildDependencies(
        store,
        context.place,
        objects,
        logs,
        lambda role, _session: {"AWS_ACCESS_KEY_ID": role.rpartition("/")[2]},
        lambda service, role: base.clients[service, role],
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1"},
        tmp_path / "codebuild",
        on_change,
        clock,
        minute=0.2,
    )
    acting = registry.Context(**{**vars(context), "on_change": on_change})
    benches.append(Bench(means, acting, logs))
    yield benches[0]
    benches[0].builder.close()


@pytest.fixture
def phases() -> Callable[[Resource], dict[str, str]]:
    """The statuses of a build's phases by their names."""
    return lambda row: {p["phaseType"]: p["phaseStatus"] for p in row.result["phases"] if "phaseStatus" in p}
