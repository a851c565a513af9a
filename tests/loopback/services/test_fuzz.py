"""Whatever fits the shape of a request, and whatever does not: an answer, never a failure of loopback itself."""

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.model import Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopback.core.arn import Place
from loopback.core.store import Store
from loopback.services import registry
from loopback.services.sagemaker import (  # noqa: F401 - registers the handlers
    checks,
    code_repositories,
    domains,
    endpoint_configs,
    endpoints,
    executions,
    experiments,
    jobs,
    models,
    packages,
    pipelines,
    projects,
    tags,
)
from loopback.services.sagemaker.lineage import handlers as _lineage  # noqa: F401
from loopback.services.sagemaker.monitoring import monitor  # noqa: F401 - registers the handlers
from loopback.wire import model

NAMES = st.sampled_from(["a", "b-1", "nope"])
ARNS = st.sampled_from(
    [
        "arn:aws:sagemaker:us-east-1:000000000000:model-package/a/1",
        "arn:aws:sagemaker:us-east-1:000000000000:pipeline/a/execution/abcdefghijkl",
        "arn:aws:sagemaker:us-east-1:000000000000:pipeline/a",
        "arn:aws:sagemaker:us-east-1:000000000000:training-job/a",
        "arn:aws:sagemaker:us-east-1:000000000000:context/a",
    ]
)
TEXT = st.text(max_size=20)
MOST_DEPTH = 4


@cache
def fitting(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that mostly fit the shape."""
    match shape.type_name:
        case "structure" if depth < MOST_DEPTH:
            required = {name: fitting(shape.members[name], depth + 1) for name in shape.required_members}
            optional = {
                name: fitting(member, depth + 1) for name, member in shape.members.items() if name not in required
            }
            return st.fixed_dictionaries(required, optional=optional if depth < 1 else {})
        case "structure":
            return st.just({})
        case "list":
            return st.lists(fitting(shape.member, depth + 1), min_size=shape.metadata.get("min", 0), max_size=2)
        case "map":
            return st.dictionaries(NAMES, fitting(shape.value, depth + 1), max_size=2)
        case "string":
            return st.sampled_from(shape.enum) if shape.enum else _text(shape)
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.one_of(st.floats(0, 2e9), st.just("2026-11-21T00:00:00Z"))
        case "float" | "double":
            return st.floats(0, 100)
        case _:
            least = shape.metadata.get("min", 0)
            return st.integers(least, min(shape.metadata.get("max", least + 100), least + 100))


def _text(shape: Shape) -> st.SearchStrategy[str]:
    least = shape.metadata.get("min", 0)
    if "Arn" in shape.name:
        return ARNS
    return st.one_of(NAMES, TEXT, st.just("s3://bucket/key")).map(lambda text: text.ljust(least, "x"))


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
OPERATIONS = sorted(registry.implemented_operations("sagemaker"))


@pytest.fixture(scope="module")
def answer(objects_of_module: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "fuzz.db")

        def refuse(*_: Any) -> dict[str, Any]:
            return {}

        context = registry.Context(store, Place(), objects_of_module, refuse, refuse, lambda _kind, _name: None, refuse)

        def call(operation: str, body: bytes) -> tuple[int, bytes]:
            status, _, payload = registry.answer("sagemaker", {"x-amz-target": f"SageMaker.{operation}"}, body, context)
            return status, payload

        yield call
        store.close()


@pytest.fixture(scope="module")
def objects_of_module() -> Any:
    from loopback.core.objects import NoSuchBucket

    class NoObjects:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            def missing(bucket: str, *_: Any) -> None:
                raise NoSuchBucket(f"s3://{bucket}: the bucket does not exist")

            return missing

    return NoObjects()


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_fits_the_shape_is_answered(answer: Any, operation: str, data: st.DataObject) -> None:
    shape = model.operation("sagemaker", operation).input_shape
    request = data.draw(fitting(shape)) if shape else {}
    status, payload = answer(operation, json.dumps(request).encode())
    assert status in (200, 400), payload
    assert isinstance(json.loads(payload), dict)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    operation=st.sampled_from(OPERATIONS),
    body=st.one_of(JUNK.map(lambda v: json.dumps(v).encode()), st.binary(max_size=40)),
)
def test_junk_is_refused(answer: Any, operation: str, body: bytes) -> None:
    status, payload = answer(operation, body)
    assert status in (200, 400), payload
    assert isinstance(json.loads(payload), dict)
