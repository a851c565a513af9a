"""Condition keys that the base does not know."""

import json
from typing import Any

import pytest

from loopback.ministack.permissions import metric_keys


@pytest.mark.parametrize(
    ("action", "body", "parameters", "found"),
    [
        ("cloudwatch:PutMetricData", json.dumps({"Namespace": "n"}).encode(), {}, {"cloudwatch:namespace": "n"}),
        ("cloudwatch:PutMetricData", b"Namespace=n", {"Namespace": ["n"]}, {"cloudwatch:namespace": "n"}),
        ("cloudwatch:PutMetricData", b"{", {}, {}),
        ("cloudwatch:GetMetricData", json.dumps({"Namespace": "n"}).encode(), {}, {}),
    ],
)
def test_a_metrics_namespace_is_a_key(
    action: str, body: bytes, parameters: dict[str, Any], found: dict[str, str]
) -> None:
    assert metric_keys(action, body, parameters) == found
