"""What goes to the data plane, the draw among variants, capture records and their keys, metrics: all pure."""

import base64
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.runtimes.endpoints import fleet
from loopback.runtimes.endpoints.capture import key_suffix, record
from loopback.runtimes.endpoints.fleet import Capture, Fleet, Variant, capture_of, draw_index
from loopback.runtimes.endpoints.http1 import Answer, Request
from loopback.runtimes.endpoints.metrics import MOST_VALUES, Metrics, thin_out

CAPTURE = Capture(
    100, "s3://bucket/c", frozenset({"Input", "Output"}), frozenset({"text/csv"}), frozenset({"application/json"})
)


def test_a_fleet_survives_json() -> None:
    one = Fleet("Ep", "g", (Variant("a", 1.0, 2, "/m", {"K": "v"}, least_outstanding=True),), CAPTURE)
    assert fleet.load(json.loads(json.dumps(one.dump()))) == one
    assert one.key == "ep"
    bare = Fleet("e", "g", ())
    assert fleet.load(json.loads(json.dumps(bare.dump()))) == bare


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=10).filter(lambda w: sum(w) > 0.1),
    st.floats(0, 1, exclude_max=True),
)
def test_a_weight_of_zero_is_never_drawn(weights: list[float], chance: float) -> None:
    assert weights[draw_index(weights, chance)] > 0


def test_draws_follow_the_weights() -> None:
    found = Counter(draw_index((1, 0, 3), step / 1000) for step in range(1000))
    assert found == {0: 250, 2: 750}


@pytest.mark.parametrize(
    ("modes", "sides"),
    [(["Input"], {"Input"}), (["InputAndOutput"], {"Input", "Output"}), (["Output", "Input"], {"Input", "Output"})],
)
def test_capture_options(modes: list[str], sides: set[str]) -> None:
    config: dict[str, Any] = {"InitialSamplingPercentage": 5, "DestinationS3Uri": "s3://b/p/"}
    config["CaptureOptions"] = [{"CaptureMode": mode} for mode in modes]
    assert capture_of(config) == Capture(5, "s3://b/p", frozenset(sides))
    assert capture_of(config | {"EnableCapture": False}) is None
    assert capture_of(None) is None


def asked(content_type: bytes, body: bytes, **more: bytes) -> Request:
    headers = {b"content-type": content_type} | {
        f"x-amzn-sagemaker-{name.replace('_', '-')}".encode(): value for name, value in more.items()
    }
    return Request(b"POST", "/endpoints/e/invocations", headers, body)


def test_a_record_as_aws_writes_it() -> None:
    request = asked(b"text/csv", b"5.1,3.5", inference_id=b"order-42", custom_attributes=b"trace=abc")
    answer = Answer(200, b"0.031\n", {b"Content-Type": b"text/csv; charset=utf-8"})
    assert record(CAPTURE, request, answer, 1714548048.9, "event") == {
        "captureData": {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "5.1,3.5", "encoding": "CSV"},
            "endpointOutput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "OUTPUT",
                "data": "0.031\n",
                "encoding": "CSV",
            },
        },
        "eventMetadata": {
            "eventId": "event",
            "inferenceId": "order-42",
            "customAttributes": ["trace=abc"],
            "inferenceTime": "2024-05-01T07:20:48Z",
        },
        "eventVersion": "0",
    }


def test_what_is_no_text_is_base64_and_what_is_not_wanted_is_absent() -> None:
    only_input = Capture(100, "s3://b", frozenset({"Input"}), frozenset({"text/csv"}))
    for kind, body in ((b"application/x-npy", b"\x93NUMPY"), (b"text/csv", b"\xff")):
        found = record(only_input, asked(kind, body), Answer(200), 0.0, "e")["captureData"]
        assert found["endpointInput"]["encoding"] == "BASE64"
        assert base64.b64decode(found["endpointInput"]["data"]) == body
        assert "endpointOutput" not in found


def test_keys_are_in_utc() -> None:
    assert key_suffix("e", "v", 0.0071, "u") == "e/v/1970/01/01/00/00-00-007-u.jsonl"


def test_metrics_count_errors_by_side() -> None:
    metrics = Metrics()
    for status in (200, 200, 415, 500, 0):
        metrics.see(("e", "v"), 2, status, (0.001, 0.0001))
    data = {datum["MetricName"]: datum for datum in metrics.take(1.0)}
    sums = {n: sum(v * c for v, c in zip(d["Values"], d["Counts"], strict=True)) for n, d in data.items()}
    assert {n: sums[n] for n in sums if n[0] == "I"} == {
        "Invocations": 5,
        "InvocationsPerInstance": 2.5,
        "Invocation4XXErrors": 1,
        "Invocation5XXErrors": 2,
        "InvocationModelErrors": 3,
    }
    assert (sums["ModelLatency"], sums["OverheadLatency"]) == (5000, 500)
    assert data["ModelLatency"]["Unit"] == "Microseconds"
    assert metrics.take(2.0) == []


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=600))
def test_thinning_keeps_the_number_and_nearly_the_sum(values: list[float]) -> None:
    whole = [float(round(value)) for value in values]
    found = thin_out(Counter(whole))
    assert len(found) <= MOST_VALUES
    assert sum(found.values()) == len(whole)
    assert sum(v * c for v, c in found.items()) == pytest.approx(sum(whole), rel=0.06)
