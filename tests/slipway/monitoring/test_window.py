"""Which hours an execution looks at, whenever it really runs."""

from datetime import UTC, datetime

import pytest

from slipway.monitoring.window import Window, moment_of


@pytest.mark.parametrize(
    ("moment", "hours", "delay", "start", "end", "folder"),
    [
        ("2026-11-30T08:15:00Z", 1, 0, "30 07", "30 08", "2026/11/30/08"),
        ("2026-11-30T08:00:00Z", 1, 0, "30 07", "30 08", "2026/11/30/08"),
        ("2026-11-30T08:59:59.9Z", 1, 0, "30 07", "30 08", "2026/11/30/08"),
        ("2026-11-30T00:15:00Z", 24, 0, "29 00", "30 00", "2026/11/30/00"),
        ("2026-11-30T09:15:00+01:00", 1, 0, "30 07", "30 08", "2026/11/30/08"),
        ("2026-11-30T08:15:00Z", 1, 24, "29 07", "29 08", "2026/11/30/08"),  # labels are late, the hour is the same
    ],
)
def test_whole_hours_before_the_hour_of_the_execution(moment, hours, delay, start, end, folder):
    window = Window.ending(moment_of(moment), hours, delay)
    assert (f"{window.start:%d %H}", f"{window.end:%d %H}", window.folder) == (start, end, folder)
    assert len(list(window.hours())) == hours


def test_two_hours_in_a_row_leave_nothing_out_and_take_nothing_twice():
    first, second = (Window.ending(datetime(2026, 3, 29, hour, 15, tzinfo=UTC), 1) for hour in (1, 2))
    assert first.end == second.start


@pytest.mark.parametrize(
    "text", ["2026-11-30T08:15:00Z", "2026-11-30T08:15:00", "1796026500", "1796026500000", "1796026500.0"]
)
def test_a_time_in_any_of_its_forms(text):
    assert moment_of(text) == datetime(2026, 11, 30, 8, 15, tzinfo=UTC)
