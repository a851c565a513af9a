"""Alarms and dashboards have ARNs: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html"""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from loopback.core.arn import Place
from loopback.core.cloudwatch_resources import request_of, resources

ALARM, DASHBOARD = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:", "arn:aws:cloudwatch::000000000000:dashboard/"


@pytest.mark.parametrize(
    ("operation", "request_", "found"),
    [
        ("DeleteAlarms", {"AlarmNames": ["a", "b"]}, [f"{ALARM}a", f"{ALARM}b"]),
        ("EnableAlarmActions", {"AlarmNames": ["a"]}, [f"{ALARM}a"]),
        ("DisableAlarmActions", {"AlarmNames": ["a"]}, [f"{ALARM}a"]),
        ("PutMetricAlarm", {"AlarmName": "a"}, [f"{ALARM}a"]),
        ("PutCompositeAlarm", {"AlarmName": "a"}, [f"{ALARM}a"]),
        ("SetAlarmState", {"AlarmName": "a"}, [f"{ALARM}a"]),
        ("TagResource", {"ResourceARN": f"{ALARM}a"}, [f"{ALARM}a"]),
        ("UntagResource", {"ResourceARN": f"{ALARM}a"}, [f"{ALARM}a"]),
        ("DeleteDashboards", {"DashboardNames": ["d"]}, [f"{DASHBOARD}d"]),
        ("PutDashboard", {"DashboardName": "d"}, [f"{DASHBOARD}d"]),
        ("DescribeAlarms", {"AlarmNames": ["a"]}, []),
        ("PutMetricData", {"Namespace": "n"}, []),
        ("DeleteAlarms", {}, []),
    ],
)
def test_every_resource_that_a_request_names(operation: str, request_: dict[str, Any], found: list[str]) -> None:
    assert resources(operation, request_, Place()) == found


def test_both_protocols_say_the_same() -> None:
    names = {"AlarmNames": ["a", "b"]}
    json_ = request_of({"x-amz-target": "GraniteServiceVersion20100801.DeleteAlarms"}, json.dumps(names).encode(), {})
    form = parse_qs("Action=DeleteAlarms&Version=2010-08-01&AlarmNames.member.1=a&AlarmNames.member.2=b")
    for operation, request_ in (json_, request_of({}, b"", form)):
        assert (operation, request_["AlarmNames"]) == ("DeleteAlarms", ["a", "b"])
