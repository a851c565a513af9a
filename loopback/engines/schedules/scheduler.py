"""EventBridge Scheduler: what a schedule may ask for here. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loopback.engines.schedules import cron

# Services that an event is delivered to. AWS has others, and targets of any API (arn:aws:scheduler:::aws-sdk:...).
DELIVERED = ("codebuild", "codepipeline", "events", "lambda", "sagemaker", "sns", "sqs", "states")
WITHOUT = {"DeadLetterConfig": "a queue for what could not be delivered"}  # members of a target


def fault_in(request: Mapping[str, Any]) -> str:
    """Why CreateSchedule or UpdateSchedule is refused; "" where all that it asks for is done."""
    target = request.get("Target") or {}
    service = (str(target.get("Arn", "")).split(":") + [""] * 3)[2]
    if service not in DELIVERED:
        return f"loopback delivers to {', '.join(DELIVERED)}; not to the target {target.get('Arn')}"
    for member, what in WITHOUT.items():
        if target.get(member):
            return f"loopback does not do Target.{member}, {what}"
    if (zone := request.get("ScheduleExpressionTimezone", "UTC")) != "UTC":
        return f"loopback keeps schedules in UTC, not in {zone}: ScheduleExpressionTimezone"
    return expression_fault(str(request.get("ScheduleExpression", "")))


def expression_fault(expression: str) -> str:
    """What is wrong with `cron(...)`, `rate(...)` or `at(yyyy-mm-ddThh:mm:ss)`, in AWS's words; "" where nothing is.

    >>> expression_fault("at(2026-11-30T08:00:00)"), expression_fault("cron(15 * ? * * *)")
    ('', '')
    """
    text = expression.strip()
    try:
        if text.startswith("at(") and text.endswith(")"):
            datetime.strptime(text[3:-1], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007  its zone is another member
        else:
            cron.parse(text)
    except ValueError as fault:
        return f"Invalid Schedule Expression {expression}. {fault}"
    return ""
