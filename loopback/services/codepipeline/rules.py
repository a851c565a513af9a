"""The rules that only look: at a variable, an alarm, the clock. An Ended with an error is the rule's no."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loopback.engines.codepipeline.rules import alarm_states, compare
from loopback.engines.schedules import cron
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome, Wait

ALARM_LOOK_SECONDS, WINDOW_LOOK_SECONDS = 5.0, 600.0
NO = "RuleFailed"


def variable_check(work: ActionContext) -> Outcome:
    """Compare what the variable holds now."""
    asked = work.configuration
    try:
        found = compare(asked["Operator"], asked["Variable"], asked["Value"])
    except ValueError as fault:
        return ActionEnded("ConfigurationError", str(fault))
    said = f"'{asked['Variable']}' {asked['Operator']} '{asked['Value']}' is {str(found).lower()}"
    return ActionEnded("" if found else NO, said)


def alarm(work: ActionContext) -> Outcome:
    """No as soon as the alarm is in one of the states; yes when it was not for the whole of WaitTime."""
    name = work.configuration["AlarmName"]
    try:
        states = alarm_states(work.configuration.get("AlarmStates", ""))
        until = work.row.created + 60 * _minutes(work.configuration.get("WaitTime", "0"))
    except ValueError as fault:
        return ActionEnded("ConfigurationError", str(fault))
    request = {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    found = work.client("cloudwatch").describe_alarms(**request)
    alarms = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
    if not alarms:
        return ActionEnded("ConfigurationError", f"There is no alarm named {name}")
    state = alarms[0]["StateValue"]
    if state in states:
        return ActionEnded(NO, f"Alarm {name} is in state {state}")
    left = until - work.now
    return Wait(min(left, ALARM_LOOK_SECONDS)) if left > 0 else ActionEnded(summary=f"Alarm {name} is in state {state}")


def _minutes(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"WaitTime is '{text}'; expected a number of minutes")
    return int(text)


def window(work: ActionContext) -> Outcome:
    """Wait until the clock of that time zone is inside the window."""
    asked, name = work.configuration["Cron"], work.configuration.get("TimeZone", "UTC")
    try:
        seconds = opens_in(asked, datetime.fromtimestamp(work.now, ZoneInfo(name)))
    except (ZoneInfoNotFoundError, IsADirectoryError):
        return ActionEnded(
            "ConfigurationError", f"TimeZone '{name}' is no time zone; expected one such as Europe/Berlin"
        )
    except ValueError as fault:
        return ActionEnded("ConfigurationError", str(fault))
    if seconds is None:
        return ActionEnded("ConfigurationError", f"The window '{asked}' does not open any more")
    return Wait(min(seconds, WINDOW_LOOK_SECONDS)) if seconds else ActionEnded(summary=f"The window '{asked}' is open")


def opens_in(window_cron: str, now: datetime) -> float | None:
    """Seconds until a window opens, 0 inside it, None when it never opens again. Raises ValueError.

    Its cron has a field for seconds in front, and the year may be left out. `now` is in the window's time zone; around
    a change of the clock the seconds may be an hour wrong, so whoever waits looks again before they have passed.
    """
    fields = window_cron.split()
    if len(fields) not in (6, 7) or fields[0] != "*":
        raise ValueError(f"Cron is '{window_cron}'; expected * minutes hours day-of-month month day-of-week [year]")
    schedule = cron.parse(f"cron({' '.join([*fields[1:], '*'][:6])})")
    clock = now.replace(tzinfo=UTC).timestamp()
    minute = clock // 60 * 60
    opens = cron.following(schedule, minute - 1)
    return None if opens is None else max(0.0, opens - clock)
