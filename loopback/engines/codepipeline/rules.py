"""The rules of conditions that loopback runs: which configuration they take, how long they may take. Pure."""

import regex

from loopback.engines.codepipeline.model import Action
from loopback.engines.codepipeline.providers import DAYS, MINUTES, PROVIDERS, Provider

RULES: dict[str, Provider] = {
    "VariableCheck": Provider((0, 0), (0, 0), ("Variable", "Value", "Operator"), (), 5 * MINUTES),
    "Commands": Provider((1, 10), (0, 0), (), (), 60 * MINUTES),
    "LambdaInvoke": Provider((0, 5), (0, 0), ("FunctionName",), ("UserParameters",), 20 * MINUTES),
    "CloudWatchAlarm": Provider((0, 0), (0, 0), ("AlarmName",), ("AlarmStates", "WaitTime"), 3 * DAYS),
    "DeploymentWindow": Provider((0, 0), (0, 0), ("Cron",), ("TimeZone",), 7 * DAYS),
    "CodeBuild": Provider(
        (1, 5), (0, 0), ("ProjectName",), ("PrimarySource", "EnvironmentVariables"), 8 * 60 * MINUTES
    ),
}
ALARM_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
SKIPPING = ("LambdaInvoke", "VariableCheck")  # the only rules of a condition whose result is SKIP


def time_limit(step: Action) -> int:
    """How long an action or a rule may take: its own `timeoutInMinutes`, or the provider's limit."""
    provider = RULES[step.provider] if step.category == "Rule" else PROVIDERS[step.kind]
    return step.timeout_minutes * MINUTES if step.timeout_minutes else provider.seconds


def compare(operator: str, variable: str, value: str) -> bool:
    """Whether a variable is as VariableCheck wants it. A pattern is Java's; it has to match all of the variable.

    Raises ValueError for a pattern that cannot be read.
    """
    if operator == "MATCHES":
        try:
            return regex.fullmatch(value, variable) is not None
        except regex.error as fault:
            raise ValueError(f"{value!r} is not a regular expression: {fault}") from None
    return {"EQ": variable == value, "NE": variable != value, "CONTAINS": value in variable}[operator]


def alarm_states(configuration: str) -> tuple[str, ...]:
    """The states in which CloudWatchAlarm says no. Raises ValueError."""
    states = tuple(each.strip() for each in configuration.split(",") if each.strip()) or ALARM_STATES[:1]
    if strange := [each for each in states if each not in ALARM_STATES]:
        raise ValueError(f"AlarmStates has '{strange[0]}'; expected {', '.join(ALARM_STATES)}")
    return states
