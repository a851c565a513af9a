"""What a schedule of EventBridge Scheduler may ask for here. The forms: AWS, scheduler user guide, schedule-types."""

from typing import Any

import pytest

from loopback.engines.schedules.scheduler import fault_in

PIPELINE = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p"


def request(target: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    given = {"Arn": PIPELINE, "RoleArn": "arn:aws:iam::000000000000:role/r"} | (target or {})
    return {"ScheduleExpression": "rate(1 hour)", "Target": given} | more


@pytest.mark.parametrize(
    "expression",
    ["rate(1 hour)", "rate(5 minutes)", "cron(15 * ? * * *)", "cron(0 8 ? * MON-FRI 2026)", "at(2026-11-30T08:00:00)"],
)
def test_what_is_done(expression: str) -> None:
    assert fault_in(request(ScheduleExpression=expression)) == ""


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (request(ScheduleExpression="hourly"), "Invalid Schedule Expression hourly"),
        (request(ScheduleExpression="rate(1 hours)"), "Invalid Schedule Expression rate(1 hours)"),
        (request(ScheduleExpression="cron(0 * * * * *)"), "exactly one of day-of-month and day-of-week must be ?"),
        (request(ScheduleExpression="at(tomorrow)"), "Invalid Schedule Expression at(tomorrow)"),
        (request(ScheduleExpressionTimezone="Europe/Berlin"), "ScheduleExpressionTimezone"),
        (request({"DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:q"}}), "Target.DeadLetterConfig"),
        (request({"Arn": "arn:aws:scheduler:::aws-sdk:s3:putObject"}), "arn:aws:scheduler:::aws-sdk:s3:putObject"),
        (request({"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c"}), "not to the target arn:aws:ecs"),
    ],
)
def test_what_is_not_done_is_refused_by_name(asked: dict[str, Any], told: str) -> None:
    assert told in fault_in(asked)
