"""The other services of loopback's own, in the way of test_fuzz: an answer to everything, never a failure of ours."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopback.core.arn import Place
from loopback.core.objects import NoSuchBucket
from loopback.core.store import Store
from loopback.runtimes.git.bare import BareRepositories
from loopback.services import registry
from loopback.services.autoscaling import activities, policies, scheduled, targets  # noqa: F401 - registers itself
from loopback.services.codebuild import handlers as codebuild  # noqa: F401 - registers itself
from loopback.services.codepipeline import handlers as codepipeline  # noqa: F401 - registers itself
from loopback.services.servicecatalog import handlers as servicecatalog  # noqa: F401 - registers itself
from loopback.wire import model
from tests.loopback.services.test_fuzz import JUNK, fitting

SERVICES = (
    "application-autoscaling",
    "codebuild",
    "codecommit",
    "codeconnections",
    "codepipeline",
    "servicecatalog",
)
OPERATIONS = [
    (service, operation) for service in SERVICES for operation in sorted(registry.implemented_operations(service))
]
REFUSED = {"Error": {"Code": "AccessDenied", "Message": "not in this test"}}


class Refusing:
    """S3, or a client of another service, that has nothing for anybody."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.meta = SimpleNamespace(endpoint_url="http://127.0.0.1:4566")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._refuse

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise self._error


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry.Context]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    store = Store(folder / "fuzz.db")
    bare = BareRepositories(folder)
    nothing = partial(dict)
    yield registry.Context(
        store,
        Place(),
        Refusing(NoSuchBucket("there is no bucket")),  # type: ignore[arg-type]
        lambda *_: nothing(),
        lambda *_: nothing(),
        lambda *_: None,
        lambda *_: Refusing(ClientError(REFUSED, "Any")),  # type: ignore[arg-type]
        bare,
    )
    store.close()


def answered(context: registry.Context, service: str, operation: str, body: bytes) -> None:
    target = f"{model.target_prefix(service)}{operation}"
    status, _, payload = registry.answer(service, {"x-amz-target": target}, body, context)
    assert status in (200, 400), payload
    assert isinstance(json.loads(payload), dict)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=lambda value: value)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_fits_the_shape_is_answered(
    context: registry.Context, service: str, operation: str, data: st.DataObject
) -> None:
    shape = model.operation(service, operation).input_shape
    request = data.draw(fitting(shape)) if shape else {}
    answered(context, service, operation, json.dumps(request).encode())
    if request:  # one member is something else
        name = data.draw(st.sampled_from(sorted(request)))
        answered(context, service, operation, json.dumps({**request, name: data.draw(JUNK)}).encode())


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    operation=st.sampled_from(OPERATIONS),
    body=st.one_of(JUNK.map(lambda v: json.dumps(v).encode()), st.binary(max_size=40)),
)
def test_junk_is_refused(context: registry.Context, operation: tuple[str, str], body: bytes) -> None:
    answered(context, *operation, body)
