"""A store in memory, and a context whose AWS is a dictionary: what most tests of the services need."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from loopback.core.arn import Place
from loopback.core.errors import ServiceError
from loopback.core.objects import NoSuchBucket, NoSuchKey, StoredObject
from loopback.core.store import Store
from loopback.services import registry
from loopback.services.sagemaker import announcements as _announcements  # noqa: F401  # it registers itself
from loopback.services.sagemaker import (  # noqa: F401 - registers the handlers
    executions,
    experiments,
    jobs,
    models,
    packages,
    pipelines,
    tags,
)

ROLE = "arn:aws:iam::000000000000:role/pipeline"


class Clock:
    """Time that moves only when told to; seconds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class DictObjects:
    """S3 as a dictionary of buckets."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {"bucket": {}}

    def _bucket(self, name: str) -> dict[str, bytes]:
        if name not in self.buckets:
            raise NoSuchBucket(f"s3://{name}: the bucket does not exist")
        return self.buckets[name]

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        found = sorted(self._bucket(bucket).items())
        return [StoredObject(key, len(body), "etag") for key, body in found if key.startswith(prefix)]

    def read(self, bucket: str, key: str) -> bytes:
        if key not in self._bucket(bucket):
            raise NoSuchKey(f"s3://{bucket}/{key}: the object does not exist")
        return self.buckets[bucket][key]

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        target.write_bytes(self.read(bucket, key))

    def delete(self, bucket: str, key: str) -> None:
        self._bucket(bucket).pop(key, None)

    def store(self, bucket: str, key: str, source: Path) -> None:
        self._bucket(bucket)[key] = source.read_bytes()


class FakeBase:
    """Records what is sent to the base's services; Lambda functions are Python callables by name."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.functions: dict[str, Any] = {}
        self.clients: dict[tuple[str, str], Any] = {}  # by service and role

    def call(self, _service: str, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.sent.append((target, dict(request)))
        return {}

    def invoke(self, function: str, payload: Any) -> Any:
        name = function.rpartition(":")[2]
        if name not in self.functions:
            raise ServiceError(f"Function not found: {function}")
        return self.functions[name](payload)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = Store(tmp_path / "loopback.db", clock)
    yield opened
    opened.close()


@pytest.fixture
def objects() -> DictObjects:
    return DictObjects()


@pytest.fixture
def base() -> FakeBase:
    return FakeBase()


@pytest.fixture
def changes() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def context(store: Store, objects: DictObjects, base: FakeBase, changes: list[tuple[str, str]]) -> registry.Context:
    return registry.Context(
        store,
        Place(),
        objects,
        base.call,
        base.invoke,
        lambda kind, name: changes.append((kind, name)),
        lambda service, role: base.clients[service, role],
    )


@pytest.fixture
def sagemaker(context: registry.Context) -> Any:
    """`sagemaker("CreateModel", ModelName=...)`, with the same checks as from the wire."""

    def call(operation: str, **request: Any) -> dict[str, Any]:
        return registry.call("sagemaker", operation, request, context)

    return call


@pytest.fixture
def definition() -> Any:
    """A definition's text from steps and parameters."""

    def make(*steps: dict[str, Any], parameters: tuple[dict[str, Any], ...] = ()) -> str:
        return json.dumps({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)})

    return make
