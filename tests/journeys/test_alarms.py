"""Alarms for real: boto3 puts data, alarms trip, come back, and tell SNS and EventBridge."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.journey
PERIOD = 10  # the shortest there is


class Watch:
    """CloudWatch with a queue that hears a topic and every alarm event."""

    def __init__(self, loopback: Any) -> None:
        names = ("cloudwatch", "sqs", "sns", "events")
        self.cloudwatch, self.sqs, self.sns, self.events = (loopback.client(name) for name in names)
        self.queue = self.sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.topic = self.sns.create_topic(Name="alarms")["TopicArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        pattern = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}
        self.events.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule="alarms", Targets=[{"Id": "q", "Arn": arn}])
        self.found: list[dict[str, Any]] = []

    def alarm(self, name: str, endpoint: str, **more: Any) -> None:
        given: dict[str, Any] = {"Namespace": "AWS/SageMaker", "MetricName": "Invocation5XXErrors"}
        given |= {"Dimensions": [{"Name": "EndpointName", "Value": endpoint}], "Statistic": "Sum", "Period": PERIOD}
        given |= {"EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
        self.cloudwatch.put_metric_alarm(AlarmName=name, **(given | {"TreatMissingData": "notBreaching"} | more))

    def put(self, endpoint: str, *values: float, at: float | None = None) -> None:
        dimensions = [{"Name": "EndpointName", "Value": endpoint}]
        datum = {"MetricName": "Invocation5XXErrors", "Dimensions": dimensions, "Values": list(values)}
        datum["Timestamp"] = time.time() if at is None else at
        self.cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[datum])

    def states(self) -> dict[str, str]:
        shown = self.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        return {a["AlarmName"]: a["StateValue"] for a in shown["MetricAlarms"] + shown["CompositeAlarms"]}

    def heard(self, name: str) -> list[dict[str, Any]]:
        """Events and SNS messages about one alarm."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            body = json.loads(message["Body"])
            self.found.append(json.loads(body["Message"]) if "Message" in body else body)
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [f for f in self.found if name in (f.get("AlarmName"), f.get("detail", {}).get("alarmName"))]


@pytest.fixture(scope="module")
def watch(shared: Any) -> Iterator[Watch]:
    return Watch(shared)


def said(event: dict[str, Any]) -> str | None:
    state: str | None = event.get("detail", {}).get("state", {}).get("value")
    return state


def start_of_period() -> float:
    """Wait until a good part of the period is ahead, so that what follows lies in one."""
    if (left := PERIOD - time.time() % PERIOD) < 3:
        time.sleep(left)
    return time.time() // PERIOD * PERIOD


def test_an_alarm_trips_for_its_endpoint_only_and_the_world_hears(watch: Watch, wait_until: Callable[..., Any]) -> None:
    watch.alarm("blue-5xx", "blue", AlarmActions=[watch.topic])
    watch.alarm("green-5xx", "green")
    wait_until(lambda: watch.states()["green-5xx"] == "OK", 5)
    watch.put("blue", 1, 0, 0)
    wait_until(lambda: watch.states()["blue-5xx"] == "ALARM", 5)
    assert watch.states()["green-5xx"] == "OK"
    heard = wait_until(lambda: (h := watch.heard("blue-5xx")) and any("AlarmName" in x for x in h) and h, 5)
    message = next(entry for entry in heard if "AlarmName" in entry)
    assert (message["NewStateValue"], message["Trigger"]["Statistic"]) == ("ALARM", "SUM")
    event = wait_until(lambda: next((e for e in watch.heard("blue-5xx") if said(e) == "ALARM"), None), 5)
    (query,) = event["detail"]["configuration"]["metrics"]
    assert query["metricStat"]["metric"]["dimensions"] == {"EndpointName": "blue"}
    items = watch.cloudwatch.describe_alarm_history(AlarmName="blue-5xx")["AlarmHistoryItems"]
    assert {item["HistoryItemType"] for item in items} == {"ConfigurationUpdate", "StateUpdate", "Action"}


def test_two_of_three(watch: Watch, wait_until: Callable[..., Any]) -> None:
    watch.alarm("m-of-n", "m", EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="missing")
    start = start_of_period()
    watch.put("m", 0, at=start - 2 * PERIOD)
    watch.put("m", 1, at=start - PERIOD)
    wait_until(lambda: watch.states()["m-of-n"] == "OK", 5)
    watch.put("m", 1, at=start)
    assert wait_until(lambda: watch.states()["m-of-n"] == "ALARM", 5)


def test_it_comes_back_without_data(watch: Watch, wait_until: Callable[..., Any]) -> None:
    start = start_of_period()
    watch.put("old", 1, at=start - 3 * PERIOD)  # leaves the evaluation range when this period ends
    watch.alarm("old-5xx", "old")
    wait_until(lambda: watch.states()["old-5xx"] == "ALARM", 3)
    assert wait_until(lambda: watch.states()["old-5xx"] == "OK", PERIOD + 6)


def test_a_formula_and_a_composite_alarm(watch: Watch, wait_until: Callable[..., Any]) -> None:
    stat = {
        "Metric": {
            "Namespace": "AWS/SageMaker",
            "MetricName": "Invocation5XXErrors",
            "Dimensions": [{"Name": "EndpointName", "Value": "f"}],
        },
        "Period": PERIOD,
        "Stat": "Average",
    }
    watch.cloudwatch.put_metric_alarm(
        AlarmName="f-percent",
        EvaluationPeriods=1,
        Threshold=20,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        Metrics=[
            {"Id": "e", "ReturnData": False, "MetricStat": stat},
            {"Id": "percent", "Expression": "100 * FILL(e, 0)"},
        ],
    )
    watch.cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule="ALARM(f-percent) AND NOT FALSE")
    wait_until(lambda: (watch.states()["f-percent"], watch.states()["any"]) == ("OK", "OK"), 5)
    watch.put("f", 1, 0)
    wait_until(lambda: (watch.states()["f-percent"], watch.states()["any"]) == ("ALARM", "ALARM"), 5)
    shown = watch.cloudwatch.describe_alarms(AlarmNames=["f-percent"])["MetricAlarms"][0]
    assert [query["Id"] for query in shown["Metrics"]] == ["e", "percent"]


def test_a_state_set_by_hand_is_told_and_overruled(watch: Watch, wait_until: Callable[..., Any]) -> None:
    watch.alarm("drill", "quiet", AlarmActions=[watch.topic])
    wait_until(lambda: watch.states()["drill"] == "OK", 5)
    watch.cloudwatch.set_alarm_state(AlarmName="drill", StateValue="ALARM", StateReason="a drill")
    wait_until(lambda: [m for m in watch.heard("drill") if m.get("NewStateReason") == "a drill"], 5)
    assert wait_until(lambda: watch.states()["drill"] == "OK", 8)


def test_what_is_not_evaluated_is_refused_by_name(watch: Watch) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*'tm90'"):
        watch.cloudwatch.put_metric_alarm(
            AlarmName="x",
            Namespace="N",
            MetricName="M",
            ExtendedStatistic="tm90",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    assert "x" not in watch.states()
