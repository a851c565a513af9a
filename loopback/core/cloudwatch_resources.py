"""The resources that IAM is asked about for operations of CloudWatch on alarms and dashboards. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from loopback.core.arn import Place

# Operation -> the member with names, or with one
_ALARMS = {
    "DeleteAlarms": "AlarmNames",
    "DescribeAlarmHistory": "AlarmName",
    "DisableAlarmActions": "AlarmNames",
    "EnableAlarmActions": "AlarmNames",
    "PutCompositeAlarm": "AlarmName",
    "PutMetricAlarm": "AlarmName",
    "SetAlarmState": "AlarmName",
}
_DASHBOARDS = {"DeleteDashboards": "DashboardNames", "GetDashboard": "DashboardName", "PutDashboard": "DashboardName"}
_TAGS = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})


def resources(operation: str, request: Mapping[str, Any], place: Place) -> list[str]:
    """Their ARNs; empty for an operation that has none."""
    if operation in _TAGS:
        return _names(request, "ResourceARN")
    if operation in _ALARMS:
        return [place.arn(f"alarm:{name}", "cloudwatch") for name in _names(request, _ALARMS[operation])]
    if operation in _DASHBOARDS:
        names = _names(request, _DASHBOARDS[operation])
        return [f"arn:aws:cloudwatch::{place.account}:dashboard/{name}" for name in names]
    return []


def request_of(
    headers: Mapping[str, str], body: bytes, form: Mapping[str, Sequence[str]]
) -> tuple[str, Mapping[str, Any]]:
    """The operation and its members, from AWS JSON, or from the Query protocol with its `AlarmNames.member.1`."""
    if target := headers.get("x-amz-target", ""):
        try:
            found = json.loads(body or b"{}")
        except ValueError:
            found = {}
        return target.rpartition(".")[2], found if isinstance(found, dict) else {}
    members: dict[str, Any] = {}
    for key, values in form.items():
        name, _, rest = key.partition(".member.")
        if rest:
            members.setdefault(name, []).extend(values)
        else:
            members[name] = values[0] if values else ""
    return str(members.get("Action", "")), members


def _names(request: Mapping[str, Any], member: str) -> list[str]:
    value = request.get(member)
    return [str(each) for each in (value if isinstance(value, list) else [value]) if each]
