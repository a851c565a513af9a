from pathlib import Path

import pytest

from loopback.core.settings import Settings


@pytest.mark.parametrize(("text", "days"), [("", 7.0), ("0", 0.0), ("2.5", 2.5)])
def test_how_long_changes_are_kept(text: str, days: float) -> None:
    assert Settings.from_environment(Path("s"), 1, {"LOOPBACK_EVENT_DAYS": text}).event_days == days


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_what_is_no_number_of_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"LOOPBACK_EVENT_DAYS is '{text}'; expected a number of days, 0 or more"):
        Settings.from_environment(Path("s"), 1, {"LOOPBACK_EVENT_DAYS": text})
