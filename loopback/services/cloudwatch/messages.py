"""What the world is told about a change of an alarm: an event, a message to SNS, an event for Lambda. Pure."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from loopback.core.arn import Place
from loopback.engines.cloudwatch.reasons import iso
from loopback.engines.cloudwatch.transitions import AlarmState, Transition

EVENT = "CloudWatch Alarm State Change"
SOURCE = "aws.cloudwatch"
LONGEST_SUBJECT = 100  # of a message to SNS
_STATISTICS = {"SampleCount": "SAMPLE_COUNT", "Sum": "SUM", "Average": "AVERAGE", "Minimum": "MINIMUM"}


def event(transition: Transition) -> dict[str, Any]:
    """The detail of the EventBridge event."""
    return {
        "alarmName": transition.alarm["AlarmName"],
        "state": _state(transition.new),
        "previousState": _state(transition.old),
        "configuration": configuration(transition.alarm),
    }


def lambda_event(transition: Transition, place: Place) -> dict[str, Any]:
    """What a function gets that is an action of the alarm."""
    return {
        "source": SOURCE,
        "alarmArn": transition.alarm["AlarmArn"],
        "accountId": place.account,
        "time": iso(transition.new.at),
        "region": place.region,
        "alarmData": event(transition),
    }


def configuration(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """The alarm's configuration, as events have it."""
    described = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if "AlarmRule" in alarm:
        return {"alarmRule": alarm["AlarmRule"], **described}
    return {"metrics": _metrics(alarm), **described}


def _metrics(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not alarm.get("Metrics"):
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
        stat = {"metric": _metric(alarm), "period": alarm["Period"], "stat": statistic}
        if alarm.get("Unit"):
            stat["unit"] = alarm["Unit"]
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["AlarmArn"]))
        return [{"id": name, "metricStat": stat, "returnData": True}]
    found = []
    for query in alarm["Metrics"]:
        entry: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
        if query.get("Label"):
            entry["label"] = query["Label"]
        if query.get("Expression"):
            entry["expression"] = query["Expression"]
        else:
            stat = query["MetricStat"]
            entry["metricStat"] = {"metric": _metric(stat["Metric"]), "period": stat["Period"], "stat": stat["Stat"]}
        found.append(entry)
    return found


def _metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = {entry["Name"]: entry["Value"] for entry in metric.get("Dimensions") or []}
    return {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}


def _state(state: AlarmState) -> dict[str, Any]:
    shown = {"value": state.value, "reason": state.reason, "timestamp": iso(state.at)}
    return shown | {"reasonData": state.data} if state.data else shown


def subject(transition: Transition, place: Place) -> str:
    """The subject of the message to SNS."""
    whole = f'{transition.new.value}: "{transition.alarm["AlarmName"]}" in {region_name(place.region)}'
    return whole.encode("ascii", "replace").decode()[:LONGEST_SUBJECT]


def sns_message(transition: Transition, place: Place) -> str:
    """The JSON text that a topic gets."""
    alarm = transition.alarm
    updated = alarm.get("AlarmConfigurationUpdatedTimestamp")
    message = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": place.account,
        "AlarmConfigurationUpdatedTimestamp": iso(float(updated)) if updated else None,
        "NewStateValue": transition.new.value,
        "NewStateReason": transition.new.reason,
        "StateChangeTime": iso(transition.new.at),
        "Region": region_name(place.region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": transition.old.value,
        "OKActions": alarm.get("OKActions") or [],
        "AlarmActions": alarm.get("AlarmActions") or [],
        "InsufficientDataActions": alarm.get("InsufficientDataActions") or [],
    }
    if transition.composite:
        message["AlarmRule"] = alarm["AlarmRule"]
        message["TriggeringChildren"] = _children(transition.new.data)
    else:
        message["Trigger"] = _trigger(alarm)
    return json.dumps(message)


def _children(data: str) -> list[dict[str, Any]]:
    try:
        alarms = json.loads(data or "{}").get("triggeringAlarms", [])
    except (ValueError, AttributeError):  # SetAlarmState was given other text
        return []
    return [
        {
            "Arn": entry["arn"],
            "AlarmState": {"Value": entry["state"]["value"], "Timestamp": entry["state"]["timestamp"]},
        }
        for entry in alarms
    ]


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    trigger: dict[str, Any] = {
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    if alarm.get("Metrics"):
        return trigger | {"Metrics": alarm["Metrics"]}
    trigger |= {"MetricName": alarm["MetricName"], "Namespace": alarm["Namespace"], "Unit": alarm.get("Unit")}
    trigger["Dimensions"] = [{"value": e["Value"], "name": e["Name"]} for e in alarm.get("Dimensions") or []]
    if alarm.get("ExtendedStatistic"):
        return trigger | {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm["ExtendedStatistic"]}
    statistic = _STATISTICS.get(alarm["Statistic"], str(alarm["Statistic"]).upper())
    return trigger | {"StatisticType": "Statistic", "Statistic": statistic}


def rule_reason(child: Transition) -> str:
    """Why a composite alarm changes: one of those that its rule names did."""
    at = datetime.fromtimestamp(child.new.at, UTC)
    moment = at.strftime("%A %d %B, %Y %H:%M:%S UTC")
    return f"{child.alarm['AlarmArn']} transitioned to {child.new.value} at {moment}"


@cache
def region_name(region: str) -> str:
    """`US East (N. Virginia)` for us-east-1: alarms write regions so in messages."""
    import botocore.loaders

    for partition in botocore.loaders.Loader().load_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region
