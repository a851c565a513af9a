"""The query protocol: botocore writes the form, and what is read is what was asked."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.serialize import QuerySerializer

from loopback.core.errors import ValidationException
from loopback.wire import model, query

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("PutDashboard", {"DashboardName": "a", "DashboardBody": "{}"}),
    (
        "GetMetricData",
        {
            "StartTime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "EndTime": datetime(2026, 1, 2, 4, tzinfo=UTC),
            "MaxDatapoints": 5,
            "MetricDataQueries": [
                {"Id": "e1", "Expression": "m1 + 1", "ReturnData": True},
                {
                    "Id": "m1",
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "N",
                            "MetricName": "m",
                            "Dimensions": [{"Name": "a", "Value": "b"}, {"Name": "c", "Value": ""}],
                        },
                        "Period": 60,
                        "Stat": "Sum",
                    },
                },
            ],
        },
    ),
    ("PutMetricAlarm", {"AlarmName": "a", "Threshold": 0.5, "EvaluationPeriods": 1, "OKActions": ["x", "y"]}),
]


@pytest.mark.parametrize(("operation", "request_"), REQUESTS)
def test_what_botocore_writes_is_read(operation: str, request_: dict[str, Any]) -> None:
    found = model.operation("cloudwatch", operation)
    form = QuerySerializer().serialize_to_request(request_, found)["body"]
    assert query.parse({name: str(value) for name, value in form.items()}, found.input_shape) == request_


def test_a_number_that_is_none() -> None:
    shape = model.operation("cloudwatch", "GetMetricData").input_shape
    with pytest.raises(ValidationException, match="'x' at 'MaxDatapoints' is no integer"):
        query.parse({"MaxDatapoints": ["x"]}, shape)
