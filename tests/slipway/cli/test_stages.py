"""`slipway stages`: what is said of a stage."""

from datetime import UTC, datetime

import pytest

from slipway.cli import stages
from slipway.cli.stages import StageState

MONITOR = "demo-{}-monitor-violations"


def state(stage: str, version: int, *alarms: str) -> StageState:
    since = datetime(2026, 1, 2, tzinfo=UTC)
    found = {alarm.format(stage): "OK" for alarm in alarms}
    return StageState(stage, f"demo-{stage}", version, "InService", "2", since, "root", "", found)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([state("prod", 3, "demo-{}-latency")], True),
        ([state("prod", 3, "demo-{}-latency", MONITOR)], False),
        ([state("staging", 3), state("prod", 3, MONITOR)], False),
        ([state("prod", 0)], False),
    ],
)
def test_production_that_nothing_watches_is_said(rows: list[StageState], said: bool, capsys) -> None:
    stages.show_table(rows)
    assert ("nothing watches prod" in capsys.readouterr().out) == said
    assert [row.dump()["is_watched"] for row in rows] == [row.is_watched for row in rows]
