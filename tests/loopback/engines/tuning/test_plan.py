"""What a tuning job does next, as tables: training jobs in, actions out."""

from dataclasses import replace

import pytest

from loopback.engines.tuning.plan import (
    NO_OBJECTIVE,
    NO_SUCCESS,
    Action,
    Algorithm,
    EndTuning,
    LaunchTrial,
    Rules,
    StopTrial,
    TrialFact,
    best,
    plan,
)
from loopback.engines.tuning.stopping import EpochBounds, is_cut, is_worse_than_median

ONE = (Algorithm((), "auc", True),)
RULES = Rules("Random", ONE, parallel=2, most=3)


def trials(*statuses: str, algorithms: int = 1) -> list[TrialFact]:
    """Training jobs from words such as `Completed:0.5`, `Failed`, `Failed:lost`, `InProgress`."""
    found = []
    for number, word in enumerate(statuses):
        status, _, value = word.partition(":")
        index, algorithm = divmod(number, algorithms)
        objective = float(value) if value not in ("", "lost") else None
        found.append(TrialFact(f"t{number}", algorithm, index, status, objective=objective, lost=value == "lost"))
    return found


STOP = [StopTrial("t0"), StopTrial("t1")]


@pytest.mark.parametrize(
    ("rules", "statuses", "elapsed", "expected"),
    [
        (RULES, (), 0, [LaunchTrial(0, 0), LaunchTrial(0, 1)]),
        (RULES, ("InProgress", "InProgress"), 0, []),
        (RULES, ("Completed:1", "InProgress"), 0, [LaunchTrial(0, 2)]),
        (RULES, ("Completed:1", "Completed:2", "InProgress"), 0, []),
        (RULES, ("Completed:1", "Completed:2", "Failed"), 0, [EndTuning("Completed")]),
        (RULES, ("Failed", "Failed", "Failed"), 0, [EndTuning("Failed", NO_SUCCESS.format(3))]),
        (RULES, ("Completed", "Completed", "Failed"), 0, [EndTuning("Failed", NO_OBJECTIVE.format(2))]),
        (replace(RULES, most=9), ("Failed",) * 5, 0, [EndTuning("Failed", NO_SUCCESS.format(5))]),
        (replace(RULES, most=9), ("Completed",) * 5, 0, [EndTuning("Failed", NO_OBJECTIVE.format(5))]),
        (replace(RULES, most=9), (*("Failed",) * 5, "InProgress"), 0, []),
        (replace(RULES, most=9), (*("Failed",) * 4, "Completed:1"), 0, [LaunchTrial(0, 5), LaunchTrial(0, 6)]),
        (replace(RULES, seconds=120), ("InProgress", "InProgress"), 119, []),
        (replace(RULES, seconds=120), ("InProgress", "InProgress"), 120, STOP),
        (replace(RULES, seconds=120), ("Stopping", "Stopping"), 120, []),
        (replace(RULES, seconds=120), ("Stopped:1", "Stopped"), 121, [EndTuning("Completed")]),
        (replace(RULES, target=0.9), ("Completed:0.8",), 0, [LaunchTrial(0, 1), LaunchTrial(0, 2)]),
        (replace(RULES, target=0.9), ("Completed:0.9",), 0, [EndTuning("Completed")]),
        (
            replace(RULES, not_improving=3, most=9),
            ("Completed:2", "Completed:1", "Completed:1", "Failed"),
            0,
            [EndTuning("Completed", details={"NumberOfTrainingJobsObjectiveNotImproving": 3})],
        ),
        (replace(RULES, most=None, seconds=60), ("Completed:1",) * 50, 1, [LaunchTrial(0, 50), LaunchTrial(0, 51)]),
        (RULES, ("Failed:lost", "InProgress"), 0, [LaunchTrial(0, 0, 2, "t0")]),
        (replace(RULES, algorithms=ONE * 2), (), 0, [LaunchTrial(0, 0), LaunchTrial(1, 0)]),
    ],
)
def test_plan(rules: Rules, statuses: tuple[str, ...], elapsed: float, expected: list[Action]) -> None:
    found = trials(*statuses, algorithms=len(rules.algorithms))
    assert plan(rules, found, elapsed, stopping_all=False) == expected


def test_a_stop_stops_everything_once_and_waits_for_it() -> None:
    assert plan(RULES, trials("InProgress", "Stopping"), 0, stopping_all=True) == [StopTrial("t0")]
    assert plan(RULES, trials("Stopping", "Stopping"), 0, stopping_all=True) == []
    assert plan(RULES, trials("Stopped", "Completed:1"), 0, stopping_all=True) == [EndTuning("Stopped")]


def test_a_lost_training_job_is_begun_again_three_times_and_does_not_count() -> None:
    rules = replace(RULES, most=1, parallel=1)
    found: list[TrialFact] = []
    for attempt in range(1, 5):
        launch = plan(rules, found, 0, stopping_all=False)
        assert launch == [LaunchTrial(0, 0, attempt, found[-1].name if found else None)]
        found.append(TrialFact(f"t{attempt}", 0, 0, "Failed", attempt, lost=True))
    assert plan(rules, found, 0, stopping_all=False) == [EndTuning("Failed", NO_SUCCESS.format(1))]


@pytest.mark.parametrize(
    ("maximize", "statuses", "name"),
    [
        (True, ("Completed:1", "Completed:3", "Stopped:3", "Failed"), "t1"),
        (False, ("Completed:1", "Stopped:0.5", "Failed:0.1"), "t1"),
        (True, ("Failed", "InProgress"), None),
    ],
)
def test_best(maximize: bool, statuses: tuple[str, ...], name: str | None) -> None:
    top = best(replace(RULES, algorithms=(Algorithm((), "m", maximize),)), trials(*statuses))
    assert (top.name if top else None) == name


@pytest.mark.parametrize(
    ("series", "others", "maximize", "worse"),
    [
        ([], [[1.0]], True, False),
        ([0.1], [], True, False),
        ([0.1], [[0.2], [0.3], [0.05]], True, True),  # the median of the averages up to this epoch is 0.2
        ([0.25], [[0.2], [0.3], [0.05]], True, False),
        ([0.25], [[0.2], [0.3], [0.05]], False, True),
        ([0.9, 0.1], [[0.2, 0.4], [0.3]], True, True),  # the second has no second epoch
        ([0.9, 0.1, 0.0], [[0.2, 0.4]], True, False),
    ],
)
def test_early_stopping_is_the_median_rule(
    series: list[float], others: list[list[float]], maximize: bool, worse: bool
) -> None:
    """AWS, automatic-model-tuning-early-stopping: worse than the median of the running averages at its epoch."""
    assert is_worse_than_median(series, others, maximize=maximize) is worse


def test_early_stopping_ends_the_worse_one_only() -> None:
    rules = replace(RULES, early=True, most=9, parallel=3)
    ended = [TrialFact(f"e{i}", 0, i, "Completed", objective=0.8, series=[0.8, 0.8]) for i in range(3)]
    running = [TrialFact("good", 0, 3, "InProgress", series=[0.9]), TrialFact("bad", 0, 4, "InProgress", series=[0.1])]
    assert plan(rules, [*ended, *running], 0, stopping_all=False) == [StopTrial("bad"), LaunchTrial(0, 5)]


def test_hyperband_has_rungs_and_brackets() -> None:
    given = EpochBounds(1, 27)
    assert given.rungs == (1, 3, 9)
    assert [given.bracket(index) for index in (0, 26, 27, 35, 36, 38, 39, 40)] == [0, 0, 1, 1, 2, 2, 3, 0]
    assert EpochBounds(5, 5).rungs == ()


@pytest.mark.parametrize(
    ("series", "others", "cut"),
    [
        ([0.1], [], False),  # alone at its rung
        ([0.1], [0.5, 0.6], True),
        ([0.6], [0.5, 0.4], False),
        ([0.5], [0.6, 0.1, 0.2, 0.3, 0.4], False),  # the second of six: the best third are two
        ([0.4], [0.6, 0.1, 0.2, 0.3, 0.5], True),
        ([0.1] * 27, [], True),  # MaxResource
    ],
)
def test_hyperband_keeps_the_best_third_of_a_rung(series: list[float], others: list[float], cut: bool) -> None:
    known = [(index + 1, [value]) for index, value in enumerate(others)]
    assert is_cut(0, series, known, EpochBounds(1, 27), maximize=True) is cut


def test_hyperband_compares_within_a_bracket() -> None:
    others = [(index, [0.9] * 3) for index in range(1, 4)]
    assert is_cut(0, [0.1], others, EpochBounds(1, 27), maximize=True)
    assert not is_cut(39, [0.1], others, EpochBounds(1, 27), maximize=True)  # the last bracket has no rung
