"""The template's inference script in the container: whatever a client sends, an answer or a 4xx with a reason."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopback.images.serving import toolkit
from loopback.images.serving.models import load_model
from slipway import tabular
from tests.slipway.conftest import make

KINDS = st.one_of(
    st.sampled_from(
        ["text/csv", "text/csv; charset=utf-8", "application/json", "application/x-npy", "text/libsvm", ""]
    ),
    st.none(),
    st.text(max_size=20),
)
ACCEPTS = st.one_of(KINDS, st.just("*/*"))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)
LINES = st.lists(
    st.sampled_from([",", "\n", "\r", '"', "1", "-0", "nan", "1e999", "CA", " ", "\x00", "é"]), max_size=60
)
BODIES = st.one_of(
    st.binary(max_size=80),
    JSON.map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps({"instances": value}).encode()),
    LINES.map(lambda parts: "".join(parts).encode()),
)


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """The handler, and rows that the build has set aside. The script is imported as in a container, which has its
    toolkit from the start."""
    churn = make("churn", tmp_path_factory.mktemp("churn"))
    served: Path = tmp_path_factory.mktemp("served")
    shutil.copytree(churn.folder / "model", served, dirs_exist_ok=True)
    rows = json.loads((churn.folder / "out" / "golden" / "golden.json").read_text())["rows"]
    toolkit.provide()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabular, "serving", tabular.serving)  # afterwards both are again what other tests have imported
        patch.delitem(sys.modules, "slipway.tabular.serving")
        environ = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(served / "code")}
        yield load_model(served, environ), rows


def told(handler: Any, body: bytes, kind: str | None, accept: str | None) -> int:
    answer = handler.invoke(body, kind, accept)
    content = answer.whole()
    assert 200 <= answer.status < 500, content
    return int(answer.status)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(body=BODIES, kind=KINDS, accept=ACCEPTS)
def test_anything(handler: Any, body: bytes, kind: str | None, accept: str | None) -> None:
    told(handler[0], body, kind, accept)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data(), value=JSON)
def test_a_right_row_with_one_wrong_member(handler: Any, data: st.DataObject, value: Any) -> None:
    row = dict(handler[1][0]["instance"])
    row[data.draw(st.one_of(st.sampled_from(sorted(row)), st.text(max_size=8)))] = value
    told(handler[0], json.dumps([row]).encode(), "application/json", None)


def test_the_row_itself_is_answered(handler: Any) -> None:
    assert told(handler[0], json.dumps([handler[1][0]["instance"]]).encode(), "application/json", None) == 200
