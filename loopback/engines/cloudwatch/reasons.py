"""StateReason and StateReasonData of metric alarms, in CloudWatch's words. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from loopback.engines.cloudwatch.alarms import Alarm, Fetch, Verdict
from loopback.engines.cloudwatch.points import value_of

_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignored", "missing": "Missing"}
MOST_SHOWN = 5  # data points of a reason


def iso(at: float) -> str:
    """A moment as CloudWatch writes it: 2026-01-31T12:00:00.000+0000."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def reason(alarm: Alarm, verdict: Verdict, old: str) -> str:
    """Why a verdict with a state is what it is; `old` is the state before."""
    if verdict.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_count(alarm.evaluate, 'datapoint')} {_count_points(alarm.evaluate)} unknown."
    breached = verdict.state == "ALARM"
    data = [datum for datum in verdict.data if datum.breaching == breached]
    missing = f"{_count(verdict.filled, 'missing datapoint')} {_count_points(verdict.filled)}"
    treated = f"{missing} treated as [{_TREATED[alarm.missing]}]"
    if not data:
        periods = _count(verdict.filled, "period")
        return f"Threshold Crossed: no datapoints were received for {periods} and {treated}."
    points = ", ".join(
        f"{d.value} ({datetime.fromtimestamp(d.start, UTC):%d/%m/%y %H:%M:%S})" for d in data[:MOST_SHOWN]
    )
    verb = _count_points(len(data)) if breached else f"{_count_points(len(data))} not"
    minimum = alarm.to_alarm if breached else alarm.evaluate - alarm.to_alarm + 1
    last = _count(len(verdict.data), "datapoint", plural=True)
    text = (
        f"Threshold Crossed: {len(data)} out of the last {last} [{points}] "
        f"{verb} {_WORDS[alarm.comparison]} the threshold ({alarm.threshold})"
    )
    if verdict.filled and alarm.missing in ("breaching", "notBreaching"):
        text += f" and {treated}"
    return f"{text} (minimum {_count(minimum, 'datapoint')} for {old} -> {verdict.state} transition)."


def reason_data(alarm: Alarm, verdict: Verdict, fetch: Fetch, now: float) -> Mapping[str, Any]:
    """What StateReasonData holds, as JSON: the data points that were looked at."""
    source = alarm.sources[0]
    data: dict[str, Any] = {"version": "1.0", "queryDate": iso(now), "period": alarm.period}
    if verdict.data:
        data["startDate"] = iso(verdict.data[-1].start)
    if not alarm.expressions:
        data["statistic"] = source.statistic
        if source.unit:
            data["unit"] = source.unit
    data["recentDatapoints"] = [datum.value for datum in reversed(verdict.data)]
    data["threshold"] = alarm.threshold
    evaluated = []
    points = fetch(source.key)
    for datum in verdict.data:
        entry: dict[str, Any] = {"timestamp": iso(datum.start), "value": datum.value}
        if not alarm.expressions:
            inside = [p for p in points if datum.start <= p.at < datum.start + alarm.period]
            entry["sampleCount"] = value_of(inside, "SampleCount")
        evaluated.append(entry)
    return data | {"evaluatedDatapoints": evaluated}


def _count(number: int, noun: str, *, plural: bool = False) -> str:
    return f"{number} {noun}{'s' if plural or number != 1 else ''}"


def _count_points(number: int) -> str:
    return "was" if number == 1 else "were"
