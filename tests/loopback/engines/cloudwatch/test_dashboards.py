"""Bodies of dashboards: which CloudWatch takes, and what it says of the others."""

import json
from typing import Any

import pytest

from loopback.engines.cloudwatch.dashboards import body_fault, name_fault

WANTED = "a region and a data source"
LINES = [
    ["AWS/SageMaker", "Invocations", "EndpointName", "e", "VariantName", "v", {"stat": "Sum", "color": "#1f77b4"}],
    ["...", {"stat": "p99"}],
    [".", "Errors", ".", "."],
    [{"expression": "m1 * 2", "id": "e1"}],
    ["N", "m"],
]


def widget(kind: Any = "metric", properties: Any = None, **more: Any) -> dict[str, Any]:
    given = {"region": "us-east-1", "metrics": LINES} if properties is None else properties
    return {"type": kind, "x": 0, "y": 0, "width": 12, "height": 6, "properties": given, **more}


@pytest.mark.parametrize(
    "found",
    [
        widget(),
        widget("text", {"markdown": "# a"}),
        widget("alarm", {"title": "a", "alarms": ["arn:aws:cloudwatch:us-east-1:1:alarm:a"]}),
        widget("log", {"region": "us-east-1", "query": "SOURCE 'a'"}),
        widget("metric", {"annotations": {"alarms": ["arn:aws:cloudwatch:us-east-1:1:alarm:a"]}}),
        {"type": "text", "properties": {"markdown": "a"}},
    ],
)
def test_taken(found: dict[str, Any]) -> None:
    assert body_fault(json.dumps({"widgets": [found]})) == ""


def test_the_words_of_aws() -> None:
    """As reported in aws-samples/aws-eda-slurm-cluster#116."""
    assert body_fault(json.dumps({"widgets": [widget(properties={"view": "timeSeries"})]})) == (
        "The dashboard body is invalid, there are 3 validation errors:\n"
        + json.dumps(
            [
                {"dataPath": "/widgets/0/properties", "message": "Should have required property 'metrics'"},
                {
                    "dataPath": "/widgets/0/properties",
                    "message": f"The metric widget should have specified {WANTED} or an alarm annotation",
                },
                {"dataPath": "/widgets/0/properties", "message": "Should have required property 'annotations'"},
            ],
            indent=2,
        )
    )


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ("{", "", "must be a valid JSON object"),
        ("[]", "", "must be a valid JSON object"),
        ({}, "", "required property 'widgets'"),
        ({"widgets": {}}, "/widgets", "Should be array"),
        ({"widgets": [1]}, "/widgets/0", "Should be object"),
        ({"widgets": [widget("foo")]}, "/widgets/0/type", "allowed values"),
        ({"widgets": [widget(None)]}, "/widgets/0", "required property 'type'"),
        ({"widgets": [{"type": "text"}]}, "/widgets/0", "required property 'properties'"),
        ({"widgets": [widget(width=25)]}, "/widgets/0/width", "Should be <= 24"),
        ({"widgets": [widget(height="6")]}, "/widgets/0/height", "Should be integer"),
        ({"widgets": [widget(x=-1)]}, "/widgets/0/x", "Should be >= 0"),
        ({"widgets": [widget("text", {})]}, "/widgets/0/properties", "required property 'markdown'"),
        (
            {"widgets": [widget(properties={"metrics": LINES})]},
            "/widgets/0/properties",
            "should have specified a region",
        ),
        (
            {"widgets": [widget(properties={"region": "r", "metrics": [["A"]]})]},
            "/widgets/0/properties/metrics/0",
            "type",
        ),
        ({"widgets": [widget(properties={"region": "r", "metrics": [[1, 2]]})]}, "/properties/metrics/0", "be string"),
        (
            {"widgets": [widget(properties={"region": "r", "metrics": [["A", "b", {"color": "red"}]]})]},
            "/widgets/0/properties/metrics/0/2/color",
            "Should match pattern",
        ),
    ],
)
def test_refused(body: Any, path: str, message: str) -> None:
    """A colour that is a word is refused by AWS: aws/aws-cdk#20024."""
    found = body_fault(body if isinstance(body, str) else json.dumps(body))
    assert path in found
    assert message in found


@pytest.mark.parametrize(("name", "taken"), [("a-B_1", True), ("a b", False), ("", False), ("x" * 256, False)])
def test_a_name(name: str, taken: bool) -> None:
    assert (name_fault(name) == "") is taken
