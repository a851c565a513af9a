"""What CloudWatch is told: names and values that it takes."""

from datetime import UTC, datetime

import pytest

from slipway.monitoring import publish

AT = datetime(2026, 11, 30, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("plan = yes", "plan = yes"),
        ("Größe", r"Gr\xf6\xdfe"),
        ("年齢", r"\u5e74\u9f62"),
        ("a\tb", r"a\tb"),
        ("\U0001f347", r"\U0001f347"),
    ],
)
def test_names_and_values_are_printable_ascii(name: str, spelled: str) -> None:
    """AWS: dimension values must contain only ASCII characters; ASCII control characters are not supported."""
    metrics = [(f"feature_{name}", {"Value": 1.0}, {"Facet": name})]
    [request] = publish.requests("bias", "demo-prod", "demo-prod-bias", metrics, AT)
    [entry] = request["MetricData"]
    assert entry["MetricName"] == f"feature_{spelled}"
    assert {d["Name"]: d["Value"] for d in entry["Dimensions"]} == {
        "Endpoint": "demo-prod",
        "MonitoringSchedule": "demo-prod-bias",
        "Facet": spelled,
    }


def test_many_metrics_are_several_requests() -> None:
    metrics = [(f"m{number}", {"Value": 1.0}, dict[str, str]()) for number in range(publish.MOST + 1)]
    sizes = [len(request["MetricData"]) for request in publish.requests("bias", "e", "s", metrics, AT)]
    assert sizes == [publish.MOST, 1]
