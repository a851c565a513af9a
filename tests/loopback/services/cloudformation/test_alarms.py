"""Alarms of a stack, as CloudWatch is asked for them."""

from typing import Any

from loopback.services.cloudformation.resources import TYPES
from tests.loopback.services.cloudformation.test_types import Asked, wanted

RULE = {"AlarmRule": "ALARM(a) OR ALARM(b)"}
QUERIES = [
    {"Id": "rate", "Expression": "errors / calls"},
    {"Id": "errors", "ReturnData": False, "MetricStat": {"Metric": {"Namespace": "N"}, "Period": 60, "Stat": "Sum"}},
]


def asked(kind: str) -> Asked:
    return Asked({"DescribeAlarms": {f"{kind}s": [{"AlarmArn": "arn:alarm"}]}})


def test_a_composite_alarm_is_put_retagged_and_deleted() -> None:
    kind, call = TYPES["AWS::CloudWatch::CompositeAlarm"], asked("CompositeAlarm")
    tags = [{"Key": "team", "Value": "a"}]
    made = kind.create(wanted(**RULE, Tags=tags), call)
    assert made == ("generated", {"Arn": "arn:alarm"})
    assert call.requests[0] == ("PutCompositeAlarm", {"AlarmName": "generated", **RULE, "Tags": tags})
    changed = {"AlarmRule": "ALARM(a)", "Tags": [{"Key": "owner", "Value": "b"}]}
    kind.update(made, RULE | {"Tags": tags}, changed, call)
    assert call.requests[2:] == [
        ("PutCompositeAlarm", {"AlarmName": "generated", "AlarmRule": "ALARM(a)"}),
        ("TagResource", {"ResourceARN": "arn:alarm", "Tags": [{"Key": "owner", "Value": "b"}]}),
        ("UntagResource", {"ResourceARN": "arn:alarm", "TagKeys": ["team"]}),
    ]
    kind.delete("generated", {}, call)
    assert call.requests[-1] == ("DeleteAlarms", {"AlarmNames": ["generated"]})


def test_an_alarm_on_a_formula() -> None:
    call = asked("MetricAlarm")
    given: dict[str, Any] = {"AlarmName": "rate", "Metrics": QUERIES, "Threshold": 0.1}
    TYPES["AWS::CloudWatch::Alarm"].create(wanted(**given), call)
    assert call.requests[0] == ("PutMetricAlarm", given)
