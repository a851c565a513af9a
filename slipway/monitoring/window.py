"""The hours that an execution of a monitor looks at. Pure: time comes from the execution, not from a clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Window:
    """Whole hours, UTC: requests from `start` to before `end`. `at` is the hour that the execution belongs to."""

    start: datetime
    end: datetime
    at: datetime

    @classmethod
    def ending(cls, moment: datetime, hours: int, delay_hours: int = 0) -> Window:
        """So many hours before the hour of `moment`, or before one `delay_hours` earlier.

        A job that waited for a machine looks at the same hours: `moment` is when its execution began.
        """
        at = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        end = at - delay_hours * HOUR
        return cls(end - hours * HOUR, end, at)

    def hours(self) -> Iterator[datetime]:
        """Each of them, the oldest first."""
        hour = self.start
        while hour < self.end:
            yield hour
            hour += HOUR

    @property
    def folder(self) -> str:
        """`yyyy/mm/dd/HH`: where the documents go. The same hour again is the same folder."""
        return f"{self.at:%Y/%m/%d/%H}"

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def moment_of(text: str) -> datetime:
    """A time as SageMaker or a person writes it: ISO 8601, or epoch seconds or milliseconds. Raises ValueError.

    Which of them Execution.StartDateTime becomes in a job's environment is not documented.

    >>> moment_of("2026-11-30T08:15:00Z") == moment_of("1796026500") == moment_of("1796026500000")
    True
    """
    given = text.strip()
    try:
        number = float(given)
    except ValueError:
        found = datetime.fromisoformat(given)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
